// SPDX-License-Identifier: Apache-2.0
// Starts `hpcsched serve` with a function that npm's aws-lambda-ric runs, and invokes it with npm's
// @aws-sdk/client-lambda, neither of them changed.
//   node client.mjs <hpcsched> <folder with node_modules>
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [, , program, folder] = process.argv;
const { LambdaClient, InvokeCommand, ListFunctionsCommand } = createRequire(join(folder, "x"))("@aws-sdk/client-lambda");
const here = dirname(fileURLToPath(import.meta.url));
const ric = join(folder, "node_modules", "aws-lambda-ric", "index.mjs");

writeFileSync(join(folder, "functions.toml"), `
[functions.node]
command = [${JSON.stringify(process.execPath)}, ${JSON.stringify(ric)}, "handler.handler"]
folder = ${JSON.stringify(here)}
handler = "handler.handler"
timeout = "5s"
init_timeout = "60s"
concurrency = 1
queue = 0
`);
const host = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--functions", join(folder, "functions.toml")],
  { stdio: ["ignore", "inherit", "pipe"] });
process.on("exit", () => host.kill());
const endpoint = await new Promise((resolve, reject) => {
  let said = "";
  host.stderr.on("data", (text) => {
    said += text;
    const found = said.match(/http:\/\/[\d.:]+/);
    if (found) resolve(found[0]);
  });
  host.on("exit", () => reject(new Error("hpcsched serve ended: " + said)));
});

const credentials = { accessKeyId: "none", secretAccessKey: "none" };
const client = new LambdaClient({ region: "us-east-1", endpoint, credentials, maxAttempts: 1 });
const invoke = (event, more) => client.send(new InvokeCommand({
  FunctionName: "node", Payload: typeof event === "string" ? event : JSON.stringify(event), ...more }));
const text = (bytes) => new TextDecoder().decode(bytes);
const rejected = async (promise) => promise.then(() => assert.fail("it was taken"), (error) => error);

let count = 0;
async function check(name, body) {
  await body();
  console.log(`ok ${++count} - ${name}`);
}

await check("request and response, with the log's tail and the client's context", async () => {
  const context = Buffer.from(JSON.stringify({ custom: { a: "b" } })).toString("base64");
  const got = await invoke({ x: [1, "ü"] }, { LogType: "Tail", ClientContext: context });
  assert.equal(got.StatusCode, 200);
  assert.equal(got.FunctionError, undefined, text(got.Payload));
  assert.equal(got.ExecutedVersion, "$LATEST");
  const answer = JSON.parse(text(got.Payload));
  assert.deepEqual(answer.echo, { x: [1, "ü"] });
  assert.equal(answer.function, "node");
  assert.equal(answer.memory, "512");
  assert.deepEqual(answer.client.custom, { a: "b" });
  assert.match(text(Buffer.from(got.LogResult, "base64")), new RegExp(`called ${got.$metadata.requestId}`));
});
await check("an event is taken with 202, a dry run with 204", async () => {
  assert.equal((await invoke({}, { InvocationType: "Event" })).StatusCode, 202);
  assert.equal((await invoke({}, { InvocationType: "DryRun" })).StatusCode, 204);
});
await check("what the handler throws is a function error", async () => {
  let got;
  do { // the event above may still run, and nothing waits here
    got = await invoke({ fail: true }).catch((error) => error);
  } while (got.name === "TooManyRequestsException");
  assert.equal(got.StatusCode, 200);
  assert.equal(got.FunctionError, "Unhandled");
  assert.equal(JSON.parse(text(got.Payload)).errorType, "TypeError");
});
await check("errors of the service have their names", async () => {
  const none = await rejected(client.send(new InvokeCommand({ FunctionName: "none" })));
  assert.equal(none.name, "ResourceNotFoundException");
  assert.equal(none.$metadata.httpStatusCode, 404);
  assert.equal((await rejected(invoke("{"))).name, "InvalidRequestContentException");
  assert.equal((await rejected(invoke(JSON.stringify("x".repeat(7e6))))).name, "RequestTooLargeException");
});
await check("a handler that hangs is a time-out, and meanwhile one more is too many", async () => {
  const hanging = invoke({ hang: true });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const refused = await rejected(invoke({}));
  assert.equal(refused.name, "TooManyRequestsException");
  assert.equal(refused.retryAfterSeconds, "1");
  const got = await hanging;
  assert.match(JSON.parse(text(got.Payload)).errorMessage, /Task timed out after 5\.00 seconds$/);
});
await check("a handler that exits is a function error, and the next invocation has a new worker", async () => {
  const got = await invoke({ exit: true });
  assert.match(JSON.parse(text(got.Payload)).errorMessage, /exit status 5$/);
  assert.deepEqual(JSON.parse(text((await invoke({ again: 1 })).Payload)).echo, { again: 1 });
});
await check("a name may be an ARN, and functions are listed", async () => {
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:node";
  assert.equal((await client.send(new InvokeCommand({ FunctionName: arn, Payload: "{}" }))).StatusCode, 200);
  assert.equal((await client.send(new ListFunctionsCommand({}))).Functions[0].FunctionArn, arn);
});
await check("SIGTERM ends the host", async () => {
  const ended = new Promise((resolve) => host.on("exit", resolve));
  client.destroy();
  host.kill("SIGTERM");
  assert.equal(await ended, 0);
});
console.log(`1..${count}`);

// SPDX-License-Identifier: Apache-2.0
// The function that aws-lambda-ric runs in the test: what it does, the event says.
export const handler = async (event, context) => {
  console.log("called", context.awsRequestId);
  if (event.fail) throw new TypeError("as asked");
  if (event.hang) await new Promise(() => setInterval(() => {}, 1000));
  if (event.exit) process.exit(5);
  return { echo: event, function: context.functionName, memory: context.memoryLimitInMB, client: context.clientContext };
};

# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window that does what it is told, by its DevTools protocol."""
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request

import websocket


class Browser:
    """`with Browser(folder) as b:`; `b.complaints` is what pages wrote to the console as errors."""

    def __init__(self, folder):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if not program:
            print("no Chromium on this machine: apt-get install chromium")
            sys.exit(77)
        profile = os.path.join(folder, "profile")
        self.complaints, self.sent = [], 0
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1200,1000",
             "--disable-background-networking", "--remote-debugging-port=0", "--user-data-dir=" + profile,
             "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file, end = os.path.join(profile, "DevToolsActivePort"), time.time() + 60
        while not os.path.exists(port_file) or not open(port_file, encoding="ascii").read().strip():
            assert self.process.poll() is None and time.time() < end, "Chromium does not start"
            time.sleep(0.05)
        with open(port_file, encoding="ascii") as file:
            port = file.readline().strip()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            page = next(p for p in json.load(answer) if p["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=60, suppress_origin=True)
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("id") == self.sent:
                assert "error" not in told, (method, parameters, told)
                return told["result"]
            if told.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(told["params"]["exceptionDetails"])
            elif told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.complaints.append(told["params"]["entry"])

    def go(self, url):
        self.call("Page.navigate", url=url)

    def value(self, expression):
        """What a JavaScript expression is on the page, as JSON; of a promise, what it comes to."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, (expression, told)
        return told["result"].get("value")

    def wait_for(self, expression, seconds=60):
        """Returns what the expression is once it is true; while the page is not as far, it may throw."""
        end = time.time() + seconds
        while True:
            found = self.value("(() => { try { return " + expression + " } catch (e) { return null } })()")
            if found:
                return found
            assert time.time() < end, (expression, self.complaints)
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.socket.close()
        self.process.kill()
        self.process.wait()

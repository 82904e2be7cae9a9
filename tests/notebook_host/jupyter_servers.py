# SPDX-License-Identifier: Apache-2.0
"""Debian's Jupyter servers, as they are, and what a browser does with their kernels."""
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import websocket

from cluster import free_ports
from kernels import TIMEOUT

TOKEN = "open-sesame"


class Server:
    """`with Server("notebook", folder) as s:`; the folder is where its notebooks are."""

    def __init__(self, module, folder):
        self.folder = folder
        try:
            __import__(module)
        except ImportError as missing:
            print(missing)
            sys.exit(77)
        application = {"notebook": "NotebookApp", "jupyter_server": "ServerApp"}[module]
        self.start([sys.executable, "-m", module, "--no-browser", "--allow-root", "--ip=127.0.0.1",
                    f"--{application}.token={TOKEN}"], free_ports(1)[0])

    def start(self, words, port, at="/"):
        self.port, self.root = port, at
        log = open(os.path.join(self.folder, "server.log"), "ab")
        self.process = subprocess.Popen([*words, f"--port={port}"], cwd=self.folder, stdout=log, stderr=log, env={
            **os.environ, "JUPYTER_CONFIG_DIR": self.folder, "JUPYTER_RUNTIME_DIR": self.folder,
            "NODE_PATH": "/usr/share/nodejs"})  # where Debian's modules are, for a node that is not Debian's
        log.close()
        end = time.time() + TIMEOUT
        while not self.answers():
            assert self.process.poll() is None and time.time() < end, self.log()
            time.sleep(0.1)

    def answers(self):
        try:
            return self.ask("GET", "")
        except (OSError, urllib.error.HTTPError):
            return None

    def log(self):
        with open(os.path.join(self.folder, "server.log"), encoding="utf-8") as file:
            return file.read()

    def ask(self, method, path, body=None, user=None):
        """Of the server's interface for programs, or of one of a user's own server behind a hub."""
        at = f"{self.root}api/{path}" if user is None else f"/user/{user}/api/{path}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{at}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "token " + TOKEN, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if any(failure):
            print("--- server\n" + self.log(), file=sys.stderr)


class ServedKernel:
    """A kernel that a server started, over the web socket that a page has."""

    def __init__(self, server, name="hpcsched", user=None):
        self.server, self.user = server, user
        self.id = server.ask("POST", "kernels", {"name": name}, user)["id"]
        at = "/" if user is None else f"/user/{user}/"
        self.session = uuid.uuid4().hex
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}{at}api/kernels/{self.id}/channels?session_id={self.session}",
            header=["Authorization: token " + TOKEN], timeout=TIMEOUT)

    def send(self, kind, content):
        message = uuid.uuid4().hex
        self.socket.send(json.dumps({
            "channel": "shell", "parent_header": {}, "metadata": {}, "content": content,
            "header": {"msg_id": message, "msg_type": kind, "username": "", "session": self.session, "version": "5.3",
                       "date": ""}}))
        return message

    def execute(self, code):
        return self.send("execute_request", {"code": code, "silent": False, "store_history": True,
                                             "user_expressions": {}, "allow_stdin": False, "stop_on_error": True})

    def told_of(self, request):
        """The reply's content, and what was shown, when the kernel is idle again."""
        reply, idle, shown = None, False, []
        while reply is None or not idle:
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "execute_reply":
                reply = message["content"]
            elif message["msg_type"] == "status":
                idle = message["content"]["execution_state"] == "idle"
            else:
                shown.append(message)
        return reply, shown

    def run(self, code):
        """What a cell came to: the text of its result, or the name of its error."""
        reply, shown = self.told_of(self.execute(code))
        texts = [m["content"]["data"]["text/plain"] for m in shown if m["msg_type"] == "execute_result"]
        return texts[0] if texts else reply.get("ename", reply["status"])

    def wait_for_busy(self):
        while json.loads(self.socket.recv())["msg_type"] != "stream":
            pass

    def ask(self, method, what=""):
        return self.server.ask(method, f"kernels/{self.id}{what}", user=self.user)

# SPDX-License-Identifier: Apache-2.0
"""Real kernels that take turns as the replicas of one do, without a daemon: what the tests of hpcsched_kernel share."""
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

MODULE = os.environ.get("HPCSCHED_KERNEL") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "notebook_host", "hpcsched_kernel")
CHUNKS = os.environ.get("HPCSCHED_CHUNKS", "")  # libhpcsched_chunks.so
WAIT = 60
VARYING = re.compile(r"0x[0-9a-f]+|(?<=times: ).*|(?<=Wall time: ).*")


class Kernel:
    """A kernel process and its client."""

    def __init__(self, folder, *command):
        name = os.path.join(folder, os.urandom(4).hex())
        self.file, _ = write_connection_file(name + ".json", transport="ipc", ip=name)
        environment = {**os.environ, "IPYTHONDIR": os.path.join(folder, "ipython"), "PYTHONWARNINGS": "default",
                       "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        self.process = subprocess.Popen([sys.executable, *(command or ("-m", "ipykernel_launcher")), "-f", self.file],
                                        cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        self.client = BlockingKernelClient(connection_file=self.file)
        self.client.load_connection_file()
        self.client.start_channels(hb=False)

    def ready(self):
        """Once it answers and what it publishes comes through."""
        while True:
            self.client.kernel_info()
            self.client.get_shell_msg(timeout=WAIT)
            try:
                self.client.get_iopub_msg(timeout=0.2)
                return self
            except queue.Empty:
                pass

    def stop(self):
        self.client.stop_channels()
        self.process.kill()
        self.process.wait()

    def request(self, kind, content, metadata=None, buffers=None, started=None):
        """The reply and what was published before the kernel was idle again."""
        session = self.client.session
        message = session.msg(kind, content, metadata=metadata)
        session.send(self.client.shell_channel.socket, message, buffers=buffers)
        published = []
        while True:
            m = self.client.get_iopub_msg(timeout=WAIT)
            if m["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            published.append(m)
            if m["msg_type"] == "status" and m["content"]["execution_state"] == "idle":
                break
            if started and m["msg_type"] == "stream":
                started()
                started = None
        while True:
            reply = self.client.get_shell_msg(timeout=WAIT)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply, published

    def execute(self, code, metadata=None, started=None, **content):
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": False, **content}
        reply, published = self.request("execute_request", content, metadata, started=started)
        texts = {"stdout": "", "stderr": ""}
        for m in published:
            if m["msg_type"] == "stream":
                texts[m["content"]["name"]] += m["content"]["text"]
        result = [m["content"]["data"].get("text/plain") for m in published if m["msg_type"] == "execute_result"]
        error = reply["content"].get("ename")
        return Ran(reply, texts["stdout"], texts["stderr"], result[0] if result else None, error)

    def install(self, delta, replace=False):
        content = {"changed": delta["changed"], "removed": delta["removed"],
                   "execution_count": delta["execution_count"], "replace": replace}
        reply, _ = self.request("hpcsched_install_request", content, buffers=delta["buffers"])
        assert reply["content"]["status"] == "ok", reply["content"]
        return reply["content"]["failed"]

    def names(self):
        reply, _ = self.request("hpcsched_names_request", {})
        return reply["content"]


class Ran:
    def __init__(self, reply, out, err, result, error):
        self.reply, self.out, self.err, self.result, self.error = reply, out, err, result, error
        told = reply["metadata"].get("hpcsched")
        self.delta = told and {**told, "buffers": [bytes(b) for b in reply["buffers"]]}
        self.changed = told and [key for key, *_ in told["changed"] if not key.startswith("In[")]


class Log:
    """What the daemon keeps: the newest value of each key."""

    def __init__(self):
        self.state, self.count = {}, 0

    def add(self, delta):
        for key in delta["removed"]:
            self.state.pop(key, None)
        buffers = iter(delta["buffers"])
        for key, size, digest in delta["changed"]:
            self.state[key] = size, digest, next(buffers) if digest is None else None
        self.count = delta["execution_count"]

    def whole(self):
        return {"changed": [[k, n, d] for k, (n, d, _) in self.state.items()], "removed": [],
                "buffers": [b for _, d, b in self.state.values() if d is None], "execution_count": self.count}


class Replicas(unittest.TestCase):
    """Two replicas with a store; run_cell lets them take turns as a daemon does."""

    ARGUMENTS = ()
    COUNT = 2

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.store = os.path.join(cls.folder, "store")
        cls.kernels = [Kernel(cls.folder, MODULE, "--store", cls.store, "--store-library", CHUNKS, *cls.ARGUMENTS)
                       for _ in range(cls.COUNT)]
        for k in cls.kernels:
            k.ready()

    @classmethod
    def tearDownClass(cls):
        for k in cls.kernels:
            k.stop()
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.log, self.turn = Log(), 0
        for k in self.kernels:
            k.install(self.log.whole(), replace=True)

    def run_cell(self, code, same=False, **more):
        """Executes the cell on the next replica (or the same as before); the others get what it changed."""
        self.turn = (self.turn + (not same)) % self.COUNT
        ran = self.kernels[self.turn].execute(code, **more)
        self.log.add(ran.delta)
        for k in self.kernels:
            if k is not self.kernels[self.turn]:
                self.assertEqual(k.install(ran.delta), [], code)
        return ran

    def result(self, code, **more):
        return self.run_cell(code, **more).result


def steady(value):
    """The text without addresses and times."""
    return VARYING.sub("*", value) if isinstance(value, str) else value


def run_tests():
    if not CHUNKS:
        print("skipped: HPCSCHED_CHUNKS has to name libhpcsched_chunks.so")
        sys.exit(77)
    unittest.main()

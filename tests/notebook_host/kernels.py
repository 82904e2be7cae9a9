# SPDX-License-Identifier: Apache-2.0
"""What the cases of conformance.py share: a kernel with a client, and ways to look at it from outside."""
import time

from jupyter_client.manager import KernelManager


TIMEOUT = 60


class Kernel:
    """A kernel through the proxy, with a client."""

    def __init__(self, name="hpcsched"):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, **more):
        """The reply's content, and the messages of iopub."""
        messages = []
        reply = self.client.execute_interactive(code, timeout=TIMEOUT, output_hook=messages.append, **more)
        return reply["content"], messages

    def run_for_ever(self):
        """Returns when the cell's own code runs: before, a signal would find the kernel and not the cell."""
        request = self.client.execute("import time\nprint('runs', flush=True)\nwhile True: time.sleep(0.05)")
        while self.client.get_iopub_msg(timeout=TIMEOUT)["msg_type"] != "stream":
            pass
        return request

    def reply_to(self, request):
        """The content of the reply to a request that was sent."""
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def pid(self):
        return self.manager.provisioner.process.pid


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def gone(pid, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def where(k):
    """The process that executes the cells."""
    reply, messages = k.run("import os; os.getpid()")
    shown = next((m for m in messages if m["msg_type"] == "execute_result"), None)
    assert shown, (reply, messages)
    return int(shown["content"]["data"]["text/plain"])


def host_of(cluster, pid):
    return next(i for i in cluster.hosts if pid in cluster.interpreters(i))


def value(k, code):
    _, messages = k.run(code)
    shown = next(m for m in messages if m["msg_type"] in ("execute_result", "error"))["content"]
    return shown["data"]["text/plain"] if "data" in shown else shown


def wait_until(holds, seconds=30):
    """Returns what it came to."""
    end = time.time() + seconds
    while not (held := holds()):
        assert time.time() < end, "it does not come about"
        time.sleep(0.05)
    return held


def wait_until_ready(cluster):
    """All kernels have all of their replicas, each up to its log, in one look: a replica may come between two."""
    def is_ready():
        replicas = [kernel["replicas"] for kernel in cluster.status()["kernels"]]
        return all(len(each) == 3 and all(r["ready"] for r in each) for each in replicas)
    wait_until(is_ready)

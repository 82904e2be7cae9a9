# SPDX-License-Identifier: Apache-2.0
"""The kernel: an ipykernel whose replies tell what changed."""
import argparse
import asyncio
import os
import sys

import zmq

from .replica import Replica, Uninterrupted
from .store import Store

_DEVICES = "CUDA_VISIBLE_DEVICES"


def _kernel_class(store, inline_max):
    from ipykernel.ipkernel import IPythonKernel

    class HpcschedKernel(IPythonKernel):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.replica = None
            self.cell = None  # (source, expressions, execution count before) of the cell that runs
            for name in ("hpcsched_install_request", "hpcsched_names_request"):
                self.shell_handlers[name] = getattr(self, name)
            told = self.shell_handlers.get("comm_msg")
            if told:  # widgets: the user's functions are called between the cells
                self.shell_handlers["comm_msg"] = lambda *args: (self.touched(), told(*args))[1]
            self.shell.register_magic_function(self.gpu, "line", "gpu")
            # ipykernel waits before a reply, lest it overtake what the cell printed. The host hears what was printed
            # first, and the reply waits for the log.
            self._execute_sleep = 0
            send = self.session.send

            def send_with_delta(stream, msg_or_type, *args, **kwargs):
                if self.cell is None or not isinstance(msg_or_type, str) or msg_or_type != "execute_reply":
                    return send(stream, msg_or_type, *args, **kwargs)
                told, buffers = self.captured()
                kwargs["metadata"] = {**(kwargs.get("metadata") or {}), "hpcsched": told}
                kwargs["buffers"] = [*(kwargs.get("buffers") or ()), *buffers]
                sent = send(stream, msg_or_type, *args, **kwargs)
                stream.flush(zmq.POLLOUT)  # the log takes it while the kernel comes to rest, and not after
                return sent

            self.session.send = send_with_delta

        def ready(self):
            # Not before the first request: what the start-up files defined is in every new kernel.
            if self.replica is None:
                self.replica = Replica(self.shell, store, inline_max)
            return self.replica

        def has_comms(self):
            return bool(getattr(getattr(self, "comm_manager", None), "comms", None))

        def touched(self):
            self.ready().unknown = True

        async def execute_request(self, stream, ident, parent, *args, **kwargs):
            replica, content = self.ready(), parent["content"]
            devices = ((parent.get("metadata") or {}).get("hpcsched") or {}).get("devices")
            source = content.get("code", ""), list((content.get("user_expressions") or {}).values())
            before = os.environ.get(_DEVICES)
            if devices is not None:
                os.environ[_DEVICES] = ",".join(map(str, devices))
            self.cell = None if content.get("silent") else (*source, self.shell.execution_count)
            try:
                return await super().execute_request(stream, ident, parent, *args, **kwargs)
            finally:
                if self.cell is not None or content.get("silent"):
                    replica.use(*source)
                    replica.settled = False
                asyncio.get_running_loop().call_soon(replica.settle)
                self.cell = None
                if devices is not None:
                    if before is None:
                        os.environ.pop(_DEVICES, None)
                    else:
                        os.environ[_DEVICES] = before

        def captured(self):
            source, expressions, before = self.cell
            self.cell = None
            count = self.shell.execution_count - 1
            with Uninterrupted() as guard:
                try:
                    told, buffers = self.replica.capture(source, expressions, count, count >= before, guard)
                    told["whole"] = self.replica.whole() and not self.has_comms()
                    return told, buffers
                except BaseException as e:
                    self.log.exception("hpcsched: the changes of a cell were not found")
                    self.replica.doubt()
                    return {"execution_count": count, "changed": [], "removed": [],
                            "dropped": [["*", f"{type(e).__name__}: {e}"]]}, []

        def hpcsched_install_request(self, stream, ident, parent):
            content = parent["content"]
            with Uninterrupted():
                try:
                    self.ready().use_store(content.get("store"))
                    failed = self.ready().install(content.get("changed", []), content.get("removed", []),
                                                  content.get("execution_count"), content.get("replace", False),
                                                  parent.get("buffers", []))
                    reply = {"status": "ok", "failed": failed}
                except BaseException as e:
                    self.log.exception("hpcsched: a delta was not installed")
                    reply = {"status": "error", "ename": type(e).__name__, "evalue": str(e), "failed": [["*", str(e)]]}
            self.session.send(stream, "hpcsched_install_reply", reply, parent, ident=ident)

        def hpcsched_names_request(self, stream, ident, parent):
            keys, names = self.ready().names()
            reply = {"status": "ok", "execution_count": self.shell.execution_count - 1, "keys": keys, "names": names}
            self.session.send(stream, "hpcsched_names_reply", reply, parent, ident=ident)

        def gpu(self, line):
            """%gpu N, the first line of a cell: it is to have N GPUs. %gpu: which ones it has."""
            if not line.strip():
                print(os.environ.get(_DEVICES, "all"))

    return HpcschedKernel


def main(argv=None):
    from ipykernel.kernelapp import IPKernelApp

    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--store")
    parser.add_argument("--store-library")
    parser.add_argument("--inline-max", type=int, default=65536)
    ours, theirs = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    sys.argv[1:] = theirs
    kernel_class = _kernel_class(Store(ours.store, ours.store_library), ours.inline_max)
    IPKernelApp.launch_instance(argv=theirs, kernel_class=kernel_class)

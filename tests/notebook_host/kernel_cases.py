# SPDX-License-Identifier: Apache-2.0
"""What every kernel must do for a stock client, whatever stands behind it."""
import os
import socket
import subprocess
import sys

import nbclient
import nbformat
import zmq
from jupyter_client import BlockingKernelClient
from jupyter_client.session import Session

from kernels import Kernel, TIMEOUT, children_of, gone


def case_execute():
    with Kernel() as k:
        for i in range(1, 6):
            reply, _ = k.run(f"x = {i}")
            assert reply["status"] == "ok" and reply["execution_count"] == i, reply
        reply, messages = k.run("print('out'); x * 2")
        kinds = [m["msg_type"] for m in messages]
        assert kinds.count("execute_input") == 1 and "stream" in kinds and "execute_result" in kinds, kinds
        states = [m["content"]["execution_state"] for m in messages if m["msg_type"] == "status"]
        assert states == ["busy", "idle"], states
        result = next(m for m in messages if m["msg_type"] == "execute_result")
        assert result["content"]["data"]["text/plain"] == "10", result
        reply, _ = k.run("1 / 0")
        assert reply["status"] == "error" and reply["ename"] == "ZeroDivisionError", reply


def case_every_request():
    with Kernel() as k:
        c = k.client
        for send, kind, check in (
            (lambda: c.kernel_info(), "kernel_info_reply", lambda m: m["protocol_version"].startswith("5.")),
            (lambda: c.complete("impor", 5), "complete_reply", lambda m: "import" in m["matches"]),
            (lambda: c.inspect("print", 5), "inspect_reply", lambda m: m["found"]),
            (lambda: c.is_complete("for i in x:"), "is_complete_reply", lambda m: m["status"] == "incomplete"),
            (lambda: c.history(hist_access_type="tail", n=1), "history_reply", lambda m: m["status"] == "ok"),
            (lambda: c.comm_info(), "comm_info_reply", lambda m: m["comms"] == {}),
        ):
            identity = send()
            while True:
                reply = c.get_shell_msg(timeout=TIMEOUT)
                if reply["parent_header"].get("msg_id") == identity:
                    break
            assert reply["msg_type"] == kind and check(reply["content"]), reply


def case_comm():
    with Kernel() as k:
        reply, messages = k.run(
            "from ipykernel.comm import Comm\n"
            "c = Comm(target_name='t', data={'a': 1}, buffers=[b'raw'])\n"
            "c.on_msg(lambda m: c.send({'echo': m['content']['data']}))")
        assert reply["status"] == "ok", reply
        opened = next(m for m in messages if m["msg_type"] == "comm_open")
        assert opened["content"]["data"] == {"a": 1} and bytes(opened["buffers"][0]) == b"raw", opened
        message = k.client.session.msg("comm_msg", {"comm_id": opened["content"]["comm_id"], "data": {"b": 2}})
        k.client.shell_channel.send(message)
        while True:
            answer = k.client.get_iopub_msg(timeout=TIMEOUT)
            if answer["msg_type"] == "comm_msg":
                break
        assert answer["content"]["data"] == {"echo": {"b": 2}}, answer


def case_stdin():
    with Kernel() as k:
        asked = []

        def answer(message):
            asked.append(message["content"]["prompt"])
            k.client.input("forty-two")

        reply, _ = k.run("name = input('who? ')", allow_stdin=True, stdin_hook=answer)
        assert reply["status"] == "ok" and asked == ["who? "], (reply, asked)
        _, messages = k.run("name")
        assert any(m["msg_type"] == "execute_result" and m["content"]["data"]["text/plain"] == "'forty-two'"
                   for m in messages)


def case_rich_output():
    with Kernel() as k:
        _, messages = k.run("from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))")
        shown = next(m for m in messages if m["msg_type"] == "display_data")
        assert shown["content"]["data"]["text/html"] == "<b>x</b>", shown
        reply, messages = k.run("print('y' * 5_000_000)")
        assert sum(len(m["content"]["text"]) for m in messages if m["msg_type"] == "stream") == 5_000_001


def case_interrupt():
    with Kernel() as k:
        request = k.run_for_ever()
        k.manager.interrupt_kernel()
        reply = k.reply_to(request)
        assert reply["ename"] == "KeyboardInterrupt", reply
        for _ in range(20):  # what comes right behind an error is aborted, with a plain ipykernel too
            reply, _ = k.run("1")
            if reply["status"] != "aborted":
                break
        assert reply["status"] == "ok", reply


def case_signal():
    with Kernel() as k:
        request = k.run_for_ever()
        os.kill(k.pid(), 2)
        reply = k.reply_to(request)
        assert reply["ename"] == "KeyboardInterrupt", reply


def case_restart():
    with Kernel() as k:
        k.run("x = 1")
        first = children_of(k.pid())
        k.manager.restart_kernel(now=False)
        k.client.wait_for_ready(timeout=TIMEOUT)
        reply, _ = k.run("x")
        assert reply["status"] == "error" and reply["execution_count"] == 1, reply
        assert all(gone(p) for p in first)


def case_shutdown():
    k = Kernel()
    proxy, children = k.pid(), children_of(k.pid())
    k.manager.shutdown_kernel(now=False)
    assert gone(proxy) and all(gone(p) for p in children), "somebody is left"
    k.client.stop_channels()


def case_kernel_dies():
    with Kernel() as k:
        proxy, (child,) = k.pid(), children_of(k.pid())
        os.kill(child, 9)
        assert gone(proxy), "the proxy outlives its kernel, and the server sees nothing"


def case_proxy_dies():
    with Kernel() as k:
        children = children_of(k.pid())
        os.kill(k.pid(), 9)
        assert children and all(gone(p) for p in children), "the kernel outlives its proxy"


def case_server_dies():
    """As a stock kernel does: it ends with the process that started it, however that ends."""
    server = subprocess.Popen([sys.executable, "-c",
                               "from kernels import Kernel\nk = Kernel()\nprint(k.pid(), flush=True)\ninput()"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=os.path.dirname(__file__))
    proxy = int(server.stdout.readline())
    kernels = children_of(proxy)
    server.kill()
    server.wait()
    server.stdin.close()
    server.stdout.close()
    assert all(gone(pid) for pid in (proxy, *kernels)), (proxy, kernels)


def case_heartbeat():
    with Kernel() as k:
        info = k.manager.get_connection_info()
        k.client.execute("import time; time.sleep(2)")
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.connect(f"tcp://{info['ip']}:{info['hb_port']}")
        socket.send(b"ping")
        assert socket.poll(1000) and socket.recv() == b"ping", "no answer while the kernel is busy"
        socket.close(0)


def case_strangers():
    with Kernel() as k:
        info = k.manager.get_connection_info()
        address = f"tcp://{info['ip']}:{info['shell_port']}"
        context = zmq.Context.instance()

        def answered(frames):
            socket = context.socket(zmq.DEALER)
            socket.connect(address)
            for part in frames:
                socket.send_multipart(part)
            heard = socket.poll(1000) != 0
            socket.close(0)
            return heard

        right = Session(key=info["key"])
        wrong = Session(key=b"another key")
        request = right.serialize(right.msg("kernel_info_request"))
        assert answered([request]), "a request that is in order"
        assert not answered([wrong.serialize(wrong.msg("kernel_info_request"))]), "a wrong signature"
        assert not answered([request]), "a request that was sent before"
        assert not answered([[b"<IDS|MSG>", b"x"], [b""], [b"\x00" * 100_000]]), "rubbish"
        reply, _ = k.run("1")
        assert reply["status"] == "ok", "and the others are served as before"


def case_nbclient():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in
                      ("import math\ndef area(r):\n    return math.pi * r ** 2", "areas = [area(r) for r in range(3)]",
                       "print(areas)", "sum(areas)")]
    executed = []
    for name in ("python3", "hpcsched"):
        copy = nbformat.from_dict(notebook)
        nbclient.NotebookClient(copy, kernel_name=name, timeout=TIMEOUT).execute()
        executed.append([cell.outputs for cell in copy.cells])
    assert executed[0] == executed[1], executed


def case_two_clients():
    with Kernel() as k:
        other = BlockingKernelClient()
        other.load_connection_info(k.manager.get_connection_info())
        other.start_channels()
        other.wait_for_ready(timeout=TIMEOUT)
        k.run("x = 'shared'")
        reply = other.execute_interactive("assert x == 'shared'", timeout=TIMEOUT, output_hook=lambda m: None)
        assert reply["content"]["status"] == "ok", reply
        other.stop_channels()

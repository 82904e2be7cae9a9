# SPDX-License-Identifier: Apache-2.0
"""A stock jupyter_client, and nbclient, against `hpcsched notebook kernel`: one case at a time.

  python3 conformance.py <case> <program hpcsched> [<hosts>]

Without hosts the proxy has one ipykernel behind it; with them the kernel has replicas on so many hosts.

Exits 0 where the case holds, 77 where Debian's Jupyter packages are missing, else with what is wrong.
"""
import json
import os
import pwd
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

try:
    import nbclient
    import nbformat
    import zmq
    from jupyter_client import BlockingKernelClient
    from jupyter_client.manager import KernelManager
    from jupyter_client.session import Session

    from cluster import Cluster
except ImportError as missing:
    print(missing)
    sys.exit(77)

TIMEOUT = 60


class Kernel:
    """A kernel through the proxy, with a client."""

    def __init__(self):
        self.manager = KernelManager(kernel_name="hpcsched")
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


# --- of a kernel in replicas alone --------------------------------------------------------------------------------

STATE = """
class Point:
    def __init__(self, x):
        self.x = x
    def moved(self):
        return Point(self.x + step)
points = [Point(1)]
step = 10
same = points
"""


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


def case_host_killed_between_cells(cluster):
    with Kernel() as k:
        assert k.run(STATE)[0]["status"] == "ok"
        for killed in range(2):  # and the second time the one that took over
            host = host_of(cluster, where(k))
            count = k.run("step += 1")[0]["execution_count"]
            cluster.kill(host)
            began = time.time()
            got = value(k, "points[0].moved().x, same is points, type(points[0]) is Point")
            print(f"a cell after its host was killed: {time.time() - began:.2f} s")
            assert got == f"({12 + killed}, True, True)", got
            assert k.run("1")[0]["execution_count"] == count + 2
            cluster.start(host)
            k.run("1")
            wait_until(lambda: len(cluster.interpreters(host)) == 1)
            wait_until_ready(cluster, k)


def case_host_killed_in_a_cell(cluster):
    with Kernel() as k:
        k.run("x = [1]")
        host = host_of(cluster, where(k))
        request = k.client.execute(
            "import time\nx.append(2)\nprint('begun', flush=True)\ntime.sleep(1.5)\nprint('done'); len(x)")
        outputs, shown = [], []
        while True:
            message = k.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "clear_output":
                outputs.clear()
            elif kind == "stream":
                outputs.append(content["text"])
                if content["text"].startswith("begun") and host is not None:
                    cluster.kill(host)
                    host = None
            elif kind == "execute_result":
                outputs.append(content["data"]["text/plain"])
            shown.append(kind if kind != "status" else content["execution_state"])
            if shown[-1] == "idle":
                break
        assert "".join(outputs) == "begun\ndone\n2", outputs
        assert shown.count("busy") == 1 and shown.count("execute_input") == 1, shown
        reply = k.reply_to(request)
        assert reply["status"] == "ok", reply
        assert value(k, "x") == "[1, 2]"


def case_interpreter_killed(cluster):
    with Kernel() as k:
        k.run("x = 1")
        reply, messages = k.run("import os, signal\ny = 2\nos.kill(os.getpid(), signal.SIGKILL)")
        assert reply["status"] == "error" and reply["ename"] == "InterpreterDied", reply
        assert [m["content"]["execution_state"] for m in messages if m["msg_type"] == "status"] == ["busy", "idle"]
        assert value(k, "x, 'y' in globals()") == "(1, False)"
        for pid in [p for i in cluster.hosts for p in cluster.interpreters(i)]:
            os.kill(pid, 9)  # all of them at once: the logs have it all
        assert value(k, "x") == "1"


def execute_on_first(cluster, k):
    wait_until_ready(cluster, k)
    first = host_of(cluster, where(k))
    if first != 1:  # whoever takes over is the lowest of those that are there
        cluster.kill(first)
        assert host_of(cluster, where(k)) == 1
        cluster.start(first)
        wait_until(lambda: len(cluster.interpreters(first)) == 1)


def case_host_paused(cluster):
    with Kernel() as k:
        execute_on_first(cluster, k)
        k.run("import os\nx = 1")
        pid = where(k)
        for target in (cluster.hosts[1].pid, pid):
            os.kill(target, signal.SIGSTOP)
        # It goes to the one that is paused, which is lost for the others. What each executor leaves has another name.
        request = k.client.execute("x += 1\nglobals()[f'only_{os.getpid()}'] = 1")
        assert k.reply_to(request)["status"] == "ok"
        second = host_of(cluster, where(k))
        assert second != 1 and value(k, "x") == "2"
        for target in (cluster.hosts[1].pid, pid):
            os.kill(target, signal.SIGCONT)
        wait_until(lambda: all(h["up"] for h in cluster.status(1)["hosts"]))
        wait_until_ready(cluster, k)
        cluster.kill(second)
        # What the paused one did when it came back counts for nothing, in its own interpreter too.
        assert host_of(cluster, where(k)) == 1
        assert value(k, "x, sum(name.startswith('only_') for name in list(globals()))") == "(2, 1)"


def heard_of(k, request, seconds):
    """What iopub has of a request, until nothing comes for so long."""
    found = []
    while True:
        try:
            message = k.client.get_iopub_msg(timeout=seconds)
        except queue.Empty:
            return found
        if message["parent_header"].get("msg_id") == request:
            found.append(message["content"].get("text", message["content"].get("execution_state")))


def case_start_before_decision(cluster):
    begun = os.path.join(cluster.folder, "begun")
    with Kernel() as k:
        execute_on_first(cluster, k)
        k.run("import os\nx = 1")
        pid = where(k)
        code = f"x += 1\nglobals()[f'only_{{os.getpid()}}'] = 1\nopen({begun!r}, 'a').write('x')\nprint('said', x)"
        for i in (2, 3):
            cluster.signal(i, signal.SIGSTOP)  # now nothing is decided
        request = k.client.execute(code)
        wait_until(lambda: os.path.exists(begun))
        assert heard_of(k, request, 0.7) == [], "what is not decided on was shown"
        for i in (2, 3):
            cluster.signal(i, signal.SIGCONT)
        assert k.reply_to(request)["status"] == "ok"
        assert heard_of(k, request, 0.7) == ["busy", None, "said 2\n", "idle"]
        assert os.path.getsize(begun) == 1

        wait_until(lambda: all(h["up"] for h in cluster.status(1)["hosts"]))
        wait_until_ready(cluster, k)
        assert where(k) == pid
        for i in (2, 3):
            cluster.signal(i, signal.SIGSTOP)
        request = k.client.execute(code)
        wait_until(lambda: os.path.getsize(begun) == 2)  # and now it loses
        for target in (cluster.hosts[1].pid, pid):
            os.kill(target, signal.SIGSTOP)
        for i in (2, 3):
            cluster.signal(i, signal.SIGCONT)
        assert k.reply_to(request)["status"] == "ok"
        assert [t for t in heard_of(k, request, 0.7) if t] == ["busy", "said 3\n", "idle"]
        assert os.path.getsize(begun) == 3
        for target in (cluster.hosts[1].pid, pid):
            os.kill(target, signal.SIGCONT)
        wait_until(lambda: all(h["up"] for h in cluster.status(2)["hosts"]))
        wait_until_ready(cluster, k)
        second = host_of(cluster, where(k))
        assert second != 1
        cluster.kill(second)
        assert host_of(cluster, where(k)) == 1
        assert value(k, "x, len([n for n in list(globals()) if n.startswith('only_')])") == "(3, 2)"


def case_end_on_its_way(cluster):
    begun, go = os.path.join(cluster.folder, "begun"), os.path.join(cluster.folder, "go")
    with Kernel() as k:
        execute_on_first(cluster, k)
        k.run("import os, time\nx = 1")
        pid = where(k)
        request = k.client.execute(f"x += 1\nopen({begun!r}, 'a').write('x')\n"
                                   f"while not os.path.exists({go!r}): time.sleep(0.01)\nprint('said', x)")
        wait_until(lambda: os.path.exists(begun))
        time.sleep(0.5)  # it is decided on
        for i in (2, 3):
            cluster.signal(i, signal.SIGSTOP)
        open(go, "w").close()
        time.sleep(0.5)  # the others have its end before them, and do not know yet
        for target in (cluster.hosts[1].pid, pid):
            os.kill(target, signal.SIGSTOP)
        for i in (2, 3):
            cluster.signal(i, signal.SIGCONT)
        assert k.reply_to(request)["status"] == "ok"
        assert value(k, "x") == "2"
        assert os.path.getsize(begun) == 1, "it counts, and need not run once more"
        for target in (cluster.hosts[1].pid, pid):
            os.kill(target, signal.SIGCONT)


class Relay:
    """Stands before a host, and can cut off who came through it."""

    def __init__(self, port):
        self.target, self.open, self.cut = port, [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            one, _ = self.listener.accept()
            if self.cut:
                one.close()
                continue
            other = socket.create_connection(("127.0.0.1", self.target))
            self.open += [one, other]
            for a, b in ((one, other), (other, one)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        a.close()
        b.close()

    def cut_off(self):
        self.cut = True
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone already


def relays_before(cluster):
    """Stand before the hosts for who is installed now: what hosts say to each other does not come through them."""
    relays = {int(i): Relay(int(port)) for i, port in
              (node.replace("127.0.0.1:", "").split("=") for node in cluster.nodes.split(","))}
    direct = cluster.nodes
    cluster.nodes = ",".join(f"{i}=127.0.0.1:{relay.port}" for i, relay in relays.items())
    cluster.install("--gpus", "8")
    cluster.nodes = direct
    return relays


def case_executor_cut_off(cluster):
    relays = relays_before(cluster)
    begun, go = os.path.join(cluster.folder, "begun"), os.path.join(cluster.folder, "go")
    with Kernel() as k:
        wait_until_ready(cluster, k)
        k.run("import os, time\nx = 1")
        host = host_of(cluster, where(k))
        request = k.client.execute(
            f"x += 1\nglobals()[f'only_{{os.getpid()}}'] = 1\nopen({begun!r}, 'a').write('x')\n"
            f"try:\n    while not os.path.exists({go!r}): time.sleep(0.01)\n"
            "except KeyboardInterrupt:\n    time.sleep(1)\n    raise")  # what is given up takes its time to end
        wait_until(lambda: os.path.exists(begun))
        relays[host].cut_off()  # its proxy alone does not reach it: it is no lost host
        wait_until(lambda: os.path.getsize(begun) == 2)
        open(go, "w").close()
        assert k.reply_to(request)["status"] == "ok"
        second = host_of(cluster, where(k))
        assert second != host and value(k, "x, len([n for n in list(globals()) if n.startswith('only_')])") == "(2, 1)"
        relays[host].cut = False
        third = ({1, 2, 3} - {host, second}).pop()
        relays[third].cut_off()
        relays[second].cut_off()  # now it is the first again, or nobody
        assert host_of(cluster, where(k)) == host
        assert value(k, "x, len([n for n in list(globals()) if n.startswith('only_')])") == "(2, 1)"


def case_executor_asked_again(cluster):
    relays = relays_before(cluster)
    begun, go = os.path.join(cluster.folder, "begun"), os.path.join(cluster.folder, "go")
    with Kernel() as k:
        wait_until_ready(cluster, k)
        k.run("import os, time\nx = 1")
        host = host_of(cluster, where(k))
        for ending in ("", "except KeyboardInterrupt:\n    time.sleep(1)\n    raise\n",
                       "except KeyboardInterrupt: pass\n"):
            for file in (begun, go):
                if os.path.exists(file):
                    os.unlink(file)
            for i in set(relays) - {host}:  # it is this host, or nobody
                relays[i].cut_off()
            loop = f"while not os.path.exists({go!r}): time.sleep(0.01)\n"
            request = k.client.execute(
                f"x += 1\nopen({begun!r}, 'a').write('x')\n" + (f"try:\n    {loop}{ending}" if ending else loop) +
                "print('done', x)")
            wait_until(lambda: os.path.exists(begun))
            relays[host].cut_off()
            time.sleep(0.3)
            relays[host].cut = False  # it is asked once more for what it is at
            wait_until(lambda: os.path.getsize(begun) == 2)
            open(go, "w").close()
            assert k.reply_to(request)["status"] == "ok"
            shown = [t for t in heard_of(k, request, 0.7) if t]
            assert shown[-2].startswith("done") and shown[-1] == "idle" and shown.count("idle") == 1, shown
            for i in relays:
                relays[i].cut = False
        assert value(k, "x") == "4"


def uid_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {line.split()[1] for line in file if line.startswith(("Uid", "Gid"))}


def refusal(cluster, client):
    """What a proxy says that is refused."""
    from jupyter_client.connect import write_connection_file
    path = os.path.join(cluster.folder, "refused.json")
    write_connection_file(path)
    ended = subprocess.run([cluster.program, "notebook", "kernel", "-f", path, "--nodes", cluster.nodes,
                            *cluster.guard(client)], capture_output=True, text=True, timeout=TIMEOUT)
    os.unlink(path)
    assert ended.returncode == 1, ended
    return ended.stderr


def case_users(cluster):
    user = pwd.getpwnam("nobody")
    cluster.install(client="nobody")
    with Kernel() as k:
        assert value(k, "import os; os.getuid(), os.geteuid(), os.getgid(), os.getgroups(), os.environ['USER']") == str(
            (user.pw_uid, user.pw_uid, user.pw_gid, [user.pw_gid], "nobody"))
        for code in ("os.setuid(0)", "open('/etc/shadow')", f"os.listdir({cluster.folder!r})",
                     f"open({os.path.join(cluster.folder, 'authority.key')!r})"):
            assert value(k, code)["ename"] == "PermissionError", code
        # Those that wait for kernels to come are theirs too; until this kernel there were none.
        wait_until(lambda: all(len(cluster.interpreters(i)) == 2 for i in cluster.hosts))
        for pid in [p for i in cluster.hosts for p in cluster.interpreters(i)]:
            assert uid_of(pid) == {str(user.pw_uid), str(user.pw_gid)}, pid
        k.run("big = bytearray(b'x' * 3_000_000)")
        killed = host_of(cluster, where(k))
        cluster.kill(killed)
        assert value(k, "len(big), big[7]") == "(3000000, 120)"
        assert cluster.status()["kernels"][0]["owner"] == "nobody"

        group = str(cluster.status()["kernels"][0]["serial"] + 1)
        for words in (["put", "a", "b"], ["get", "a"]):  # the kernel's own log is nobody's to write, or to read
            told = subprocess.run([cluster.program, "raft", "kv", *words, "--nodes", cluster.nodes, "--group", group,
                                   *cluster.guard("nobody")], capture_output=True, text=True)
            assert told.returncode == 1 and "the hosts' own business" in told.stderr, told
        alive = next(i for i in cluster.hosts if i != killed)  # the cluster may have forgotten the other
        drained = cluster.ask("drain", str(alive), name="nobody")
        assert drained.returncode == 1 and "'operator'" in drained.stderr, drained
    assert "no kernel runs as root" in refusal(cluster, "root")
    assert "no user 'client'" in refusal(cluster, "client")


def case_gpus(cluster):
    with Kernel() as k, Kernel() as other:
        devices = "import os; os.environ['CUDA_VISIBLE_DEVICES']"
        assert value(k, f"%gpu 2\n{devices}") == "'0,1'"
        assert value(k, devices) == "''"
        assert value(k, f"%gpu 8\n{devices}") == "'0,1,2,3,4,5,6,7'"
        # The two cannot both have them on one host: they run on different ones, or one after the other.
        request = other.client.execute("%gpu 8\nimport time; time.sleep(1)")
        assert value(k, f"%gpu 8\n{devices}") == "'0,1,2,3,4,5,6,7'"
        assert other.reply_to(request)["status"] == "ok"
        reply, _ = k.run("%gpu 9\n1")
        assert reply["status"] == "error" and reply["ename"] == "NoSuchDevices", reply
        assert value(k, "40 + 2") == "42"


def case_large_values(cluster):
    with Kernel() as k:
        k.run("big = bytearray(b'x' * 20_000_000)")
        k.run("big[5] = 0")
        host = host_of(cluster, where(k))
        log = os.path.join(cluster.folder, f"host{host}")
        assert sum(os.path.getsize(os.path.join(log, f)) for f in os.listdir(log) if f.startswith("snap")) < 1_000_000
        cluster.kill(host)
        assert value(k, "len(big), big[4], big[5]") == "(20000000, 120, 0)"


def files_in(folder):
    return [os.path.join(d, f) for d, _, files in os.walk(folder) for f in files]


def case_store_is_swept(cluster):
    store = os.path.join(cluster.folder, "store")
    k = Kernel()
    for i in range(5):
        k.run(f"big = bytearray(b'{i}' * 3_000_000)")
    wait_until(lambda: sum(map(os.path.getsize, files_in(store))) < 4_000_000)  # the newest alone
    assert value(k, "len(big), big[0]") == "(3000000, 52)"
    k.manager.shutdown_kernel(now=False)
    k.client.stop_channels()
    wait_until(lambda: not files_in(store))


def case_redis(cluster):
    with Kernel() as k:
        k.run("big = bytearray(b'r' * 9_000_000)\nsmall = 1")
        cluster.kill(host_of(cluster, where(k)))
        assert value(k, "len(big), big[8_999_999]") == "(9000000, 114)"
        cluster.redis.kill()
        cluster.redis.wait()
        reply, messages = k.run("other = bytearray(b's' * 9_000_000)\nsmall = 2")
        told = "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")
        assert reply["status"] == "ok" and "'other' is not replicated" in told and "Redis" in told, (reply, told)
        assert value(k, "small, len(other)") == "(2, 9000000)"  # what is acknowledged, and was told to be missing
        cluster.start_redis()
        k.run("other[0] = 7")
        assert "not replicated" not in "".join(
            m["content"]["text"] for m in k.run("other[1] = 7")[1] if m["msg_type"] == "stream")


def case_tls(cluster):
    with Kernel() as k:
        k.run("x = [1]")
        cluster.kill(host_of(cluster, where(k)))
        assert value(k, "x") == "[1]"
        guarded, cluster.tls = cluster.tls, False
        for command in ("status", "drain"):  # who has no certificate of the authority's gets no answer
            words = [cluster.program, "notebook", command, "--nodes", cluster.nodes]
            stranger = subprocess.run(words + ["1"] * (command == "drain"), capture_output=True, text=True)
            assert stranger.returncode == 1 and "answer" in stranger.stderr, stranger
        cluster.tls = guarded
        assert len(cluster.status()["kernels"]) == 1


def case_proxy_killed(cluster):
    k = Kernel()
    pids = [p for i in cluster.hosts for p in cluster.interpreters(i)]
    assert len(pids) == 3
    os.kill(k.pid(), 9)
    k.client.stop_channels()
    wait_until(lambda: all(gone(p) for p in pids))  # the cluster closes what has no proxy


def case_drain(cluster):
    with Kernel() as k:
        k.run("x = [1, 2]")
        wait_until_ready(cluster, k)
        for _ in range(2):  # the executor's host first, then whoever took over
            host = host_of(cluster, where(k))
            drained = subprocess.run([cluster.program, "notebook", "drain", "--nodes", cluster.nodes, str(host)],
                                     capture_output=True, text=True)
            assert drained.returncode == 0 and "holds nothing" in drained.stdout, drained
            assert value(k, "x") == "[1, 2]"
            assert cluster.interpreters(host) == []
            cluster.kill(host)
            cluster.start(host)
            wait_until(lambda: all(h["up"] for h in cluster.status()["hosts"]))


def case_page(cluster):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        print("no Chromium on this machine: apt-get install chromium")
        sys.exit(77)
    with Kernel() as k:
        request = k.client.execute("%gpu 2\nimport time; time.sleep(20)")
        wait_until(lambda: any(kernel.get("leased_cell") for kernel in cluster.status()["kernels"]))
        dom = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
             "--disable-background-networking", "--virtual-time-budget=5000",
             "--user-data-dir=" + os.path.join(cluster.folder, "profile"), "--dump-dom", cluster.page],
            capture_output=True, text=True, timeout=120)
        assert "CONSOLE" not in dom.stderr, dom.stderr
        assert "3 of 3 hosts, 1 kernels, 2 of 24 GPUs leased" in dom.stdout, dom.stdout
        assert dom.stdout.count('class="leased"') == 2 and "with GPU 0, 1" in dom.stdout, dom.stdout
        k.manager.interrupt_kernel()
        k.reply_to(request)
    # Who has no token sees nothing; a page for other machines without one is refused.
    with urllib.request.urlopen(cluster.page) as answer:
        assert b"<title>hpcsched notebook" in answer.read()
    refused = subprocess.run([cluster.program, "notebook", "serve", "--id", "1", "--nodes", cluster.nodes, "--data",
                              os.path.join(cluster.folder, "other"), "--page", "0.0.0.0:0", "--listen", "127.0.0.1:0",
                              "--run-as", "self"],
                             capture_output=True, text=True)
    assert refused.returncode == 1 and "needs a token" in refused.stderr, refused


def case_page_with_token(cluster):
    def status(**headers):
        try:
            with urllib.request.urlopen(urllib.request.Request(cluster.page + "status", headers=headers)) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    assert status() == 401
    assert status(Authorization="Bearer wrong") == 403
    assert status(Authorization="Bearer open sesame") == 200


def case_closed_kernels_leave_nothing(cluster):
    for round in range(2):
        k = Kernel()
        k.run("x = 1")
        if round == 1:
            cluster.kill(3)  # it hears of the end when it is back
        k.manager.shutdown_kernel(now=False)
        k.client.stop_channels()
        wait_until(lambda: not cluster.status()["kernels"])
    cluster.start(3)
    wait_until(lambda: all(h["up"] for h in cluster.status(3)["hosts"]) and not cluster.status(3)["kernels"])
    for i, host in cluster.hosts.items():
        host.terminate()
        host.wait()
        told = subprocess.run([cluster.program, "raft", "inspect", os.path.join(cluster.folder, f"host{i}"), "--json"],
                              check=True, capture_output=True)
        assert [g["group"] for g in json.loads(told.stdout)["groups"]] == [1], told.stdout


NOTEBOOK = [
    "import math\nimport collections\nPoint = collections.namedtuple('Point', 'x y')",
    "def area(r):\n    return math.pi * r ** 2",
    "areas = {r: area(r) for r in range(4)}\nareas",
    "class Counter:\n    def __init__(self):\n        self.seen = []\n    def add(self, x):\n"
    "        self.seen.append(x)\n        return len(self.seen)\ncounter = Counter()\ncounter.add('first')",
    "alias = counter.seen",
    # The one that is under way when its host is killed: it says so, and waits until it may go on.
    "import os, time\nopen(os.environ['BEGUN'], 'a').write('x')\n"
    "while not os.path.exists(os.environ['GO']):\n    time.sleep(0.01)\n"
    "print('in the middle', counter.add('second'))\nalias",
    "Point(len(alias), counter.add('third'))",
    "print(_)\nsorted(areas.items())[-1]",
    "alias is counter.seen, type(counter) is Counter, [round(area(r), 3) for r in alias and range(3)]",
    "1 / 0",
    "del areas\n'areas' in globals(), counter.add('fourth'), In[-2], Out[3][1]",
    "%gpu 1\ncounter.seen",
]


def case_notebook_survives(cluster):
    folder = cluster.folder
    killed, took = [], {}

    def execute(kernel, before_cell=lambda index: None):
        notebook = nbformat.v4.new_notebook()
        codes = NOTEBOOK if kernel == "hpcsched" else [c.removeprefix("%gpu 1\n") for c in NOTEBOOK]
        notebook.cells = [nbformat.v4.new_code_cell(code) for code in codes]
        client = nbclient.NotebookClient(notebook, kernel_name=kernel, timeout=TIMEOUT, allow_errors=True)
        began = {}

        def start(cell, cell_index):
            before_cell(cell_index)
            began[cell_index] = time.time()

        def end(cell, cell_index, **more):
            took[cell_index] = time.time() - began[cell_index]

        if kernel == "hpcsched":
            client.on_cell_start, client.on_cell_executed = start, end
        client.execute()
        return [cell.outputs for cell in notebook.cells]

    def executor():
        """Its host: the one that leads the kernel's log, once a cell has run."""
        (kernel,) = cluster.status()["kernels"]
        return kernel["leader"]

    def kill(host):
        cluster.kill(host)
        killed.append(host)

    def back():
        cluster.start(killed[-1])
        wait_until(lambda: all(h["up"] for h in cluster.status()["hosts"]))
        wait_until_ready(cluster, None)

    def before_cell(index):
        if index == 3:
            kill(executor())
        elif index == 5:
            back()
            host = executor()

            def kill_in_the_cell():
                wait_until(lambda: os.path.exists(os.environ["BEGUN"]))
                kill(host)
                open(os.environ["GO"], "w").close()

            threading.Thread(target=kill_in_the_cell).start()
        elif index == 11:
            back()
            kill(cluster.status()["leader"])

    os.environ["BEGUN"], os.environ["GO"] = os.path.join(folder, "begun"), os.path.join(folder, "go")
    for host in list(cluster.hosts):  # once more, with the environment that the cells look at
        cluster.kill(host)
        cluster.start(host)
    disturbed = execute("hpcsched", before_cell)
    with open(os.environ["BEGUN"], encoding="ascii") as file:
        assert file.read() == "xx", "the cell that was under way has run on two hosts"
    undisturbed = execute("python3")

    def plain(outputs):
        return [[{k: v for k, v in o.items() if k != "traceback"} for o in cell] for cell in outputs]

    for code, a, b in zip(NOTEBOOK, plain(disturbed), plain(undisturbed)):
        assert a == b, (code, a, b)
    assert len(killed) == 3
    print("cells after a host was killed: " + ", ".join(f"{took[i]:.2f} s" for i in (3, 5, 11)) +
          f"; the median of the others: {sorted(took.values())[len(took) // 2] * 1000:.0f} ms")


def case_leader_killed(cluster):
    with Kernel() as k:
        k.run("x = 5")
        leader = cluster.status()["leader"]
        cluster.kill(leader)
        assert value(k, "%gpu 1\nx") == "5"


def wait_until(holds, seconds=30):
    end = time.time() + seconds
    while not holds():
        assert time.time() < end, "it does not come about"
        time.sleep(0.05)


def wait_until_ready(cluster, k):
    wait_until(lambda: all(r["ready"] for kernel in cluster.status()["kernels"] for r in kernel["replicas"])
               and all(len(kernel["replicas"]) == 3 for kernel in cluster.status()["kernels"]))


OPTIONS = {"store_is_swept": ["--store-interval", "500ms", "--store-age", "1s"],
           "proxy_killed": ["--orphan-timeout", "1s"], "page": ["--page", "127.0.0.1:0"],
           "page_with_token": ["--page", "127.0.0.1:0", "--token", "open sesame"],
           "users": ["--run-as", "certificate", "--warm", "1"]}


def main():
    name = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_DATA_DIR"] = folder
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        case = globals()[f"case_{name}"]
        if len(sys.argv) > 3:
            options = ["--host-timeout", "1s", *OPTIONS.get(name, [])]
            if "--warm" not in options:
                options += ["--warm", "0"]
            if name == "users":
                if os.geteuid() != 0:
                    print("only root can start kernels of other users")
                    sys.exit(77)
                os.chmod(folder, 0o711)  # the users come through it to their part of the store
            if name == "redis" and not shutil.which("redis-server"):
                print("no Redis on this machine: apt-get install redis-server")
                sys.exit(77)
            with Cluster(sys.argv[2], folder, int(sys.argv[3]), gpus=8, options=options,
                         redis=name == "redis", tls=name in ("tls", "users")) as cluster:
                cluster.install("--gpus", "8")
                case(cluster) if case.__code__.co_argcount else case()
        else:
            subprocess.run([sys.argv[2], "notebook", "install", "--python", sys.executable], check=True,
                           stdout=subprocess.DEVNULL)
            case()


if __name__ == "__main__":
    try:
        main()
    except queue.Empty:
        sys.exit("nothing came")

# SPDX-License-Identifier: Apache-2.0
"""Hosts, interpreters and proxies that are killed, paused or cut off: nothing that was acknowledged is lost."""
import os
import queue
import signal
import socket
import sys
import threading
import time

import nbclient
import nbformat

from kernels import Kernel, TIMEOUT, gone, host_of, value, wait_until, wait_until_ready, where


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
            wait_until_ready(cluster)


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
        states = [m["content"]["execution_state"] for m in messages if m["msg_type"] == "status"]
        assert states == ["busy", "idle"], states
        assert value(k, "x, 'y' in globals()") == "(1, False)"
        for pid in [p for i in cluster.hosts for p in cluster.interpreters(i)]:
            os.kill(pid, 9)  # all of them at once: the logs have it all
        assert value(k, "x") == "1"


def case_interpreter_killed_before_cell(cluster):
    """Of both a host hears in one breath, the cell first: it is for the interpreter that follows."""
    with Kernel() as k:
        k.run("x = 1")
        for n in range(5):
            pid = where(k)
            host = host_of(cluster, pid)
            cluster.signal(host, signal.SIGSTOP)
            request = k.client.execute(f"x += 1\nassert x == {n + 2}")
            time.sleep(0.2)  # it is on its way; longer, and the host would be lost
            os.kill(pid, signal.SIGKILL)
            assert gone(pid)
            cluster.signal(host, signal.SIGCONT)
            reply = k.reply_to(request)
            assert reply["status"] == "ok", reply


def case_host_paused(cluster):
    relays = relays_before(cluster)
    with Kernel() as k:
        wait_until_ready(cluster)
        k.run("import os\nx = 1")
        pid = where(k)
        first = host_of(cluster, pid)
        for target in (cluster.hosts[first].pid, pid):
            os.kill(target, signal.SIGSTOP)
        # It goes to the one that is paused, which is lost for the others. What each executor leaves has another name.
        request = k.client.execute("x += 1\nglobals()[f'only_{os.getpid()}'] = 1")
        assert k.reply_to(request)["status"] == "ok"
        second = host_of(cluster, where(k))
        assert second != first and value(k, "x") == "2"
        for target in (pid, cluster.hosts[first].pid):  # the host ends its interpreter as soon as it can
            os.kill(target, signal.SIGCONT)
        wait_until(lambda: all(h["up"] for h in cluster.status(first)["hosts"]))
        wait_until_ready(cluster)
        relays[({1, 2, 3} - {first, second}).pop()].cut_off()
        cluster.kill(second)  # now it is the first again, or nobody
        # What the paused one did when it came back counts for nothing, in its own interpreter too.
        assert host_of(cluster, where(k)) == first
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
    relays = relays_before(cluster)
    with Kernel() as k:
        wait_until_ready(cluster)
        k.run("import os\nx = 1")
        pid = where(k)
        first = host_of(cluster, pid)
        others = {1, 2, 3} - {first}
        code = f"x += 1\nglobals()[f'only_{{os.getpid()}}'] = 1\nopen({begun!r}, 'a').write('x')\nprint('said', x)"
        for i in others:
            cluster.signal(i, signal.SIGSTOP)  # now nothing is decided
        request = k.client.execute(code)
        wait_until(lambda: os.path.exists(begun))
        assert heard_of(k, request, 0.7) == [], "what is not decided on was shown"
        for i in others:
            cluster.signal(i, signal.SIGCONT)
        assert k.reply_to(request)["status"] == "ok"
        assert heard_of(k, request, 0.7) == ["busy", None, "said 2\n", "idle"]
        assert os.path.getsize(begun) == 1

        wait_until(lambda: all(h["up"] for h in cluster.status(first)["hosts"]))
        wait_until_ready(cluster)
        assert where(k) == pid
        for i in others:
            cluster.signal(i, signal.SIGSTOP)
        request = k.client.execute(code)
        wait_until(lambda: os.path.getsize(begun) == 2)  # and now it loses
        for target in (cluster.hosts[first].pid, pid):
            os.kill(target, signal.SIGSTOP)
        for i in others:
            cluster.signal(i, signal.SIGCONT)
        assert k.reply_to(request)["status"] == "ok"
        assert [t for t in heard_of(k, request, 0.7) if t] == ["busy", "said 3\n", "idle"]
        assert os.path.getsize(begun) == 3
        for target in (pid, cluster.hosts[first].pid):  # the host ends its interpreter as soon as it can
            os.kill(target, signal.SIGCONT)
        wait_until(lambda: all(h["up"] for h in cluster.status(min(others))["hosts"]))
        wait_until_ready(cluster)
        second = host_of(cluster, where(k))
        assert second != first
        relays[(others - {second}).pop()].cut_off()
        cluster.kill(second)  # now it is the first again, or nobody
        assert host_of(cluster, where(k)) == first
        assert value(k, "x, len([n for n in list(globals()) if n.startswith('only_')])") == "(3, 2)"


def case_end_on_its_way(cluster):
    begun, go = os.path.join(cluster.folder, "begun"), os.path.join(cluster.folder, "go")
    with Kernel() as k:
        wait_until_ready(cluster)
        k.run("import os, time\nx = 1")
        pid = where(k)
        first = host_of(cluster, pid)
        others = {1, 2, 3} - {first}
        request = k.client.execute(f"x += 1\nopen({begun!r}, 'a').write('x')\n"
                                   f"while not os.path.exists({go!r}): time.sleep(0.01)\nprint('said', x)")
        wait_until(lambda: os.path.exists(begun))
        time.sleep(0.5)  # it is decided on
        for i in others:
            cluster.signal(i, signal.SIGSTOP)
        open(go, "w").close()
        time.sleep(0.5)  # the others have its end before them, and do not know yet
        for target in (cluster.hosts[first].pid, pid):
            os.kill(target, signal.SIGSTOP)
        for i in others:
            cluster.signal(i, signal.SIGCONT)
        assert k.reply_to(request)["status"] == "ok"
        assert value(k, "x") == "2"
        assert os.path.getsize(begun) == 1, "it counts, and need not run once more"
        for target in (pid, cluster.hosts[first].pid):  # the host ends its interpreter as soon as it can
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
        wait_until_ready(cluster)
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
        wait_until_ready(cluster)
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


def case_many_hosts(cluster):
    """More hosts than have replicas of a kernel: some are lost, and others take their places."""
    with Kernel() as one, Kernel() as other:
        for k in (one, other):
            k.run("x = [1]")
        wait_until_ready(cluster)
        lost = set()
        for n in range(2):
            executes = host_of(cluster, where(one))
            cluster.kill(executes)
            lost.add(executes)
            for k in (one, other):
                assert value(k, "x.append(1); len(x)") == str(n + 2)
            wait_until(lambda: {h["id"] for h in cluster.status()["hosts"] if h["up"]} == set(cluster.hosts) - lost)
            wait_until_ready(cluster)  # or the next is one too many
            assert not lost & {r["host"] for kernel in cluster.status()["kernels"] for r in kernel["replicas"]}


def case_widgets(cluster):
    """As ipywidgets's part on a page has them: comms that are opened, told of changes, and never closed."""
    try:
        import ipywidgets
        del ipywidgets
    except ImportError as missing:
        print(missing)
        sys.exit(77)
    with Kernel() as k:
        reply, messages = k.run("import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\n"
                                "button = ipywidgets.Button(description='more')\n"
                                "box = ipywidgets.VBox([slider, button])\nseen = []\n"
                                "slider.observe(lambda change: seen.append(change['new']), 'value')\n"
                                "@button.on_click\ndef more(_):\n    slider.value += 1\nbox")
        assert reply["status"] == "ok", reply
        assert not [m for m in messages if "not replicated" in m["content"].get("text", "")], messages
        opened = {m["content"]["comm_id"] for m in messages if m["msg_type"] == "comm_open"}
        names = "slider.model_id, button.model_id, box.model_id, slider.layout.model_id"
        known = eval(value(k, names))
        assert set(known) <= opened and len(opened) >= 6, (known, opened)
        slider, button = known[:2]
        assert k.run("import ipywidgets\ninner = ipywidgets.interactive(lambda times: seen.append(-times), times=3)\n"
                     "inner")[0]["status"] == "ok"

        def told(comm, data):
            """What the kernel says to the page, when the page has told it something."""
            k.client.shell_channel.send(k.client.session.msg("comm_msg", {"comm_id": comm, "data": data}))
            said = []
            while len([m for m in said if m["msg_type"] == "status"]) < 2:  # busy, and idle again
                said.append(k.client.get_iopub_msg(timeout=TIMEOUT))
            return [(m["msg_type"], m["content"]["comm_id"], m["content"]["data"]) for m in said
                    if m["msg_type"].startswith("comm")]

        told(slider, {"method": "backbone", "sync_data": {"value": 41}})
        assert value(k, "slider.value, seen[-1]") == "(41, 41)"
        for lost in range(2):
            wait_until_ready(cluster)
            host = host_of(cluster, where(k))
            cluster.kill(host)
            before = eval(value(k, "slider.value"))
            assert eval(value(k, "box.children[0] is slider, " + names)) == (True, *known)
            said = told(button, {"method": "custom", "content": {"event": "click"}})
            assert [kind for kind, comm, data in said if comm == slider] == ["comm_msg"], said
            assert said[0][2].get("state", {}).get("value") == before + 1, said
            assert value(k, "slider.value, seen[-1]") == str((before + 1, before + 1))
            assert value(k, "inner.children[0].value += 1; seen[-1], inner.children[0].comm is not None") == str(
                (-4 - lost, True))
            _, messages = k.run("import gc; gc.collect()\nslider.value = 7")
            assert [m["content"]["comm_id"] for m in messages if m["msg_type"].startswith("comm")] == [slider], messages
            cluster.start(host)


def lose_third(cluster):
    """Of three hosts, as kernels begin with two."""
    wait_until(lambda: all(h["up"] for h in cluster.status()["hosts"]))
    cluster.kill(3)
    wait_until(lambda: not cluster.status(1)["hosts"][2]["up"])


def case_host_missing(cluster):
    """A kernel begins with two of three hosts, has the third once it is there, and then survives the first."""
    lose_third(cluster)
    with Kernel() as k:
        assert value(k, "x = [1]\nx") == "[1]"
        assert len(cluster.status(1)["kernels"][0]["replicas"]) == 2, cluster.status(1)
        cluster.start(3)
        wait_until_ready(cluster)
        cluster.kill(host_of(cluster, where(k)))
        assert value(k, "x.append(2)\nx") == "[1, 2]"


def case_majority_lost(cluster):
    """With one of two replicas lost a cell says that it waits, and goes on when the host is back."""
    lose_third(cluster)
    with Kernel() as k:
        assert value(k, "x = [1]\nx") == "[1]"
        lost = host_of(cluster, where(k))
        cluster.kill(lost)
        request = k.client.execute("x.append(2)\nx")
        said = next(m for m in iter(lambda: k.client.get_iopub_msg(timeout=TIMEOUT), None) if
                    m["parent_header"].get("msg_id") == request)
        assert said["msg_type"] == "stream" and "a majority of the kernel's replicas" in said["content"]["text"], said
        cluster.start(lost)
        assert k.reply_to(request)["status"] == "ok"
        assert value(k, "x") == "[1, 2]"


def case_proxy_killed(cluster):
    k = Kernel()
    pids = [p for i in cluster.hosts for p in cluster.interpreters(i)]
    assert len(pids) == 3
    os.kill(k.pid(), 9)
    k.client.stop_channels()
    wait_until(lambda: all(gone(p) for p in pids))  # the cluster closes what has no proxy


NOTEBOOK = [
    "import math\nimport collections\nPoint = collections.namedtuple('Point', 'x y')",
    "def area(r):\n    return math.pi * r ** 2",
    "areas = {r: area(r) for r in range(4)}\nareas",
    "class Counter:\n    def __init__(self):\n        self.seen = []\n    def add(self, x):\n"
    "        self.seen.append(x)\n        return len(self.seen)\ncounter = Counter()\ncounter.add('first')",
    "alias = counter.seen",
    # The one that is under way when its host is killed: it says so, and waits until it may go on.
    "import os, time\nopen(os.environ['BEGUN'], 'a').write(f'{os.getpid()} ')\n"
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

    def leader_of(log):
        """Of the cluster's log or of the kernel's, who leads: while they elect one, nobody knows."""
        return wait_until(lambda: log(cluster.status())["leader"])

    def begun():
        """The interpreters that the cell has begun on."""
        with open(os.environ["BEGUN"], encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def kill(host):
        cluster.kill(host)
        killed.append(host)

    def back():
        cluster.start(killed[-1])
        wait_until(lambda: all(h["up"] for h in cluster.status()["hosts"]))
        wait_until_ready(cluster)

    def before_cell(index):
        if index == 3:
            kill(leader_of(lambda status: status["kernels"][0]))  # where the last cell ran
        elif index == 5:
            back()

            def kill_in_the_cell():
                kill(host_of(cluster, wait_until(begun)[0]))
                open(os.environ["GO"], "w").close()

            threading.Thread(target=kill_in_the_cell).start()
        elif index == 11:
            back()
            kill(leader_of(lambda status: status))

    os.environ["BEGUN"], os.environ["GO"] = os.path.join(folder, "begun"), os.path.join(folder, "go")
    open(os.environ["BEGUN"], "w").close()
    for host in list(cluster.hosts):  # once more, with the environment that the cells look at
        cluster.kill(host)
        cluster.start(host)
    disturbed = execute("hpcsched", before_cell)
    assert len(begun()) == 2, "the cell that was under way has run on two hosts"
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
        cluster.kill(wait_until(lambda: cluster.status()["leader"]))
        assert value(k, "%gpu 1\nx") == "5"

# SPDX-License-Identifier: Apache-2.0
"""What only a cluster has: users, GPUs, stores, TLS, drains and pages."""
from jupyter_client.connect import write_connection_file
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

from kernels import Kernel, TIMEOUT, host_of, value, wait_until, wait_until_ready, where


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
            wait_until(lambda: uid_of(pid) == {str(user.pw_uid), str(user.pw_gid)})  # it begins as its host's
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


def case_idle_interpreters_end(cluster):
    """With --reclaim-after: what nobody uses ends, the next cell finds all, and what the log has not stays."""
    def interpreters():
        return sum(len(cluster.interpreters(i)) for i in cluster.hosts)

    def others_were_up(seen=set()):
        seen.update(i for i in cluster.hosts if cluster.interpreters(i))
        return len(seen) == 3

    with Kernel() as k:
        wait_until_ready(cluster)
        reply, _ = k.run("import os\nx = [1, 2]\ndef f(): return sum(x)\nos.getpid()")
        assert reply["status"] == "ok" and reply["execution_count"] == 1, reply
        wait_until(lambda: interpreters() == 0)
        reply, messages = k.run("x.append(f()); print(x)")
        assert reply["status"] == "ok" and reply["execution_count"] == 2, reply
        kinds = [(m["msg_type"], m["content"].get("execution_state"), m["content"].get("text")) for m in messages]
        assert kinds == [("status", "busy", None), ("execute_input", None, None), ("stream", None, "[1, 2, 3]\n"),
                         ("status", "idle", None)], kinds
        wait_until(others_were_up)
        wait_until(lambda: interpreters() == 0)
        assert [cluster.status(i)["kernels"][0]["interpreter"] for i in (1, 2, 3)] == ["ended"] * 3, cluster.status()
        assert "idle, interpreter on host 1 ended" in cluster.ask("status", host=1).stdout
        matches = k.reply_to(k.client.complete("x.app"))["matches"]  # a look wakes it too
        assert len(matches) == 1 and matches[0].endswith("append"), matches
        wait_until(lambda: interpreters() == 0)
        keeps = int(value(k, "h = open('/dev/null'); os.getpid()"))
        wait_until(lambda: interpreters() == 1)
        time.sleep(3)  # three times as long as it takes the others to end
        assert cluster.interpreters(host_of(cluster, keeps)) == [keeps]
        cluster.kill(host_of(cluster, where(k)))
        assert value(k, "x, f()") == "([1, 2, 3], 6)"


def case_policies(cluster):
    """One host of eight devices: by the order that is chosen, and another one after a change."""
    go = os.path.join(cluster.folder, "go")

    def waiting():
        return sum(1 for kernel in cluster.status()["kernels"] if "leased_cell" in kernel
                   and not kernel["leased_cell"]["running"])

    def running():
        return sum(1 for kernel in cluster.status()["kernels"] if kernel.get("leased_cell", {}).get("running"))

    def restart(*options):
        cluster.kill(1)
        cluster.options += options
        cluster.start(1)

    by_default = {"replicas": 1, "placement": "pack", "admission": "everyone", "service_level": 0.9,
                  "subscription_limit": 7.0, "queue": "fifo", "patience_ms": 0}
    assert wait_until(lambda: cluster.status().get("policies")) == by_default, cluster.status()
    assert "policies: 1 replica, placement pack, admission everyone, queue fifo, patience 0 s" in cluster.ask("status").stdout
    until_told = f"import os, time\nwhile not os.path.exists({go!r}): time.sleep(0.01)\ntime.time()"
    with Kernel() as first, Kernel() as large, Kernel() as small:
        requests = []
        for k, gpus in ((first, 4), (large, 8), (small, 4)):
            requests.append(k.client.execute(f"%gpu {gpus}\n{until_told}"))
            wait_until(lambda: running() + waiting() == len(requests))
        assert (running(), waiting()) == (1, 2), "the last would fit, and waits behind the large one"
        open(go, "w").close()
        for k, request in zip((first, large, small), requests):
            assert k.reply_to(request)["status"] == "ok"
    restart("--queue", "shortest")
    wait_until(lambda: "the cluster goes by other policies than this host was started with" in cluster.log(1))
    assert cluster.status()["policies"] == by_default
    restart("--change-policies")
    wait_until(lambda: cluster.status()["policies"]["queue"] == "shortest")


def case_admission(cluster):
    """One host, that two kernels of eight devices leave free for 0.56 of the time, as long as nothing is known of them:
    a third is not let in where it is to be 0.7."""
    assert wait_until(lambda: cluster.status().get("policies"))["admission"] == "service-level"
    assert "admission service-level 0.7," in cluster.ask("status").stdout
    with Kernel() as first, Kernel() as second:
        assert value(second, "1 + 1") == "2"
        with Kernel() as third:  # is there to who started it
            def asked(code):
                """A request that was told why it waits."""
                request = third.client.execute(code)
                while not ((told := third.client.get_iopub_msg(timeout=TIMEOUT))["msg_type"] == "stream"
                           and told["parent_header"]["msg_id"] == request):
                    pass
                assert "or admits no more kernels that may ask for 8 GPUs" in told["content"]["text"], told
                return request

            unwanted = asked("%gpu 8\n0")  # told first: a signal may overtake a message
            third.manager.interrupt_kernel()
            assert third.reply_to(unwanted)["status"] == "aborted"
            request = asked("6 * 7")
            assert [len(k["replicas"]) for k in cluster.status()["kernels"]].count(0) == 1, cluster.status()
            assert "waits for hosts" in cluster.ask("status").stdout
            first.manager.shutdown_kernel()
            assert third.reply_to(request)["status"] == "ok"
            assert third.reply_to(third.client.kernel_info())["implementation"] == "ipython"
            assert value(third, "%gpu 8\nimport os; len(os.environ['CUDA_VISIBLE_DEVICES'].split(','))") == "8"


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


def case_drain(cluster):
    with Kernel() as k:
        k.run("x = [1, 2]")
        wait_until_ready(cluster)
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

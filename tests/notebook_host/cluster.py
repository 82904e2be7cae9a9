# SPDX-License-Identifier: Apache-2.0
"""Hosts of replicated kernels on this machine, each a process of `hpcsched notebook serve`."""
import json
import os
import signal
import socket
import subprocess
import sys


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    """`with Cluster(program, folder) as c:`; a host that is killed takes its interpreters with it."""

    def __init__(self, program, folder, hosts=3, gpus=0, options=(), redis=False, tls=False):
        self.program, self.folder, self.gpus, self.options = program, folder, gpus, list(options)
        self.store, self.redis = os.path.join(folder, "store"), None
        if redis:
            self.start_redis()
        self.nodes = ",".join(f"{i}=127.0.0.1:{port}" for i, port in enumerate(free_ports(hosts), 1))
        self.tls = tls
        if tls:
            self.make_certificates(["client", "operator", "nobody", "daemon", "root"])
        if os.geteuid() == 0 and "--run-as" not in self.options:
            self.options += ["--run-as", "self"]
        self.hosts = {}
        for i in range(1, hosts + 1):
            self.start(i)

    def start(self, i):
        log = open(os.path.join(self.folder, f"host{i}.log"), "ab")
        self.hosts[i] = subprocess.Popen(
            [self.program, "notebook", "serve", "--id", str(i), "--nodes", self.nodes,
             "--data", os.path.join(self.folder, f"host{i}"), "--store", self.store,
             "--gpus", str(self.gpus), "--python", sys.executable, *self.guard(f"node-{i}"), *self.options],
            stdout=subprocess.PIPE, stderr=log)
        log.close()
        said = self.hosts[i].stdout.readline().decode()
        assert said.startswith("host"), self.log(i)
        self.page = said.split()[-1]  # where there is one

    def make_certificates(self, clients):
        """An authority of this cluster's own, and what it signed for each node and client."""
        done = subprocess.run([self.program, "notebook", "certificates", "--out", self.folder, "--nodes", self.nodes,
                               "--clients", ",".join(clients)], check=True, capture_output=True, text=True)
        return done.stdout.split()

    def guard(self, name):
        """The options that show who somebody is."""
        files = {"certificate": f"{name}.pem", "key": f"{name}.key", "authority": "authority.pem"}
        return [word for what, file in files.items() for word in (f"--tls-{what}", os.path.join(self.folder, file))
                ] if self.tls else []

    def start_redis(self):
        path = os.path.join(self.folder, "redis.sock")
        self.redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly",
                                       "no", "--dir", self.folder], stdout=subprocess.DEVNULL)
        self.store = "redis+unix://" + path
        while subprocess.run(["redis-cli", "-s", path, "ping"], capture_output=True).stdout != b"PONG\n":
            assert self.redis.poll() is None

    def log(self, i):
        with open(os.path.join(self.folder, f"host{i}.log"), encoding="utf-8") as file:
            return file.read()

    def signal(self, i, number):
        self.hosts[i].send_signal(number)

    def kill(self, i):
        self.signal(i, signal.SIGKILL)
        self.hosts[i].wait()
        self.hosts[i].stdout.close()

    def interpreters(self, i):
        if self.hosts[i].poll() is not None:
            return []
        pid = self.hosts[i].pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def status(self, host=None):
        """As a host sees it; None: the first that answers."""
        told = self.ask("status", "--json", host=host)
        assert told.returncode == 0, told
        return json.loads(told.stdout)

    def ask(self, command, *words, host=None, name="client"):
        """What a command of somebody's came to."""
        nodes = self.nodes if host is None else self.nodes.split(",")[host - 1]
        return subprocess.run([self.program, "notebook", command, "--nodes", nodes, *self.guard(name), *words],
                              capture_output=True, text=True)

    def install(self, *options, client="client"):
        subprocess.run([self.program, "notebook", "install", "--nodes", self.nodes, *self.guard(client), *options],
                       check=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for host in self.hosts.values():
            host.terminate()
        for i, host in self.hosts.items():
            try:
                host.wait(10)
            except subprocess.TimeoutExpired:
                host.kill()
                host.wait()
            host.stdout.close()
            if any(failure):
                print(f"--- host {i}\n{self.log(i)}", file=sys.stderr)
        if self.redis:
            self.redis.kill()
            self.redis.wait()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Round trips of cells by a stock jupyter_client: a plain ipykernel, the same behind libzmq's own forwarder
(zmq_proxy, which looks at nothing: what a process between them costs at the least), the same behind `hpcsched notebook
kernel`, and a kernel of three replicas on three hosts, whose reply comes when its assignment and what it changed are
committed.

They take turns, cell by cell with a short rest between, so that all see the same machine. Needs python3-jupyter-client,
python3-ipykernel and python3-cloudpickle.

  bench/notebook_host/round_trip.py build/release/src/cli/hpcsched [cells [option of `notebook serve`]...]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/notebook_host"))


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def forward(path):
    """Is a kernel: an ipykernel on sockets of its own, and zmq_proxy between each of them and the file's."""
    import threading

    import zmq

    with open(path, encoding="utf-8") as file:
        front = json.load(file)
    context, pairs, inner = zmq.Context(), [], dict(front, ip="127.0.0.1")
    for channel, outside, inside in (("shell", zmq.ROUTER, zmq.DEALER), ("control", zmq.ROUTER, zmq.DEALER),
                                     ("stdin", zmq.ROUTER, zmq.DEALER), ("hb", zmq.ROUTER, zmq.DEALER),
                                     ("iopub", zmq.XPUB, zmq.XSUB)):
        probe = context.socket(zmq.REP)
        inner[channel + "_port"] = probe.bind_to_random_port("tcp://127.0.0.1")
        probe.close(0)
        ends = context.socket(outside), context.socket(inside)
        ends[0].bind(f"tcp://{front['ip']}:{front[channel + '_port']}")
        pairs.append((channel, *ends))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(inner, file)
        file.flush()
        kernel = subprocess.Popen([sys.executable, "-m", "ipykernel_launcher", "-f", file.name])
        for channel, outside, inside in pairs:
            inside.connect(f"tcp://127.0.0.1:{inner[channel + '_port']}")
            threading.Thread(target=zmq.proxy, args=(outside, inside), daemon=True).start()
        kernel.wait()
    os._exit(0)  # proxies do not end


def install_forwarder(folder):
    os.makedirs(os.path.join(folder, "kernels/forwarded"))
    with open(os.path.join(folder, "kernels/forwarded/kernel.json"), "w", encoding="utf-8") as file:
        json.dump({"argv": [sys.executable, os.path.abspath(__file__), "--forward", "{connection_file}"],
                   "display_name": "forwarded", "language": "python"}, file)


def main():
    from cluster import Cluster
    from kernels import Kernel

    program = os.path.abspath(sys.argv[1])
    cells = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with tempfile.TemporaryDirectory() as folder, Cluster(program, folder, options=sys.argv[3:]) as cluster:
        os.environ["JUPYTER_DATA_DIR"] = folder
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        subprocess.run([program, "notebook", "install", "--name", "proxied", "--python", sys.executable], check=True,
                       stdout=subprocess.DEVNULL)
        cluster.install("--name", "replicated")
        install_forwarder(folder)
        kernels = {name: Kernel(name) for name in ("python3", "forwarded", "proxied", "replicated")}
        times = {name: [] for name in kernels}
        for i in range(cells + 20):
            for name, k in kernels.items():
                begin = time.perf_counter()
                reply = k.client.execute_interactive(f"x = {i}", timeout=60, output_hook=lambda message: None)
                took = (time.perf_counter() - begin) * 1000
                assert reply["content"]["status"] == "ok"
                if i >= 20:
                    times[name].append(took)
                time.sleep(0.02)  # what replicas do behind a reply is in nobody's time
        for k in kernels.values():
            k.client.stop_channels()
            k.manager.shutdown_kernel()
    result = {name: {f"p{int(100 * s)}_ms": round(percentile(v, s), 3) for s in (0.5, 0.9, 0.99)}
              for name, v in times.items()}
    for name in ("forwarded", "proxied", "replicated"):
        result[f"added_by_{name}_ms"] = {p: round(result[name][p] - result["python3"][p], 3) for p in result[name]}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    forward(sys.argv[2]) if sys.argv[1] == "--forward" else main()

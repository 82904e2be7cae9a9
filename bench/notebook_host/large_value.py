#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An array of 1 GiB that a cell assigns in a kernel of three replicas: what the cell costs beside a plain ipykernel and
beside writing as much to the same disk, how long until another replica has it, and what of it is in the log.

  bench/notebook_host/large_value.py build/release/src/cli/hpcsched [MiB]

Needs python3-jupyter-client, python3-ipykernel, python3-cloudpickle and python3-numpy; memory for four such arrays.
"""
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/notebook_host"))


def main():
    from cluster import Cluster
    from kernels import Kernel

    program = os.path.abspath(sys.argv[1])
    size = (int(sys.argv[2]) if len(sys.argv) > 2 else 1024) << 20
    result = {"MiB": size >> 20}
    with tempfile.TemporaryDirectory() as folder, Cluster(program, folder) as cluster:
        os.environ["JUPYTER_DATA_DIR"] = folder
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        cluster.install()

        def timed(client, code):
            begin = time.perf_counter()
            outputs = []
            reply = client.execute_interactive(code, timeout=300, output_hook=outputs.append)
            assert reply["content"]["status"] == "ok", reply
            shown = [m["content"]["data"]["text/plain"] for m in outputs if m["msg_type"] == "execute_result"]
            assert not [m for m in outputs if m["msg_type"] == "stream"], outputs
            return round(time.perf_counter() - begin, 3), shown

        assign = f"import numpy\nbig = numpy.random.default_rng(1).integers(0, 255, {size}, 'uint8')"
        look = "int(big[12345]), big.nbytes"
        block = os.urandom(1 << 20)
        begin = time.perf_counter()
        with open(os.path.join(folder, "plain"), "wb") as file:
            for _ in range(size >> 20):
                file.write(block)
            file.flush()
            result["plain_write_s"] = round(time.perf_counter() - begin, 3)
            os.fsync(file.fileno())
        result["plain_write_and_fsync_s"] = round(time.perf_counter() - begin, 3)
        os.unlink(os.path.join(folder, "plain"))
        kernels = {name: Kernel(name) for name in ("python3", "hpcsched")}
        plain, replicated = kernels["python3"].client, kernels["hpcsched"].client
        result["assign_plain_s"], _ = timed(plain, assign)
        _, expected = timed(plain, look)
        kernels["python3"].manager.shutdown_kernel()
        result["assign_replicated_s"], _ = timed(replicated, assign)
        result["read_again_s"], shown = timed(replicated, look)
        assert shown == expected
        _, pid = timed(replicated, "import os; os.getpid()")
        host = next(i for i in cluster.hosts if int(pid[0]) in cluster.interpreters(i))
        log = os.path.join(folder, f"host{host}")
        with open(os.path.join(log, sorted(f for f in os.listdir(log) if f.endswith(".log"))[-1]), "rb") as file:
            result["log_KiB"] = len(file.read().rstrip(b"\0")) >> 10
        cluster.kill(host)
        result["on_another_host_s"], shown = timed(replicated, look)
        assert shown == expected
        result["changed_in_place_s"], _ = timed(replicated, "big[5] += 1")
        kernels["hpcsched"].manager.shutdown_kernel()
    result["assign_beside_plain_write"] = round(
        (result["assign_replicated_s"] - result["assign_plain_s"]) / result["plain_write_s"], 2)
    print(json.dumps(result, indent=1))


main()

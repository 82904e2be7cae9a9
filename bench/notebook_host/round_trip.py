#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Round trips of cells through `hpcsched notebook kernel`, beside the same kernel without it, by a stock jupyter_client.

The two take turns, cell by cell, so that both see the same machine. Needs python3-jupyter-client and python3-ipykernel.

  bench/notebook_host/round_trip.py build/release/src/cli/hpcsched [cells]
"""
import json
import os
import subprocess
import sys
import tempfile
import time


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    program = os.path.abspath(sys.argv[1])
    cells = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_DATA_DIR"] = folder
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        subprocess.run([program, "notebook", "install", "--name", "proxied", "--python", sys.executable], check=True,
                       stdout=subprocess.DEVNULL)
        from jupyter_client.manager import KernelManager

        kernels = {}
        for name in ("python3", "proxied"):
            manager = KernelManager(kernel_name=name)
            manager.start_kernel()
            client = manager.client()
            client.start_channels()
            client.wait_for_ready(timeout=60)
            kernels[name] = (manager, client)
        times = {name: [] for name in kernels}
        for i in range(cells + 20):
            for name, (_, client) in kernels.items():
                begin = time.perf_counter()
                reply = client.execute_interactive(f"x = {i}", timeout=60, output_hook=lambda message: None)
                took = (time.perf_counter() - begin) * 1000
                assert reply["content"]["status"] == "ok"
                if i >= 20:
                    times[name].append(took)
        for manager, client in kernels.values():
            client.stop_channels()
            manager.shutdown_kernel()
    result = {name: {f"p{int(100 * s)}_ms": round(percentile(v, s), 3) for s in (0.5, 0.9, 0.99)}
              for name, v in times.items()}
    result["added_p50_ms"] = round(result["proxied"]["p50_ms"] - result["python3"]["p50_ms"], 3)
    print(json.dumps(result))


main()

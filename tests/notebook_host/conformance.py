# SPDX-License-Identifier: Apache-2.0
"""A stock jupyter_client, and nbclient, against `hpcsched notebook kernel`: one case at a time.

  python3 conformance.py <case> <program hpcsched> [<hosts>]

Without hosts the proxy has one ipykernel behind it; with them the kernel has replicas on so many hosts.

Exits 0 where the case holds, 77 where Debian's Jupyter packages are missing, else with what is wrong.
"""
import os
import queue
import shutil
import subprocess
import sys
import tempfile

try:
    import cluster_cases
    import fault_cases
    import kernel_cases
    from cluster import Cluster
except ImportError as missing:
    print(missing)
    sys.exit(77)

OPTIONS = {"store_is_swept": ["--store-interval", "500ms", "--store-age", "1s"],
           "idle_interpreters_end": ["--reclaim-after", "1s"],
           "admission": ["--admission", "service-level", "--service-level", "0.7"],
           "policies": ["--placement", "pack", "--patience", "0"],
           "proxy_killed": ["--orphan-timeout", "1s"], "page": ["--page", "127.0.0.1:0"],
           "page_with_token": ["--page", "127.0.0.1:0", "--token", "open sesame"],
           "users": ["--run-as", "certificate", "--warm", "1"],
           "jupyterhub": ["--run-as", "certificate"]}


def case_of(name):
    """Servers and browsers need more packages than the others do."""
    modules = [kernel_cases, fault_cases, cluster_cases]
    if not any(hasattr(module, f"case_{name}") for module in modules):
        try:
            import server_cases
        except ImportError as missing:
            print(missing)
            sys.exit(77)
        modules.append(server_cases)
    return next(getattr(module, f"case_{name}") for module in modules if hasattr(module, f"case_{name}"))


def main():
    name = sys.argv[1]
    case = case_of(name)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_DATA_DIR"] = folder
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        if len(sys.argv) > 3:
            options = ["--host-timeout", "1s", *OPTIONS.get(name, [])]
            if "--warm" not in options:
                options += ["--warm", "0"]
            if name in ("users", "jupyterhub"):
                if os.geteuid() != 0:
                    print("only root can start kernels of other users")
                    sys.exit(77)
                os.chmod(folder, 0o711)  # the users come through it to their part of the store
            if name == "redis" and not shutil.which("redis-server"):
                print("no Redis on this machine: apt-get install redis-server")
                sys.exit(77)
            with Cluster(sys.argv[2], folder, int(sys.argv[3]), gpus=8, options=options,
                         redis=name == "redis", tls=name in ("tls", "users", "jupyterhub")) as cluster:
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

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2086 # lists of packages are words, to be split
# What the project's scripts need from Debian 12, by purpose, and how they get it. Sourced by examples/quickstart.sh,
# tests/run.sh and bench/run.sh; not run by itself.

# hpcsched_packages <purpose>: the Debian packages that serve it
hpcsched_packages() {
  case $1 in
    build) echo g++ cmake ninja-build libboost1.81-dev libeigen3-dev ;;
    cache) echo ccache ;;
    program)
      echo libboost-json1.81-dev libboost-iostreams1.81-dev zlib1g-dev libcli11-dev libtomlplusplus-dev libjs-chart.js
      ;;
    tests) echo doctest-dev ;;
    bench) echo libbenchmark-dev libboost-json1.81-dev libcli11-dev ;;
    load) echo wrk nginx-light ;;
    live) echo libbpf-dev clang-19 prometheus-cpp-dev libboost-url1.81-dev ;;
    raft) echo libxxhash-dev liburing-dev libflatbuffers-dev flatbuffers-compiler libssl-dev openssl ;;
    etcd) echo etcd-server etcd-client ;;
    notebooks)
      hpcsched_packages raft # its hosts are Raft nodes
      echo cppzmq-dev libzmq3-dev libhiredis-dev libboost-json1.81-dev
      ;;
    jupyter)
      echo python3-jupyter-client python3-ipykernel python3-nbclient python3-nbformat python3-cloudpickle \
        python3-numpy python3-xxhash redis-server
      ;;
    servers)
      echo jupyter-notebook python3-jupyter-server python3-ipywidgets jupyter-nbextension-jupyter-js-widgets \
        python3-websocket
      ;;
    hub) echo jupyterhub ;;
    predict) echo libnlopt-dev libnlopt-cxx-dev libbullet-dev libboost-json1.81-dev ;;
    # OpenBLAS: without it matrices are multiplied by the reference BLAS, 25 times slower.
    fuse) echo libtorch-dev libopenblas0-pthread python3-torch ;;
    partitions) echo iproute2 nftables util-linux ;;
    mpi) echo libboost-mpi1.81-dev libopenmpi-dev openmpi-bin ;;
    fuzz) echo clang-19 libclang-rt-19-dev ;;
    format) echo clang-format-19 ;;
    page) echo chromium ;;
    platforms) echo runc busybox-static ;;
    guest) echo qemu-system-x86 busybox-static cpio zstd systemd ;;
  esac
}

# hpcsched_why <purpose>: what is left out where its packages are missing
hpcsched_why() {
  case $1 in
    cache) echo "the compiler cache: building again takes as long as the first time" ;;
    live) echo "steering real processes (hpcsched::cpu_linux), the FaaS host (hpcsched::faas_host) and their tests" ;;
    raft) echo "Raft on files, sockets and etcd (hpcsched::raft_log, raft_asio, raft_etcd) and its tests" ;;
    etcd) echo "the tests and figures against a real etcd" ;;
    notebooks) echo "the kernel that a Jupyter starts (hpcsched::notebook_host) and its tests" ;;
    jupyter) echo "the tests with a real Jupyter and a real Redis" ;;
    servers) echo "the tests behind Debian's own Jupyter servers, and with notebook 6's page in a browser" ;;
    hub) echo "the test with a JupyterHub" ;;
    predict) echo "fitted noise and worlds of Bullet (hpcsched::predict_fit, predict_bullet), and their tests" ;;
    fuse) echo "fusing networks (hpcsched::fuse_torch) and its tests" ;;
    partitions) echo "the test that cuts real processes off from each other" ;;
    mpi) echo "grids over many machines (hpcsched::experiment_mpi) and their tests" ;;
    fuzz) echo "the fuzz targets of the readers, and reading the headers with clang" ;;
    format) echo "the check of the format" ;;
    page) echo "the test that looks at the report in a browser" ;;
    bench) echo "the benchmarks and their smoke tests" ;;
    guest) echo "the tests on a kernel with sched_ext (tests/guest.sh)" ;;
    platforms) echo "the tests that steer a web server's programs and a container's" ;;
    load) echo "the figures of the FaaS host" ;;
    *) echo "everything" ;;
  esac
}

# hpcsched_missing <purpose>...: the packages that are not installed. Where there is no dpkg nobody can say, so none.
hpcsched_missing() {
  local purpose wanted installed
  command -v dpkg-query >/dev/null || return 0
  wanted=$(for purpose in "$@"; do hpcsched_packages "$purpose"; done | tr ' ' '\n' | sort -u)
  installed=$({ dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true; } |
    sed -n 's/^installed //p' | sort -u)
  comm -23 <(echo "$wanted") <(echo "$installed")
}

# hpcsched_has <purpose>: whether all of it is installed
hpcsched_has() {
  [ -z "$(hpcsched_missing "$1")" ]
}

# hpcsched_as_root <command>...: as root already, or by sudo
hpcsched_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    sudo "$@"
  else
    echo "not root, and no sudo that works without a password" >&2
    return 1
  fi
}

# hpcsched_apt <package>...: installs them, asking nothing
hpcsched_apt() {
  hpcsched_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

# hpcsched_install "<needed purpose>..." "<optional purpose>...": installs what is missing and says so. What is needed
# and cannot be had ends the script; what is optional and cannot be had, hpcsched_left_out names.
hpcsched_install() {
  local needed=$1 optional=$2 missing purpose
  missing=$(hpcsched_missing $needed $optional)
  [ -n "$missing" ] || return 0
  if command -v apt-get >/dev/null; then
    echo "Installing from Debian:" $missing
    hpcsched_as_root apt-get update -qq || echo "The package lists stay as they are: apt-get update failed."
    hpcsched_apt $missing || for purpose in $needed $optional; do
      missing=$(hpcsched_missing "$purpose")
      [ -z "$missing" ] || hpcsched_apt $missing || echo "Could not install:" $missing
    done
  fi
  missing=$(hpcsched_missing $needed)
  if [ -n "$missing" ]; then
    echo "Missing, and needed:" $missing >&2
    echo "As root: apt-get install" $missing >&2
    exit 3
  fi
}

# hpcsched_left_out <purpose>...: names what is left out for want of a package
hpcsched_left_out() {
  local purpose missing
  for purpose in "$@"; do
    missing=$(hpcsched_missing "$purpose")
    [ -z "$missing" ] || echo "Left out: $(hpcsched_why "$purpose"). Missing:" $missing
  done
}

# hpcsched_switch <purpose>: ON or OFF for CMake
hpcsched_switch() {
  if hpcsched_has "$1"; then echo ON; else echo OFF; fi
}

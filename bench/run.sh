#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the benchmarks in Release and runs the figures that the issues name.
set -euo pipefail

usage() {
  cat <<'END'
usage: bench/run.sh [--list] [--json FILE] [FILTER]

Builds the benchmark programs in Release (build/release), runs the figures that the issues name, each beside its
comparison in the same run, and prints a table. What is missing is installed from Debian 12. Works from any folder.

  FILTER        only the figures whose name matches this regular expression
  --list        name the figures and run none
  --json FILE   also write them to FILE: an array of objects with figure, issue, value, unit, beside (the comparison's
                value, or null), ratio, goal, holds
  --help        this text

Timings are honest only on a machine that does nothing else meanwhile. Exit status: 0 every figure holds, 1 some do
not, 2 a figure could not be run or the command line is wrong, 3 a needed package is missing.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=cmake/debian.sh
. "$root/cmake/debian.sh"

arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    # The build changes the folder, so a path of the caller's is made absolute here.
    --json) [ $# -ge 2 ] || { usage >&2; exit 2; }; arguments+=(--json "$(realpath -m -- "$2")"); shift ;;
    --json=*) arguments+=(--json "$(realpath -m -- "${1#--json=}")") ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

hpcsched_install "build program bench" "cache live raft etcd load"
build=$root/build/release
cd "$root"
if [ -f "$build/build.ninja" ]; then
  cmake "$build" -DHPCSCHED_BUILD_BENCH=ON -DHPCSCHED_WITH_CPU_LINUX="$(hpcsched_switch live)" \
    -DHPCSCHED_WITH_FAAS_HOST="$(hpcsched_switch live)" -DHPCSCHED_WITH_RAFT_LOG="$(hpcsched_switch raft)" \
    -DHPCSCHED_WITH_RAFT_ASIO="$(hpcsched_switch raft)" -DHPCSCHED_WITH_RAFT_ETCD="$(hpcsched_switch raft)" \
    -DHPCSCHED_WITH_GPU_CUDA=ON \
    --log-level=WARNING >/dev/null
else
  cmake --preset release -DHPCSCHED_BUILD_TESTS=OFF -DHPCSCHED_BUILD_EXAMPLES=OFF \
    -DHPCSCHED_WITH_CPU_LINUX="$(hpcsched_switch live)" -DHPCSCHED_WITH_FAAS_HOST="$(hpcsched_switch live)" \
    -DHPCSCHED_WITH_RAFT_LOG="$(hpcsched_switch raft)" -DHPCSCHED_WITH_RAFT_ASIO="$(hpcsched_switch raft)" \
    -DHPCSCHED_WITH_RAFT_ETCD="$(hpcsched_switch raft)" -DHPCSCHED_WITH_GPU_CUDA=ON --log-level=WARNING >/dev/null
fi
hpcsched_left_out live raft etcd load
cmake --build "$build" --parallel "$(nproc)" --target hpcsched_bench_programs >&2
exec "$build/bench/hpcsched_figures" --programs "$build/bench/programs.txt" ${arguments[@]+"${arguments[@]}"}

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds in Release and runs every test.
set -euo pipefail

usage() {
  cat <<'END'
usage: tests/run.sh [--no-install] [argument of ctest]...

Installs from Debian 12 what is missing (as root, or by sudo), builds everything in build/release, runs every test,
and says which were skipped and why. Works from any folder.

  --no-install   leave the machine as it is; what cannot be built or run without a package is left out and named
  --help         this text

Everything else goes to ctest:
  tests/run.sh -R sfs              the tests whose name matches sfs
  tests/run.sh -L house            the tests with a label: unit, house, package, compile_fail, bench_smoke, ...
  tests/run.sh --rerun-failed      what failed last time

Environment: HPCSCHED_DATA names the folder with real traces; without it ../shared/data is taken, and where there is
none, the tests that read them are skipped.

Exit status: 0 all passed, 3 a needed package is missing, else that of the build or of ctest.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=cmake/debian.sh
. "$root/cmake/debian.sh"

install=yes
ctest_arguments=()
for argument in "$@"; do
  case $argument in
    --help | -h) usage; exit 0 ;;
    --no-install) install=no ;;
    *) ctest_arguments+=("$argument") ;;
  esac
done

optional="cache bench live platforms raft etcd notebooks jupyter servers predict fuse partitions mpi fuzz format page"
# Its package starts a JupyterHub for all users where there is a systemd: who wants that installs it.
if [ ! -d /run/systemd/system ] || hpcsched_has hub; then optional="$optional hub"; fi
[ "$install" = no ] || hpcsched_install "build program tests" "$optional"
# shellcheck disable=SC2086 # a list of words
hpcsched_left_out $optional
if [ -z "${HPCSCHED_DATA:-}" ] && [ -d "$root/../shared/data" ]; then
  HPCSCHED_DATA=$(cd "$root/../shared/data" && pwd)
  export HPCSCHED_DATA
fi

build=$root/build/release
cores=$(nproc)
SECONDS=0
cd "$root"
cmake --preset release --log-level=WARNING \
  -DHPCSCHED_WITH_EXPERIMENT=ON -DHPCSCHED_BUILD_CLI=ON -DHPCSCHED_BUILD_TESTS=ON -DHPCSCHED_BUILD_EXAMPLES=ON \
  -DHPCSCHED_BUILD_BENCH="$(hpcsched_switch bench)" -DHPCSCHED_WITH_MPI="$(hpcsched_switch mpi)" \
  -DHPCSCHED_WITH_CPU_LINUX="$(hpcsched_switch live)" -DHPCSCHED_WITH_FAAS_HOST="$(hpcsched_switch live)" \
  -DHPCSCHED_WITH_RAFT_LOG="$(hpcsched_switch raft)" -DHPCSCHED_WITH_RAFT_ASIO="$(hpcsched_switch raft)" \
  -DHPCSCHED_WITH_RAFT_ETCD="$(hpcsched_switch raft)" -DHPCSCHED_WITH_GPU_CUDA=ON \
  -DHPCSCHED_WITH_NOTEBOOK_HOST="$(hpcsched_switch notebooks)" \
  -DHPCSCHED_WITH_PREDICT_FIT="$(hpcsched_switch predict)" \
  -DHPCSCHED_WITH_PREDICT_BULLET="$(hpcsched_switch predict)" \
  -DHPCSCHED_WITH_FUSE_TORCH="$(hpcsched_switch fuse)" >/dev/null
echo "Building in build/release ..."
cmake --build "$build" --parallel "$cores" --target all house_headers house_noexcept
echo "Built in $SECONDS s."

status=0
ctest --test-dir "$build" --parallel "$cores" --output-on-failure --no-tests=error \
  ${ctest_arguments[@]+"${ctest_arguments[@]}"} || status=$?

log=$build/Testing/Temporary/LastTest.log
if [ -f "$log" ]; then
  # A skipped test prints one line with its reason; equal reasons are told once, with how many tests they concern.
  reasons=$(sed -n 's/^skipped: //p' "$log" | sort | uniq -c | sed 's/^ *\([0-9]*\) /  \1 skipped: /')
  [ -z "$reasons" ] || printf '\nSkipped, and why:\n%s\n' "$reasons"
fi
if [ "$status" -eq 0 ]; then verdict="every test passed"; else verdict="FAILED"; fi
echo "tests/run.sh: $verdict, $((SECONDS / 60)) min $((SECONDS % 60)) s with the build"
exit "$status"

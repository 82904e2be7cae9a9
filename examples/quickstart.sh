#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds the program in Release and runs one experiment: how schedulers treat a FaaS workload.
set -euo pipefail

usage() {
  cat <<'END'
usage: examples/quickstart.sh [--no-install] [argument of hpcsched simulate]...

Installs from Debian 12 what is missing (as root, or by sudo), builds the program hpcsched in build/release, and runs
the Linux default (eevdf), SFS, ALPS, this library's serpt and the oracle (srpt) on one workload. Prints a table and
writes build/quickstart/report.html, a page that opens offline. Works from any folder.

The workload is ../shared/data/azure2021_200.csv (an excerpt of the Azure Functions 2021 trace) where that file is,
else the generated mix of the SFS paper. Arguments go to `hpcsched simulate`, so another is a word away:
  examples/quickstart.sh alps-huawei --cores 24 --loads 0.7,0.8,0.9
  examples/quickstart.sh my-trace.csv --policies eevdf,serpt --loads recorded

  --no-install   leave the machine as it is
  --help         this text; build/release/src/cli/hpcsched simulate --help tells the rest

Exit status: 0 done, 3 a needed package is missing, else that of the build or of the program.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=cmake/debian.sh
. "$root/cmake/debian.sh"

install=yes
arguments=()
for argument in "$@"; do
  case $argument in
    --help | -h) usage; exit 0 ;;
    --no-install) install=no ;;
    *) arguments+=("$argument") ;;
  esac
done
if [ ${#arguments[@]} -eq 0 ]; then
  trace=$root/../shared/data/azure2021_200.csv
  if [ -f "$trace" ]; then arguments=("$(realpath "$trace")"); else arguments=(sfs-table1); fi
fi

[ "$install" = no ] || hpcsched_install "build program" "cache"
build=$root/build/release
SECONDS=0
# The tests have their own command; a build tree that has them keeps them.
if [ ! -f "$build/build.ninja" ]; then
  (cd "$root" && cmake --preset release --log-level=WARNING -DHPCSCHED_BUILD_TESTS=OFF -DHPCSCHED_BUILD_EXAMPLES=OFF \
    -DHPCSCHED_BUILD_BENCH=OFF -DHPCSCHED_WITH_MPI="$(hpcsched_switch mpi)" >/dev/null)
fi
echo "Building in build/release ..."
cmake --build "$build" --parallel "$(nproc)" --target hpcsched_cli
echo "Built in $SECONDS s."
hpcsched_left_out cache mpi

results=$root/build/quickstart
echo "hpcsched simulate ${arguments[*]} --out build/quickstart"
"$build/src/cli/hpcsched" simulate --out "$results" "${arguments[@]}"
echo "Open in a browser: $results/report.html"

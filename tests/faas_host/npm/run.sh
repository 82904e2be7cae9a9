#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Invokes a function that npm's aws-lambda-ric runs with npm's @aws-sdk/client-lambda, through `hpcsched serve`.
set -euo pipefail

usage() {
  cat <<'END'
usage: tests/faas_host/npm/run.sh [BUILD]

Installs aws-lambda-ric and @aws-sdk/client-lambda from npm's registry into BUILD/npm (build/release by default),
where they are not there yet, and runs client.mjs with BUILD/src/cli/hpcsched. aws-lambda-ric builds a part of itself
with g++, which takes some minutes. Needs node 20 or later with npm, and the program.

Exit status: 0 all is well, or skipped, which it says with its reason; 1 a check failed, 2 there is no program.
END
}
case ${1:-} in --help | -h) usage; exit 0 ;; esac

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(realpath -m -- "${1:-$here/../../../build/release}")
program=$build/src/cli/hpcsched
[ -x "$program" ] || { echo "no program $program: build the target hpcsched_cli first" >&2; exit 2; }
command -v npm >/dev/null && command -v node >/dev/null || { echo "skipped: no node with npm"; exit 0; }

packages=(aws-lambda-ric@4.0.2 @aws-sdk/client-lambda@3.1064.0)
mkdir -p "$build/npm"
cd "$build/npm"
if [ ! -d node_modules/aws-lambda-ric ] || [ ! -d node_modules/@aws-sdk/client-lambda ]; then
  echo '{"private": true}' >package.json
  if ! npm install --no-audit --no-fund "${packages[@]}" >install.log 2>&1; then
    echo "skipped: npm cannot install ${packages[*]}: $(grep -m1 'npm error' install.log || tail -1 install.log)"
    exit 0
  fi
fi
exec node "$here/client.mjs" "$program" "$build/npm"

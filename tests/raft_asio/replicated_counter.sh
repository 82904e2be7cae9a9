#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The README's counter, as its reader runs it: three processes, somebody presses Enter, one process is ended.
#   replicated_counter.sh <the program>
set -euo pipefail
program=$(realpath "$1")
folder=$(mktemp -d)
cd "$folder"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT

for i in 1 2 3; do
  mkfifo "in-$i"
  "$program" "$i" <"in-$i" >"out-$i" 2>&1 &
  processes[i]=$!
done
exec 3>in-1 4>in-2 5>in-3

# press_until <how often it was counted>: Enter in all of them, until one has counted so far
press_until() {
  for ((try = 0; try < 300; ++try)); do
    cat out-? | grep -q "counted: $1" && return
    for place in "${places[@]}"; do echo >&"$place" 2>/dev/null || true; done
    read -r -t 0.1 <> <(:) || true # some time for the processes
  done
  echo "nobody has counted to $1:"
  cat out-?
  exit 1
}

places=(3 4 5)
press_until 3
leader=$(grep -l "counted: 3" out-? | head -1)
leader=${leader#out-}
kill -9 "${processes[leader]}"
wait "${processes[leader]}" || true
places=()
for i in 1 2 3; do [ "$i" = "$leader" ] || places+=($((i + 2))); done
press_until 5
echo "counted on without its leader"

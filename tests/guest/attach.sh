#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest: hpcsched attach finds processes that it did not start, and its scheduler in the kernel runs them.
set -eu
socket=/tmp/attach.socket
failed() {
  echo "FAILED: $*"
  cat /tmp/attach.out
  exit 1
}

# work <function> <turns>: a process of a platform that knows nothing of us
work() {
  /bin/sh -c "i=0; while [ \$i -lt $2 ]; do i=\$((i+1)); done; : fn-$1"
}

hpcsched attach --match 'fn-([a-z]+)' --policy alps --backend sched_ext --socket $socket >/tmp/attach.out 2>&1 &
attach=$!
for i in $(seq 300); do
  [ ! -S $socket ] || break
  sleep 0.1
done
[ "$(cat /sys/kernel/sched_ext/state)" = enabled ] || failed "no scheduler is in the kernel"
works=
for i in 1 2 3 4 5 6; do
  work short 8000 &
  works="$works $!"
  work long 40000 &
  works="$works $!"
done
# shellcheck disable=SC2086 # a list
wait $works
for i in $(seq 100); do
  hpcsched top --json --socket $socket >/tmp/top
  [ "$(grep -o '"finished":6,' /tmp/top | wc -l)" -lt 2 ] || break
  sleep 0.1
done
[ "$(grep -o '"finished":6,' /tmp/top | wc -l)" -eq 2 ] || failed "not all were found: $(cat /tmp/top)"
grep -q '"requests_not_allowed":0,"requests_not_possible":0' /tmp/top || failed "refused: $(cat /tmp/top)"
kill -TERM $attach
wait $attach || failed "it did not end well"
[ "$(cat /sys/kernel/sched_ext/state)" = disabled ] || failed "its scheduler is still there"
cat /tmp/attach.out

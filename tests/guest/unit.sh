#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest, under systemd: the unit of examples/systemd steers containers, comes back when it is killed, and ends
# when it is told to. The "containers" are what systemd and Docker make of them: control groups of version 2.
set -eu
unit=hpcsched-attach.service
failed() {
  echo "FAILED: $*"
  systemctl --no-pager --full status $unit || true
  exit 1
}

# container <name>: a process in a control group of its own
container() {
  mkdir -p "/sys/fs/cgroup/docker/$1"
  /bin/sh -c "echo \$\$ >/sys/fs/cgroup/docker/$1/cgroup.procs
    exec /bin/sh -c 'i=0; while [ \$i -lt 20000 ]; do i=\$((i+1)); done'"
}

# seen <name> <count>: whether so many of its invocations have ended, within some seconds
seen() {
  for i in $(seq 100); do
    hpcsched top --json >/tmp/top || true
    ! grep -q "\"name\":\"$1\",\"running\":0,\"finished\":$2," /tmp/top || return 0
    sleep 0.1
  done
  return 1
}

# is_up: whether it answers, within some seconds
is_up() {
  for i in $(seq 300); do
    ! hpcsched top --json >/tmp/top 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

is_up || failed "it does not answer"
[ "$(systemctl is-active $unit)" = active ] || failed "it is not active"
container resize
container resize
seen resize 2 || failed "its containers were not seen: $(cat /tmp/top)"
grep -q '"backend":"realtime_bands"' /tmp/top || failed "another backend: $(cat /tmp/top)"
grep -q '"sensor":"bpf"' /tmp/top || failed "another sensor: $(cat /tmp/top)"
grep -q '"requests_not_allowed":0,' /tmp/top || failed "refused: $(cat /tmp/top)"
# has_metrics: within some seconds, for they are put out once in a second
has_metrics() {
  for i in $(seq 100); do
    ! wget -q -O /tmp/metrics http://127.0.0.1:9477/metrics || ! grep -q '^hpcsched_invocations_total' /tmp/metrics ||
      return 0
    sleep 0.1
  done
  cat /tmp/metrics
  return 1
}
has_metrics || failed "no metrics"
before=$(systemctl show --property MainPID --value $unit)
kill -9 "$before"
sleep 1
is_up || failed "it did not come back"
after=$(systemctl show --property MainPID --value $unit)
[ "$before" != "$after" ] || failed "it was not killed"
container thumbnail
seen thumbnail 1 || failed "after its return: $(cat /tmp/top)"
systemctl stop $unit
[ "$(systemctl show --property Result --value $unit)" = success ] || failed "it did not end well"
hpcsched top --json >/dev/null 2>&1 && failed "it still answers" || true

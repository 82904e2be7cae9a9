#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs what the kernel of this machine cannot, in a virtual machine with one that can.
set -euo pipefail

usage() {
  cat <<'END'
usage: tests/guest.sh [--no-install] [--newest] [--keep] [check]...

Boots a Debian kernel that has sched_ext and control groups of version 2 under QEMU, without KVM, with the tests and the
program of build/release inside, and tells what they say. Installs from Debian 12 what is missing (as root, or by sudo),
fetches Linux 6.18.15 from trixie-backports into build/guest (49 MB), or the newest where that is gone, and builds what
is not built. Works from any folder.

  --no-install   leave the machine as it is
  --newest       take the newest kernel (14 MB) instead
  --keep         use the kernel that was fetched last time
  --help         this text

Checks; all where none is named:
  probe      what works in the guest: hpcsched run --check
  sched_ext  the tests of the backend sched_ext: order, preemption at wake-up, kill -9 of the loader
  cgroup     the tests of control groups, on version 2
  attach     hpcsched attach steers by sched_ext what others start
  turns      the test of sched_ext that who waits for too long gets a turn
  grid       hpcsched run: agents x backends on one small trace
  unit       systemd, as process 1, runs examples/systemd/hpcsched-attach.service

The guest's time is that of its instructions, a nanosecond each: what it measures does not depend on how busy this
machine is, and is good to compare with each other, not with times of a real machine. On an idle machine all checks take
some minutes.

Environment: HPCSCHED_GUEST_BUILD names another build folder than build/release, HPCSCHED_GUEST_LIMIT the seconds after
which the guest is given up (1800).

Exit status: 0 all passed, or skipped because there is no QEMU or no kernel to be had (a line "SKIP: why" says so);
1 a check failed.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=cmake/debian.sh
. "$root/cmake/debian.sh"
build=${HPCSCHED_GUEST_BUILD:-$root/build/release}
guest=$root/build/guest
limit=${HPCSCHED_GUEST_LIMIT:-1800}
pinned=linux-image-6.18.15+deb13-cloud-amd64

install=yes
package=$pinned
checks=()
for argument in "$@"; do
  case $argument in
    --help | -h) usage; exit 0 ;;
    --no-install) install=no ;;
    --newest) package=newest ;;
    --keep) package=keep ;;
    probe | sched_ext | cgroup | attach | turns | grid | unit) checks+=("$argument") ;;
    *) usage >&2; exit 2 ;;
  esac
done
[ "${#checks[@]}" -gt 0 ] || checks=(probe sched_ext cgroup attach turns grid unit)

skip() {
  echo "SKIP: $*"
  exit 0
}

# --- the kernel ------------------------------------------------------------------------------------------------------

# apt with lists and caches of its own: this machine's are not touched
apt_of_guest() {
  local apt=$guest/apt command=$1
  shift
  "$command" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root "$@"
}

# The mirror that this machine takes Debian 12 from
debian_mirror() {
  apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^bookworm //p' | head -n 1
}

# newest_kernel: the package that has the newest kernel's image. It was the whole linux-image until 6.18; since then the
# image has a package of its own.
newest_kernel() {
  local release
  release=$(apt_of_guest apt-cache show --no-all-versions linux-image-cloud-amd64 |
    sed -n 's/^Depends:.*linux-image-\([^ ,]*-cloud-amd64\).*/\1/p' | head -n 1)
  [ -n "$release" ] || return 1
  if [ -n "$(apt_of_guest apt-cache show "linux-binary-$release" 2>/dev/null)" ]; then
    echo "linux-binary-$release"
  else
    echo "linux-image-$release"
  fi
}

# fetch_kernel: leaves it in $guest/vmlinuz
fetch_kernel() {
  local apt=$guest/apt unpacked=$guest/kernel
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie-backports main" \
    >"$apt/sources.list"
  apt_of_guest apt-get update -qq || return 1
  [ "$package" != newest ] || package=$(newest_kernel) || package=$pinned
  rm -rf "$unpacked"
  mkdir -p "$unpacked"
  (cd "$unpacked" && { apt_of_guest apt-get download -qq "$package" ||
    apt_of_guest apt-get download -qq "$(newest_kernel)" || apt_of_guest apt-get download -qq "$pinned"; } &&
    dpkg-deb -x ./*.deb .) || return 1
  find "$unpacked" -name 'vmlinuz*' -exec cp {} "$guest/vmlinuz" \;
  [ -s "$guest/vmlinuz" ]
}

# --- what is in the guest --------------------------------------------------------------------------------------------

# put <program>: copies it, and the libraries that it is linked with, into the guest's root
put() {
  local library
  install -D "$1" "$guest/root/bin/$(basename "$1")"
  ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    [ -e "$guest/root$library" ] || install -D "$library" "$guest/root$library"
  done
}

# A trace of 60 invocations of three functions of about 8, 60 and 400 ms, which offers one CPU a load of about 0.9 by
# exponential arrivals; the same each time, whatever the awk
write_trace() {
  awk 'function draw() { state = (state * 16807) % 2147483647; return state / 2147483647 }
    BEGIN {
      state = 42; at = 0
      print "arrival_ns,function,service_ns,memory_mb,blocking"
      for (i = 0; i < 60; ++i) {
        f = i % 10 == 9 ? "long" : i % 5 == 2 ? "medium" : "short"
        mean = f == "long" ? 400 : f == "medium" ? 60 : 8
        at -= log(draw()) * 64
        printf "%d,%s,%d,0,\n", at * 1000000, f, mean * (0.75 + draw() / 2) * 1000000
      }
    }' >"$1"
}

write_init() {
  cat >"$guest/root/init" <<END
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
cd /tmp
ip link set lo up 2>/dev/null
echo "@@ Linux \$(uname -r), \$(nproc) CPUs"
$1
poweroff -f
END
  chmod +x "$guest/root/init"
}

# write_systemd: systemd as process 1, which starts the unit of examples/ and then the check of it
write_systemd() {
  local units=$guest/root/etc/systemd/system
  put /lib/systemd/systemd
  put "$(command -v systemctl)"
  mkdir -p "$guest/root"/{lib/systemd/system,usr/local/bin,run,var} "$units"
  mv "$guest/root/bin/systemd" "$guest/root/lib/systemd/systemd"
  [ -e "$guest/root/usr/lib/systemd" ] || ln -s ../../lib/systemd "$guest/root/usr/lib/systemd"
  cp -a /lib/systemd/system/*.target /lib/systemd/system/*.slice "$guest/root/lib/systemd/system/"
  put /lib/systemd/systemd-executor 2>/dev/null || true
  ln -sf /bin/hpcsched "$guest/root/usr/local/bin/hpcsched"
  echo 'ID=debian' >"$guest/root/etc/os-release"
  echo 0123456789abcdef0123456789abcdef >"$guest/root/etc/machine-id"
  cp "$root/examples/systemd/hpcsched-attach.service" "$units/"
  cat >"$units/check.service" <<'END'
[Unit]
Wants=hpcsched-attach.service
After=hpcsched-attach.service
[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Environment=PATH=/bin
ExecStart=/bin/sh -c "echo '@@ begin unit'; unit.sh; echo \"@@ end unit $$?\"; poweroff -f"
END
  ln -sf check.service "$units/default.target"
  cat >"$guest/root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
ip link set lo up 2>/dev/null
mkdir -p /proc && mount -t proc none /proc
mkdir -p /sys && mount -t sysfs none /sys
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/docker
exec /lib/systemd/systemd --unit=check.service --show-status=false --log-target=console --log-level=err
END
  chmod +x "$guest/root/init"
}

# script_of <check>...: what the guest's shell does for them. Each check ends with a line "@@ <check> <exit status>".
script_of() {
  local check
  for check in "$@"; do
    echo "echo '@@ begin $check'"
    case $check in
      probe) echo "hpcsched run --check" ;;
      sched_ext) echo "test_cpu_linux -tc='sched_ext:*' -tce='*gets a turn*' --no-intro" ;;
      attach) echo "attach.sh" ;;
      turns) echo "test_cpu_linux -tc='sched_ext:*gets a turn*' --no-intro" ;;
      cgroup) echo "test_cpu_linux -tc='cgroup*' --no-intro" ;;
      grid) echo "hpcsched run /trace.csv --loads recorded --disturbed 1 --policies $grid_policies --out /tmp/run \
          >/tmp/table 2>&1; came=\$?; cat /tmp/table; (exit \$came)" ;;
    esac
    echo "echo \"@@ end $check \$?\""
  done
}
grid_policies=eevdf,sfs,sfs-scx,alps-nice,alps-scx,serpt,serpt-scx,srpt

# --- all of it -------------------------------------------------------------------------------------------------------

if [ "$install" = yes ]; then hpcsched_install "" "build program tests live guest" || true; fi
[ -z "$(hpcsched_missing guest)" ] || skip "the virtual machine needs: $(hpcsched_missing guest | tr '\n' ' ')"
[ -z "$(hpcsched_missing live)" ] || skip "the live tests need: $(hpcsched_missing live | tr '\n' ' ')"
mkdir -p "$guest"
if [ "$package" != keep ] || [ ! -s "$guest/vmlinuz" ]; then
  [ "$package" != keep ] || package=$pinned
  fetch_kernel || skip "no kernel with sched_ext can be fetched from trixie-backports"
fi

if [ ! -e "$build/CMakeCache.txt" ]; then
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHPCSCHED_WITH_CPU_LINUX=ON --log-level=WARNING
fi
cmake --build "$build" --target hpcsched test_cpu_linux

rm -rf "$guest/root"
mkdir -p "$guest/root"/{bin,dev,proc,sys,tmp,etc}
install -D "$(command -v busybox)" "$guest/root/bin/busybox"
echo root:x:0:0::/tmp:/bin/sh >"$guest/root/etc/passwd"
put "$build/tests/cpu_linux/test_cpu_linux"
put "$build/src/cli/hpcsched"
install "$root"/tests/guest/*.sh "$guest/root/bin/"
write_trace "$guest/root/trace.csv"

log=$guest/log
: >"$log"
SECONDS=0

# boot <CPUs>: what the guest says is printed
boot() {
  # All CPUs in one thread, by turns: with a thread for each (QEMU 7.2), a CPU now and then runs an instruction that the
  # kernel has just patched on the other, and the kernel stops with "Oops: int3" when a scheduler comes or goes.
  timeout "$limit" qemu-system-x86_64 -accel tcg,thread=single -icount shift=0,sleep=off -cpu max -smp "$1" -m 1G \
    -nodefaults -display none -no-reboot -kernel "$guest/vmlinuz" -initrd "$guest/initrd" -serial stdio \
    -append "console=ttyS0 panic=-1 quiet" </dev/null | sed -u 's,\r,,g'
}

# check_in_guest <CPUs> <check>...: the same, appended to the log. A kernel that the emulator ruins before it gets to
# our checks is started again.
check_in_guest() {
  local cpus=$1 try
  shift
  if [ "$1" = unit ]; then write_systemd; else write_init "$(script_of "$@")"; fi
  (cd "$guest/root" && find . | cpio --quiet -o -H newc | zstd -q -1) >"$guest/initrd"
  for try in 1 2 3; do
    boot "$cpus" | tee "$guest/said" || true
    if grep -q '^@@ begin' "$guest/said"; then break; fi
    echo "guest: did not come up (try $try)"
  done
  cat "$guest/said" >>"$log"
}

on_two=()
alone=()
for check in "${checks[@]}"; do
  case $check in
    # On two CPUs that take turns, a process is charged for some of the time that the other has.
    turns | grid | unit) alone+=("$check") ;;
    *) on_two+=("$check") ;;
  esac
done
[ "${#on_two[@]}" -eq 0 ] || check_in_guest 2 "${on_two[@]}"
for check in ${alone[@]+"${alone[@]}"}; do check_in_guest 1 "$check"; done

status=0
echo
for check in "${checks[@]}"; do
  came=$(sed -n "s/^@@ end $check //p" "$log" | head -n 1)
  if [ "$came" = 0 ]; then echo "guest: $check passed"; else
    echo "guest: $check FAILED (${came:-it did not come to its end})"
    status=1
  fi
done
echo "tests/guest.sh: $SECONDS s in the guest"
exit "$status"

// SPDX-License-Identifier: Apache-2.0
#include "bpf_watch.hpp"

#include "bpf_objects.hpp"
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hpcsched::cpu_linux::detail {

namespace {

template <class T>
[[nodiscard]] T look(T& shared) noexcept {
    return std::atomic_ref{shared}.load(std::memory_order_acquire);
}

template <class T>
void set(T& shared, std::type_identity_t<T> value) noexcept {
    std::atomic_ref{shared}.store(value, std::memory_order_release);
}

bool is_linux_since(int major, int minor) noexcept {
    utsname name{};
    uname(&name);
    std::string_view const release = name.release; // "6.18.44-.."
    int found_major = 0, found_minor = 0;
    auto const dot = std::from_chars(release.data(), release.data() + release.size(), found_major).ptr;
    std::from_chars(std::min(dot + 1, release.data() + release.size()), release.data() + release.size(), found_minor);
    return std::pair{found_major, found_minor} >= std::pair{major, minor};
}

} // namespace

result<bpf_watch> bpf_watch::load(bool tells_runs) {
    auto loaded = bpf_module::load("task_watch", task_watch_object());
    if (loaded.has_error()) {
        return loaded.error();
    }
    auto* const slots = static_cast<watched_process*>(loaded->memory_of("slots"));
    if (slots == nullptr) {
        return error{std::string{"BPF: cannot share memory with the program: "} + std::strerror(errno)};
    }
    return bpf_watch{std::move(*loaded), slots, tells_runs};
}

bpf_watch::bpf_watch(bpf_module loaded, watched_process* slots, bool tells_runs) noexcept
    : module_{std::move(loaded)}, processes_{module_.map_named("processes")}, threads_{module_.map_named("threads")},
      slots_{slots}, tells_runs_{tells_runs}, tells_exits_early_{is_linux_since(6, 16)} {}

result<watch_begin> bpf_watch::add(process_id process, process_stat const& stat, std::uint32_t slot,
                                   std::uint32_t generation) {
    if (slot >= capacity) {
        return error{"BPF: no more than " + std::to_string(capacity) + " processes can be watched at one time"};
    }
    watched_process entry{};
    entry.generation = generation;
    entry.tells_runs = tells_runs_ ? 1 : 0;
    entry.is_exiting = stat.is_exiting && stat.threads <= 1 ? 1 : 0;
    std::uint64_t before = 0;
    // A thread that sleeps now counts as such: else the process would never be seen to fall asleep. One that changes
    // between this look and the entry is put right by its next sleep and wake-up.
    auto const add_thread = [&](process_id thread, bool sleeps) {
        entry.runnable += sleeps ? 0 : 1;
        ++entry.threads;
        ++entry.had_threads;
        watched_thread const known{
            .since = 0, .counted = read_on_cpu_time(thread), .asleep = sleeps ? 1U : 0U, .cpu = -1};
        before += known.counted;
        bpf_module::put(threads_, static_cast<std::uint32_t>(thread), known);
    };
    if (stat.threads == 1) {
        add_thread(process, stat.state != 'R');
    } else {
        for_each_thread(process, [&](process_id thread) {
            auto const of_thread = read_process_stat(thread);
            add_thread(thread, of_thread && of_thread->state != 'R');
        });
    }
    slots_[slot] = entry; // nobody knows of it yet; the call below makes it seen
    if (!bpf_module::put(processes_, static_cast<std::uint32_t>(process), slot)) {
        return error{std::string{"BPF: cannot watch a process: "} + std::strerror(errno)};
    }
    return watch_begin{.cpu_time = duration{static_cast<std::int64_t>(before)}, .asleep = entry.runnable == 0};
}

void bpf_watch::remove(process_id process, std::uint32_t slot) noexcept {
    bpf_module::erase(processes_, static_cast<std::uint32_t>(process));
    auto const forget = [this](process_id thread) { bpf_module::erase(threads_, static_cast<std::uint32_t>(thread)); };
    if (look(slots_[slot].had_threads) == 1) {
        forget(process); // to list them costs five calls
    } else {
        for_each_thread(process, forget);
    }
}

void bpf_watch::rest(std::uint32_t slot) noexcept {
    set(slots_[slot].is_resting, 1);
}

bool bpf_watch::renew(std::uint32_t slot, std::uint32_t generation) noexcept {
    watched_process& entry = slots_[slot];
    set(entry.generation, generation); // before the look below: what comes after it is told as the new one's
    set(entry.is_resting, 0);
    set(entry.first_run, 0);
    return look(entry.runnable) <= 0;
}

watch_time bpf_watch::ran(std::uint32_t slot) const noexcept {
    watched_process& entry = slots_[slot];
    constexpr int most_tries = 100; // a CPU that a hypervisor has taken away stays amid its writes
    for (int i = 0; i < most_tries; ++i) {
        std::uint64_t const ended = look(entry.writes_ended);
        std::uint64_t const done = look(entry.ran);
        auto const running = static_cast<std::uint64_t>(look(entry.running));
        std::uint64_t const began_sum = look(entry.began_sum);
        if (look(entry.writes_begun) == ended) {
            auto const at = static_cast<std::uint64_t>(now().time_since_epoch().count());
            auto const all = static_cast<std::int64_t>(done + running * at - began_sum);
            return {.ran = duration{all}, .has_moved = look(entry.has_moved) != 0};
        }
    }
    return {.ran = duration{static_cast<std::int64_t>(look(entry.ran))}, .has_moved = true};
}

watch_counts bpf_watch::counts(std::uint32_t slot) const noexcept {
    watched_process& entry = slots_[slot];
    return {
        .switches = look(entry.switches), .preemptions = look(entry.preemptions), .migrations = look(entry.migrations)};
}

std::uint64_t bpf_watch::thread_count(std::uint32_t slot) const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(look(slots_[slot].threads), 0));
}

bool bpf_watch::is_exiting(std::uint32_t slot) const noexcept {
    return look(slots_[slot].is_exiting) != 0;
}

bool bpf_watch::has_exited(std::uint32_t slot) const noexcept {
    return look(slots_[slot].has_exited) != 0;
}

} // namespace hpcsched::cpu_linux::detail

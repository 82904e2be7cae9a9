// SPDX-License-Identifier: Apache-2.0
#include "bpf_watch.hpp"

#include "bpf_objects.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace hpcsched::cpu_linux::detail {

result<bpf_watch> bpf_watch::load() {
    auto loaded = bpf_module::load("task_watch", task_watch_object());
    if (loaded.has_error()) {
        return loaded.error();
    }
    return bpf_watch{std::move(*loaded)};
}

bpf_watch::bpf_watch(bpf_module loaded) noexcept
    : module_{std::move(loaded)}, processes_{module_.map_named("processes")}, threads_{module_.map_named("threads")} {}

result<watch_begin> bpf_watch::add(process_id process, process_stat const& stat, std::uint32_t tag) {
    watched_process entry{};
    entry.tag = tag;
    std::uint64_t before = 0;
    // A thread that sleeps now counts as such: else the process would never be seen to fall asleep. One that changes
    // between this look and the entry is put right by its next sleep and wake-up.
    auto const add_thread = [&](process_id thread, bool sleeps) {
        entry.runnable += sleeps ? 0 : 1;
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
    if (!bpf_module::put(processes_, static_cast<std::uint32_t>(process), entry)) {
        return error{std::string{"BPF: cannot watch a process: "} + std::strerror(errno)};
    }
    return watch_begin{.cpu_time = duration{static_cast<std::int64_t>(before)}, .asleep = entry.runnable == 0};
}

void bpf_watch::remove(process_id process) noexcept {
    bpf_module::erase(processes_, static_cast<std::uint32_t>(process));
    for_each_thread(process,
                    [&](process_id thread) { bpf_module::erase(threads_, static_cast<std::uint32_t>(thread)); });
}

std::optional<watch_time> bpf_watch::ran(process_id process) const noexcept {
    watched_process entry{};
    if (!bpf_module::get(processes_, static_cast<std::uint32_t>(process), entry)) {
        return std::nullopt;
    }
    auto const at = static_cast<std::uint64_t>(now().time_since_epoch().count());
    std::uint64_t const ran = entry.ran + static_cast<std::uint64_t>(entry.running) * at - entry.began_sum;
    return watch_time{.ran = duration{static_cast<std::int64_t>(ran)}, .has_moved = entry.first_run != 0};
}

} // namespace hpcsched::cpu_linux::detail

// SPDX-License-Identifier: Apache-2.0
#include "process_steps.hpp"

#include <hpcsched/gpu/detail/fake_process.hpp>

#include "uuid_text.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace hpcsched::gpu_cuda {
namespace {

constexpr int pairs_since = 13'000; // in 12.8 and 12.9 the argument was reserved

unsigned milliseconds_of(duration limit) noexcept {
    if (limit <= duration{0}) {
        return 0; // none
    }
    auto const whole = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
    return static_cast<unsigned>(std::min<std::int64_t>(whole, std::numeric_limits<unsigned>::max()));
}

} // namespace

process_steps::~process_steps() {
    for (auto& [pid, thread] : threads_) {
        thread.join();
    }
}

gpu::process_state process_steps::state_of(std::int32_t pid) const {
    if (!library_.no_checkpoint.empty()) {
        return gpu::process_state::running; // which nobody can change
    }
    int state = 0;
    cuda::result_code const code = library_.call.process_state(pid, &state);
    if (code != cuda::success) {
        return code == cuda::not_supported ? gpu::process_state::running : gpu::process_state::gone;
    }
    switch (state) {
    case cuda::process_running:
        return gpu::process_state::running;
    case cuda::process_locked:
        return gpu::process_state::locked;
    case cuda::process_checkpointed:
        return gpu::process_state::checkpointed;
    default: // failed, and what later drivers may come to say
        return gpu::process_state::failed;
    }
}

gpu::driver_code process_steps::begin(gpu::process_action const& a) {
    if (!library_.no_checkpoint.empty()) {
        return gpu::driver_code::unsupported;
    }
    if (threads_.contains(a.pid)) {
        return gpu::driver_code::wrong_state;
    }
    gpu::process_state const state = state_of(a.pid);
    if (state == gpu::process_state::gone) {
        return gpu::driver_code::unknown;
    }
    if (state != gpu::detail::state_before(a.step)) {
        return gpu::driver_code::wrong_state;
    }
    std::vector<cuda::gpu_pair> pairs;
    for (gpu::device_change const& c : a.changes) {
        auto const from = uuid_of(c.from);
        auto const to = uuid_of(c.to);
        if (!from || !to) {
            return gpu::driver_code::malformed;
        }
        pairs.push_back({*from, *to});
    }
    if (!pairs.empty() && library_.version < pairs_since) {
        return gpu::driver_code::unsupported;
    }
    threads_.emplace(a.pid, std::thread{[this, pid = a.pid, step = a.step, limit = milliseconds_of(a.limit),
                                         moved = std::move(pairs)]() mutable {
                         gpu::driver_code const code = perform(pid, step, limit, moved);
                         ends_.put({pid, step, code, state_of(pid)});
                     }});
    return gpu::driver_code::done;
}

gpu::driver_code process_steps::perform(std::int32_t pid, gpu::process_step step, unsigned limit_ms,
                                        std::vector<cuda::gpu_pair>& pairs) const {
    switch (step) {
    case gpu::process_step::lock: {
        cuda::lock_arguments lock{};
        lock.timeout_ms = limit_ms;
        return code_of(library_.call.process_lock(pid, &lock));
    }
    case gpu::process_step::checkpoint: {
        cuda::checkpoint_arguments none{};
        return code_of(library_.call.process_checkpoint(pid, &none));
    }
    case gpu::process_step::restore: {
        cuda::restore_arguments restore{};
        restore.pairs = pairs.empty() ? nullptr : pairs.data();
        restore.pair_count = static_cast<unsigned>(pairs.size());
        return code_of(library_.call.process_restore(pid, &restore));
    }
    case gpu::process_step::unlock:
        break;
    }
    cuda::unlock_arguments none{};
    return code_of(library_.call.process_unlock(pid, &none));
}

void process_steps::collect(sink<gpu::process_end>& out) {
    buffer<gpu::process_end> ended;
    ends_.take(ended);
    for (gpu::process_end const& e : ended.items()) {
        auto const at = threads_.find(e.pid);
        at->second.join();
        threads_.erase(at);
        out.append(e);
    }
}

} // namespace hpcsched::gpu_cuda

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>

#include "bpf_module.hpp"
#include "bpf_objects.hpp"
#include "ext_class.hpp"
#include "ext_scheduler.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace hpcsched::cpu_linux {

namespace {

constexpr duration slice_min{100'000}; // those that the kernel holds its own classes to
constexpr duration slice_max{100'000'000};

/// The place of a wish in the order of the BPF scheduler.
ext_wish to_ext_wish(scheduling const& wanted) noexcept {
    ext_wish wish{};
    if (wanted.policy == cpu::sched_policy::normal) {
        constexpr std::int32_t rank_max = (1 << EXT_RANK_BITS) - 1;
        wish.band = EXT_BAND_NORMAL | static_cast<std::uint32_t>(std::clamp(wanted.rank, 0, rank_max));
        duration const slice =
            wanted.slice == duration{0} ? wanted.slice : std::clamp(wanted.slice, slice_min, slice_max);
        wish.slice = static_cast<std::uint64_t>(slice.count());
    } else {
        wish.band = static_cast<std::uint32_t>(cpu::rt_priority_max - wanted.rt_priority) << EXT_RANK_BITS;
        wish.slice = static_cast<std::uint64_t>(slice_max.count()); // of SCHED_RR; a FIFO task goes on after it
        wish.in_order = wanted.policy == cpu::sched_policy::fifo ? 1 : 0;
    }
    return wish;
}

} // namespace

class sched_ext::state {
  public:
    state(detail::bpf_module loaded, sched_ext_config const& config) noexcept
        : module_{std::move(loaded)}, wishes_{module_.map_named("wishes")}, state_{module_.map_named("state")} {
        ext_state begin{}; // nothing of ours is in the class yet
        begin.longest_wait =
            config.longest_wait == unlimited ? 0 : static_cast<std::uint64_t>(config.longest_wait.count());
        (void)detail::bpf_module::put(state_, std::uint32_t{0}, begin);
    }

    [[nodiscard]] outcome apply(process_id process, scheduling const& wanted) noexcept {
        if (has_ended()) {
            return outcome::not_possible;
        }
        if (!detail::bpf_module::put(wishes_, static_cast<std::uint32_t>(process), to_ext_wish(wanted))) {
            return outcome::not_possible;
        }
        // Who waits stands where its old wish put it: a slice that nobody looks at, another each time, makes the kernel
        // queue it again.
        apply_count_ = (apply_count_ + 1) % (slice_max - slice_min).count();
        return detail::set_ext_class(process, wanted.nice, slice_min + duration{apply_count_});
    }

    void forget(process_id process) noexcept {
        detail::bpf_module::erase(wishes_, static_cast<std::uint32_t>(process));
    }

    [[nodiscard]] ext_state look() const noexcept {
        ext_state seen{};
        (void)detail::bpf_module::get(state_, std::uint32_t{0}, seen);
        return seen;
    }

  private:
    [[nodiscard]] bool has_ended() const noexcept { return look().ended != 0; }

    detail::bpf_module module_;
    int wishes_;
    int state_;
    std::int64_t apply_count_ = 0;
};

sched_ext::sched_ext(sched_ext_config const& config) noexcept : config_{config} {
    HPCSCHED_ASSERT(config.longest_wait > duration{0});
}
sched_ext::sched_ext(sched_ext&&) noexcept = default;
sched_ext& sched_ext::operator=(sched_ext&&) noexcept = default;
sched_ext::~sched_ext() = default;

result<void> sched_ext::check(kernel_facts const& facts) {
    if (!facts.sched_ext.works) {
        return error{"sched_ext: " + facts.sched_ext.why_not};
    }
    return {};
}

result<void> sched_ext::open() {
    auto loaded = detail::bpf_module::load("ext_scheduler", detail::ext_scheduler_object());
    if (loaded.has_error()) {
        return loaded.error();
    }
    state_ = std::make_unique<state>(std::move(*loaded), config_);
    return {};
}

outcome sched_ext::admit(process_id process) noexcept {
    return apply(process, scheduling{});
}

outcome sched_ext::apply(process_id process, scheduling const& wanted) noexcept {
    return state_ ? state_->apply(process, wanted) : outcome::not_possible;
}

outcome sched_ext::release(process_id process, scheduling const& original) noexcept {
    forget(process);
    return set_scheduling(process, original);
}

void sched_ext::forget(process_id process) noexcept {
    if (state_) {
        state_->forget(process);
    }
}

sched_ext_counts sched_ext::counts() const noexcept {
    ext_state const seen = state_ ? state_->look() : ext_state{};
    return {.preemptions = seen.preemptions, .turns = seen.turns, .has_ended = seen.ended != 0};
}

} // namespace hpcsched::cpu_linux

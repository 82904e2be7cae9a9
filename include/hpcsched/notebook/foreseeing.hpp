// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_FORESEEING_HPP
#define HPCSCHED_NOTEBOOK_FORESEEING_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/room_forecast.hpp>
#include <hpcsched/notebook/cluster_noise.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/cluster_questions.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook/room_forecaster.hpp>
#include <hpcsched/notebook/session_posteriors.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hpcsched::notebook {

/// What is expected of users, each by what it did before: rates are those of `session_posteriors`, and whether a host
/// is still needed is asked of the cluster's noisy futures.
///
/// See users_alike for what users of a scaling policy answer.
class users_foreseen {
  public:
    struct config {
        duration ahead = std::chrono::minutes{3};       ///< that a host must not be needed in
        ratio sure = p90;                               ///< in so many of the futures
        duration patience = std::chrono::seconds{30};   ///< it must have been needless for so long before it is asked
        duration asked_anew = std::chrono::seconds{30}; ///< an answer is good for so long
        std::uint64_t worlds = 50;
        std::uint64_t seed = 1;
    };

    users_foreseen() : users_foreseen{config{}} {}
    explicit users_foreseen(config c, room_forecaster::config room = default_room()) : config_{c}, forecaster_{room} {
        HPCSCHED_ASSERT(c.worlds > 0);
    }

    void submitted(cluster_state const& s, kernel_id k, time_point now) { posteriors_.submitted(s, k, now); }
    void finished(cluster_state const& s, kernel_id k, time_point now) { posteriors_.finished(s, k, now); }
    void closed(cluster_state const& s, kernel_id k, time_point now) { posteriors_.closed(s, k, now); }
    void look(cluster_state const& s, time_point now) { posteriors_.count_lasting(s, now); }
    [[nodiscard]] double return_rate(cluster_state const& s, kernel_id k, time_point now) const {
        return posteriors_.return_rate(s, k, now);
    }
    [[nodiscard]] bool may_do_without(cluster_state const& s, duration needless, time_point now) {
        if (needless < config_.patience) {
            return false;
        }
        if (now >= ask_again_) {
            ask_again_ = now + config_.asked_anew;
            needed_ = ask(s, now);
        }
        return s.up_count() + s.provisioning_count() > needed_;
    }

    [[nodiscard]] gpu::room_forecast const* foretell(cluster_state const& s, time_point now) {
        return forecaster_.look(posteriors_, s, now);
    }

    [[nodiscard]] session_posteriors const& posteriors() const noexcept { return posteriors_; }

  private:
    // Hosts come and go within minutes here: what lies beyond says little of those that are there now.
    static room_forecaster::config default_room() {
        return {.ahead = std::chrono::minutes{2}, .worlds = 60, .previous_first = false, .fullest_first = true};
    }
    // As many hosts as are filled at the worst moment, in as many futures as is asked for.
    std::uint32_t ask(cluster_state const& s, time_point now) {
        posteriors_.outlook(s, now, config_.ahead, outlook_);
        outlook_.fullest_first = true;
        outlook_.previous_first = false;
        predict::noisy_simulation futures{cluster_world{}, cluster_noise{}, hosts_needed{s.host_devices()}};
        auto const p = futures.ask(outlook_, config_.seed + asked_++, predict::precision::exactly(config_.worlds));
        if (!p) {
            return s.up_count(); // no future came to an end: nothing is given back
        }
        return static_cast<std::uint32_t>(percentile(std::span<double const>{p->answer.sorted}, config_.sure));
    }

    config config_;
    session_posteriors posteriors_;
    room_forecaster forecaster_;
    cluster_outlook outlook_;
    time_point ask_again_{};
    std::uint64_t asked_ = 0;
    std::uint32_t needed_ = 0;
};

/// As `predictive_policies`, with every user known by what they did before, hosts given back where no future needs
/// them, and kernels placed where one of their hosts is likely to have room.
using foreseeing_policies = basic_predictive_policies<users_foreseen, gpu::foreseen_room>;
static_assert(cluster_policies<foreseeing_policies>);

using foreseeing_cluster = replicated_cluster<foreseeing_policies>;
static_assert(cluster_scheduler<foreseeing_cluster>);

/// NotebookOS with one rule changed: kernels are admitted and replicas chosen by noisy futures of the cluster, in place
/// of its subscription ratio and of a random draw.
using notebookos_foreseen_policies =
    basic_notebookos_policies<gpu::foreseen_room, foreseen_victim, with_room_forecast<notebookos_scaling>>;
static_assert(cluster_policies<notebookos_foreseen_policies>);

using notebookos_foreseen_cluster = replicated_cluster<notebookos_foreseen_policies>;
static_assert(cluster_scheduler<notebookos_foreseen_cluster>);

} // namespace hpcsched::notebook

#endif

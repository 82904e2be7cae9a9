// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_ROOM_FORECASTER_HPP
#define HPCSCHED_NOTEBOOK_ROOM_FORECASTER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/room_forecast.hpp>
#include <hpcsched/notebook/cluster_noise.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/cluster_questions.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/notebook/session_posteriors.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// Foretells how much room the hosts of a cluster will have, by noisy futures of it.
///
/// Each future is looked at once, at a moment of its own; the moments are spread evenly over what is looked ahead.
/// \complexity worlds x events within the horizon, each time that it is renewed
class room_forecaster {
  public:
    struct config {
        duration ahead = std::chrono::minutes{10};  ///< that is looked ahead, > 0
        duration renewed = std::chrono::minutes{1}; ///< what was foretold is good for so long
        std::uint64_t worlds = 100;                 ///< >= 1
        std::uint64_t seed = 1;
        bool previous_first = true; ///< how cells choose a host; see cluster_outlook
        bool fullest_first = false;
    };

    room_forecaster() : room_forecaster{config{}} {}
    explicit room_forecaster(config c) : config_{c} { HPCSCHED_ASSERT(c.worlds > 0 && c.ahead > duration{0}); }

    /// What is to be expected now.
    /// \return borrowed until the next call; nullptr where what was returned last is good still
    [[nodiscard]] gpu::room_forecast const* look(session_posteriors& posteriors, cluster_state const& s,
                                                 time_point now) {
        if (now < look_again_) {
            return nullptr;
        }
        look_again_ = now + config_.renewed;
        posteriors.outlook(s, now, config_.ahead, outlook_);
        outlook_.watched.clear();
        outlook_.previous_first = config_.previous_first;
        outlook_.fullest_first = config_.fullest_first;
        hosts_.clear();
        for (gpu::host_load const& h : s.ledger().loads()) {
            hosts_.push_back(h.host);
        }
        forecast_.begin(hosts_);
        double const horizon = outlook_.horizon;
        for (std::uint64_t world = 0; world < config_.worlds; ++world) {
            cluster_noise::streams streams{config_.seed, worlds_played_++};
            played_ = outlook_;
            played_.horizon = horizon * (static_cast<double>(world) + 0.5) / static_cast<double>(config_.worlds);
            auto const f = predict::play(cluster_world{}, cluster_noise{}, share_that_waits{}, played_, run_, streams,
                                         steps_max, [](auto const&) {});
            if (f.ended == decltype(f)::ending::decided) {
                forecast_.add(run_.free());
            }
        }
        return &forecast_;
    }

  private:
    static constexpr std::uint64_t steps_max = 1'000'000;

    config config_;
    cluster_outlook outlook_;
    cluster_outlook played_;
    cluster_world::run run_ = cluster_world::make_run();
    std::vector<gpu::host_id> hosts_;
    gpu::room_forecast forecast_;
    std::uint64_t worlds_played_ = 0;
    time_point look_again_{};
};

/// A scaling policy as it is, with a forecaster beside it that the admission and the migration of its bundle ask.
template <scaling_policy Scaling>
class with_room_forecast : public Scaling {
  public:
    explicit with_room_forecast(Scaling scaling = {}, room_forecaster forecaster = {}, session_posteriors users = {})
        : Scaling{std::move(scaling)}, forecaster_{std::move(forecaster)}, users_{std::move(users)} {}

    void submitted(cluster_state const& s, kernel_id k, time_point now) {
        Scaling::submitted(s, k, now);
        users_.submitted(s, k, now);
    }
    void finished(cluster_state const& s, kernel_id k, time_point now) {
        Scaling::finished(s, k, now);
        users_.finished(s, k, now);
    }
    void closed(cluster_state const& s, kernel_id k, time_point now) {
        Scaling::closed(s, k, now);
        users_.closed(s, k, now);
    }
    [[nodiscard]] gpu::room_forecast const* foretell(cluster_state const& s, time_point now) {
        return forecaster_.look(users_, s, now);
    }

  private:
    room_forecaster forecaster_;
    session_posteriors users_;
};

/// The replica without which the others are the likeliest to have room for the kernel's next cell. Among equals the one
/// whose host has the fewest devices free, then the first.
class foreseen_victim {
  public:
    /// Takes what is foretold now, in place of what was.
    void foresee(gpu::room_forecast const& f) { forecast_ = f; }

    [[nodiscard]] std::size_t victim(cluster_state const& s, kernel_id k) const {
        kernel_state const& kernel = s.kernel(k);
        std::pair least{std::numeric_limits<double>::infinity(), std::uint16_t{0}};
        std::size_t best = 0;
        std::vector<gpu::host_id> others;
        for (std::size_t i = 0; i < kernel.replicas.size(); ++i) {
            others.clear();
            for (std::size_t j = 0; j < kernel.replicas.size(); ++j) {
                if (j != i) {
                    others.push_back(kernel.replicas[j].host);
                }
            }
            std::pair const without{forecast_.all_busy(s.ledger(), others, kernel.gpus),
                                    s.ledger().load(kernel.replicas[i].host).free_count};
            if (without < least) {
                least = without;
                best = i;
            }
        }
        return best;
    }

  private:
    gpu::room_forecast forecast_;
};
static_assert(migration_choice<foreseen_victim>);

} // namespace hpcsched::notebook

#endif

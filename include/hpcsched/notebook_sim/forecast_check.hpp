// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SIM_FORECAST_CHECK_HPP
#define HPCSCHED_NOTEBOOK_SIM_FORECAST_CHECK_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/cluster_noise.hpp>
#include <hpcsched/notebook/cluster_questions.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/notebook/session_posteriors.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::notebook_sim {

/// One forecast of one session, and what then happened.
struct forecast {
    time_point at{};
    std::uint32_t kernel = 0;
    std::uint16_t gpus = 0; ///< its likeliest size, which `all_busy` is about
    bool running = false;   ///< it runs a cell: foretold is whether that ends, and no more

    double ends = 0;     ///< foretold probability that the cell that runs ends within the horizon
    double comes = 0;    ///< foretold probability that its next cell comes within the horizon
    double waits = 0;    ///< foretold probability that this cell waits, if it comes
    double all_busy = 0; ///< foretold probability that at the horizon none of its hosts has room

    bool ended = false;
    bool came = false;
    bool waited = false;   ///< where it came
    bool was_busy = false; ///< what `all_busy` foretold
    bool over = false;     ///< the horizon was reached, and the session was still open: it counts
};

/// How often a check asks, and how far ahead.
struct forecast_check_config {
    duration every = std::chrono::minutes{10};
    duration horizon = std::chrono::minutes{10};
    duration learning = std::chrono::hours{24}; ///< nothing is asked before
    std::uint64_t worlds = 200;
    std::uint64_t seed = 1;
    bool runs_anywhere = true; ///< see cluster_outlook
};

/// A scheduler with a forecaster beside it: everything goes on to the scheduler as it is, and from time to time the
/// futures of all idle sessions are foretold, and later compared with what came.
template <notebook::cluster_scheduler Scheduler>
class forecast_check {
  public:
    /// \param out  where the forecasts go, in the order in which they were made; borrowed
    forecast_check(Scheduler scheduler, forecast_check_config config, std::vector<forecast>& out)
        : scheduler_{std::move(scheduler)}, config_{config}, draws_{config.seed, "forecasts"}, out_{&out},
          next_{time_point{} + config.learning + config.every / 20} {}

    template <class Event>
    void handle(Event const& e, time_point now, notebook::cluster_command_sink& out) {
        look(now);
        if constexpr (std::is_same_v<Event, notebook::cell_submitted>) {
            posteriors_.submitted(scheduler_.state(), e.kernel, now);
        } else if constexpr (std::is_same_v<Event, notebook::cell_finished>) {
            notebook::kernel_state const& k = scheduler_.state().kernel(e.kernel);
            if (k.running && k.cell == e.cell) {
                posteriors_.finished(scheduler_.state(), e.kernel, now);
                note_end(e.kernel);
            }
        } else if constexpr (std::is_same_v<Event, notebook::session_closed>) {
            posteriors_.closed(scheduler_.state(), e.kernel, now);
            std::erase_if(open_, [&](std::size_t i) { return (*out_)[i].kernel == e.kernel.value; });
        }
        scheduler_.handle(e, now, out);
        if constexpr (std::is_same_v<Event, notebook::cell_submitted>) {
            note_submission(e.kernel);
        }
    }

    [[nodiscard]] auto const& state() const noexcept { return scheduler_.state(); }
    [[nodiscard]] std::size_t waiting_count() const noexcept { return scheduler_.waiting_count(); }

  private:
    using kernel_state = notebook::kernel_state;

    static constexpr std::uint64_t steps_max = 1'000'000;

    // Nothing has changed since the last event, so what is there now was there at every moment in between.
    void look(time_point now) {
        settle(now);
        // At the appointed time, not at the event that comes after it: to ask when something is just about to happen
        // would be to look where the forecasts are the worst.
        for (; next_ < now; next_ += config_.every) {
            ask(next_);
            settle(now);
        }
    }

    void settle(time_point now) {
        std::erase_if(open_, [&](std::size_t i) {
            forecast& f = (*out_)[i];
            if (now < f.at + config_.horizon) {
                return false;
            }
            f.over = true;
            f.was_busy = busy(scheduler_.state().kernel(notebook::kernel_id{f.kernel}), f.gpus);
            return true;
        });
    }

    [[nodiscard]] bool busy(kernel_state const& k, std::uint16_t gpus) const {
        return std::none_of(k.replicas.begin(), k.replicas.end(), [&](notebook::replica const& r) {
            gpu::host_load const& h = scheduler_.state().ledger().load(r.host);
            return h.takes_leases && h.free_count >= gpus;
        });
    }

    // One set of worlds answers for every idle session.
    void ask(time_point now) {
        posteriors_.outlook(scheduler_.state(), now, config_.horizon, outlook_);
        outlook_.runs_anywhere = config_.runs_anywhere;
        std::size_t const first = out_->size();
        std::vector<std::size_t> asked;
        outlook_.watched.clear();
        for (std::size_t i = 0; i < outlook_.sessions.size(); ++i) {
            notebook::session_outlook const& o = outlook_.sessions[i];
            bool const running = o.phase == notebook::session_phase::running;
            if (o.phase != notebook::session_phase::waiting && o.host_count > 0) {
                open_.push_back(out_->size());
                out_->push_back({.at = now, .kernel = o.kernel, .gpus = o.demand.mode(), .running = running});
                asked.push_back(i);
                outlook_.watched.push_back({static_cast<std::uint32_t>(i), o.demand, o.host_count, o.hosts});
            }
        }
        std::uint64_t const seed = draws_();
        std::vector<double> all(asked.size());
        for (std::uint64_t world = 0; world < config_.worlds; ++world) {
            play(world, seed);
            for (std::size_t n = 0; n < asked.size(); ++n) {
                forecast& f = (*out_)[first + n];
                all[n] += run_.watched(n).all;
                f.waits += run_.watched(n).busy;
                count(f, outlook_.sessions[asked[n]], asked[n]);
            }
        }
        for (std::size_t n = 0; n < asked.size(); ++n) {
            forecast& f = (*out_)[first + n];
            f.ends /= static_cast<double>(config_.worlds);
            f.waits = all[n] > 0 ? f.waits / all[n] : 0;
            f.comes /= static_cast<double>(config_.worlds);
            f.all_busy /= static_cast<double>(config_.worlds);
        }
    }

    void play(std::uint64_t world, std::uint64_t seed) {
        notebook::cluster_noise::streams streams{seed, world};
        world_state_ = outlook_;
        (void)predict::play(notebook::cluster_world{}, notebook::cluster_noise{}, notebook::share_that_waits{},
                            world_state_, run_, streams, steps_max, [](auto const&) {});
    }
    void count(forecast& f, notebook::session_outlook const& o, std::size_t session) const {
        using first = notebook::cluster_world::run::first;
        if (f.running) {
            f.ends += run_.first_ended(session) ? 1 : 0;
            return;
        }
        first const asked = run_.first_request(session);
        f.comes += asked == first::none ? 0 : 1;
        bool const room = std::any_of(o.hosts.begin(), o.hosts.begin() + o.host_count,
                                      [&](std::uint16_t h) { return run_.free()[h] >= f.gpus; });
        f.all_busy += room ? 0 : 1;
    }

    void note_end(notebook::kernel_id k) {
        for (std::size_t const i : open_) {
            (*out_)[i].ended = (*out_)[i].ended || ((*out_)[i].kernel == k.value && (*out_)[i].running);
        }
    }
    void note_submission(notebook::kernel_id k) {
        kernel_state const& now = scheduler_.state().kernel(k);
        for (std::size_t const i : open_) {
            forecast& f = (*out_)[i];
            if (f.kernel == k.value && !f.running && !f.came) {
                f.came = true;
                f.waited = !now.running;
            }
        }
    }

    Scheduler scheduler_;
    forecast_check_config config_;
    random_stream draws_;
    std::vector<forecast>* out_;
    notebook::session_posteriors posteriors_;
    notebook::cluster_outlook outlook_;
    notebook::cluster_outlook world_state_;
    notebook::cluster_world::run run_ = notebook::cluster_world::make_run();
    std::vector<std::size_t> open_; ///< forecasts whose horizon is not reached
    time_point next_;               ///< off the round times at which traces have their events
};

/// What was foretold beside what came, for forecasts of about the same probability.
struct reliability_bin {
    double foretold = 0; ///< mean
    double observed = 0; ///< share
    std::uint64_t count = 0;

    /// How far chance alone could take the share, with 95 % confidence, if forecasts had nothing to do with each other.
    /// Those of one session have, so in truth it is more. 0 without a forecast.
    /// \source Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927
    [[nodiscard]] double half_width_95() const noexcept {
        if (count == 0) {
            return 0;
        }
        constexpr double z2 = 1.959964 * 1.959964;
        double const n = static_cast<double>(count);
        return std::sqrt(z2 * (observed * (1 - observed) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    }
};

/// \param foretold  probabilities; shape [n]
/// \param came      what came; shape [n]
/// \return `bins` of equal width from 0 to 1; those without a forecast have count 0
[[nodiscard]] inline std::vector<reliability_bin>
reliability(std::span<double const> foretold, std::span<std::uint8_t const> came, std::size_t bins = 10) {
    HPCSCHED_ASSERT(foretold.size() == came.size() && bins > 0);
    std::vector<reliability_bin> out(bins);
    for (std::size_t n = 0; n < foretold.size(); ++n) {
        auto const b = std::min(bins - 1, static_cast<std::size_t>(foretold[n] * static_cast<double>(bins)));
        out[b].foretold += foretold[n];
        out[b].observed += came[n] != 0 ? 1 : 0;
        ++out[b].count;
    }
    for (reliability_bin& b : out) {
        if (b.count > 0) {
            b.foretold /= static_cast<double>(b.count);
            b.observed /= static_cast<double>(b.count);
        }
    }
    return out;
}

/// Mean distance between what was foretold and what came, the bins weighed by their forecasts (the expected calibration
/// error).
[[nodiscard]] inline double calibration_error(std::span<reliability_bin const> bins) noexcept {
    double sum = 0;
    double count = 0;
    for (reliability_bin const& b : bins) {
        sum += std::abs(b.foretold - b.observed) * static_cast<double>(b.count);
        count += static_cast<double>(b.count);
    }
    return count == 0 ? 0 : sum / count;
}

} // namespace hpcsched::notebook_sim

#endif

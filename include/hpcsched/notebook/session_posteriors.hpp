// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SESSION_POSTERIORS_HPP
#define HPCSCHED_NOTEBOOK_SESSION_POSTERIORS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/cluster_state.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/notebook/octave_hazard.hpp>
#include <hpcsched/notebook/predictive.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// What is believed of how long cells take before much was seen: per second, after so long.
/// \source durations of the month of Adobe's sessions: a quarter within 3 minutes, half within 5, 75 % within 11, 90 %
///         within 32, 95 % within 95; beyond that an assumption, half within eight hours
[[nodiscard]] inline double end_of_cell_prior(duration lasted) noexcept {
    double const minutes = to_seconds(lasted) / 60;
    return minutes < 3 ? 1.6e-3 : minutes < 11 ? 2.3e-3 : minutes < 32 ? 7.3e-4 : minutes < 95 ? 1.8e-4 : 2.4e-5;
}

/// Learns from a cluster's events how sessions behave, all of them and each, and makes the outlook of `cluster_world`.
///
/// All sessions share three hazards: of the first cell after the opening, of the next cell after one has ended, and of
/// a cell's end. Each session has two factors on them, how eager it is and how soon its cells end. What is believed of
/// a factor is Gamma distributed, conjugate to the hazard: each event adds one to its shape, and the shared hazard that
/// the session has lived through adds to its rate. How many devices its cells need is what they needed, and a little of
/// what all sessions do.
///
/// \source shared frailty with a piecewise constant baseline: Clayton, "A Monte Carlo method for Bayesian inference in
///         frailty models", Biometrics 1991. Deviation: one pass; a session's time counts by what was expected of it
///         then, not anew when factors and hazards have changed.
/// \complexity O(1) an event, but for the count of what lasts still, every five minutes; O(sessions) an outlook
/// \thread_safety none
class session_posteriors {
  public:
    struct config {
        // Shapes of the factors before anything was seen: the larger, the more alike sessions are.
        double returns_alike = 0.5;
        double ends_alike = 2;
    };

    session_posteriors() : session_posteriors{config{}} {}
    explicit session_posteriors(config c) : config_{c} { HPCSCHED_ASSERT(c.returns_alike > 0 && c.ends_alike > 0); }

    /// A cell is submitted; told before the state shows it.
    void submitted(cluster_state const& s, kernel_id k, time_point now) {
        kernel_state const& kernel = s.kernel(k);
        duration const idle = now - kernel.idle_since;
        session& mine = session_of(k);
        returns_[mine.cells > 0 ? 1 : 0].ended(mine.returns, idle);
        ++mine.cells;
    }
    /// A cell has ended, or was taken back before it ran, which teaches nothing; told before the state shows it.
    void finished(cluster_state const& s, kernel_id k, time_point now) {
        kernel_state const& kernel = s.kernel(k);
        if (!kernel.running) {
            return;
        }
        auto const gpus = static_cast<std::uint16_t>(kernel.cell_gpus);
        ++session_of(k).sizes[gpus];
        ++sizes_[gpus];
        duration const ran = now - kernel.submitted;
        ends_.ended(session_of(k).ends, ran);
    }
    /// A session closes; told before the state shows it.
    void closed(cluster_state const& s, kernel_id k, time_point now) {
        kernel_state const& kernel = s.kernel(k);
        session const& mine = session_of(k);
        if (kernel.idle()) {
            returns_[mine.cells > 0 ? 1 : 0].lost_sight(mine.returns, now - kernel.idle_since);
        } else if (kernel.running) {
            ends_.lost_sight(mine.ends, now - kernel.submitted);
        }
        sessions_[k.value] = fresh();
    }

    /// How the cluster stands, with what is believed of its sessions.
    /// \param horizon  that is looked ahead, > 0
    void outlook(cluster_state const& s, time_point now, duration horizon, cluster_outlook& out) {
        count_lasting(s, now);
        out.first_return = returns_[0].curve;
        out.next_return = returns_[1].curve;
        out.run_end = ends_.curve;
        out.horizon = to_seconds(horizon);
        out.free.clear();
        out.devices.clear();
        place_.assign(s.hosts().size(), no_place);
        for (gpu::host_load const& h : s.ledger().loads()) {
            place_[h.host.value] = static_cast<std::uint16_t>(out.free.size());
            out.free.push_back(h.free_count);
            out.devices.push_back(static_cast<std::uint16_t>(h.device_count));
        }
        out.sessions.clear();
        auto const kernels = s.kernels();
        for (std::uint32_t i = 0; i < kernels.size(); ++i) {
            if (kernels[i].open) {
                out.sessions.push_back(look_at(kernels[i], kernel_id{i}, now));
            }
        }
    }

    /// Counts anew what lasts still, every five minutes; `outlook` does so too.
    void count_lasting(cluster_state const& s, time_point now) {
        if (now < next_count_) {
            return;
        }
        next_count_ = now + std::chrono::minutes{5};
        for (learned* l : {&returns_[0], &returns_[1], &ends_}) {
            l->hazard.forget_lasting();
        }
        auto const kernels = s.kernels();
        for (std::uint32_t i = 0; i < kernels.size(); ++i) {
            kernel_state const& k = kernels[i];
            session const& mine = session_of(kernel_id{i});
            std::size_t const later = mine.cells > 0 ? 1 : 0;
            if (k.idle()) {
                returns_[later].hazard.still_lasts(now - k.idle_since, eagerness{mine.returns, returns_[later].curve});
            } else if (k.running) {
                ends_.hazard.still_lasts(now - k.submitted, eagerness{mine.ends, ends_.curve});
            }
        }
        for (learned* l : {&returns_[0], &returns_[1], &ends_}) {
            l->curve = l->hazard.curve();
        }
    }

    /// How likely an idle kernel's next cell is, per second.
    [[nodiscard]] double return_rate(cluster_state const& s, kernel_id k, time_point now) const {
        kernel_state const& kernel = s.kernel(k);
        bool const known = k.value < sessions_.size();
        hazard_curve const& curve = returns_[known && sessions_[k.value].cells > 0 ? 1 : 0].curve;
        double const idle = to_seconds(now - kernel.idle_since);
        return curve.rate(idle) * (known ? eagerness{sessions_[k.value].returns, curve}(idle) : 1);
    }

  private:
    struct session {
        std::uint64_t cells = 0;
        gamma_belief returns{};
        gamma_belief ends{};
        std::map<std::uint16_t, std::uint32_t> sizes{};
    };
    static constexpr std::uint16_t no_place = 0xffff;

    /// What is expected of a factor after its session has let so much time pass: that counts against its eagerness.
    ///
    /// The time that a session spends counts in the shared hazard by what was expected of it at that time, without its
    /// later end. So what is foretold of all sessions together is, on average, what came.
    struct eagerness {
        gamma_belief const& before;
        hazard_curve const& curve;

        [[nodiscard]] gamma_belief after(double seconds) const noexcept {
            return {before.shape, before.rate + curve.cumulative(seconds)};
        }
        double operator()(double seconds) const noexcept { return after(seconds).mean(); }
    };
    /// A hazard that all sessions share, and its curve.
    struct learned {
        octave_hazard hazard;
        hazard_curve curve{hazard.curve()};

        void ended(gamma_belief& mine, duration lasted) noexcept {
            hazard.ended(lasted, eagerness{mine, curve});
            mine.shape += 1;
            mine.rate += curve.cumulative(to_seconds(lasted));
            curve = hazard.curve();
        }
        void lost_sight(gamma_belief const& mine, duration lasted) noexcept {
            hazard.lost_sight(lasted, eagerness{mine, curve});
            curve = hazard.curve();
        }
    };
    [[nodiscard]] session fresh() const {
        return {.returns = {config_.returns_alike, config_.returns_alike},
                .ends = {config_.ends_alike, config_.ends_alike}};
    }
    session& session_of(kernel_id k) {
        if (k.value >= sessions_.size()) {
            sessions_.resize(k.value + std::size_t{1}, fresh());
        }
        return sessions_[k.value];
    }

    [[nodiscard]] session_outlook look_at(kernel_state const& k, kernel_id id, time_point now) {
        session const& mine = session_of(id);
        session_outlook o{.kernel = id.value, .had_cell = mine.cells > 0, .returns = mine.returns, .ends = mine.ends};
        o.phase = k.idle() ? session_phase::idle : k.running ? session_phase::running : session_phase::waiting;
        o.lasted = to_seconds(now - (k.idle() ? k.idle_since : k.submitted));
        o.gpus = static_cast<std::uint16_t>(k.cell_gpus);
        o.demand = demand_of(mine, k.gpus);
        for (replica const& r : k.replicas) {
            std::uint16_t const at = place_[r.host.value];
            if (at == no_place || o.host_count == session_outlook::hosts_max) {
                continue;
            }
            if (k.leases_made > 0 && r.id == k.executor) {
                o.previous = o.host_count;
                o.host = at;
            }
            o.hosts[o.host_count++] = at;
        }
        if (o.phase == session_phase::idle) {
            o.returns = eagerness{mine.returns, returns_[o.had_cell ? 1 : 0].curve}.after(o.lasted);
        } else if (o.phase == session_phase::running) {
            o.ends = eagerness{mine.ends, ends_.curve}.after(o.lasted);
        }
        return o;
    }

    /// \param most  that its cells can need
    [[nodiscard]] demand_belief demand_of(session const& mine, std::uint32_t most) const {
        std::map<std::uint16_t, double> weights;
        double all = 0;
        for (auto const& [size, count] : sizes_) {
            all += size <= most ? static_cast<double>(count) : 0;
        }
        for (auto const& [size, count] : sizes_) {
            if (size <= most) {
                weights[size] = static_cast<double>(count) / all;
            }
        }
        for (auto const& [size, count] : mine.sizes) {
            weights[size] += count;
        }
        if (weights.empty()) {
            weights[static_cast<std::uint16_t>(most)] = 1;
        }
        // The heaviest three.
        std::vector<std::pair<double, std::uint16_t>> by_weight;
        for (auto const& [size, weight] : weights) {
            by_weight.emplace_back(-weight, size);
        }
        std::sort(by_weight.begin(), by_weight.end());
        by_weight.resize(std::min<std::size_t>(by_weight.size(), 3));
        double sum = 0;
        for (auto const& [weight, size] : by_weight) {
            sum -= weight;
        }
        demand_belief d;
        double up_to = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            auto const& [weight, size] = by_weight[std::min(i, by_weight.size() - 1)];
            up_to += i < by_weight.size() ? -weight / sum : 0;
            d.gpus[i] = size;
            d.up_to[i] = i + 1 >= by_weight.size() ? 1.0F : static_cast<float>(up_to);
        }
        return d;
    }

    config config_;
    std::array<learned, 2> returns_{learned{return_hazard(&return_prior::before_any)},
                                    learned{return_hazard()}}; ///< to the first cell, and to later ones
    learned ends_{octave_hazard{&end_of_cell_prior, std::chrono::seconds{15}}};
    std::vector<session> sessions_;                ///< by kernel
    std::map<std::uint16_t, std::uint64_t> sizes_; ///< cells of all sessions
    std::vector<std::uint16_t> place_;             ///< of a host in the outlook
    time_point next_count_{};
};

} // namespace hpcsched::notebook

#endif

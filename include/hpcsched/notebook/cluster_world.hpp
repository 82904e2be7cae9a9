// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_WORLD_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_WORLD_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/notebook/octave_hazard.hpp>
#include <hpcsched/predict/world.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

namespace hpcsched::notebook {

/// A Gamma distribution: what is believed of how much likelier than others one session is to do something.
struct gamma_belief {
    double shape = 1;
    double rate = 1;

    [[nodiscard]] double mean() const noexcept { return shape / rate; }
};

enum class session_phase : std::uint8_t { idle, running, waiting };

/// How many devices a session's cells need, and how likely: up to three sizes, the first with nonzero weight first.
struct demand_belief {
    std::array<std::uint16_t, 3> gpus{1, 1, 1};
    std::array<float, 3> up_to{1, 1, 1}; ///< probability of this size or one before; the last is 1

    [[nodiscard]] std::uint16_t at(double u) const noexcept {
        return gpus[u < double{up_to[0]} ? 0 : u < double{up_to[1]} ? 1 : 2];
    }
    /// The probability that it is more than `free`.
    [[nodiscard]] double larger_than(std::uint16_t free) const noexcept {
        double larger = gpus[0] > free ? double{up_to[0]} : 0;
        larger += gpus[1] > free ? double{up_to[1]} - double{up_to[0]} : 0;
        return larger + (gpus[2] > free ? double{up_to[2]} - double{up_to[1]} : 0);
    }
    /// The likeliest.
    [[nodiscard]] std::uint16_t mode() const noexcept {
        float const second = up_to[1] - up_to[0];
        float const third = up_to[2] - up_to[1];
        return gpus[up_to[0] >= second && up_to[0] >= third ? 0 : second >= third ? 1 : 2];
    }
};

/// One session as a forecaster sees it.
struct session_outlook {
    static constexpr std::size_t hosts_max = 5;

    std::uint32_t kernel = 0; ///< whose it is
    session_phase phase = session_phase::idle;
    bool had_cell = false;                        ///< its next return is not to its first cell
    std::uint8_t host_count = 0;                  ///< of its replicas, at most hosts_max
    std::uint8_t previous = 0;                    ///< which of them ran its last cell
    std::array<std::uint16_t, hosts_max> hosts{}; ///< of its replicas: indices into cluster_outlook::free
    std::uint16_t gpus = 0;                       ///< of the cell that runs or waits
    std::uint16_t host = 0;                       ///< where it runs
    double lasted = 0;                            ///< idle, running or waiting for so long, seconds
    demand_belief demand{};
    gamma_belief returns{}; ///< how eagerly it comes back, beside all sessions
    gamma_belief ends{};    ///< how soon its cells end, beside all sessions
};

/// A request that could come within the horizon; as long as it has not, it takes nothing.
struct watched_request {
    static constexpr std::uint32_t nobody = 0xffff'ffff;

    /// Whose: each moment counts by how likely that session's next cell comes just then. Nobody's: all moments alike.
    std::uint32_t session = nobody;
    demand_belief demand{};
    std::uint8_t host_count = 0;                                   ///< at most session_outlook::hosts_max
    std::array<std::uint16_t, session_outlook::hosts_max> hosts{}; ///< where it could run: indices into free
};

/// A cluster of notebooks as a forecaster sees it now: how its hosts stand, its sessions, and what is believed of them.
struct cluster_outlook {
    hazard_curve first_return{};          ///< from an opening to the first cell
    hazard_curve next_return{};           ///< from a cell's end to the next cell
    hazard_curve run_end{};               ///< from a cell's start to its end
    std::vector<std::uint16_t> free{};    ///< devices, by host
    std::vector<std::uint16_t> devices{}; ///< by host
    std::vector<session_outlook> sessions{};
    std::vector<watched_request> watched{};
    double horizon = 600;       ///< seconds that are looked ahead
    bool runs_anywhere = true;  ///< a cell that none of its hosts has room for moves to another that has
    bool previous_first = true; ///< a cell runs where the last one did, if there is room
    bool fullest_first = false; ///< of several hosts with room the fullest is taken, else the emptiest
};

/// A cluster of notebooks for `predict`: users come back, cells take devices where there are some and wait in order of
/// arrival where there are none, until the horizon.
///
/// Without noise every session is as eager as is expected of it, and everything lasts for its median. Its noise is
/// `cluster_noise`. Hosts neither come nor go: it looks no further ahead than a host takes to come, or it says what
/// would happen if none did.
/// \complexity a step is one event, O(log sessions) and O(hosts) where a cell finds no room on its own
class cluster_world {
  public:
    using state = cluster_outlook;

    /// A session whose next change is to be planned, and what chance says of it.
    struct plan {
        std::uint32_t session = 0;
        double lasted = 0;                 ///< seconds, already
        double amount = std::numbers::ln2; ///< of an exponential distribution of mean 1; its median without noise
        double size = -1;                  ///< uniform in [0, 1); negative: the likeliest size
    };

    class run {
      public:
        /// What is to be planned before the next step; for the noise.
        [[nodiscard]] std::vector<plan>& plans() noexcept { return plans_; }

        [[nodiscard]] bool is_running(std::size_t session) const noexcept {
            return sessions_[session].phase == session_phase::running;
        }
        [[nodiscard]] session_outlook const& seen(std::size_t session) const noexcept {
            return seen_->sessions[session];
        }
        /// How eager a session is in this future, and how soon its cells end in it; negative as long as nobody has
        /// said, which counts as the mean of what is believed. Once said it holds to the horizon.
        [[nodiscard]] double& return_factor(std::size_t session) noexcept { return sessions_[session].return_factor; }
        [[nodiscard]] double& end_factor(std::size_t session) noexcept { return sessions_[session].end_factor; }

        [[nodiscard]] double now() const noexcept { return now_; } ///< seconds from the beginning
        [[nodiscard]] std::vector<std::uint16_t> const& free() const noexcept { return free_; } ///< by host
        [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
        [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; } ///< requests not served at once
        /// Devices that run or are waited for, at their most.
        [[nodiscard]] std::uint32_t devices_peak() const noexcept { return wanted_peak_; }

        /// How much the moments count at which a watched request could come, and of them those at which none of its
        /// hosts has room. Summed over the worlds, the second over the first is the probability that it waits.
        struct moments {
            double all = 0;
            double busy = 0;
        };
        [[nodiscard]] moments const& watched(std::size_t request) const noexcept { return watched_[request]; }

        /// What became of a session's first request.
        enum class first : std::uint8_t { none, at_once, waited };
        [[nodiscard]] first first_request(std::size_t session) const noexcept { return sessions_[session].asked; }
        /// Whether the cell ended that it ran at the beginning.
        [[nodiscard]] bool first_ended(std::size_t session) const noexcept { return sessions_[session].ended; }

      private:
        friend class cluster_world;

        struct live {
            session_phase phase;
            bool had_cell;
            first asked;
            bool ended;
            double return_factor;
            double end_factor;
            std::uint8_t previous;
            std::uint16_t gpus;
            std::uint16_t host;
        };
        struct change {
            double at;
            std::uint32_t session;
        };

        cluster_outlook const* seen_ = nullptr; ///< borrowed for one future
        bool diverged_ = false;                 ///< something is believed that is no number
        double now_ = 0;
        std::vector<plan> plans_;
        std::vector<change> queue_; ///< a heap, the earliest first
        std::vector<live> sessions_;
        std::vector<std::uint16_t> free_;
        std::vector<moments> watched_;
        std::vector<std::uint32_t> waiting_; ///< sessions, in order of arrival
        std::uint64_t requests_ = 0;
        std::uint64_t waits_ = 0;
        std::uint32_t wanted_ = 0;
        std::uint32_t wanted_peak_ = 0;
    };

    [[nodiscard]] static run make_run() { return {}; }

    /// \pre `s` outlives the run's steps
    static void begin(run& r, state const& s) {
        r.seen_ = &s;
        r.now_ = 0;
        r.diverged_ = false;
        r.plans_.clear();
        r.queue_.clear();
        r.waiting_.clear();
        r.free_ = s.free;
        r.requests_ = r.waits_ = 0;
        r.wanted_ = 0;
        r.watched_.assign(s.watched.size(), {});
        r.sessions_.resize(s.sessions.size());
        for (std::uint32_t i = 0; i < s.sessions.size(); ++i) {
            session_outlook const& o = s.sessions[i];
            r.sessions_[i] = {o.phase, o.had_cell, run::first::none, false, -1, -1, o.previous, o.gpus, o.host};
            if (o.phase == session_phase::waiting) {
                r.waiting_.push_back(i);
            } else {
                r.plans_.push_back({.session = i, .lasted = o.lasted});
            }
            r.wanted_ += o.phase == session_phase::idle ? 0U : o.gpus;
        }
        r.wanted_peak_ = r.wanted_;
        std::sort(r.waiting_.begin(), r.waiting_.end(), [&](std::uint32_t a, std::uint32_t b) {
            double const x = s.sessions[a].lasted;
            double const y = s.sessions[b].lasted;
            return x != y ? x > y : a < b;
        });
    }

    [[nodiscard]] static predict::progress step(run& r) {
        carry_out_plans(r);
        if (r.diverged_) {
            return predict::progress::diverged;
        }
        if (r.queue_.empty() || r.queue_.front().at > r.seen_->horizon) {
            pass(r, r.seen_->horizon);
            return predict::progress::finished;
        }
        std::pop_heap(r.queue_.begin(), r.queue_.end(), later);
        auto const [at, session] = r.queue_.back();
        r.queue_.pop_back();
        pass(r, at);
        if (r.sessions_[session].phase == session_phase::running) {
            end_cell(r, session);
        } else {
            request(r, session);
        }
        return predict::progress::running;
    }

  private:
    static bool later(run::change const& a, run::change const& b) noexcept {
        return a.at != b.at ? a.at > b.at : a.session > b.session;
    }

    static double said_or_mean(double said, gamma_belief const& believed) noexcept {
        return said < 0 ? believed.mean() : said;
    }

    static void carry_out_plans(run& r) {
        cluster_outlook const& s = *r.seen_;
        for (plan const& p : r.plans_) {
            session_outlook const& o = s.sessions[p.session];
            run::live& now = r.sessions_[p.session];
            bool const runs = now.phase == session_phase::running;
            hazard_curve const& curve = runs ? s.run_end : now.had_cell ? s.next_return : s.first_return;
            double const factor =
                runs ? said_or_mean(now.end_factor, o.ends) : said_or_mean(now.return_factor, o.returns);
            if (!runs) {
                now.gpus = p.size < 0 ? o.demand.mode() : o.demand.at(p.size);
            }
            r.diverged_ = r.diverged_ || !(p.lasted >= 0 && p.amount >= 0 && factor >= 0);
            double const rest = curve.residual(p.lasted, p.amount / factor);
            if (r.now_ + rest <= s.horizon) {
                r.queue_.push_back({r.now_ + rest, p.session});
                std::push_heap(r.queue_.begin(), r.queue_.end(), later);
            }
        }
        r.plans_.clear();
    }

    static void pass(run& r, double to) noexcept {
        for (std::size_t w = 0; w < r.watched_.size(); ++w) {
            watched_request const& q = r.seen_->watched[w];
            double const counts = moments_until(r, q, to);
            std::uint16_t most = 0;
            for (std::uint8_t i = 0; i < q.host_count; ++i) {
                most = std::max(most, r.free_[q.hosts[i]]);
            }
            r.watched_[w].all += counts;
            r.watched_[w].busy += counts * q.demand.larger_than(most);
        }
        r.now_ = to;
    }
    static double moments_until(run const& r, watched_request const& q, double to) noexcept {
        if (q.session == watched_request::nobody) {
            return to - r.now_;
        }
        session_outlook const& o = r.seen_->sessions[q.session];
        if (r.sessions_[q.session].asked != run::first::none || o.phase != session_phase::idle) {
            return 0;
        }
        hazard_curve const& curve = o.had_cell ? r.seen_->next_return : r.seen_->first_return;
        return said_or_mean(r.sessions_[q.session].return_factor, o.returns) *
               (curve.cumulative(o.lasted + to) - curve.cumulative(o.lasted + r.now_));
    }

    static void request(run& r, std::uint32_t session) {
        run::live& now = r.sessions_[session];
        ++r.requests_;
        r.wanted_ += now.gpus;
        r.wanted_peak_ = std::max(r.wanted_peak_, r.wanted_);
        bool const at_once = run_at_home(r, session);
        now.asked = now.asked != run::first::none ? now.asked : at_once ? run::first::at_once : run::first::waited;
        if (!at_once) {
            ++r.waits_;
            if (!run_anywhere(r, session)) {
                now.phase = session_phase::waiting;
                r.waiting_.push_back(session);
            }
        }
    }

    /// On one of the hosts that it lives on.
    static bool run_at_home(run& r, std::uint32_t session) {
        session_outlook const& o = r.seen_->sessions[session];
        run::live& now = r.sessions_[session];
        std::uint8_t best = o.host_count;
        for (std::uint8_t i = 0; i < o.host_count; ++i) {
            std::uint16_t const free = r.free_[o.hosts[i]];
            if (free < now.gpus) {
                continue;
            }
            if (r.seen_->previous_first && i == now.previous) {
                best = i;
                break;
            }
            best = best == o.host_count || better(r, free, r.free_[o.hosts[best]]) ? i : best;
        }
        if (best == o.host_count) {
            return false;
        }
        now.previous = best;
        start(r, session, o.hosts[best]);
        return true;
    }
    /// On any host that has room, where cells may move.
    static bool run_anywhere(run& r, std::uint32_t session) {
        if (!r.seen_->runs_anywhere) {
            return false;
        }
        std::uint16_t const gpus = r.sessions_[session].gpus;
        std::size_t best = r.free_.size();
        for (std::size_t h = 0; h < r.free_.size(); ++h) {
            if (r.free_[h] >= gpus && (best == r.free_.size() || better(r, r.free_[h], r.free_[best]))) {
                best = h;
            }
        }
        if (best == r.free_.size()) {
            return false;
        }
        start(r, session, static_cast<std::uint16_t>(best));
        return true;
    }
    static bool better(run const& r, std::uint16_t free, std::uint16_t other) noexcept {
        return r.seen_->fullest_first ? free < other : free > other;
    }
    static void start(run& r, std::uint32_t session, std::uint16_t host) {
        run::live& now = r.sessions_[session];
        r.free_[host] = static_cast<std::uint16_t>(r.free_[host] - now.gpus);
        now.phase = session_phase::running;
        now.host = host;
        now.had_cell = true;
        r.plans_.push_back({.session = session});
    }
    static void end_cell(run& r, std::uint32_t session) {
        run::live& now = r.sessions_[session];
        r.free_[now.host] = static_cast<std::uint16_t>(r.free_[now.host] + now.gpus);
        r.wanted_ -= now.gpus;
        now.phase = session_phase::idle;
        now.ended = true;
        r.plans_.push_back({.session = session});
        std::erase_if(r.waiting_, [&](std::uint32_t w) { return run_at_home(r, w) || run_anywhere(r, w); });
    }
};
static_assert(predict::world<cluster_world>);

} // namespace hpcsched::notebook

#endif

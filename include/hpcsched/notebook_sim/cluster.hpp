// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SIM_CLUSTER_HPP
#define HPCSCHED_NOTEBOOK_SIM_CLUSTER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook_sim/cluster_config.hpp>
#include <hpcsched/notebook_sim/run_record.hpp>
#include <hpcsched/sim/event_queue.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::notebook_sim {

/// A simulated cluster that replays a trace of notebooks under any `notebook::cluster_scheduler`.
///
/// Cells come at their times in the trace; one whose session still runs the cell before waits in the session's own
/// queue, and its delay counts from the end of that cell. What everything takes is in `cluster_config`, drawn from
/// streams of its own for hosts, for the store and for failures, so that two schedulers with one seed see the same
/// world as far as they do the same.
///
/// Simultaneous events are in this order: hosts that come and go, replicas and containers that are up, cells that
/// finish, sessions that open, cells that come, sessions that close, the scheduler's own waking.
///
/// \complexity O(events log events) and what the scheduler takes
/// \thread_safety none
template <notebook::cluster_scheduler Scheduler>
class cluster {
  public:
    /// \param trace  borrowed for the call of `run`
    cluster(Scheduler scheduler, kernel_protocol protocol, cluster_config config)
        : scheduler_{std::move(scheduler)}, protocol_{protocol}, config_{std::move(config)},
          host_draws_{config_.seed, "hosts"}, store_draws_{config_.seed, "store"}, loss_draws_{config_.seed, "losses"} {
    }

    /// Replays a trace from its start to its end, or to `cluster_config::until`.
    /// \param sample_every  distance of `run_record::samples`, > 0
    [[nodiscard]] run_record run(workload::notebook_trace const& trace, duration sample_every) {
        HPCSCHED_ASSERT(sample_every > duration{0});
        plan(trace);
        deliver(notebook::cluster_started{config_.host_kind});
        next_sample_ = time_point{};
        while (!queue_.empty() && (open_sessions_ > 0 || sessions_to_open_ > 0) &&
               queue_.next_time() <= config_.until) {
            auto const next = queue_.pop();
            advance(next.key.at, sample_every);
            ++record_.events;
            std::visit([this](auto const& e) { happen(e); }, next.payload);
            note_state();
        }
        advance(config_.until == never ? now_ : config_.until, sample_every);
        record_.ended = now_;
        return std::move(record_);
    }

    [[nodiscard]] Scheduler const& scheduler() const noexcept { return scheduler_; }

  private:
    using host_id = gpu::host_id;
    using kernel_id = notebook::kernel_id;

    struct host_up {
        host_id host;
        std::uint64_t incarnation;
    };
    struct host_gone {};
    struct host_breaks {
        host_id host;
        std::uint64_t incarnation;
    };
    struct warm_up {
        host_id host;
        std::uint64_t incarnation;
    };
    struct replica_up {
        kernel_id kernel;
        notebook::replica_id replica;
    };
    struct code_starts {
        std::size_t cell;
        std::uint32_t attempt;
    };
    struct cell_ends {
        std::size_t cell;
        std::uint32_t attempt;
    };
    struct opens {
        kernel_id kernel;
    };
    struct comes {
        std::size_t cell;
    };
    struct closes {
        kernel_id kernel;
    };
    struct wakes {
        std::uint64_t number;
    };
    using event = std::variant<host_up, host_gone, host_breaks, warm_up, replica_up, code_starts, cell_ends, opens,
                               comes, closes, wakes>;
    enum phase : std::uint32_t {
        hosts_first,
        replicas_next,
        ends_next,
        opens_next,
        comes_next,
        closes_next,
        wakes_last
    };

    struct session_state {
        std::uint32_t gpus = 1;
        time_point closed{};
        std::vector<std::size_t> cells; // that came and wait for the one that runs, oldest first
        std::size_t current = none;     // the cell that is submitted
        std::size_t cells_left = 0;     // not finished
        bool had_cell = false;
        notebook::replica_id executor{};
        bool open = false;
    };
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    struct attempt {
        host_id host{};
        time_point code_starts{};
        duration counted{}; // as computing, in advance
    };

    void plan(workload::notebook_trace const& trace) {
        sessions_.resize(trace.sessions.size());
        sessions_to_open_ = trace.sessions.size();
        for (std::uint32_t i = 0; i < trace.sessions.size(); ++i) {
            workload::notebook_session const& s = trace.sessions[i];
            sessions_[i].gpus = s.gpus;
            sessions_[i].closed = s.closed;
            duration const lead = std::min(config_.session_lead, s.opened - time_point{});
            queue_.push(s.opened - lead, opens_next, opens{kernel_id{i}});
        }
        record_.cells.reserve(trace.cells.size());
        for (std::size_t i = 0; i < trace.cells.size(); ++i) {
            workload::notebook_cell const& c = trace.cells[i];
            ++sessions_[c.session.value].cells_left;
            record_.cells.push_back({.session = c.session.value, .gpus = c.gpus, .submitted = c.submit, .run = c.run});
            queue_.push(c.submit, comes_next, comes{i});
        }
    }

    // --- what happens --------------------------------------------------------------------------------------

    void happen(host_up const& e) {
        if (!alive(e.host, e.incarnation)) {
            return;
        }
        if (config_.host_lifetime != unlimited) {
            boost::random::exponential_distribution<double> life{1 / to_seconds(config_.host_lifetime)};
            queue_.push(now_ + from_seconds(life(loss_draws_)), hosts_first, host_breaks{e.host, e.incarnation});
        }
        deliver(notebook::host_ready{e.host});
    }
    void happen(host_gone const& /*e*/) { --hosts_; }
    void happen(host_breaks const& e) {
        if (!alive(e.host, e.incarnation)) {
            return;
        }
        ++record_.hosts_lost;
        --hosts_;
        incarnations_.erase(e.host.value);
        for (session_state& s : sessions_) {
            // What ran there is over; the scheduler will say where it runs again.
            auto const runs = s.current == none ? attempts_at_.end() : attempts_at_.find(s.current);
            if (runs != attempts_at_.end() && runs->second.host == e.host) {
                duration const computed =
                    std::clamp(duration{now_ - runs->second.code_starts}, duration{0}, runs->second.counted);
                record_.busy -=
                    static_cast<double>((runs->second.counted - computed).count()) * record_.cells[s.current].gpus;
                end_attempt(s.current);
            }
        }
        deliver(notebook::host_lost{e.host});
    }
    void happen(warm_up const& e) {
        if (alive(e.host, e.incarnation)) {
            deliver(notebook::container_warm{e.host});
        }
    }
    void happen(replica_up const& e) {
        if (sessions_[e.kernel.value].open) {
            deliver(notebook::replica_ready{e.kernel, e.replica});
        }
    }
    void happen(code_starts const& e) {
        cell_record& c = record_.cells[e.cell];
        if (c.attempts == e.attempt && c.started == never) {
            c.started = now_;
        }
    }
    void happen(cell_ends const& e) {
        cell_record& c = record_.cells[e.cell];
        if (c.attempts != e.attempt || attempts_at_.find(e.cell) == attempts_at_.end()) {
            return;
        }
        c.finished = now_;
        end_attempt(e.cell);
        session_state& s = sessions_[c.session];
        s.current = none;
        --s.cells_left;
        deliver(notebook::cell_finished{kernel_id{c.session}, numbers_[e.cell]});
        if (!s.cells.empty()) {
            std::size_t const next = s.cells.front();
            s.cells.erase(s.cells.begin());
            submit(next);
        } else if (s.cells_left == 0) {
            queue_.push(std::max(now_, s.closed), closes_next, closes{kernel_id{c.session}});
        }
    }
    void happen(opens const& e) {
        session_state& s = sessions_[e.kernel.value];
        s.open = true;
        ++open_sessions_;
        --sessions_to_open_;
        deliver(notebook::session_opened{e.kernel, s.gpus, e.kernel.value + 1}); // each user has one
        if (s.cells_left == 0) {
            queue_.push(std::max(now_, s.closed), closes_next, closes{e.kernel});
        }
    }
    void happen(comes const& e) {
        session_state& s = sessions_[record_.cells[e.cell].session];
        if (s.current != none) {
            s.cells.push_back(e.cell);
        } else {
            submit(e.cell);
        }
    }
    void happen(closes const& e) {
        sessions_[e.kernel.value].open = false;
        --open_sessions_;
        deliver(notebook::session_closed{e.kernel});
    }
    void happen(wakes const& e) {
        if (e.number == wake_number_) {
            deliver(notebook::scheduler_woken{});
        }
    }

    void submit(std::size_t i) {
        cell_record& c = record_.cells[i];
        session_state& s = sessions_[c.session];
        c.submitted = now_;
        c.first = !s.had_cell;
        s.had_cell = true;
        s.current = i;
        numbers_[i] = ++cells_submitted_;
        submitting_ = i;
        deliver(notebook::cell_submitted{kernel_id{c.session}, numbers_[i], c.gpus});
        submitting_ = none;
    }

    // --- what the scheduler wants --------------------------------------------------------------------------

    template <class Event>
    void deliver(Event const& e) {
        commands_.clear();
        scheduler_.handle(e, now_, commands_);
        // A command never makes an event at once, so the buffer is not written to while it is read.
        for (notebook::cluster_command const& c : commands_.items()) {
            std::visit([this](auto const& command) { obey(command); }, c);
        }
    }

    void obey(notebook::provision_host const& c) {
        ++hosts_;
        ++record_.hosts_provisioned;
        record_.hosts_peak = std::max(record_.hosts_peak, hosts_);
        std::uint64_t const n = ++last_incarnation_;
        incarnations_[c.host.value] = n;
        queue_.push(now_ + draw(config_.provisioning), hosts_first, host_up{c.host, n});
    }
    void obey(notebook::release_host const& c) {
        ++record_.hosts_released;
        incarnations_.erase(c.host.value);
        queue_.push(now_ + draw(config_.releasing), hosts_first, host_gone{});
    }
    void obey(notebook::prewarm const& c) {
        queue_.push(now_ + config_.cold_start, replicas_next, warm_up{c.host, incarnations_[c.host.value]});
    }
    void obey(notebook::start_replica const& c) {
        duration takes = c.warm ? config_.warm_start : config_.cold_start;
        if (!c.empty) {
            takes += draw_store(config_.store_read_p99);
            takes += protocol_.moves_through_store ? draw_store(config_.store_write_p99) : duration{0};
            session_state const& s = sessions_[c.kernel.value];
            bool const awaited = s.current != none && attempts_at_.find(s.current) == attempts_at_.end();
            ++(awaited ? record_.moves_for_cells : record_.moves_ahead);
            if (awaited) {
                record_.cells[s.current].moved = true;
            }
        }
        queue_.push(now_ + takes, replicas_next, replica_up{c.kernel, c.replica});
    }
    void obey(notebook::stop_replica const& /*c*/) {}
    void obey(notebook::run_cell const& c) {
        session_state& s = sessions_[c.kernel.value];
        std::size_t const i = s.current;
        HPCSCHED_ASSERT(i != none && numbers_[i] == c.cell);
        cell_record& r = record_.cells[i];
        ++r.attempts;
        r.at_once = i == submitting_ && r.attempts == 1;
        r.same_executor = !r.first && s.executor == c.replica;
        s.executor = c.replica;
        duration const before = protocol_.commits_before_start * config_.commit + config_.device_load +
                                (c.loads_state ? draw_store(config_.store_read_p99) : duration{0});
        duration const after = c.loads_state ? draw_store(config_.store_write_p99) : duration{0};
        duration const counted = std::min(r.run, left(before));
        attempts_at_[i] = {c.host, now_ + before, counted};
        record_.busy += static_cast<double>(counted.count()) * r.gpus;
        queue_.push(now_ + before, ends_next, code_starts{i, r.attempts});
        queue_.push(now_ + before + r.run + after, ends_next, cell_ends{i, r.attempts});
    }
    void obey(notebook::wake_at const& c) { queue_.push(std::max(c.at, now_), wakes_last, wakes{++wake_number_}); }

    // --- accounts ------------------------------------------------------------------------------------------

    // Of the run's time what is left from now and `before` on.
    [[nodiscard]] duration left(duration before) const noexcept {
        return config_.until == never ? unlimited : std::max(duration{0}, config_.until - now_ - before);
    }

    void end_attempt(std::size_t cell) { attempts_at_.erase(cell); }

    void advance(time_point to, duration sample_every) {
        for (; next_sample_ < to; next_sample_ += sample_every) {
            record_.samples.push_back({.at = next_sample_,
                                       .hosts = hosts_,
                                       .leased = static_cast<std::uint32_t>(scheduler_.state().leased_milli() / 1000),
                                       .demand = static_cast<std::uint32_t>(scheduler_.state().demand_milli() / 1000),
                                       .running_cells = static_cast<std::uint32_t>(attempts_at_.size()),
                                       .waiting_cells = static_cast<std::uint32_t>(scheduler_.waiting_count())});
        }
        auto const passed = static_cast<double>((to - now_).count());
        record_.provisioned += passed * hosts_ * static_cast<double>(config_.host_kind.devices.size());
        record_.leased += passed * static_cast<double>(leased_) / 1000;
        now_ = to;
    }

    void note_state() {
        leased_ = scheduler_.state().leased_milli();
        for (gpu::host_load const& h : scheduler_.state().ledger().loads()) {
            record_.members_peak = std::max(record_.members_peak, h.member_count);
        }
    }

    [[nodiscard]] bool alive(host_id h, std::uint64_t incarnation) const {
        auto const at = incarnations_.find(h.value);
        return at != incarnations_.end() && at->second == incarnation;
    }

    duration draw(varying_time const& t) {
        boost::random::normal_distribution<double> normal{to_seconds(t.mean), to_seconds(t.deviation)};
        return from_seconds(std::max(0.0, normal(host_draws_)));
    }
    duration draw_store(duration p99) {
        double const mean = to_seconds(p99) / std::log(100.0); // of an exponential distribution
        boost::random::exponential_distribution<double> time{1 / mean};
        return from_seconds(time(store_draws_));
    }

    Scheduler scheduler_;
    kernel_protocol protocol_;
    cluster_config config_;
    random_stream host_draws_;
    random_stream store_draws_;
    random_stream loss_draws_;
    sim::event_queue<event> queue_;
    notebook::cluster_command_buffer commands_;
    time_point now_{};
    time_point next_sample_{};
    std::vector<session_state> sessions_;
    std::size_t open_sessions_ = 0;
    std::size_t sessions_to_open_ = 0;
    std::map<std::size_t, notebook::cell_number> numbers_;
    std::map<std::size_t, attempt> attempts_at_;          // cells that run
    std::map<std::uint32_t, std::uint64_t> incarnations_; // of hosts that are up or come up
    std::uint64_t last_incarnation_ = 0;
    std::uint64_t cells_submitted_ = 0;
    std::uint64_t wake_number_ = 0;
    std::size_t submitting_ = none;
    std::uint32_t hosts_ = 0;
    std::int64_t leased_ = 0;
    run_record record_;
};

} // namespace hpcsched::notebook_sim

#endif

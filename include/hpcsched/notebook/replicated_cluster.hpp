// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_REPLICATED_CLUSTER_HPP
#define HPCSCHED_NOTEBOOK_REPLICATED_CLUSTER_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/ledger_image.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/gpu/room_forecast.hpp>
#include <hpcsched/notebook/cluster_image.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_state.hpp>

#include <algorithm>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

namespace detail {

/// Policies that can be written down. Those of a cluster that moves kernels ahead are none: it goes by rates that it
/// computed earlier, and does not write down.
template <class P>
concept restorable_policies =
    std::copyable<P> && std::same_as<std::remove_cvref_t<decltype(std::declval<P&>().rebalancing)>, no_rebalancing> &&
    requires(P& p, P const& c, byte_buffer& out, byte_reader& in) {
        { c.save(out) } -> std::same_as<void>;
        { p.restore(in) } -> std::same_as<bool>;
    };

/// Policies that are given what room is to be expected.
template <class P>
concept takes_forecasts = requires(std::remove_cvref_t<P>& p, gpu::room_forecast const& f) { p.foresee(f); };

/// An admission that is told for how long each kernel has had devices.
template <class A>
concept takes_duties = requires(std::remove_cvref_t<A>& a, duration d) { a.observe(std::uint64_t{}, d, d); };

/// An admission whose learning is written down apart from how it was chosen.
template <class A>
concept saves_learning = requires(A& a, byte_buffer& out, byte_reader& in) {
    a.save_learned(out);
    { a.restore_learned(in) } -> std::same_as<bool>;
};

/// Policies of a cluster that no host is provisioned for.
template <class P>
[[nodiscard]] constexpr bool hosts_stay(P const& policies) noexcept {
    if constexpr (requires { policies.hosts_stay; }) {
        return policies.hosts_stay;
    }
    return false;
}

} // namespace detail

/// A cluster whose kernels have several replicas on different hosts, and devices only while a cell runs.
///
/// What happens is always the same; who decides are the policies of the bundle (cluster_policies.hpp):
///
/// * A session opens: `replicas` hosts that the admission lets are chosen by the placement, and a replica starts on
/// each.
/// * A cell comes: the replicas are tried in the order of the executor policy, and the first whose host has the devices
///   free runs it. Where none has, a replica moves to a host that has them: which one is the migration policy's choice.
///   Where no host has, hosts are provisioned, and cells wait; which of them runs first is the queueing policy's
///   choice, and whether others may run meanwhile on the hosts that could serve one that waits. Cells that need no
///   device wait for nobody.
/// * From time to time the scaling policy says how many hosts there should be; hosts to be released move their idle
///   replicas away first.
/// * Where the bundle asks for it, idle kernels are moved to where they could run before their next cell comes.
/// * A kernel that is idle for `reclaim_after` gives up its replicas, and has its state in the store; its next cell
/// starts
///   them again.
/// * A lost host: its replicas are started anew elsewhere, and its cells run on another replica.
///
/// Where the bundle can be saved, so can the cluster: `save(byte_buffer&) const` and `bool restore(byte_reader&)`.
template <cluster_policies Policies>
class replicated_cluster {
  public:
    explicit replicated_cluster(Policies policies) : policies_{std::move(policies)} {}

    void handle(cluster_started const& e, time_point now, cluster_command_sink& out) {
        state_.start(e);
        for (std::uint32_t i = 0; i < policies_.scaling.hosts_at_start(); ++i) {
            state_.provision(out);
        }
        next_scaling_ = now + policies_.scaling.interval();
        out.append(wake_at{next_scaling_});
    }
    void handle(host_ready const& e, time_point now, cluster_command_sink& out) {
        state_.host_is_up(e.host, e.what);
        refill(e.host, out);
        host_came_ = true;
        progress(now, out);
        host_came_ = false;
        settle(now, out);
    }
    void handle(host_lost const& e, time_point now, cluster_command_sink& out) {
        bool const was_coming = state_.host(e.host).phase == host_phase::provisioning;
        auto const touched = state_.host_is_lost(e.host);
        for (kernel_id const k : touched) {
            add_once(respawn_, k);
            if (state_.kernel(k).waits()) {
                add_once(waiting_, k);
            }
        }
        if (was_coming) { // it is wanted still
            state_.provision(out);
        }
        progress(now, out);
        settle(now, out);
    }
    /// Its replicas move away as there is room elsewhere, and then it is released. Nothing happens to one that is not
    /// up.
    void handle(host_draining const& e, time_point now, cluster_command_sink& out) {
        host_phase const phase = state_.host(e.host).phase;
        if (e.draining && phase == host_phase::up) {
            state_.drain(e.host);
        } else if (!e.draining && phase == host_phase::draining) {
            state_.undrain(e.host);
            progress(now, out);
        }
        settle(now, out);
    }
    void handle(container_warm const& e, time_point /*now*/, cluster_command_sink& /*out*/) {
        state_.warm_is_up(e.host);
    }
    void handle(session_opened const& e, time_point now, cluster_command_sink& out) {
        state_.open(e.kernel, e.gpus, now, e.tenant);
        unplaced_.push_back(e.kernel);
        progress(now, out);
        settle(now, out);
    }
    void handle(session_closed const& e, time_point now, cluster_command_sink& out) {
        policies_.scaling.closed(state_, e.kernel, now);
        if constexpr (detail::takes_duties<admission>) {
            policies_.admission.forget(e.kernel.value);
        }
        std::erase(unplaced_, e.kernel);
        std::erase(waiting_, e.kernel);
        std::erase(respawn_, e.kernel);
        state_.close(e.kernel, out);
        progress(now, out);
        settle(now, out);
    }
    void handle(cell_submitted const& e, time_point now, cluster_command_sink& out) {
        policies_.scaling.submitted(state_, e.kernel, now);
        state_.submit(e.kernel, e.cell, e.gpus, now);
        std::uint32_t held = nothing_is_held;
        for (kernel_id const k : waiting_) {
            held = std::min(held, held_by(k, now));
        }
        if (!try_run(e.kernel, held, now, out)) {
            // One that lost its last replica comes back with the first host; placed as well, it would be twice there.
            bool const lost_all = std::find(respawn_.begin(), respawn_.end(), e.kernel) != respawn_.end();
            if (state_.kernel(e.kernel).replicas.empty() && !lost_all) {
                add_once(unplaced_, e.kernel);
            }
            add_once(waiting_, e.kernel);
            progress(now, out);
        }
        settle(now, out);
    }
    void handle(cell_finished const& e, time_point now, cluster_command_sink& out) {
        kernel_state const& k = state_.kernel(e.kernel);
        if (!k.running || k.cell != e.cell) {
            return; // its host was lost, and it runs again elsewhere
        }
        policies_.scaling.finished(state_, e.kernel, now);
        state_.finish(e.kernel, now, false);
        progress(now, out);
        settle(now, out);
    }
    void handle(cell_withdrawn const& e, time_point now, cluster_command_sink& out) {
        kernel_state const& k = state_.kernel(e.kernel);
        if (!k.waits() || k.cell != e.cell) {
            return; // it runs meanwhile, or is over
        }
        policies_.scaling.finished(state_, e.kernel, now);
        std::erase(waiting_, e.kernel);
        state_.withdraw(e.kernel, now);
        progress(now, out);
        settle(now, out);
    }
    void handle(replica_ready const& e, time_point now, cluster_command_sink& out) {
        if (!state_.set_ready(e.kernel, e.replica)) {
            return;
        }
        auto const& move = state_.kernel(e.kernel).move;
        if (move && move->to == e.replica) {
            bool const for_cell = move->for_cell;
            state_.end_move(e.kernel, out);
            if (for_cell) {
                kernel_state const& k = state_.kernel(e.kernel);
                state_.run(e.kernel, e.replica, k.replicas[k.index_of(e.replica)].host, false, out);
            }
        }
        progress(now, out);
        if (moves_wait_) {
            rebalance(now, out);
        }
        empty_draining(out);
    }
    void handle(scheduler_woken const& /*e*/, time_point now, cluster_command_sink& out) {
        if (now >= next_scaling_) {
            sample();
            reclaim_idle(now, out);
            scale(now, out);
            next_scaling_ = now + policies_.scaling.interval();
        }
        progress(now, out);
        settle(now, out);
        out.append(wake_at{std::min(next_scaling_, next_place_)});
    }

    /// Goes by other policies from now on; hosts, kernels and cells are as they are.
    /// \return false where they want another number of replicas while kernels have some; nothing has changed then
    [[nodiscard]] bool adopt(Policies others, time_point now, cluster_command_sink& out) {
        auto const kernels = state_.kernels();
        bool const any_lives = std::any_of(kernels.begin(), kernels.end(),
                                           [](kernel_state const& k) { return k.open && k.replicas_made > 0; });
        if (any_lives && others.replicas != policies_.replicas) {
            return false;
        }
        policies_ = std::move(others);
        progress(now, out);
        settle(now, out);
        return true;
    }

    [[nodiscard]] cluster_state const& state() const noexcept { return state_; }
    [[nodiscard]] Policies const& policies() const noexcept { return policies_; }
    /// Cells that no host has room for at the moment.
    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_.size(); }

    /// Appends all that decisions follow from.
    void save(byte_buffer& out) const
        requires detail::restorable_policies<Policies>
    {
        policies_.save(out);
        if constexpr (detail::saves_learning<admission>) {
            policies_.admission.save_learned(out);
        }
        cluster_image::save(state_, out);
        for (auto const* const list : {&unplaced_, &waiting_, &respawn_}) {
            put_word(out, list->size());
            for (kernel_id const k : *list) {
                put_word(out, k.value);
            }
        }
        gpu::ledger_image::put(out, next_scaling_);
    }

    /// Replaces all by what was saved.
    /// \return false where `save` would not have written it so; it is as it was then
    [[nodiscard]] bool restore(byte_reader& in)
        requires detail::restorable_policies<Policies>
    {
        replicated_cluster made{policies_};
        if (!made.policies_.restore(in) || !made.restore_learned(in) || !cluster_image::restore(made.state_, in)) {
            return false;
        }
        for (auto* const list : {&made.unplaced_, &made.waiting_, &made.respawn_}) {
            std::uint64_t const count = in.word();
            for (std::uint64_t i = 0; i < count && in.good(); ++i) {
                list->push_back(kernel_id{gpu::ledger_image::take<std::uint32_t>(in)});
            }
        }
        made.next_scaling_ = gpu::ledger_image::take_time(in);
        if (!in.good() || made.next_scaling_ < time_point{} || !made.lists_are_right()) {
            return false;
        }
        *this = std::move(made);
        return true;
    }

  private:
    static constexpr std::uint32_t nothing_is_held = std::numeric_limits<std::uint32_t>::max();
    static constexpr duration majority_after = std::chrono::seconds{3};

    using queueing = std::remove_cvref_t<decltype(std::declval<Policies&>().queueing)>;
    using admission = std::remove_cvref_t<decltype(std::declval<Policies&>().admission)>;

    // One that waits: its rank, and where it is in the order of arrival.
    struct ranked {
        gpu::queue_rank rank;
        std::size_t index;

        friend constexpr auto operator<=>(ranked const&, ranked const&) = default;
    };

    // Whether the lists hold the kernels that are to be there, each once.
    [[nodiscard]] bool lists_are_right() const {
        auto const kernels = state_.kernels();
        auto const in_list = [](std::vector<kernel_id> const& list, kernel_id k) {
            return std::count(list.begin(), list.end(), k) == 1;
        };
        std::size_t listed = 0;
        bool right = true;
        for (std::uint32_t i = 0; i < kernels.size(); ++i) {
            kernel_state const& k = kernels[i];
            bool const is_unplaced = in_list(unplaced_, kernel_id{i});
            bool const lost_some = in_list(respawn_, kernel_id{i});
            bool const waits = in_list(waiting_, kernel_id{i});
            listed += (is_unplaced ? 1U : 0U) + (lost_some ? 1U : 0U) + (waits ? 1U : 0U);
            bool const gave_up = k.replicas.empty() && k.idle() && policies_.reclaim_after != unlimited;
            bool const lacks_some = k.open && staying(k) < policies_.replicas;
            right &= staying(k) <= policies_.replicas;
            right &= (is_unplaced || lost_some) == lacks_some || (gave_up && lacks_some);
            right &= !(is_unplaced && lost_some) && (!is_unplaced || k.replicas.empty());
            right &= waits == (k.waits() && !(k.move && k.move->for_cell));
        }
        return right && listed == unplaced_.size() + waiting_.size() + respawn_.size();
    }

    [[nodiscard]] bool restore_learned(byte_reader& in) {
        if constexpr (detail::saves_learning<admission>) {
            return policies_.admission.restore_learned(in);
        }
        return true;
    }

    [[nodiscard]] bool admits(gpu::host_id h, std::uint32_t gpus, bool waived) const {
        return waived || policies_.admission.admits_host(state_.ledger(), h, cluster_state::request(gpus));
    }

    static void add_once(std::vector<kernel_id>& list, kernel_id k) {
        if (std::find(list.begin(), list.end(), k) == list.end()) {
            list.push_back(k);
        }
    }

    // After anything that may have made room.
    void progress(time_point now, cluster_command_sink& out) {
        place_kernels(now, out);
        replace_lost(out);
        serve_waiting(now, out);
        std::uint64_t homeless = 0; // devices of cells that no host has room for
        for (kernel_id const k : waiting_) {
            homeless += state_.kernel(k).replicas.empty() || state_.kernel(k).move ? 0 : state_.kernel(k).cell_gpus;
        }
        std::uint64_t const each = std::max<std::uint32_t>(1, state_.host_devices());
        auto const missing = (homeless + each - 1) / each;
        while (missing > state_.provisioning_count() && policies_.scaling.may_grow(state_)) {
            state_.provision(out);
        }
    }

    // Runs cells that wait, in the order of the queueing policy.
    void serve_waiting(time_point now, cluster_command_sink& out) {
        std::erase_if(waiting_, [&](kernel_id k) {
            kernel_state const& s = state_.kernel(k);
            return !s.waits() || (s.move && s.move->for_cell); // it will run where it moves to
        });
        for (bool ranks_changed = true; ranks_changed && !waiting_.empty();) {
            ranks_changed = false;
            rank_waiting(now);
            std::vector<kernel_id> const in_order_of_arrival = waiting_;
            std::uint32_t held = nothing_is_held;
            for (ranked const& p : ranked_) {
                kernel_id const k = in_order_of_arrival[p.index];
                if (try_run(k, held, now, out) || begin_move_for_cell(k, held, now, out)) {
                    std::erase(waiting_, k);
                    ranks_changed = gpu::goes_by_usage<queueing>;
                    if (ranks_changed) {
                        break;
                    }
                } else {
                    held = std::min(held, held_by(k, now));
                }
            }
        }
    }

    void rank_waiting(time_point now) {
        gpu::tenant_usage usage;
        if constexpr (gpu::goes_by_usage<queueing>) {
            usage = state_.usage();
        }
        ranked_.clear();
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            ranked_.push_back({policies_.queueing.rank(want(waiting_[i]), now, usage), i});
        }
        std::sort(ranked_.begin(), ranked_.end());
    }

    // What a kernel's cell waits for, as the queueing policy sees it.
    [[nodiscard]] gpu::waiting_want want(kernel_id k) const {
        kernel_state const& s = state_.kernel(k);
        gpu::waiting_want w;
        w.what.owner = cluster_state::owner(k);
        w.what.sequence = s.cell;
        w.what.request = cluster_state::request(s.cell_gpus);
        w.what.tenant = s.tenant;
        w.what.expected_run = s.expected_run;
        w.since = s.submitted;
        return w;
    }

    // Devices that a kernel's cell waits for, where it holds others up: they are not to run where it could ever run.
    // One that waits for a replica holds nobody up.
    [[nodiscard]] std::uint32_t held_by(kernel_id k, time_point now) const {
        kernel_state const& s = state_.kernel(k);
        bool const waits_for_devices = s.cell_gpus > 0 && has_ready(s) && !s.move;
        return waits_for_devices && policies_.queueing.holds_up(want(k), now) ? s.cell_gpus : nothing_is_held;
    }

    // Whether a kernel's cell must not run on a host because another waits for so many devices.
    [[nodiscard]] bool is_held(gpu::host_id h, kernel_state const& s, std::uint32_t held) const {
        return s.cell_gpus > 0 && held != nothing_is_held && state_.ledger().ever_fits(h, cluster_state::request(held));
    }

    [[nodiscard]] static bool has_ready(kernel_state const& s) {
        return std::any_of(s.replicas.begin(), s.replicas.end(), [](replica const& r) { return r.ready; });
    }

    // After anything that changed who needs devices, or how many there are.
    void settle(time_point now, cluster_command_sink& out) {
        order_is_stale_ = true;
        if (policies_.scaling.after_every_event()) {
            scale(now, out);
        }
        rebalance(now, out);
        empty_draining(out);
    }

    bool try_run(kernel_id k, std::uint32_t held, time_point now, cluster_command_sink& out) {
        kernel_state const& s = state_.kernel(k);
        order_.clear();
        policies_.executor.order(state_, k, order_);
        for (std::size_t const i : order_) {
            replica const r = s.replicas[i];
            if (r.ready && !is_held(r.host, s, held) && state_.lease_for_cell(k, r.host, now)) {
                state_.run(k, r.id, r.host, false, out);
                return true;
            }
        }
        return false;
    }

    bool begin_move_for_cell(kernel_id k, std::uint32_t held, time_point now, cluster_command_sink& out) {
        kernel_state const& s = state_.kernel(k);
        if (!has_ready(s) || s.move) {
            return false;
        }
        gpu::placement_request const request{cluster_state::request(s.cell_gpus), {}};
        auto const eligible = [&](bool waived) {
            return gpu::best_host(policies_.target, state_.ledger(), request, gpu::room::now, [&](gpu::host_id h) {
                return !s.lives_on(h) && !is_held(h, s, held) && admits(h, s.gpus, waived);
            });
        };
        auto target = eligible(false);
        if (!target) {
            target = eligible(true);
        }
        if (!target || !state_.lease_for_cell(k, *target, now)) {
            return false;
        }
        policies_.prewarming.started(now);
        foresee(policies_.migration, now);
        state_.begin_move(k, policies_.migration.victim(state_, k), *target, true, out);
        refill(*target, out);
        return true;
    }

    void place_kernels(time_point now, cluster_command_sink& out) {
        tell_duties(now);
        next_place_ = never;
        std::erase_if(unplaced_, [&](kernel_id k) { return place(k, now, out); });
        if (next_place_ != never) {
            out.append(wake_at{std::min(next_scaling_, next_place_)});
        }
    }

    bool place(kernel_id k, time_point now, cluster_command_sink& out) {
        kernel_state const& s = state_.kernel(k);
        std::size_t const wanted = policies_.replicas;
        foresee(policies_.admission, now);
        gpu::placement_request const request{cluster_state::request(s.gpus), {}};
        bool waived = false;
        auto hosts = gpu::place_members(policies_.placement, state_.ledger(), request, wanted,
                                        [&](gpu::host_id h) { return admits(h, s.gpus, false); });
        if (hosts.size() < wanted && !policies_.scaling.may_grow(state_) && !detail::hosts_stay(policies_)) {
            waived = true;
            hosts = gpu::place_members(policies_.placement, state_.ledger(), request, wanted,
                                       [](gpu::host_id) { return true; });
        }
        bool const whole = hosts.size() == wanted || begins_with(hosts.size(), s, request, now);
        bool const enough = whole && (waived || admit_group(hosts, request, s.gpus));
        if (!enough) {
            auto const missing = static_cast<std::uint32_t>(std::max<std::size_t>(1, wanted - hosts.size()));
            while (policies_.scaling.may_grow(state_) && state_.provisioning_count() < missing) {
                state_.provision(out);
            }
            return false;
        }
        for (gpu::host_id const h : hosts) {
            policies_.prewarming.started(now);
            state_.add_replica(k, h, s.leases_made == 0, out);
            refill(h, out);
        }
        if (hosts.size() < wanted) {
            add_once(respawn_, k);
        }
        return true;
    }

    // Whether a kernel begins with a majority of its replicas: where hosts stay and no other could have one, as when
    // one is lost. The others follow as hosts come; it waits for them a while, since hosts that start come one by one.
    [[nodiscard]] bool begins_with(std::size_t count, kernel_state const& s, gpu::placement_request const& request,
                                   time_point now) {
        if (!detail::hosts_stay(policies_) || 2 * count <= policies_.replicas) {
            return false;
        }
        auto const all = gpu::place_members(policies_.placement, state_.ledger(), request, policies_.replicas,
                                            [](gpu::host_id) { return true; });
        if (all.size() != count) { // some are not admitted
            return false;
        }
        time_point const due = s.opened + majority_after;
        if (now < due) {
            next_place_ = std::min(next_place_, due);
        }
        return now >= due;
    }

    // Before kernels are placed: for how long each has had devices.
    void tell_duties(time_point now) {
        if constexpr (detail::takes_duties<admission>) {
            auto const kernels = state_.kernels();
            for (std::uint32_t i = 0; i < kernels.size() && !unplaced_.empty(); ++i) {
                if (kernels[i].open) {
                    policies_.admission.observe(i, kernels[i].leased_until(now), now - kernels[i].opened);
                }
            }
        }
    }

    // Whether the hosts are admitted together, where need be with another in place of the last. When a host has come
    // they are, unless kernels are to wait: whom the best hosts would not serve well enough would wait for one host
    // after the other.
    [[nodiscard]] bool admit_group(std::vector<gpu::host_id>& hosts, gpu::placement_request const& request,
                                   std::uint32_t gpus) const {
        bool const waived = host_came_ && !detail::hosts_stay(policies_);
        if (waived || policies_.admission.admits_group(state_.ledger(), hosts, request.devices)) {
            return true;
        }
        std::vector<gpu::host_id> group = hosts;
        auto const other =
            gpu::best_host(policies_.placement, state_.ledger(), request, gpu::room::ever, [&](gpu::host_id h) {
                if (std::find(hosts.begin(), hosts.end(), h) != hosts.end() || !admits(h, gpus, false)) {
                    return false;
                }
                group.back() = h;
                return policies_.admission.admits_group(state_.ledger(), group, request.devices);
            });
        if (other) {
            hosts.back() = *other;
        }
        return other.has_value();
    }

    void reclaim_idle(time_point now, cluster_command_sink& out) {
        auto const kernels = state_.kernels();
        for (std::uint32_t i = 0; i < kernels.size(); ++i) {
            kernel_state const& s = kernels[i];
            bool const due = s.idle() && !s.move && now - s.idle_since >= policies_.reclaim_after;
            while (due && !s.replicas.empty()) {
                state_.stop(kernel_id{i}, 0, out);
            }
        }
    }

    // Replicas that are there when the move has ended.
    static std::size_t staying(kernel_state const& s) noexcept {
        bool const one_goes = s.move && s.index_of(s.move->from) != s.replicas.size();
        return s.replicas.size() - (one_goes ? 1 : 0);
    }

    void replace_lost(cluster_command_sink& out) {
        std::erase_if(respawn_, [&](kernel_id k) {
            kernel_state const& s = state_.kernel(k);
            while (s.open && staying(s) < policies_.replicas) {
                gpu::placement_request const request{cluster_state::request(s.gpus), {}};
                auto const h = gpu::best_host(policies_.placement, state_.ledger(), request, gpu::room::ever,
                                              [&](gpu::host_id id) { return !s.lives_on(id); });
                if (!h) {
                    while (state_.provisioning_count() == 0 && policies_.scaling.may_grow(state_)) {
                        state_.provision(out);
                    }
                    return false;
                }
                state_.add_replica(k, *h, s.replicas.empty(), out);
            }
            return true;
        });
    }

    // Before a policy decides that takes forecasts: what room is to be expected.
    template <class Policy>
    void foresee(Policy const& /*decides*/, time_point now) {
        if constexpr (detail::takes_forecasts<Policy> && requires { policies_.scaling.foretell(state_, now); }) {
            if (gpu::room_forecast const* const expected = policies_.scaling.foretell(state_, now)) {
                if constexpr (detail::takes_forecasts<decltype(policies_.admission)>) {
                    policies_.admission.foresee(*expected);
                }
                if constexpr (detail::takes_forecasts<decltype(policies_.migration)>) {
                    policies_.migration.foresee(*expected);
                }
            }
        }
    }

    void sample() {
        if constexpr (requires { policies_.admission.sample(std::int64_t{}, std::int64_t{}); }) {
            policies_.admission.sample(state_.demand_milli(), std::max(state_.running_milli(), state_.leased_milli()));
        }
    }

    void scale(time_point now, cluster_command_sink& out) {
        if constexpr (requires { policies_.admission.settled(); }) {
            if (!policies_.admission.settled()) {
                return;
            }
        }
        scaling_decision const d = policies_.scaling.decide(state_, now);
        for (std::uint32_t i = 0; i < d.add; ++i) {
            if (auto const back = draining_host()) {
                state_.undrain(*back);
            } else {
                state_.provision(out);
            }
        }
        for (gpu::host_id const h : d.drain) {
            state_.drain(h);
        }
    }

    [[nodiscard]] std::optional<gpu::host_id> draining_host() const {
        auto const hosts = state_.hosts();
        for (std::uint32_t i = 0; i < hosts.size(); ++i) {
            if (hosts[i].phase == host_phase::draining) {
                return gpu::host_id{i};
            }
        }
        return std::nullopt;
    }

    // Replicas leave hosts that are to be released, and vacant hosts go.
    void empty_draining(cluster_command_sink& out) {
        auto const hosts = state_.hosts();
        for (std::uint32_t i = 0; i < hosts.size(); ++i) {
            gpu::host_id const id{i};
            if (hosts[i].phase != host_phase::draining) {
                continue;
            }
            std::vector<kernel_id> const members(hosts[i].members.begin(), hosts[i].members.end());
            for (kernel_id const k : members) {
                leave(k, id, out);
            }
            if (state_.vacant(id)) {
                state_.release(id, out);
            }
        }
    }

    void leave(kernel_id k, gpu::host_id from, cluster_command_sink& out) {
        kernel_state const& s = state_.kernel(k);
        auto const here =
            std::find_if(s.replicas.begin(), s.replicas.end(), [from](replica const& r) { return r.host == from; });
        if (s.move || here == s.replicas.end() || (s.running && s.executor == here->id)) {
            return;
        }
        gpu::placement_request const request{cluster_state::request(s.gpus), {}};
        auto const best = [&](bool waived) {
            return gpu::best_host(policies_.placement, state_.ledger(), request, gpu::room::ever,
                                  [&](gpu::host_id h) { return !s.lives_on(h) && admits(h, s.gpus, waived); });
        };
        auto to = best(false);
        if (!to && detail::hosts_stay(policies_)) { // it was admitted once
            to = best(true);
        }
        if (to) {
            state_.begin_move(k, static_cast<std::size_t>(here - s.replicas.begin()), *to, false, out);
        }
    }

    // Idle kernels that could not run where they are move, the likeliest to come back first.
    void rebalance(time_point now, cluster_command_sink& out) {
        if (policies_.rebalancing.moves_at_once() == 0) {
            return;
        }
        largest_rest_ = 0;
        for (gpu::host_load const& h : state_.ledger().loads()) {
            largest_rest_ =
                h.free_count < h.device_count ? std::max<std::uint32_t>(largest_rest_, h.free_count) : largest_rest_;
        }
        auto const kernels = state_.kernels();
        if (order_is_stale_) {
            order_is_stale_ = false;
            by_rate_.clear();
            all_rates_ = 0;
            for (std::uint32_t i = 0; i < kernels.size(); ++i) {
                if (kernels[i].idle()) {
                    by_rate_.push_back({policies_.scaling.return_rate(state_, kernel_id{i}, now), kernel_id{i}});
                    all_rates_ += by_rate_.back().rate;
                }
            }
            std::sort(by_rate_.begin(), by_rate_.end(), [](candidate const& a, candidate const& b) {
                return a.rate != b.rate ? a.rate > b.rate : a.kernel < b.kernel;
            });
        }
        moves_wait_ = false;
        double covered = 0;
        for (auto const& [rate, k] : by_rate_) {
            if (covered >= policies_.rebalancing.coverage() * all_rates_) {
                break;
            }
            if (state_.moving_count() >= policies_.rebalancing.moves_at_once()) {
                moves_wait_ = true;
                break;
            }
            covered += rate;
            kernel_state const& s = state_.kernel(k);
            if (!s.idle() || s.move || s.replicas.empty() || places_to_run(s) >= policies_.rebalancing.places()) {
                continue;
            }
            gpu::placement_request const request{cluster_state::request(s.gpus), {}};
            auto const to = gpu::best_host(policies_.target, state_.ledger(), request, gpu::room::now,
                                           [&](gpu::host_id h) { return !s.lives_on(h) && admits(h, s.gpus, false); });
            if (to) {
                policies_.prewarming.started(now);
                foresee(policies_.migration, now);
                state_.begin_move(k, policies_.migration.victim(state_, k), *to, false, out);
                refill(*to, out);
            }
        }
    }

    // Replicas whose hosts have the devices free now. A host that is wholly free counts only where nothing but such
    // hosts would do: a cell of few devices there would spoil it for one of many.
    [[nodiscard]] std::uint32_t places_to_run(kernel_state const& s) const {
        bool const among_others = s.gpus <= largest_rest_;
        return static_cast<std::uint32_t>(std::count_if(s.replicas.begin(), s.replicas.end(), [&](replica const& r) {
            gpu::host_load const& h = state_.ledger().load(r.host);
            return h.free_count >= s.gpus && !(among_others && h.free_count == h.device_count);
        }));
    }

    void refill(gpu::host_id h, cluster_command_sink& out) {
        host_record const& r = state_.host(h);
        for (std::uint32_t have = r.warm + r.warming; have < policies_.prewarming.wanted(state_, h); ++have) {
            state_.order_warm(h, out);
        }
    }

    struct candidate {
        double rate;
        kernel_id kernel;
    };

    Policies policies_;
    cluster_state state_;
    std::vector<kernel_id> unplaced_; // in order of opening
    std::vector<kernel_id> waiting_;  // with a cell that no replica's host has room for, in order of submission
    std::vector<kernel_id> respawn_;  // that lost a replica
    std::vector<std::size_t> order_;
    std::vector<ranked> ranked_;     // of those that wait, in the order in which they are served
    std::vector<candidate> by_rate_; // idle kernels, the likeliest to come back first
    double all_rates_ = 0;
    bool order_is_stale_ = true;
    bool host_came_ = false;
    bool moves_wait_ = false;        // for others to end: too many at once
    std::uint32_t largest_rest_ = 0; // free devices of the host that has the most of those that are not wholly free
    time_point next_scaling_{};
    time_point next_place_ = never; // when a kernel has waited long enough to begin with fewer replicas
};

} // namespace hpcsched::notebook

#endif

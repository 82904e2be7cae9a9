// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_STATE_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_STATE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// One copy of a kernel.
struct replica {
    replica_id id{};
    gpu::host_id host{};
    bool ready = false; ///< has the kernel's state

    friend bool operator==(replica const&, replica const&) = default;
};

/// A replica that starts in order to take another's place.
struct replica_move {
    replica_id from{};
    replica_id to{};
    bool for_cell = false; ///< a cell waits for it, and its devices are leased
};

/// One kernel as a scheduler sees it.
struct kernel_state {
    bool open = false;
    std::uint32_t gpus = 1;   ///< the most that its cells need
    std::uint32_t tenant = 0; ///< whose quota they count against
    std::vector<replica> replicas;
    std::optional<replica_move> move;
    cell_number cell = 0; ///< submitted and not finished; 0: none
    std::uint32_t cell_gpus = 0;
    bool running = false;
    replica_id executor{}; ///< of the cell that runs, or ran last
    gpu::lease_token lease = 0;
    time_point submitted{};  ///< the cell's submission
    time_point idle_since{}; ///< where it has no cell: the end of the last, or the opening
    std::uint32_t replicas_made = 0;
    std::uint64_t leases_made = 0;
    time_point leased_since{}; ///< the last lease's beginning
    /// For how long a cell of it keeps its devices, by those that it had: the mean of the last one and of what was
    /// expected before it; 0: it had none.
    duration expected_run{};
    time_point opened{};
    duration leased_for{}; ///< for how long its cells that are over have had devices, together

    [[nodiscard]] bool idle() const noexcept { return open && cell == 0; }
    [[nodiscard]] bool waits() const noexcept { return open && cell != 0 && !running; }
    /// The same, with the cell that runs.
    [[nodiscard]] duration leased_until(time_point now) const noexcept {
        bool const has_some = running && cell_gpus > 0;
        return has_some ? leased_for + std::min(now - leased_since, duration::max() - leased_for) : leased_for;
    }
    [[nodiscard]] bool lives_on(gpu::host_id h) const noexcept {
        return std::any_of(replicas.begin(), replicas.end(), [h](replica const& r) { return r.host == h; });
    }
    [[nodiscard]] std::size_t index_of(replica_id id) const noexcept {
        auto const at = std::find_if(replicas.begin(), replicas.end(), [id](replica const& r) { return r.id == id; });
        return static_cast<std::size_t>(at - replicas.begin());
    }
};

enum class host_phase : std::uint8_t { absent, provisioning, up, draining };

/// One host as a scheduler sees it, beside the ledger.
struct host_record {
    host_phase phase = host_phase::absent;
    std::uint32_t warm = 0;      ///< empty containers that wait
    std::uint32_t warming = 0;   ///< asked for
    std::set<kernel_id> members; ///< kernels with a replica here
};

/// What every cluster scheduler keeps and does: hosts, kernels and their replicas, and the ledger of devices. It
/// decides nothing; each of its operations does one thing and appends the commands for it.
///
/// \thread_safety none
class cluster_state {
  public:
    [[nodiscard]] gpu::ledger const& ledger() const noexcept { return ledger_; }
    [[nodiscard]] std::span<host_record const> hosts() const noexcept { return hosts_; }
    [[nodiscard]] std::span<kernel_state const> kernels() const noexcept { return kernels_; }
    [[nodiscard]] kernel_state const& kernel(kernel_id k) const noexcept { return kernels_[k.value]; }
    [[nodiscard]] host_record const& host(gpu::host_id h) const noexcept { return hosts_[h.value]; }
    [[nodiscard]] gpu::host_info const& host_kind() const noexcept { return kind_; }
    /// Devices of a host of the cluster's kind.
    [[nodiscard]] std::uint32_t host_devices() const noexcept {
        return static_cast<std::uint32_t>(kind_.devices.size());
    }

    [[nodiscard]] std::uint32_t up_count() const noexcept { return up_; } ///< draining ones not included
    [[nodiscard]] std::uint32_t provisioning_count() const noexcept { return provisioning_; }
    /// Kernels that move, and no cell waits for it.
    [[nodiscard]] std::uint32_t moving_count() const noexcept { return moving_; }
    [[nodiscard]] std::int64_t leased_milli() const noexcept { return leased_milli_; }
    /// Devices of all kernels that are open, in thousandths.
    [[nodiscard]] std::int64_t demand_milli() const noexcept { return demand_milli_; }
    /// Devices of the cells that run, in thousandths.
    [[nodiscard]] std::int64_t running_milli() const noexcept { return running_milli_; }
    /// What each tenant has leased.
    /// \complexity O(kernels)
    [[nodiscard]] gpu::tenant_usage usage() const {
        gpu::tenant_usage leased;
        for (kernel_state const& k : kernels_) {
            if (gpu::lease const* const l = ledger_.find(k.lease)) {
                leased[k.tenant] += l->request.subscription().gpu_milli;
            }
        }
        return leased;
    }

    [[nodiscard]] static gpu::device_request request(std::uint32_t gpus) noexcept {
        return {.count = static_cast<std::uint16_t>(gpus)};
    }

    void start(cluster_started const& e) { kind_ = e.host_kind; }

    // --- hosts ---------------------------------------------------------------------------------------------

    gpu::host_id provision(cluster_command_sink& out) {
        std::uint32_t n = 0;
        while (n < hosts_.size() && hosts_[n].phase != host_phase::absent) {
            ++n;
        }
        host_record& h = at(gpu::host_id{n});
        h.phase = host_phase::provisioning;
        ++provisioning_;
        out.append(provision_host{gpu::host_id{n}});
        return gpu::host_id{n};
    }

    /// \param what  what it is like; nothing: as the cluster's kind
    /// \pre  it is not up, and a ledger may add it
    void host_is_up(gpu::host_id id, std::optional<gpu::host_info> const& what = {}) {
        host_record& h = at(id);
        if (h.phase == host_phase::provisioning) {
            --provisioning_;
        }
        h.phase = host_phase::up;
        ++up_;
        [[maybe_unused]] auto const code = ledger_.add_host(id, what ? *what : kind_);
        HPCSCHED_ASSERT(code == gpu::ledger_code::done);
    }

    /// From now on nothing new is placed there.
    void drain(gpu::host_id id) {
        HPCSCHED_ASSERT(hosts_[id.value].phase == host_phase::up);
        hosts_[id.value].phase = host_phase::draining;
        --up_;
        (void)ledger_.set_draining(id, true);
    }
    void undrain(gpu::host_id id) {
        HPCSCHED_ASSERT(hosts_[id.value].phase == host_phase::draining);
        hosts_[id.value].phase = host_phase::up;
        ++up_;
        (void)ledger_.set_draining(id, false);
    }

    /// Whether nothing lives on a host any more.
    [[nodiscard]] bool vacant(gpu::host_id id) const {
        return hosts_[id.value].members.empty() && ledger_.host(id).leased.gpu_milli == 0;
    }

    /// Gives a host back.
    /// \pre it is draining and vacant
    void release(gpu::host_id id, cluster_command_sink& out) {
        HPCSCHED_ASSERT(hosts_[id.value].phase == host_phase::draining && vacant(id));
        forget_host(id);
        out.append(release_host{id});
    }

    /// A host is gone with all that was there: its replicas are taken out, cells that ran there wait again.
    /// \return the kernels that had something there
    std::vector<kernel_id> host_is_lost(gpu::host_id id) {
        std::vector<kernel_id> touched(hosts_[id.value].members.begin(), hosts_[id.value].members.end());
        for (kernel_id const k : touched) {
            kernel_state& s = kernels_[k.value];
            std::size_t const i = find_on(s, id);
            replica_id const gone = s.replicas[i].id;
            bool const ran_here = s.running && s.executor == gone;
            bool const cell_moves_here = s.move && s.move->for_cell && s.move->to == gone;
            if (ran_here || cell_moves_here) {
                give_back(s);
            }
            if (s.move && s.move->to == gone) { // one whose old replica is gone goes on: it replaces what was lost
                drop_move(s);
            }
            s.replicas.erase(s.replicas.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (hosts_[id.value].phase == host_phase::up) {
            --up_;
        } else if (hosts_[id.value].phase == host_phase::provisioning) {
            --provisioning_;
        }
        forget_host(id);
        return touched;
    }

    void order_warm(gpu::host_id id, cluster_command_sink& out) {
        ++at(id).warming;
        out.append(prewarm{id});
    }
    void warm_is_up(gpu::host_id id) {
        host_record& h = at(id);
        if (h.warming > 0 && ledger_.contains(id)) {
            --h.warming;
            ++h.warm;
        }
    }

    // --- kernels -------------------------------------------------------------------------------------------

    void open(kernel_id k, std::uint32_t gpus, time_point now, std::uint32_t tenant = 0) {
        if (k.value >= kernels_.size()) {
            kernels_.resize(k.value + std::size_t{1});
        }
        kernel_state& s = kernels_[k.value];
        HPCSCHED_ASSERT(!s.open);
        s = {};
        s.open = true;
        s.gpus = gpus;
        s.tenant = tenant;
        s.idle_since = now;
        s.opened = now;
        demand_milli_ += std::int64_t{gpus} * gpu::whole_device;
    }

    /// Ends a kernel: its replicas stop, its lease ends.
    void close(kernel_id k, cluster_command_sink& out) {
        kernel_state& s = kernels_[k.value];
        give_back(s);
        while (!s.replicas.empty()) {
            stop(k, 0, out);
        }
        demand_milli_ -= std::int64_t{s.gpus} * gpu::whole_device;
        ledger_.forget_owner(owner(k));
        s = {};
    }

    void submit(kernel_id k, cell_number cell, std::uint32_t gpus, time_point now) {
        kernel_state& s = kernels_[k.value];
        HPCSCHED_ASSERT(s.open && s.cell == 0);
        s.cell = cell;
        s.cell_gpus = gpus;
        s.submitted = now;
    }

    /// Starts a replica, in a warm container where there is one.
    replica_id add_replica(kernel_id k, gpu::host_id id, bool empty, cluster_command_sink& out) {
        kernel_state& s = kernels_[k.value];
        HPCSCHED_ASSERT(s.open && !s.lives_on(id));
        replica_id const r{s.replicas_made++};
        s.replicas.push_back({r, id, false});
        host_record& h = hosts_[id.value];
        h.members.insert(k);
        bool const warm = h.warm > 0;
        h.warm -= warm ? 1U : 0U;
        (void)ledger_.subscribe(id, k.value, request(s.gpus).subscription());
        out.append(start_replica{k, r, id, warm, empty});
        return r;
    }

    void stop(kernel_id k, std::size_t index, cluster_command_sink& out) {
        kernel_state& s = kernels_[k.value];
        replica const r = s.replicas[index];
        if (s.move && (s.move->to == r.id || s.move->from == r.id)) {
            drop_move(s);
        }
        s.replicas.erase(s.replicas.begin() + static_cast<std::ptrdiff_t>(index));
        hosts_[r.host.value].members.erase(k);
        (void)ledger_.unsubscribe(r.host, k.value);
        out.append(stop_replica{k, r.id, r.host});
    }

    /// \return whether the kernel still has that replica
    bool set_ready(kernel_id k, replica_id r) {
        kernel_state& s = kernels_[k.value];
        std::size_t const i = s.index_of(r);
        if (!s.open || i == s.replicas.size()) {
            return false;
        }
        s.replicas[i].ready = true;
        return true;
    }

    /// Leases devices on a host for the kernel's cell.
    /// \return whether they were free
    bool lease_for_cell(kernel_id k, gpu::host_id id, time_point now) {
        return lease(k, id, kernels_[k.value].cell_gpus, now);
    }
    /// The same for the kernel as a whole.
    bool lease_for_session(kernel_id k, gpu::host_id id, time_point now) {
        return lease(k, id, kernels_[k.value].gpus, now);
    }

    void give_back(kernel_id k) { give_back(kernels_[k.value]); }

    /// Tells the replica to execute the kernel's cell with the kernel's lease.
    void run(kernel_id k, replica_id r, gpu::host_id id, bool loads_state, cluster_command_sink& out) {
        kernel_state& s = kernels_[k.value];
        gpu::lease const* const l = ledger_.find(s.lease);
        HPCSCHED_ASSERT(s.waits() && l != nullptr && l->host == id);
        s.running = true;
        s.executor = r;
        running_milli_ += std::int64_t{s.cell_gpus} * gpu::whole_device;
        out.append(run_cell{k, s.cell, r, id, l->devices, s.lease, loads_state});
    }

    void finish(kernel_id k, time_point now, bool keep_lease) {
        kernel_state& s = kernels_[k.value];
        HPCSCHED_ASSERT(s.running);
        if (keep_lease) {
            running_milli_ -= std::int64_t{s.cell_gpus} * gpu::whole_device;
            s.running = false;
        } else {
            duration const kept = std::max(now - s.leased_since, duration{1});
            s.expected_run = s.expected_run == duration{0} ? kept : s.expected_run / 2 + kept / 2;
            s.leased_for += s.cell_gpus == 0 ? duration{0} : std::min(kept, duration::max() - s.leased_for);
            give_back(s);
        }
        s.cell = 0;
        s.idle_since = now;
    }

    /// Takes back a cell that waits. A replica that moves for it goes on, as if it moved for the next.
    void withdraw(kernel_id k, time_point now) {
        kernel_state& s = kernels_[k.value];
        HPCSCHED_ASSERT(s.waits());
        give_back(s);
        if (s.move && s.move->for_cell) {
            s.move->for_cell = false;
            ++moving_;
        }
        s.cell = 0;
        s.idle_since = now;
    }

    /// Begins to replace a replica by one on another host.
    void begin_move(kernel_id k, std::size_t index, gpu::host_id to, bool for_cell, cluster_command_sink& out) {
        kernel_state& s = kernels_[k.value];
        HPCSCHED_ASSERT(!s.move);
        replica_id const from = s.replicas[index].id;
        replica_id const made = add_replica(k, to, false, out);
        s.move = replica_move{from, made, for_cell};
        moving_ += for_cell ? 0U : 1U;
    }

    /// Ends the move whose new replica is ready: the old one stops. Where a cell began to run on the old one meanwhile,
    /// another that is idle stops instead, or the new one where there is none.
    void end_move(kernel_id k, cluster_command_sink& out) {
        kernel_state& s = kernels_[k.value];
        replica_move const m = *s.move;
        drop_move(s);
        auto const runs = [&](replica_id r) { return s.running && s.executor == r; };
        replica_id goes = m.from;
        if (runs(m.from)) {
            auto const idle = std::find_if(s.replicas.begin(), s.replicas.end(),
                                           [&](replica const& r) { return !runs(r.id) && r.id != m.to; });
            goes = idle == s.replicas.end() ? m.to : idle->id;
        }
        std::size_t const i = s.index_of(goes);
        if (i != s.replicas.size()) {
            stop(k, i, out);
        }
    }

    [[nodiscard]] static std::uint64_t owner(kernel_id k) noexcept { return std::uint64_t{k.value} + 1; }

  private:
    friend class cluster_image; // writes it down and reads it back

    host_record& at(gpu::host_id id) {
        if (id.value >= hosts_.size()) {
            hosts_.resize(id.value + std::size_t{1});
        }
        return hosts_[id.value];
    }

    void forget_host(gpu::host_id id) {
        if (ledger_.contains(id)) {
            leased_milli_ -= ledger_.host(id).leased.gpu_milli;
            buffer<gpu::ended_lease> ended;
            (void)ledger_.remove_host(id, ended);
        }
        hosts_[id.value] = {};
    }

    void drop_move(kernel_state& s) {
        moving_ -= s.move->for_cell ? 0U : 1U;
        s.move.reset();
    }

    static std::size_t find_on(kernel_state const& s, gpu::host_id id) {
        auto const i =
            std::find_if(s.replicas.begin(), s.replicas.end(), [id](replica const& r) { return r.host == id; });
        HPCSCHED_ASSERT(i != s.replicas.end());
        return static_cast<std::size_t>(i - s.replicas.begin());
    }

    bool lease(kernel_id k, gpu::host_id id, std::uint32_t gpus, time_point now) {
        kernel_state& s = kernels_[k.value];
        buffer<gpu::ended_lease> ended;
        auto const g = ledger_.acquire(owner(k), s.leases_made + 1, id, request(gpus), 0, 0, now, unlimited, ended);
        if (g.code != gpu::ledger_code::done) {
            return false;
        }
        HPCSCHED_ASSERT(ended.empty());
        ++s.leases_made;
        s.lease = g.what.token;
        s.leased_since = now;
        leased_milli_ += std::int64_t{gpus} * gpu::whole_device;
        return true;
    }

    void give_back(kernel_state& s) {
        if (gpu::lease const* const l = ledger_.find(s.lease)) {
            leased_milli_ -= std::int64_t{l->request.count} * gpu::whole_device;
            (void)ledger_.release(s.lease);
        }
        s.lease = 0;
        if (s.running) {
            running_milli_ -= std::int64_t{s.cell_gpus} * gpu::whole_device;
            s.running = false;
        }
    }

    gpu::host_info kind_;
    gpu::ledger ledger_;
    std::vector<host_record> hosts_;
    std::vector<kernel_state> kernels_;
    std::uint32_t up_ = 0;
    std::uint32_t provisioning_ = 0;
    std::uint32_t moving_ = 0;
    std::int64_t leased_milli_ = 0;
    std::int64_t demand_milli_ = 0;
    std::int64_t running_milli_ = 0;
};

} // namespace hpcsched::notebook

#endif

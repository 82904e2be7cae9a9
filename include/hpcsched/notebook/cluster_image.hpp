// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_IMAGE_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_IMAGE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/ledger_image.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_state.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace hpcsched::notebook {

/// A cluster's state as bytes: little-endian words of 64 bits.
class cluster_image {
  public:
    static void save(cluster_state const& from, byte_buffer& out) {
        image::put(out, from.kind_);
        put_word(out, from.hosts_.size());
        for (host_record const& h : from.hosts_) {
            put_word(out, static_cast<std::uint64_t>(h.phase));
            if (h.phase != host_phase::absent) {
                put_word(out, h.warm);
                put_word(out, h.warming);
            }
        }
        image::save(from.ledger_, out);
        put_word(out, from.kernels_.size());
        for (kernel_state const& k : from.kernels_) {
            put_word(out, k.open ? 1 : 0);
            if (k.open) {
                save_kernel(k, out);
            }
        }
    }

    /// Replaces a cluster's state by what was saved. Sums and who lives where are computed anew.
    /// \return false where `save` would not have written it so, or its accounts do not add up; the state is as it was
    ///         then
    [[nodiscard]] static bool restore(cluster_state& to, byte_reader& in) {
        cluster_state made;
        made.kind_ = image::take_host_info(in);
        if (!restore_hosts(made, in) || !image::restore(made.ledger_, in, made.hosts_.size())) {
            return false;
        }
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            kernel_state& k = made.kernels_.emplace_back();
            k.open = image::take_flag(in);
            if (k.open) {
                restore_kernel(k, in);
            }
        }
        if (!in.good() || !gpu::ledger::may_add(gpu::host_id{0}, made.kind_) || !adds_up(made)) {
            return false;
        }
        to = std::move(made);
        return true;
    }

    static void put(byte_buffer& out, replica const& r) {
        put_word(out, r.id.value);
        put_word(out, r.host.value);
        put_word(out, r.ready ? 1 : 0);
    }
    static replica take_replica(byte_reader& in) {
        replica r;
        r.id = take_replica_id(in);
        r.host = image::take_host(in);
        r.ready = image::take_flag(in);
        return r;
    }
    static replica_id take_replica_id(byte_reader& in) { return replica_id{image::take<std::uint32_t>(in)}; }

  private:
    using image = gpu::ledger_image;

    static void save_kernel(kernel_state const& k, byte_buffer& out) {
        put_word(out, k.gpus);
        put_word(out, k.replicas.size());
        for (replica const& r : k.replicas) {
            put(out, r);
        }
        put_word(out, k.move ? 1 : 0);
        if (k.move) {
            put_word(out, k.move->from.value);
            put_word(out, k.move->to.value);
            put_word(out, k.move->for_cell ? 1 : 0);
        }
        put_word(out, k.cell);
        put_word(out, k.cell_gpus);
        put_word(out, k.running ? 1 : 0);
        put_word(out, k.executor.value);
        put_word(out, k.lease);
        image::put(out, k.submitted);
        image::put(out, k.idle_since);
        put_word(out, k.replicas_made);
        put_word(out, k.leases_made);
        put_word(out, k.tenant);
        image::put(out, k.leased_since);
        put_word(out, static_cast<std::uint64_t>(k.expected_run.count()));
        image::put(out, k.opened);
        put_word(out, static_cast<std::uint64_t>(k.leased_for.count()));
    }

    static void restore_kernel(kernel_state& k, byte_reader& in) {
        k.gpus = image::take<std::uint32_t>(in);
        std::uint64_t const replicas = in.word();
        for (std::uint64_t i = 0; i < replicas && in.good(); ++i) {
            k.replicas.push_back(take_replica(in));
        }
        if (image::take_flag(in)) {
            replica_id const from = take_replica_id(in);
            replica_id const to = take_replica_id(in);
            k.move = replica_move{from, to, image::take_flag(in)};
        }
        k.cell = in.word();
        k.cell_gpus = image::take<std::uint32_t>(in);
        k.running = image::take_flag(in);
        k.executor = take_replica_id(in);
        k.lease = in.word();
        k.submitted = image::take_time(in);
        k.idle_since = image::take_time(in);
        k.replicas_made = image::take<std::uint32_t>(in);
        k.leases_made = in.word();
        k.tenant = image::take<std::uint32_t>(in);
        k.leased_since = image::take_time(in);
        k.expected_run = duration{image::take<std::int64_t>(in)};
        k.opened = image::take_time(in);
        k.leased_for = duration{image::take<std::int64_t>(in)};
    }

    static bool restore_hosts(cluster_state& to, byte_reader& in) {
        std::uint64_t const count = in.word();
        if (count > gpu::host_count_max) {
            return false;
        }
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            std::uint64_t const phase = in.word();
            if (phase > static_cast<std::uint64_t>(host_phase::draining)) {
                return false;
            }
            host_record& h = to.hosts_.emplace_back();
            h.phase = static_cast<host_phase>(phase);
            if (h.phase != host_phase::absent) {
                h.warm = image::take<std::uint32_t>(in);
                h.warming = image::take<std::uint32_t>(in);
            }
        }
        return in.good();
    }

    // Enters the kernels with their hosts and in the sums.
    static bool adds_up(cluster_state& s) {
        std::size_t leases = 0;
        std::size_t owners = 0;
        for (std::uint32_t i = 0; i < s.kernels_.size(); ++i) {
            kernel_state const& k = s.kernels_[i];
            if (!k.open) {
                continue;
            }
            if (!lives_right(s, kernel_id{i}) || !moves_right(k) || !runs_right(s, kernel_id{i})) {
                return false;
            }
            leases += k.lease != 0 ? 1U : 0U;
            owners += k.leases_made > 0 ? 1U : 0U;
            s.demand_milli_ += std::int64_t{k.gpus} * gpu::whole_device;
            s.running_milli_ += k.running ? std::int64_t{k.cell_gpus} * gpu::whole_device : 0;
            s.moving_ += k.move && !k.move->for_cell ? 1U : 0U;
        }
        return leases == s.ledger_.leases().size() && owners == s.ledger_.owner_count() && hosts_are_right(s);
    }

    static bool hosts_are_right(cluster_state& s) {
        std::size_t in_ledger = 0;
        for (std::uint32_t i = 0; i < s.hosts_.size(); ++i) {
            host_record const& h = s.hosts_[i];
            bool const is_there = h.phase == host_phase::up || h.phase == host_phase::draining;
            s.up_ += h.phase == host_phase::up ? 1U : 0U;
            s.provisioning_ += h.phase == host_phase::provisioning ? 1U : 0U;
            if (is_there != s.ledger_.contains(gpu::host_id{i}) || (!is_there && (h.warm | h.warming) != 0)) {
                return false;
            }
            if (is_there) {
                gpu::host_state const& l = s.ledger_.host(gpu::host_id{i});
                if (l.draining != (h.phase == host_phase::draining) || l.members.size() != h.members.size()) {
                    return false;
                }
                s.leased_milli_ += l.leased.gpu_milli;
                ++in_ledger;
            }
        }
        return in_ledger == s.ledger_.host_count();
    }

    // Each replica is on a host of its own, which knows of it.
    static bool lives_right(cluster_state& s, kernel_id id) {
        kernel_state const& k = s.kernels_[id.value];
        replica const* before = nullptr;
        for (replica const& r : k.replicas) {
            bool const follows = before == nullptr || before->id < r.id;
            if (!follows || r.id.value >= k.replicas_made || !s.ledger_.contains(r.host) ||
                !s.hosts_[r.host.value].members.insert(id).second) {
                return false;
            }
            auto const& members = s.ledger_.host(r.host).members;
            auto const at = members.find(id.value);
            if (at == members.end() || at->second != cluster_state::request(k.gpus).subscription()) {
                return false;
            }
            before = &r;
        }
        return k.replicas_made < made_max && k.executor.value < std::max(1U, k.replicas_made);
    }

    static bool moves_right(kernel_state const& k) {
        if (!k.move) {
            return true;
        }
        std::size_t const to = k.index_of(k.move->to);
        return k.move->from < k.move->to && to != k.replicas.size() && !k.replicas[to].ready &&
               (!k.move->for_cell || (k.waits() && k.lease != 0));
    }

    // The kernel's lease is for its cell, and where that runs, or will.
    static bool runs_right(cluster_state const& s, kernel_id id) {
        kernel_state const& k = s.kernels_[id.value];
        std::uint64_t const owner = cluster_state::owner(id);
        gpu::lease const* const l = s.ledger_.of_owner(owner);
        bool const counts = k.lease == (l == nullptr ? 0 : l->token) && k.leases_made < made_max &&
                            k.leases_made == s.ledger_.last_sequence(owner) && (l == nullptr || k.leases_made > 0);
        bool const in_time = k.submitted >= time_point{} && k.idle_since >= time_point{} &&
                             k.leased_since >= time_point{} && k.expected_run >= duration{0} &&
                             k.opened >= time_point{} && k.leased_for >= duration{0};
        if (!counts || !in_time || (k.running && (k.cell == 0 || l == nullptr))) {
            return false;
        }
        if (l == nullptr) {
            return true;
        }
        bool const wanted =
            l->request == cluster_state::request(k.gpus) || l->request == cluster_state::request(k.cell_gpus);
        bool const plain = l->priority == 0 && l->expiry == never;
        bool const awaited = k.move && k.move->for_cell;
        std::size_t const at = k.index_of(awaited ? k.move->to : k.executor);
        bool const is_there = at != k.replicas.size() && k.replicas[at].host == l->host;
        return wanted && plain && k.lives_on(l->host) && (is_there || (!awaited && !k.running)) &&
               (!k.running || k.replicas[at].ready);
    }

    static constexpr std::uint32_t made_max = std::uint32_t{1} << 31U; // beyond what a kernel will ever have made
};

} // namespace hpcsched::notebook

#endif

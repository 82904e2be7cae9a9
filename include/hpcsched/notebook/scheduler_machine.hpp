// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SCHEDULER_MACHINE_HPP
#define HPCSCHED_NOTEBOOK_SCHEDULER_MACHINE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/ledger_image.hpp>
#include <hpcsched/notebook/cluster_image.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_state.hpp>
#include <hpcsched/notebook/kernel_entry.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::notebook {

/// How a command to a cluster's scheduler went. Nothing has changed unless it is `done`.
enum class scheduler_outcome : std::uint8_t {
    done = 0,
    repeated = 1,  ///< it is so already
    stale = 2,     ///< of a kernel, a replica or a cell that is gone
    refused = 3,   ///< beyond a limit, or not now
    malformed = 4, ///< no command
};

/// What a cluster knows of a kernel beside what its scheduler knows.
struct kernel_record {
    std::string name;
    std::uint64_t serial = 0;  ///< of this opening: 1, 2, ..., of the whole cluster; 0: no kernel has this number
    std::uint32_t gpus = 0;    ///< the most that its cells were said to need
    cell_number last_cell = 0; ///< the largest that was submitted
    std::vector<gpu::host_id> founders{}; ///< hosts of the replicas that were started first: of the founding members of
                                          ///< the kernel's own group; empty before
    std::uint64_t generation = 0; ///< how often it was decided that a cell of it runs: tells a second run of a cell
    std::string owner{};          ///< who opened it; empty: nobody said

    friend bool operator==(kernel_record const&, kernel_record const&) = default;
};

/// The tenant that an owner's kernels count for: a hash of the name, 0 for nobody's. Two of a hundred users are one
/// tenant with a probability of about one in a million.
[[nodiscard]] inline std::uint32_t tenant_of(std::string_view owner) noexcept {
    sequence_hash hash;
    hash.add(owner);
    return owner.empty() ? 0 : static_cast<std::uint32_t>(hash.value());
}

/// Whom a command to the cluster's scheduler concerns: for who must say whether its sender may give it.
struct command_subject {
    enum class of : std::uint8_t {
        cluster = 0, ///< its hosts, or its time
        opening = 1, ///< a kernel to come: `owner`
        kernel = 2,  ///< one that is open: `serial`
    };
    of what = of::cluster;
    std::string owner{};
    std::uint64_t serial = 0;

    friend bool operator==(command_subject const&, command_subject const&) = default;
};

/// An open kernel, for who asks by its name.
struct kernel_view {
    kernel_id kernel{};
    std::uint64_t serial = 0;
    std::uint32_t gpus = 0;
    std::uint64_t generation = 0;
    std::vector<gpu::host_id> founders;
    std::vector<replica> replicas;
    cell_number last_cell = 0;
    cell_number cell = 0; ///< submitted and not finished; 0: none
    bool running = false;
    replica_id executor{};        ///< where it runs
    gpu::host_id executor_host{}; ///< where it runs
    gpu::lease_token lease = 0;   ///< of its cell; 0: none
    gpu::device_mask devices = 0; ///< leased

    friend bool operator==(kernel_view const&, kernel_view const&) = default;
};

namespace detail {

/// A scheduler whose policies can be replaced.
template <class S>
concept adopts_policies = requires(S& s, byte_reader& in, byte_buffer& bytes, time_point now, cluster_command_sink& out,
                                   std::remove_cvref_t<decltype(s.policies())> others) {
    { s.adopt(others, now, out) } -> std::same_as<bool>;
    { others.restore(in) } -> std::same_as<bool>;
    others.save(bytes);
};

/// A scheduler that can be written down, and looked at.
template <class S>
concept restorable_scheduler =
    cluster_scheduler<S> && std::copyable<S> && requires(S& s, S const& c, byte_buffer& out, byte_reader& in) {
        { c.save(out) } -> std::same_as<void>;
        { s.restore(in) } -> std::same_as<bool>;
        { c.state() } -> std::same_as<cluster_state const&>;
    };

} // namespace detail

/// A cluster's scheduler as a replicated state machine: it models `raft::answers_queries`, so a group of servers keeps
/// it, each sees the same decisions, and they outlive the server that was told first.
///
/// Commands are made by the functions below, and say when their sender made them: a clock that is behind another's
/// counts as that other's, so that time never goes back. What is not done does not move it. Times are 0 .. 2^62 ns.
///
/// What the scheduler commands is not kept: who carries it out compares what is with what should be, by `state` and
/// `kernel`, so that nothing is lost where it restarts. Whoever is leader of the group says `wake`, at `next_wake`.
///
/// \complexity of the scheduler's events; memory for every host and kernel
template <detail::restorable_scheduler Scheduler>
class scheduler_machine {
  public:
    static constexpr std::size_t name_bytes_max = 200;

    /// \param scheduler  a new one, which was told nothing
    /// \param kind       what hosts are like that the scheduler provisions; servers of a group say the same
    explicit scheduler_machine(Scheduler scheduler, gpu::host_info const& kind = {})
        : scheduler_{std::move(scheduler)} {
        HPCSCHED_ASSERT(gpu::ledger::may_add(gpu::host_id{0}, kind));
        deliver(cluster_started{kind}, time_point{});
    }

    // --- commands ------------------------------------------------------------------------------------------

    /// A host is up. One that was another is lost before; one that the ledger would not add is refused.
    static void join_host(gpu::host_id id, gpu::host_info const& info, time_point now, byte_buffer& out) {
        begin(operation::join_host, now, {id.value}, out);
        image::put(out, info);
    }
    /// A host is gone, with all that ran on it; `repeated` where there is none.
    static void lose_host(gpu::host_id id, time_point now, byte_buffer& out) {
        begin(operation::lose_host, now, {id.value}, out);
    }
    /// A host is to be emptied and then given up, or, where not `draining`, kept after all; it joins anew once it is
    /// gone. `repeated` where it is so already, `stale` where there is no such host.
    static void drain_host(gpu::host_id id, bool draining, time_point now, byte_buffer& out) {
        begin(operation::drain_host, now, {id.value, draining ? 1U : 0U}, out);
    }
    /// The policies that all go by from now on, as they save themselves: those of whoever says it first, until somebody
    /// says it with `change`. `repeated` where they are these, refused where they are others, or cannot be adopted.
    static void set_policies(std::span<std::byte const> saved, bool change, time_point now, byte_buffer& out) {
        begin(operation::set_policies, now, {change ? 1U : 0U}, out);
        out.insert(out.end(), saved.begin(), saved.end());
    }
    /// Opens a kernel under the lowest number that is free. `repeated` where a kernel of that name and owner is open,
    /// whatever it was said to need; refused where another owns it, or a lease can never have so many devices.
    /// \param name   1 .. name_bytes_max bytes
    /// \param gpus   the most that its cells will need
    /// \param owner  0 .. name_bytes_max bytes
    static void open_kernel(std::string_view name, std::uint32_t gpus, time_point now, byte_buffer& out,
                            std::string_view owner = {}) {
        begin(operation::open_kernel, now, {gpus}, out);
        kernel_codec::put(name, out);
        kernel_codec::put(owner, out);
    }
    static void close_kernel(kernel_id k, std::uint64_t serial, time_point now, byte_buffer& out) {
        begin(operation::close_kernel, now, {k.value, serial}, out);
    }
    /// A cell waits, or runs. Refused while another does, and where no host that is up could ever serve it. One whose
    /// number is not above those before is stale.
    static void submit_cell(kernel_id k, std::uint64_t serial, cell_number cell, std::uint32_t gpus, time_point now,
                            byte_buffer& out) {
        begin(operation::submit_cell, now, {k.value, serial, cell, gpus}, out);
    }
    /// A cell is over, or is not wanted any more. One that waits is taken back where the scheduler can, and refused
    /// where it cannot.
    static void finish_cell(kernel_id k, std::uint64_t serial, cell_number cell, time_point now, byte_buffer& out) {
        begin(operation::finish_cell, now, {k.value, serial, cell}, out);
    }
    static void replica_is_ready(kernel_id k, std::uint64_t serial, replica_id r, time_point now, byte_buffer& out) {
        begin(operation::replica_is_ready, now, {k.value, serial, r.value}, out);
    }
    /// Time has passed; `repeated` before `next_wake`.
    static void wake(time_point now, byte_buffer& out) { begin(operation::wake, now, {}, out); }

    /// Whom a command concerns; nothing where the bytes are none.
    [[nodiscard]] static std::optional<command_subject> subject_of(std::span<std::byte const> command) {
        byte_reader in{command};
        auto const what = static_cast<operation>(in.word());
        (void)image::take_time(in);
        command_subject s;
        if (what == operation::open_kernel) {
            (void)in.word();
            (void)kernel_codec::take_text(in);
            s = {command_subject::of::opening, kernel_codec::take_text(in)};
        } else if (what == operation::close_kernel || what == operation::submit_cell ||
                   what == operation::finish_cell) {
            (void)take_kernel(in);
            s = {command_subject::of::kernel, {}, in.word()};
        }
        return in.good() ? std::optional{std::move(s)} : std::nullopt;
    }

    /// What came of a command.
    struct answer {
        scheduler_outcome outcome = scheduler_outcome::malformed;
        kernel_id kernel{};       ///< of `open_kernel`, done or repeated
        std::uint64_t serial = 0; ///< the same

        friend bool operator==(answer const&, answer const&) = default;
    };

    /// Reads an answer; of bytes that are none, `malformed`.
    [[nodiscard]] static answer decode(std::span<std::byte const> reply) {
        byte_reader in{reply};
        std::uint64_t const outcome = in.word();
        kernel_id const k = take_kernel(in);
        std::uint64_t const serial = in.word();
        bool const known = outcome <= static_cast<std::uint64_t>(scheduler_outcome::malformed);
        return whole(in) && known ? answer{static_cast<scheduler_outcome>(outcome), k, serial} : answer{};
    }

    void apply(std::uint64_t /*index*/, std::span<std::byte const> command, byte_buffer& reply) {
        byte_reader in{command};
        answer const a = carry_out(in);
        put_word(reply, static_cast<std::uint64_t>(a.outcome));
        put_word(reply, a.kernel.value);
        put_word(reply, a.serial);
    }

    // --- questions -----------------------------------------------------------------------------------------

    /// Asks for the open kernel of a name.
    static void ask_for(std::string_view name, byte_buffer& out) { kernel_codec::put(name, out); }

    void query(std::span<std::byte const> question, byte_buffer& reply) const {
        byte_reader in{question};
        std::string const name = kernel_codec::take_text(in);
        auto const k = whole(in) ? find(name) : std::nullopt;
        put_word(reply, k ? 1 : 0);
        if (k) {
            write(view(*k), reply);
        }
    }

    /// Reads what a question was answered; nothing where no such kernel is open, or the bytes are no answer.
    [[nodiscard]] static std::optional<kernel_view> decode_view(std::span<std::byte const> reply) {
        byte_reader in{reply};
        if (in.word() != 1) {
            return std::nullopt;
        }
        kernel_view v;
        v.kernel = take_kernel(in);
        v.serial = in.word();
        v.gpus = image::take<std::uint32_t>(in);
        v.generation = in.word();
        v.founders = take_hosts(in);
        std::uint64_t const replicas = in.word();
        for (std::uint64_t i = 0; i < replicas && in.good(); ++i) {
            v.replicas.push_back(cluster_image::take_replica(in));
        }
        v.last_cell = in.word();
        v.cell = in.word();
        v.running = image::take_flag(in);
        v.executor = cluster_image::take_replica_id(in);
        v.executor_host = image::take_host(in);
        v.lease = in.word();
        v.devices = in.word();
        return whole(in) ? std::optional{std::move(v)} : std::nullopt;
    }

    // --- what should be --------------------------------------------------------------------------------------

    [[nodiscard]] Scheduler const& scheduler() const noexcept { return scheduler_; }
    [[nodiscard]] cluster_state const& state() const noexcept { return scheduler_.state(); }
    /// The open kernels, in the order of their names.
    [[nodiscard]] std::map<std::string, kernel_id, std::less<>> const& open_kernels() const noexcept {
        return by_name_;
    }
    [[nodiscard]] std::optional<kernel_id> find(std::string_view name) const {
        auto const at = by_name_.find(name);
        return at == by_name_.end() ? std::nullopt : std::optional{at->second};
    }
    /// \pre the kernel is open. Valid until the next command
    [[nodiscard]] kernel_record const& kernel(kernel_id k) const noexcept {
        HPCSCHED_ASSERT(k.value < records_.size() && records_[k.value].serial != 0);
        return records_[k.value];
    }
    /// \pre the kernel is open
    [[nodiscard]] kernel_view view(kernel_id k) const {
        kernel_record const& r = kernel(k);
        kernel_state const& s = state().kernel(k);
        kernel_view v{k, r.serial, r.gpus, r.generation, r.founders, s.replicas, r.last_cell, s.cell};
        v.running = s.running;
        if (s.running) {
            v.executor = s.executor;
            v.executor_host = s.replicas[s.index_of(s.executor)].host;
        }
        if (gpu::lease const* const l = state().ledger().find(s.lease)) {
            v.lease = l->token;
            v.devices = l->devices;
        }
        return v;
    }
    /// The largest number that was given to a kernel; 0: none was. A smaller one that no open kernel has is of one that
    /// was closed.
    [[nodiscard]] std::uint64_t last_serial() const noexcept { return last_serial_; }
    /// When the scheduler wants to be woken; `never`: it does not.
    [[nodiscard]] time_point next_wake() const noexcept { return next_wake_; }
    /// Whether somebody has said by which policies all go. Before, they are those that the machine was made with.
    [[nodiscard]] bool policies_are_set() const noexcept { return policies_are_set_; }
    /// The latest time of a command that was done.
    [[nodiscard]] time_point now() const noexcept { return now_; }

    // --- snapshots -------------------------------------------------------------------------------------------

    void save(byte_buffer& out) const {
        image::put(out, now_);
        image::put(out, next_wake_);
        put_word(out, last_serial_);
        put_word(out, policies_are_set_ ? 1 : 0);
        put_word(out, records_.size());
        for (kernel_record const& r : records_) {
            put_word(out, r.serial);
            if (r.serial != 0) {
                kernel_codec::put(r.name, out);
                put_word(out, r.last_cell);
                put_hosts(r.founders, out);
                put_word(out, r.generation);
                kernel_codec::put(r.owner, out);
            }
        }
        scheduler_.save(out);
    }

    /// \return false where `save` would not have written it so; the machine is as it was then
    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        byte_reader in{saved};
        scheduler_machine made{*this};
        made.now_ = image::take_time(in);
        made.next_wake_ = image::take_time(in);
        made.last_serial_ = in.word();
        made.policies_are_set_ = image::take_flag(in);
        made.records_.clear();
        made.by_name_.clear();
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            kernel_record& r = made.records_.emplace_back();
            r.serial = in.word();
            if (r.serial != 0) {
                r.name = kernel_codec::take_text(in);
                r.last_cell = in.word();
                r.founders = take_hosts(in);
                r.generation = in.word();
                r.owner = kernel_codec::take_text(in);
            }
        }
        if (!in.good() || !made.scheduler_.restore(in) || !whole(in) || !made.adds_up()) {
            return false;
        }
        *this = std::move(made);
        return true;
    }

  private:
    using image = gpu::ledger_image;

    enum class operation : std::uint64_t {
        join_host = 1,
        lose_host,
        open_kernel,
        close_kernel,
        submit_cell,
        finish_cell,
        replica_is_ready,
        wake,
        drain_host,
        set_policies,
    };

    static constexpr time_point time_max{duration{std::int64_t{1} << 62U}}; // an interval can be added
    static constexpr std::uint64_t serial_max = std::uint64_t{1} << 63U;    // beyond what will ever be opened

    static void begin(operation what, time_point now, std::initializer_list<std::uint64_t> words, byte_buffer& out) {
        put_word(out, static_cast<std::uint64_t>(what));
        image::put(out, now);
        for (std::uint64_t const word : words) {
            put_word(out, word);
        }
    }

    static kernel_id take_kernel(byte_reader& in) { return kernel_id{image::take<std::uint32_t>(in)}; }
    static void put_hosts(std::vector<gpu::host_id> const& hosts, byte_buffer& out) {
        put_word(out, hosts.size());
        for (gpu::host_id const h : hosts) {
            put_word(out, h.value);
        }
    }
    static std::vector<gpu::host_id> take_hosts(byte_reader& in) {
        std::vector<gpu::host_id> hosts;
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            hosts.push_back(image::take_host(in));
        }
        return hosts;
    }

    static bool whole(byte_reader const& in) noexcept { return in.good() && in.rest().empty(); }
    static bool is_time(time_point at) noexcept { return at >= time_point{} && at <= time_max; }

    // Everything is read, and found whole, before anything is changed.
    answer carry_out(byte_reader& in) {
        auto const what = static_cast<operation>(in.word());
        time_point const now = image::take_time(in);
        if (!in.good() || !is_time(now)) {
            return {};
        }
        switch (what) {
        case operation::join_host: {
            gpu::host_id const id = image::take_host(in);
            gpu::host_info const info = image::take_host_info(in);
            return whole(in) ? answer{join(id, info, now)} : answer{};
        }
        case operation::lose_host: {
            gpu::host_id const id = image::take_host(in);
            return whole(in) ? answer{lose(id, now)} : answer{};
        }
        case operation::drain_host: {
            gpu::host_id const id = image::take_host(in);
            bool const draining = image::take_flag(in);
            return whole(in) ? answer{drain(id, draining, now)} : answer{};
        }
        case operation::set_policies: {
            bool const change = image::take_flag(in);
            return in.good() ? answer{adopt(in.rest(), change, now)} : answer{};
        }
        case operation::open_kernel: {
            auto const gpus = image::take<std::uint32_t>(in);
            std::string name = kernel_codec::take_text(in);
            std::string owner = kernel_codec::take_text(in);
            bool const named = !name.empty() && name.size() <= name_bytes_max && owner.size() <= name_bytes_max;
            return whole(in) && named ? open(std::move(name), std::move(owner), gpus, now) : answer{};
        }
        case operation::wake:
            return whole(in) ? answer{wake_up(now)} : answer{};
        case operation::close_kernel:
        case operation::submit_cell:
        case operation::finish_cell:
        case operation::replica_is_ready:
            return {change_kernel(what, in, now)};
        }
        return {};
    }

    scheduler_outcome change_kernel(operation what, byte_reader& in, time_point now) {
        kernel_id const k = take_kernel(in);
        std::uint64_t const serial = in.word();
        cell_number const cell =
            what == operation::submit_cell || what == operation::finish_cell ? in.word() : cell_number{0};
        auto const gpus = what == operation::submit_cell ? image::take<std::uint32_t>(in) : 0U;
        auto const r = what == operation::replica_is_ready ? cluster_image::take_replica_id(in) : replica_id{};
        if (!whole(in)) {
            return scheduler_outcome::malformed;
        }
        if (serial == 0 || k.value >= records_.size() || records_[k.value].serial != serial) {
            return scheduler_outcome::stale;
        }
        switch (what) {
        case operation::close_kernel:
            deliver(session_closed{k}, now);
            by_name_.erase(records_[k.value].name);
            records_[k.value] = {};
            return scheduler_outcome::done;
        case operation::submit_cell:
            return submit(k, cell, gpus, now);
        case operation::finish_cell:
            return finish(k, cell, now);
        default:
            return get_ready(k, r, now);
        }
    }

    scheduler_outcome join(gpu::host_id id, gpu::host_info const& info, time_point now) {
        if (!gpu::ledger::may_add(id, info)) {
            return scheduler_outcome::refused;
        }
        if (state().ledger().contains(id)) {
            if (image::info_of(state().ledger().host(id)) == info) {
                return scheduler_outcome::repeated;
            }
            deliver(host_lost{id}, now); // it lied, or was rebuilt
        }
        deliver(host_ready{id, info}, now);
        return scheduler_outcome::done;
    }

    scheduler_outcome adopt(std::span<std::byte const> saved, bool change, time_point now) {
        if constexpr (detail::adopts_policies<Scheduler>) {
            byte_buffer present;
            scheduler_.policies().save(present);
            if (policies_are_set_ && std::equal(present.begin(), present.end(), saved.begin(), saved.end())) {
                return scheduler_outcome::repeated;
            }
            byte_reader in{saved};
            auto others = scheduler_.policies();
            if (!others.restore(in) || !whole(in)) {
                return scheduler_outcome::malformed;
            }
            cluster_command_buffer out;
            if ((policies_are_set_ && !change) || !scheduler_.adopt(std::move(others), std::max(now_, now), out)) {
                return scheduler_outcome::refused;
            }
            policies_are_set_ = true;
            now_ = std::max(now_, now);
            note(out);
            return scheduler_outcome::done;
        } else {
            return scheduler_outcome::refused;
        }
    }

    scheduler_outcome lose(gpu::host_id id, time_point now) {
        auto const hosts = state().hosts();
        if (id.value >= hosts.size() || hosts[id.value].phase == host_phase::absent) {
            return scheduler_outcome::repeated;
        }
        deliver(host_lost{id}, now);
        return scheduler_outcome::done;
    }

    scheduler_outcome drain(gpu::host_id id, bool draining, time_point now) {
        auto const hosts = state().hosts();
        host_phase const phase = id.value < hosts.size() ? hosts[id.value].phase : host_phase::absent;
        if (phase != host_phase::up && phase != host_phase::draining) {
            return scheduler_outcome::stale;
        }
        if ((phase == host_phase::draining) == draining) {
            return scheduler_outcome::repeated;
        }
        if constexpr (detail::drains_hosts<Scheduler>) {
            deliver(host_draining{id, draining}, now);
            return scheduler_outcome::done;
        } else {
            return scheduler_outcome::refused;
        }
    }

    answer open(std::string name, std::string owner, std::uint32_t gpus, time_point now) {
        if (auto const k = find(name)) {
            if (records_[k->value].owner != owner) {
                return {scheduler_outcome::refused};
            }
            return {scheduler_outcome::repeated, *k, records_[k->value].serial};
        }
        if (gpus > gpu::device_count_max) {
            return {scheduler_outcome::refused};
        }
        auto const free =
            std::find_if(records_.begin(), records_.end(), [](kernel_record const& r) { return r.serial == 0; });
        kernel_id const k{static_cast<std::uint32_t>(free - records_.begin())};
        if (free == records_.end()) {
            records_.emplace_back();
        }
        by_name_.emplace(name, k);
        records_[k.value] = {
            .name = std::move(name), .serial = ++last_serial_, .gpus = gpus, .owner = std::move(owner)};
        deliver(session_opened{k, gpus, tenant_of(records_[k.value].owner)}, now);
        return {scheduler_outcome::done, k, last_serial_};
    }

    scheduler_outcome submit(kernel_id k, cell_number cell, std::uint32_t gpus, time_point now) {
        cell_number const current = state().kernel(k).cell;
        if (current != 0) {
            return current == cell ? scheduler_outcome::repeated : scheduler_outcome::refused;
        }
        if (cell <= records_[k.value].last_cell) {
            return scheduler_outcome::stale;
        }
        if (!could_serve(gpus)) {
            return scheduler_outcome::refused;
        }
        records_[k.value].last_cell = cell;
        deliver(cell_submitted{k, cell, gpus}, now);
        return scheduler_outcome::done;
    }

    // Whether a host that is up could, with nothing leased.
    [[nodiscard]] bool could_serve(std::uint32_t gpus) const {
        gpu::ledger const& ledger = state().ledger();
        auto const loads = ledger.loads();
        return gpus <= gpu::device_count_max && std::any_of(loads.begin(), loads.end(), [&](gpu::host_load const& h) {
                   return h.takes_leases && ledger.ever_fits(h.host, cluster_state::request(gpus));
               });
    }

    scheduler_outcome finish(kernel_id k, cell_number cell, time_point now) {
        kernel_state const& s = state().kernel(k);
        if (cell == 0 || s.cell != cell) {
            return scheduler_outcome::stale;
        }
        if (s.running) {
            deliver(cell_finished{k, cell}, now);
            return scheduler_outcome::done;
        }
        if constexpr (detail::withdraws_cells<Scheduler>) {
            deliver(cell_withdrawn{k, cell}, now);
            return scheduler_outcome::done;
        } else {
            return scheduler_outcome::refused;
        }
    }

    scheduler_outcome get_ready(kernel_id k, replica_id r, time_point now) {
        kernel_state const& s = state().kernel(k);
        std::size_t const at = s.index_of(r);
        if (at == s.replicas.size()) {
            return scheduler_outcome::stale;
        }
        if (s.replicas[at].ready) {
            return scheduler_outcome::repeated;
        }
        deliver(replica_ready{k, r}, now);
        return scheduler_outcome::done;
    }

    scheduler_outcome wake_up(time_point now) {
        if (std::max(now_, now) < next_wake_) {
            return scheduler_outcome::repeated;
        }
        next_wake_ = never;
        deliver(scheduler_woken{}, now);
        return scheduler_outcome::done;
    }

    template <class Event>
    void deliver(Event const& e, time_point now) {
        now_ = std::max(now_, now);
        cluster_command_buffer out;
        scheduler_.handle(e, now_, out);
        note(out);
    }

    void note(cluster_command_buffer const& out) {
        for (cluster_command const& c : out.items()) {
            if (auto const* const run = std::get_if<run_cell>(&c)) {
                ++records_[run->kernel.value].generation;
            } else if (auto const* const start = std::get_if<start_replica>(&c)) {
                found(start->kernel);
            } else if (auto const* const later = std::get_if<wake_at>(&c)) {
                next_wake_ = later->at;
            }
        }
    }

    // The replicas that are started first are started together.
    void found(kernel_id k) {
        std::vector<gpu::host_id>& founders = records_[k.value].founders;
        if (!founders.empty()) {
            return;
        }
        kernel_state const& s = state().kernel(k);
        for (replica const& r : s.replicas) {
            if (!s.move || s.move->to != r.id) {
                founders.push_back(r.host);
            }
        }
    }

    static void write(kernel_view const& v, byte_buffer& out) {
        put_word(out, v.kernel.value);
        put_word(out, v.serial);
        put_word(out, v.gpus);
        put_word(out, v.generation);
        put_hosts(v.founders, out);
        put_word(out, v.replicas.size());
        for (replica const& r : v.replicas) {
            cluster_image::put(out, r);
        }
        put_word(out, v.last_cell);
        put_word(out, v.cell);
        put_word(out, v.running ? 1 : 0);
        put_word(out, v.executor.value);
        put_word(out, v.executor_host.value);
        put_word(out, v.lease);
        put_word(out, v.devices);
    }

    // Whether what was read is of the same kernels as the scheduler's state; enters their names.
    bool adds_up() {
        auto const kernels = state().kernels();
        bool right = is_time(now_) && next_wake_ >= time_point{} && last_serial_ < serial_max &&
                     records_.size() == kernels.size();
        std::set<std::uint64_t> serials;
        for (std::uint32_t i = 0; right && i < records_.size(); ++i) {
            kernel_record& r = records_[i];
            kernel_state const& s = kernels[i];
            right = s.open == (r.serial != 0);
            if (!s.open || !right) {
                continue;
            }
            r.gpus = s.gpus;
            right = fits(r, s) && serials.insert(r.serial).second && by_name_.emplace(r.name, kernel_id{i}).second;
        }
        return right;
    }

    [[nodiscard]] bool fits(kernel_record const& r, kernel_state const& s) const {
        bool const named = !r.name.empty() && r.name.size() <= name_bytes_max && r.owner.size() <= name_bytes_max &&
                           r.serial <= last_serial_;
        bool const counted = s.cell == 0 || s.cell == r.last_cell;
        bool const founded = r.founders.empty() == (s.replicas_made == 0) && r.founders.size() <= s.replicas_made &&
                             std::set<gpu::host_id>{r.founders.begin(), r.founders.end()}.size() == r.founders.size() &&
                             std::all_of(r.founders.begin(), r.founders.end(),
                                         [](gpu::host_id h) { return h.value < gpu::host_count_max; });
        bool const ran = !s.running || r.generation > 0;
        bool const in_time = s.submitted <= now_ && s.idle_since <= now_ && s.leased_since <= now_ && s.opened <= now_;
        return named && counted && founded && ran && in_time && s.gpus <= gpu::device_count_max &&
               s.cell_gpus <= gpu::device_count_max;
    }

    Scheduler scheduler_;
    time_point now_{};
    time_point next_wake_ = never;
    std::uint64_t last_serial_ = 0;
    bool policies_are_set_ = false;
    std::vector<kernel_record> records_; // by number
    std::map<std::string, kernel_id, std::less<>> by_name_;
};

} // namespace hpcsched::notebook

#endif

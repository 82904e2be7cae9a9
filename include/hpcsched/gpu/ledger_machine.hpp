// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_LEDGER_MACHINE_HPP
#define HPCSCHED_GPU_LEDGER_MACHINE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/ledger_image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// A ledger as a replicated state machine: it models `raft::answers_queries`, so a group of servers keeps it, and
/// leases outlive the machine that granted them.
///
/// Commands are made by the functions below. Those that need the time carry their sender's; a sender's clock that is
/// behind another's counts as that other's, so that time never goes back. What is not done does not move it. Whoever is
/// leader of the group expires leases: it alone says `expire`, with its own clock.
///
/// \complexity of the ledger's operations; memory for every host, subscription, lease and owner
class ledger_machine {
  public:
    static void add_host(host_id id, host_info const& info, byte_buffer& out) {
        begin(operation::add_host, out, {id.value});
        ledger_image::put(out, info);
    }
    static void remove_host(host_id id, byte_buffer& out) { begin(operation::remove_host, out, {id.value}); }
    static void set_draining(host_id id, bool draining, byte_buffer& out) {
        begin(operation::set_draining, out, {id.value, draining ? 1U : 0U});
    }
    static void set_health(host_id id, std::uint32_t device, device_health health, byte_buffer& out) {
        begin(operation::set_health, out, {id.value, device, static_cast<std::uint64_t>(health)});
    }
    static void subscribe(host_id id, std::uint64_t member, resources const& amount, byte_buffer& out) {
        begin(operation::subscribe, out, {id.value, member});
        ledger_image::put(out, amount);
    }
    static void unsubscribe(host_id id, std::uint64_t member, byte_buffer& out) {
        begin(operation::unsubscribe, out, {id.value, member});
    }
    static void acquire(std::uint64_t owner, std::uint64_t sequence, host_id id, device_request const& request,
                        device_mask chosen, std::int32_t priority, time_point now, duration length, byte_buffer& out) {
        begin(operation::acquire, out,
              {owner, sequence, id.value, chosen, static_cast<std::uint64_t>(std::int64_t{priority}), count(now),
               static_cast<std::uint64_t>(length.count())});
        ledger_image::put(out, request);
    }
    static void renew(lease_token token, time_point now, duration length, byte_buffer& out) {
        begin(operation::renew, out, {token, count(now), static_cast<std::uint64_t>(length.count())});
    }
    static void release(lease_token token, byte_buffer& out) { begin(operation::release, out, {token}); }
    static void preempt(lease_token token, byte_buffer& out) { begin(operation::preempt, out, {token}); }
    static void expire(time_point now, byte_buffer& out) { begin(operation::expire, out, {count(now)}); }
    static void forget_owner(std::uint64_t owner, byte_buffer& out) { begin(operation::forget_owner, out, {owner}); }
    /// Asks for the lease of a token: `unknown_lease` where it has ended. A query, or a command.
    static void find(lease_token token, byte_buffer& out) { begin(operation::find, out, {token}); }

    /// What came of a command or query.
    struct answer {
        ledger_code code = ledger_code::malformed;
        std::optional<lease> granted{};   ///< of `acquire` and `find`, where done
        std::vector<ended_lease> ended{}; ///< what ended by it, in order

        friend bool operator==(answer const&, answer const&) = default;
    };

    /// Reads an answer; of bytes that are none, `malformed`.
    [[nodiscard]] static answer decode(std::span<std::byte const> reply) {
        byte_reader in{reply};
        answer a;
        std::uint64_t const code = in.word();
        if (code > static_cast<std::uint64_t>(ledger_code::unknown_member)) {
            return {};
        }
        a.code = static_cast<ledger_code>(code);
        if (ledger_image::take_flag(in)) {
            a.granted = ledger_image::take_lease(in);
        }
        std::uint64_t const ended = in.word();
        for (std::uint64_t i = 0; i < ended && in.good(); ++i) {
            lease const l = ledger_image::take_lease(in);
            std::uint64_t const why = in.word();
            if (why > static_cast<std::uint64_t>(lease_end::preempted)) {
                return {};
            }
            a.ended.push_back({l, static_cast<lease_end>(why)});
        }
        return in.good() && in.rest().empty() ? a : answer{};
    }

    void apply(std::uint64_t /*index*/, std::span<std::byte const> command, byte_buffer& reply) {
        byte_reader in{command};
        std::uint64_t const what = in.word();
        if (what == static_cast<std::uint64_t>(operation::find)) {
            query(command, reply);
            return;
        }
        std::optional<lease> granted;
        buffer<ended_lease> ended;
        ledger_code const code = carry_out(what, in, granted, ended);
        write(code, granted, ended, reply);
    }

    /// Answers a `find` without changing anything.
    void query(std::span<std::byte const> question, byte_buffer& reply) const {
        byte_reader in{question};
        bool const asked = in.word() == static_cast<std::uint64_t>(operation::find);
        lease const* const l = ledger_.find(in.word());
        buffer<ended_lease> none;
        if (!asked || !in.good() || !in.rest().empty()) {
            write(ledger_code::malformed, std::nullopt, none, reply);
        } else if (l == nullptr) {
            write(ledger_code::unknown_lease, std::nullopt, none, reply);
        } else {
            write(ledger_code::done, *l, none, reply);
        }
    }

    void save(byte_buffer& out) const {
        put_word(out, count(now_));
        ledger_image::save(ledger_, out);
    }
    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        byte_reader in{saved};
        time_point const now = ledger_image::take_time(in);
        gpu::ledger made;
        if (!is_time(now) || !ledger_image::restore(made, in) || !in.rest().empty()) {
            return false;
        }
        now_ = now;
        ledger_ = std::move(made);
        return true;
    }

    [[nodiscard]] gpu::ledger const& state() const noexcept { return ledger_; }

  private:
    enum class operation : std::uint64_t {
        add_host = 1,
        remove_host,
        set_draining,
        set_health,
        subscribe,
        unsubscribe,
        acquire,
        renew,
        release,
        preempt,
        expire,
        forget_owner,
        find,
    };

    static std::uint64_t count(time_point at) noexcept {
        return static_cast<std::uint64_t>(at.time_since_epoch().count());
    }

    static void begin(operation what, byte_buffer& out, std::initializer_list<std::uint64_t> words) {
        put_word(out, static_cast<std::uint64_t>(what));
        for (std::uint64_t const word : words) {
            put_word(out, word);
        }
    }

    static bool whole(byte_reader const& in) noexcept { return in.good() && in.rest().empty(); }

    // Everything is read, and found whole, before anything is changed.
    ledger_code carry_out(std::uint64_t what, byte_reader& in, std::optional<lease>& granted,
                          sink<ended_lease>& ended) {
        auto const asked = static_cast<operation>(what);
        switch (asked) {
        case operation::add_host:
        case operation::remove_host:
        case operation::set_draining:
        case operation::set_health:
            return change_host(asked, in, ended);
        case operation::subscribe: {
            host_id const id = ledger_image::take_host(in);
            std::uint64_t const member = in.word();
            resources const amount = ledger_image::take_resources(in);
            return whole(in) ? ledger_.subscribe(id, member, amount) : ledger_code::malformed;
        }
        case operation::unsubscribe: {
            host_id const id = ledger_image::take_host(in);
            std::uint64_t const member = in.word();
            return whole(in) ? ledger_.unsubscribe(id, member) : ledger_code::malformed;
        }
        case operation::acquire:
            return acquire_lease(in, granted, ended);
        case operation::renew:
        case operation::release:
        case operation::preempt:
        case operation::expire:
        case operation::forget_owner:
            return change_lease(asked, in, ended);
        case operation::find:
            break;
        }
        return ledger_code::malformed;
    }

    ledger_code change_host(operation asked, byte_reader& in, sink<ended_lease>& ended) {
        host_id const id = ledger_image::take_host(in);
        if (asked == operation::add_host) {
            host_info const info = ledger_image::take_host_info(in);
            return whole(in) ? ledger_.add_host(id, info) : ledger_code::malformed;
        }
        if (asked == operation::remove_host) {
            return whole(in) ? ledger_.remove_host(id, ended) : ledger_code::malformed;
        }
        if (asked == operation::set_draining) {
            bool const draining = ledger_image::take_flag(in);
            return whole(in) ? ledger_.set_draining(id, draining) : ledger_code::malformed;
        }
        auto const device = ledger_image::take<std::uint32_t>(in);
        std::uint64_t const health = in.word();
        return whole(in) && health <= static_cast<std::uint64_t>(device_health::failed)
                   ? ledger_.set_health(id, device, static_cast<device_health>(health), ended)
                   : ledger_code::malformed;
    }

    ledger_code change_lease(operation asked, byte_reader& in, sink<ended_lease>& ended) {
        if (asked == operation::expire) {
            time_point const now = ledger_image::take_time(in);
            if (!whole(in) || !is_time(now)) {
                return ledger_code::malformed;
            }
            ledger_.expire(later(now), ended);
            return keep_time(now, ledger_code::done);
        }
        std::uint64_t const named = in.word(); // a token, or an owner
        if (asked == operation::renew) {
            time_point const now = ledger_image::take_time(in);
            duration const length{ledger_image::take<std::int64_t>(in)};
            return whole(in) && is_time(now) ? keep_time(now, ledger_.renew(named, later(now), length))
                                             : ledger_code::malformed;
        }
        if (!whole(in)) {
            return ledger_code::malformed;
        }
        if (asked == operation::forget_owner) {
            ledger_.forget_owner(named);
            return ledger_code::done;
        }
        return asked == operation::release ? ledger_.release(named) : ledger_.preempt(named, ended);
    }

    ledger_code acquire_lease(byte_reader& in, std::optional<lease>& granted, sink<ended_lease>& ended) {
        std::uint64_t const owner = in.word();
        std::uint64_t const sequence = in.word();
        host_id const id = ledger_image::take_host(in);
        device_mask const chosen = in.word();
        auto const priority = ledger_image::take<std::int32_t>(in);
        time_point const now = ledger_image::take_time(in);
        duration const length{ledger_image::take<std::int64_t>(in)};
        device_request const request = ledger_image::take_request(in);
        if (!whole(in) || !is_time(now)) {
            return ledger_code::malformed;
        }
        auto const g = ledger_.acquire(owner, sequence, id, request, chosen, priority, later(now), length, ended);
        if (g.code == ledger_code::done) {
            granted = g.what;
        }
        return keep_time(now, g.code);
    }

    static bool is_time(time_point at) noexcept { return at >= time_point{} && at != never; }
    [[nodiscard]] time_point later(time_point now) const noexcept { return std::max(now_, now); }
    ledger_code keep_time(time_point now, ledger_code code) noexcept {
        now_ = code == ledger_code::done ? later(now) : now_;
        return code;
    }

    static void write(ledger_code code, std::optional<lease> const& granted, buffer<ended_lease> const& ended,
                      byte_buffer& reply) {
        put_word(reply, static_cast<std::uint64_t>(code));
        put_word(reply, granted ? 1 : 0);
        if (granted) {
            ledger_image::put(reply, *granted);
        }
        put_word(reply, ended.size());
        for (ended_lease const& e : ended.items()) {
            ledger_image::put(reply, e.what);
            put_word(reply, static_cast<std::uint64_t>(e.why));
        }
    }

    gpu::ledger ledger_;
    time_point now_{};
};

} // namespace hpcsched::gpu

#endif

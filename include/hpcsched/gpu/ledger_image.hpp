// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_LEDGER_IMAGE_HPP
#define HPCSCHED_GPU_LEDGER_IMAGE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/detail/device_choice.hpp>
#include <hpcsched/gpu/ledger.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace hpcsched::gpu {

/// A ledger, its parts and its facts as bytes: little-endian words of 64 bits.
class ledger_image {
  public:
    static void put(byte_buffer& out, time_point at) {
        put_word(out, static_cast<std::uint64_t>(at.time_since_epoch().count()));
    }
    static void put(byte_buffer& out, resources const& r) {
        for (std::int64_t const amount : {r.cpu_milli, r.memory_mib, r.gpu_milli, r.gpu_memory_mib}) {
            put_word(out, static_cast<std::uint64_t>(amount));
        }
    }
    static void put(byte_buffer& out, device_request const& r) {
        put_word(out, r.count);
        put_word(out, r.milli);
        put_word(out, r.memory_mib);
        put_word(out, r.slices.memory_slices);
        put_word(out, r.slices.compute_slices);
        put_word(out, static_cast<std::uint64_t>(r.cpu_milli));
        put_word(out, static_cast<std::uint64_t>(r.host_memory_mib));
    }
    static void put(byte_buffer& out, host_info const& h) {
        put_word(out, static_cast<std::uint64_t>(h.cpu_milli));
        put_word(out, static_cast<std::uint64_t>(h.memory_mib));
        put_word(out, h.devices.size());
        for (device_info const& d : h.devices) {
            put_word(out, d.memory_mib);
            put_word(out, d.link_group);
            put_word(out, d.numa_node);
            put_word(out, d.sliced ? 1 : 0);
        }
    }
    static void put(byte_buffer& out, lease const& l) {
        put_word(out, l.token);
        put_word(out, l.owner);
        put_word(out, l.sequence);
        put_word(out, l.host.value);
        put_word(out, l.devices);
        put_word(out, l.slices);
        put(out, l.request);
        put_word(out, static_cast<std::uint64_t>(std::int64_t{l.priority}));
        put(out, l.granted);
        put(out, l.expiry);
    }

    /// What a host was said to be when it was added.
    static host_info info_of(host_state const& h) {
        host_info info{h.capacity.cpu_milli, h.capacity.memory_mib, {}};
        for (device_state const& d : h.devices) {
            info.devices.push_back(d.info);
        }
        return info;
    }

    /// A word as a number of fewer bits; one that does not fit makes the reader's input no good, by reading past it.
    template <class Number>
    static Number take(byte_reader& in) {
        std::uint64_t const word = in.word();
        auto const number = static_cast<Number>(word);
        if (static_cast<std::uint64_t>(number) != word) { // a negative number is written with its sign
            spoil(in);
        }
        return number;
    }
    static time_point take_time(byte_reader& in) { return time_point{duration{take<std::int64_t>(in)}}; }
    static host_id take_host(byte_reader& in) { return host_id{take<std::uint32_t>(in)}; }

    static resources take_resources(byte_reader& in) {
        return {take<std::int64_t>(in), take<std::int64_t>(in), take<std::int64_t>(in), take<std::int64_t>(in)};
    }
    static device_request take_request(byte_reader& in) {
        device_request r;
        r.count = take<std::uint16_t>(in);
        r.milli = take<std::uint32_t>(in);
        r.memory_mib = take<std::uint32_t>(in);
        r.slices.memory_slices = take<std::uint8_t>(in);
        r.slices.compute_slices = take<std::uint8_t>(in);
        r.cpu_milli = take<std::int64_t>(in);
        r.host_memory_mib = take<std::int64_t>(in);
        return r;
    }
    static host_info take_host_info(byte_reader& in) {
        host_info h;
        h.cpu_milli = take<std::int64_t>(in);
        h.memory_mib = take<std::int64_t>(in);
        std::uint64_t const count = in.word();
        if (count > device_count_max) {
            spoil(in);
            return h;
        }
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            device_info d;
            d.memory_mib = take<std::uint32_t>(in);
            d.link_group = take<std::uint16_t>(in);
            d.numa_node = take<std::uint16_t>(in);
            d.sliced = take_flag(in);
            h.devices.push_back(d);
        }
        return h;
    }
    static lease take_lease(byte_reader& in) {
        lease l;
        l.token = in.word();
        l.owner = in.word();
        l.sequence = in.word();
        l.host = take_host(in);
        l.devices = in.word();
        l.slices = take<std::uint8_t>(in);
        l.request = take_request(in);
        l.priority = take<std::int32_t>(in);
        l.granted = take_time(in);
        l.expiry = take_time(in);
        return l;
    }
    static bool take_flag(byte_reader& in) {
        std::uint64_t const word = in.word();
        if (word > 1) {
            spoil(in);
        }
        return word == 1;
    }

    static void save(ledger const& from, byte_buffer& out) {
        put_word(out, from.last_token_);
        put_word(out, from.host_count_);
        for (host_load const& load : from.loads_) {
            if (load.present) {
                save_host(from.hosts_[load.host.value], load.host, out);
            }
        }
        put_word(out, from.leases_.size());
        for (auto const& [token, l] : from.leases_) {
            put(out, l);
        }
        put_word(out, from.owners_.size());
        for (auto const& [owner, state] : from.owners_) {
            put_word(out, owner);
            put_word(out, state.sequence);
        }
    }

    /// Replaces a ledger by what was saved.
    /// \param host_max  what numbers of hosts are below; a large one takes memory for all
    /// \return false where `save` would not have written it so, or its accounts do not add up; the ledger is as it was
    ///         then
    [[nodiscard]] static bool restore(ledger& to, byte_reader& in, std::size_t host_max = host_count_max) {
        ledger made;
        made.last_token_ = in.word();
        std::uint64_t const host_count = in.word();
        for (std::uint64_t i = 0; i < host_count && in.good(); ++i) {
            if (!restore_host(made, in, host_max)) {
                return false;
            }
        }
        std::uint64_t const lease_count = in.word();
        for (std::uint64_t i = 0; i < lease_count && in.good(); ++i) {
            if (!restore_lease(made, take_lease(in))) {
                return false;
            }
        }
        std::uint64_t const owner_count = in.word();
        std::uint64_t last_owner = 0;
        for (std::uint64_t i = 0; i < owner_count && in.good(); ++i) {
            std::uint64_t const owner = in.word();
            std::uint64_t const sequence = in.word();
            if (owner <= last_owner || sequence == 0) {
                return false;
            }
            last_owner = owner;
            made.owners_[owner].sequence = sequence;
        }
        bool const whole = in.good() && made.host_count_ == host_count && made.leases_.size() == lease_count &&
                           made.owners_.size() == owner_count && made.last_token_ < token_max && made.check().empty();
        if (whole) {
            to = std::move(made);
        }
        return whole;
    }

  private:
    static constexpr lease_token token_max = lease_token{1} << 63U; // beyond what a ledger will ever have granted

    static void spoil(byte_reader& in) {
        while (in.good()) {
            (void)in.word();
        }
    }

    static void save_host(host_state const& h, host_id id, byte_buffer& out) {
        put_word(out, id.value);
        put(out, info_of(h));
        put_word(out, h.draining ? 1 : 0);
        for (device_state const& d : h.devices) {
            put_word(out, static_cast<std::uint64_t>(d.health));
            put_word(out, d.fence);
        }
        put_word(out, h.members.size());
        for (auto const& [member, amount] : h.members) {
            put_word(out, member);
            put(out, amount);
        }
    }

    static bool restore_host(ledger& to, byte_reader& in, std::size_t host_max) {
        host_id const id = take_host(in);
        host_info const info = take_host_info(in);
        bool const follows = to.loads_.empty() || to.loads_.back().host < id;
        if (!in.good() || !follows || id.value >= host_max || to.add_host(id, info) != ledger_code::done) {
            return false;
        }
        host_state& h = to.hosts_[id.value];
        h.draining = take_flag(in);
        for (device_state& d : h.devices) {
            std::uint64_t const health = in.word();
            if (health > static_cast<std::uint64_t>(device_health::failed)) {
                return false;
            }
            d.health = static_cast<device_health>(health);
            d.fence = in.word();
        }
        std::uint64_t const member_count = in.word();
        for (std::uint64_t i = 0; i < member_count && in.good(); ++i) {
            std::uint64_t const member = in.word();
            bool const in_order = h.members.empty() || h.members.rbegin()->first < member;
            if (!in_order || to.subscribe(id, member, take_resources(in)) != ledger_code::done) {
                return false;
            }
        }
        to.refresh(id);
        return in.good() && h.members.size() == member_count;
    }

    static bool restore_lease(ledger& to, lease const& l) {
        bool const follows = l.token > (to.leases_.empty() ? 0 : to.leases_.rbegin()->first);
        bool const named = l.owner != 0 && l.sequence != 0;
        bool const in_time = l.granted >= time_point{} && l.expiry > l.granted;
        if (!follows || !named || !in_time || !to.contains(l.host) || !detail::may_hold(to.hosts_[l.host.value], l)) {
            return false;
        }
        to.account(l, true);
        to.leases_.emplace(l.token, l);
        to.by_expiry_.emplace(l.expiry, l.token);
        to.owners_[l.owner] = {l.sequence, l.token};
        return true;
    }
};

} // namespace hpcsched::gpu

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_ROOM_FORECAST_HPP
#define HPCSCHED_GPU_ROOM_FORECAST_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/ledger.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// How much room hosts will have: the free devices of each host in a number of possible futures, at one moment of each.
///
/// Hosts are foretold together, so that what is asked of several at once counts what they have in common: the same
/// users. A host that it knows nothing of counts by what it has free now. Without any future all hosts do.
/// \thread_safety none
class room_forecast {
  public:
    /// Begins anew, with no future yet.
    /// \param hosts  that are foretold, all different
    void begin(std::span<host_id const> hosts) {
        place_.clear();
        for (std::uint32_t i = 0; i < hosts.size(); ++i) {
            std::size_t const h = hosts[i].value;
            place_.resize(std::max(place_.size(), h + 1), unknown);
            HPCSCHED_ASSERT(place_[h] == unknown);
            place_[h] = i;
        }
        hosts_ = hosts.size();
        futures_ = 0;
        free_.clear();
    }

    /// Adds a future.
    /// \param free  devices, in the order of the hosts of `begin`
    void add(std::span<std::uint16_t const> free) {
        HPCSCHED_ASSERT(free.size() == hosts_);
        free_.insert(free_.end(), free.begin(), free.end());
        ++futures_;
    }

    [[nodiscard]] std::size_t futures() const noexcept { return futures_; }

    /// The share of the futures in which none of the hosts has so many devices free, 0 .. 1; of no host, 1.
    /// \complexity O(futures x hosts)
    [[nodiscard]] double all_busy(ledger const& from, std::span<host_id const> hosts, std::uint32_t count) const {
        std::size_t busy = 0;
        std::size_t const asked = std::max<std::size_t>(1, futures_);
        for (std::size_t future = 0; future < asked; ++future) {
            bool const room =
                std::any_of(hosts.begin(), hosts.end(), [&](host_id h) { return free_of(from, h, future) >= count; });
            busy += room ? 0U : 1U;
        }
        return static_cast<double>(busy) / static_cast<double>(asked);
    }

  private:
    static constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();

    [[nodiscard]] std::uint32_t free_of(ledger const& from, host_id h, std::size_t future) const {
        bool const foretold = future < futures_ && h.value < place_.size() && place_[h.value] != unknown;
        return foretold ? free_[future * hosts_ + place_[h.value]] : std::uint32_t{from.load(h).free_count};
    }

    std::vector<std::uint32_t> place_; // by host: in a future
    std::size_t hosts_ = 0;
    std::size_t futures_ = 0;
    std::vector<std::uint16_t> free_; // shape [futures, hosts]
};

/// Admits a group of hosts of which, by what is foretold, one is likely to have room at a moment drawn at random.
///
/// Where `service_level` takes hosts as independent and users as alike, this one counts the futures in which all hosts
/// of the group are busy.
class foreseen_room {
  public:
    struct config {
        double level = 0.9;         ///< of the futures, in how many one host is to have room, 0 .. 1
        std::uint32_t members = 64; ///< at most on a host: each is a process that holds memory
    };

    foreseen_room() : foreseen_room{config{}} {}
    explicit foreseen_room(config c) : config_{c} { HPCSCHED_ASSERT(c.level >= 0 && c.level <= 1); }

    /// Takes what is foretold now, in place of what was.
    void foresee(room_forecast const& f) { forecast_ = f; }

    [[nodiscard]] bool admits_host(ledger const& from, host_id h, device_request const&) const {
        return from.load(h).member_count < config_.members;
    }
    [[nodiscard]] bool admits_group(ledger const& from, std::span<host_id const> hosts,
                                    device_request const& request) const {
        return 1 - forecast_.all_busy(from, hosts, request.count) >= config_.level;
    }

  private:
    config config_;
    room_forecast forecast_;
};
static_assert(admission_policy<foreseen_room>);

} // namespace hpcsched::gpu

#endif

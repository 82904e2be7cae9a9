// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_QUESTIONS_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_QUESTIONS_HPP

#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/predict/question.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hpcsched::notebook {

/// Whether a session's next cell, if it comes within the horizon, finds no room on the hosts that it lives on: 1 or 0.
struct next_cell_waits {
    std::size_t session = 0; ///< its place in cluster_outlook::sessions

    [[nodiscard]] std::optional<double> outcome(cluster_world::run const& r) const noexcept {
        using first = cluster_world::run::first;
        first const asked = r.first_request(session);
        return asked == first::none ? std::nullopt : std::optional{asked == first::waited ? 1.0 : 0.0};
    }
    [[nodiscard]] bool settled(cluster_world::run const& r) const noexcept { return outcome(r).has_value(); }
};
static_assert(predict::question<next_cell_waits, cluster_world>);

/// For what share of the horizon a watched request of nobody's would find no room: the mean over the worlds is the
/// probability that one waits that comes at a moment drawn at random.
struct request_waits {
    std::size_t watched = 0; ///< its place in cluster_outlook::watched

    [[nodiscard]] double outcome(cluster_world::run const& r) const noexcept {
        auto const& m = r.watched(watched);
        return m.all > 0 ? m.busy / m.all : 0;
    }
    [[nodiscard]] static bool settled(cluster_world::run const&) noexcept { return false; }
};
static_assert(predict::question<request_waits, cluster_world>);

/// Whether none of some hosts has so many devices free at the horizon: how likely three hosts are all busy.
struct all_are_busy {
    std::vector<std::uint16_t> hosts{};
    std::uint16_t gpus = 1;

    [[nodiscard]] bool outcome(cluster_world::run const& r) const noexcept {
        return std::none_of(hosts.begin(), hosts.end(), [&](std::uint16_t h) { return r.free()[h] >= gpus; });
    }
    [[nodiscard]] static bool settled(cluster_world::run const&) noexcept { return false; }
};
static_assert(predict::question<all_are_busy, cluster_world>);

/// What share of the requests within the horizon waits; none where nobody asks.
struct share_that_waits {
    [[nodiscard]] static std::optional<double> outcome(cluster_world::run const& r) noexcept {
        return r.requests() == 0 ? std::nullopt
                                 : std::optional{static_cast<double>(r.waits()) / static_cast<double>(r.requests())};
    }
    [[nodiscard]] static bool settled(cluster_world::run const&) noexcept { return false; }
};
static_assert(predict::question<share_that_waits, cluster_world>);

/// How many hosts of a size the devices fill that run or are waited for at the worst moment.
struct hosts_needed {
    std::uint32_t devices = 8; ///< of a host

    [[nodiscard]] double outcome(cluster_world::run const& r) const noexcept {
        return std::ceil(static_cast<double>(r.devices_peak()) / devices);
    }
    [[nodiscard]] static bool settled(cluster_world::run const&) noexcept { return false; }
};
static_assert(predict::question<hosts_needed, cluster_world>);

} // namespace hpcsched::notebook

#endif

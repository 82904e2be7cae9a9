// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_PLACEMENT_HPP
#define HPCSCHED_GPU_PLACEMENT_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/gpu/detail/free_index.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hpcsched::gpu {

/// What is to be placed.
struct placement_request {
    device_request devices{};
    std::span<host_id const> resident{}; ///< hosts where it would find its data already; borrowed
};

namespace detail {

/// Part of placement_policy: says how good a host is.
template <class P>
concept scores_hosts = requires(P const& p, placement_request const& r, host_load const& h) {
    { p.score(r, h) } noexcept -> std::same_as<std::uint64_t>;
};

} // namespace detail

/// How good a host is for a request; it is asked about hosts that can take it.
///
/// For a policy `p`, a request `r` and a host's load `h`:
///
/// | expression       | effect                                                                                        |
/// |------------------|-----------------------------------------------------------------------------------------------|
/// | `p.score(r, h)`  | a number: the host with the largest is taken, among equals the lowest; 0: rather none than it |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic, and a function of the arguments and the policy's own state.
///
/// It is called for thousands of hosts in a row: a few instructions, no allocation.
///
/// Minimal model: hpcsched/testing/archetypes/placement_policy.hpp.
/// Conformance: hpcsched/testing/conformance/placement_policy.hpp.
template <class P>
concept placement_policy = std::movable<P> && detail::scores_hosts<P>;

/// A placement policy that knows a bound: no host with `free` devices free, other than those of `r.resident`, has a
/// score above `p.ceiling(r, free)`. So it is asked only about hosts that could still be the best.
template <class P>
concept bounded_placement_policy =
    placement_policy<P> && requires(P const& p, placement_request const& r, std::uint32_t free) {
        { p.ceiling(r, free) } noexcept -> std::same_as<std::uint64_t>;
    };

/// Which hosts are asked about.
enum class room : std::uint8_t {
    now,  ///< that could grant the request now
    ever, ///< that could grant it with nothing leased, and are not draining: where to live, not where to run
};

namespace detail {

/// The best host so far, of those that a search has looked at.
template <placement_policy Policy, std::predicate<host_id> Eligible>
class host_search {
  public:
    host_search(Policy const& policy, ledger const& from, placement_request const& request, room where,
                Eligible const& eligible) noexcept
        : policy_{policy}, from_{from}, request_{request}, eligible_{eligible}, where_{where},
          // Of whole devices and nothing else the number of free ones says all.
          plain_{request.devices.whole() && request.devices.cpu_milli == 0 && request.devices.host_memory_mib == 0 &&
                 request.devices.memory_mib == 0} {}

    /// \return whether it is the best so far
    bool look_at(host_load const& h) {
        std::uint64_t const score = policy_.score(request_, h);
        if (score < best_) { // all but a few
            return false;
        }
        bool const better = score > best_ || (score != 0 && h.host < found_);
        if (!better || !takes(h) || !eligible_(h.host)) {
            return false;
        }
        best_ = score;
        found_ = h.host;
        return true;
    }

    [[nodiscard]] std::uint64_t best() const noexcept { return best_; }
    [[nodiscard]] std::optional<host_id> found() const noexcept {
        return best_ == 0 ? std::nullopt : std::optional{found_};
    }

  private:
    [[nodiscard]] bool takes(host_load const& h) const {
        device_request const& d = request_.devices;
        if (where_ == room::ever) {
            return h.takes_leases && from_.ever_fits(h.host, d);
        }
        return plain_ && d.count > 0 ? h.free_count >= d.count : from_.has_room(h.host, d);
    }

    Policy const& policy_;
    ledger const& from_;
    placement_request const& request_;
    Eligible const& eligible_;
    room where_;
    bool plain_;
    std::uint64_t best_ = 0;
    host_id found_{};
};

/// Looks at hosts with enough devices free, by how many they have: where the bound is highest first, and no further
/// than it can matter.
template <bounded_placement_policy Policy, class Search>
void search_by_bound(Policy const& policy, ledger const& from, placement_request const& request, Search& search) {
    auto const loads = from.loads();
    for (host_id const h : request.resident) { // of these the bound says nothing
        if (from.contains(h)) {
            search.look_at(loads[h.value]);
        }
    }
    free_index const& index = from.by_free();
    std::array<std::uint64_t, device_count_max + 1> ceilings{}; // 0: done with
    for (std::uint32_t free = request.devices.count; free <= index.most(); ++free) {
        ceilings[free] = index.count(free) == 0 ? 0 : policy.ceiling(request, free);
    }
    for (;;) {
        auto const highest = std::max_element(ceilings.begin(), ceilings.end());
        std::uint64_t const ceiling = *highest;
        if (ceiling == 0 || ceiling < search.best()) {
            return;
        }
        *highest = 0;
        index.visit_while(static_cast<std::uint32_t>(highest - ceilings.begin()), [&](std::uint32_t host) {
            // Where it is as good as any can be here, those that follow have higher numbers.
            return !search.look_at(loads[host]) || search.best() < ceiling;
        });
    }
}

} // namespace detail

/// The host that a policy likes best, among those with room for which `eligible(host_id)` is true; nothing where there
/// is none.
/// \complexity O(hosts); of whole devices and with a bound, O(hosts with as many free as the best has)
template <placement_policy Policy, std::predicate<host_id> Eligible>
[[nodiscard]] std::optional<host_id> best_host(Policy const& policy, ledger const& from,
                                               placement_request const& request, room where, Eligible const& eligible) {
    device_request const& d = request.devices;
    detail::host_search<Policy, Eligible> search{policy, from, request, where, eligible};
    if constexpr (bounded_placement_policy<Policy>) {
        if (where == room::now && d.whole() && d.count > 0) {
            detail::search_by_bound(policy, from, request, search);
            return search.found();
        }
    }
    std::uint32_t const milli = d.sliced() ? 0 : d.count * d.milli;
    for (host_load const& h : from.loads()) {
        if (h.takes_leases && (where == room::now ? h.free_milli >= milli : h.device_count >= d.count)) {
            search.look_at(h);
        }
    }
    return search.found();
}

template <placement_policy Policy>
[[nodiscard]] std::optional<host_id> best_host(Policy const& policy, ledger const& from,
                                               placement_request const& request, room where) {
    return best_host(policy, from, request, where, [](host_id) { return true; });
}

/// The most idle devices first, then the lowest subscription ratio, then the most subscribed that is not leased.
/// \source NotebookOS, the order of its host heap; its hosts that are flagged oversubscribed, and repairs of that heap,
///         have no counterpart: this order is computed from what is true now
struct least_loaded {
    [[nodiscard]] static std::uint64_t score(placement_request const& /*request*/, host_load const& h) noexcept {
        constexpr std::uint32_t ratio_max = (1U << 24U) - 1;
        constexpr std::uint32_t pending_max = (1U << 31U) - 1;
        return (std::uint64_t{h.free_count} << 56U) |
               (std::uint64_t{ratio_max - std::min(h.subscribed_ratio, ratio_max)} << 32U) |
               (std::uint64_t{std::min(h.pending_milli, pending_max)} << 1U) | 1U;
    }
    [[nodiscard]] static std::uint64_t ceiling(placement_request const& /*request*/, std::uint32_t free) noexcept {
        return (std::uint64_t{free} << 56U) | ((std::uint64_t{1} << 56U) - 1);
    }
};

/// The fewest idle devices that are enough; then the least of shares that is left, then the highest subscription ratio.
/// Leaves whole hosts free.
struct pack {
    [[nodiscard]] static std::uint64_t score(placement_request const& /*request*/, host_load const& h) noexcept {
        constexpr std::uint32_t milli_max = whole_device * device_count_max;
        constexpr std::uint32_t ratio_max = (1U << 23U) - 1;
        return (std::uint64_t{device_count_max - std::min<std::uint32_t>(h.free_count, device_count_max)} << 48U) |
               (std::uint64_t{milli_max - std::min(h.free_milli, milli_max)} << 24U) |
               (std::uint64_t{std::min(h.subscribed_ratio, ratio_max)} << 1U) | 1U;
    }
    [[nodiscard]] static std::uint64_t ceiling(placement_request const& /*request*/, std::uint32_t free) noexcept {
        return (std::uint64_t{device_count_max - std::min(free, device_count_max)} << 48U) |
               ((std::uint64_t{1} << 48U) - 1);
    }
};

/// The lowest subscription ratio first, whatever is leased; then the most idle devices.
struct spread {
    [[nodiscard]] static std::uint64_t score(placement_request const& /*request*/, host_load const& h) noexcept {
        return (std::uint64_t{~h.subscribed_ratio} << 24U) | (std::uint64_t{h.free_count} << 1U) | 1U;
    }
};

namespace detail {

/// What is preferred comes before all that is not, and 0 stays 0. The lowest bit of a score does not count any more.
[[nodiscard]] constexpr std::uint64_t before_others(bool preferred, std::uint64_t score) noexcept {
    return score == 0 ? 0 : (std::uint64_t{preferred ? 1U : 0U} << 63U) | std::max(score >> 1U, std::uint64_t{1});
}

} // namespace detail

/// Hosts where the devices would be joined by fast links come before all others; among equals `Inner` decides, but for
/// the lowest bit of its score.
template <placement_policy Inner = least_loaded>
struct in_one_group {
    Inner inner{};

    [[nodiscard]] std::uint64_t score(placement_request const& request, host_load const& h) const noexcept {
        return detail::before_others(h.group_free_max >= request.devices.count, inner.score(request, h));
    }
    [[nodiscard]] std::uint64_t ceiling(placement_request const& request, std::uint32_t free) const noexcept
        requires bounded_placement_policy<Inner>
    {
        return detail::before_others(free >= request.devices.count, inner.ceiling(request, free));
    }
};

/// Hosts that hold what is to run already come before all others; among equals `Inner` decides, but for the lowest bit
/// of its score.
template <placement_policy Inner = least_loaded>
struct resident_first {
    Inner inner{};

    [[nodiscard]] std::uint64_t score(placement_request const& request, host_load const& h) const noexcept {
        auto const& hosts = request.resident;
        bool const there = std::find(hosts.begin(), hosts.end(), h.host) != hosts.end();
        return detail::before_others(there, inner.score(request, h));
    }
    [[nodiscard]] std::uint64_t ceiling(placement_request const& request, std::uint32_t free) const noexcept
        requires bounded_placement_policy<Inner>
    {
        return detail::before_others(false, inner.ceiling(request, free));
    }
};

/// A host that could serve a request of `large` devices is left alone while another is to be had; among equals
/// `Inner` decides, but for the lowest bit of its score.
template <placement_policy Inner = pack>
struct keeps_room {
    std::uint32_t large = 8;
    Inner inner{};

    [[nodiscard]] std::uint64_t score(placement_request const& request, host_load const& h) const noexcept {
        return detail::before_others(harmless(request, h.free_count), inner.score(request, h));
    }
    [[nodiscard]] std::uint64_t ceiling(placement_request const& request, std::uint32_t free) const noexcept
        requires bounded_placement_policy<Inner>
    {
        return detail::before_others(harmless(request, free), inner.ceiling(request, free));
    }

  private:
    [[nodiscard]] bool harmless(placement_request const& request, std::uint32_t free) const noexcept {
        std::uint32_t const count = request.devices.count;
        return count >= large || free < large || free >= large + count;
    }
};

/// Where the request does the least harm to what is likely to come: the expected number of idle devices that the next
/// request could not use grows the least. Knows how often each size is asked for; among equals the fewest idle devices.
/// \source Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
///         Descent", USENIX ATC 2023, section 4; for whole devices
class least_fragmentation {
  public:
    /// \param weights  how often requests of n devices come, at n; shape [n], n <= device_count_max + 1, each below
    /// 2^20
    explicit least_fragmentation(std::span<std::uint32_t const> weights) : loss_(device_count_max + 1) {
        HPCSCHED_ASSERT(weights.size() <= loss_.size());
        for (std::size_t free = 0; free < loss_.size(); ++free) {
            for (std::size_t size = free + 1; size < weights.size(); ++size) {
                HPCSCHED_ASSERT(weights[size] < (1U << 20U));
                loss_[free] += free * weights[size];
            }
        }
    }

    [[nodiscard]] std::uint64_t score(placement_request const& request, host_load const& h) const noexcept {
        return ceiling(request, h.free_count);
    }
    /// Exact: the score depends on nothing else.
    [[nodiscard]] std::uint64_t ceiling(placement_request const& request, std::uint32_t free_count) const noexcept {
        std::size_t const free = std::min(free_count, device_count_max);
        std::size_t const left = free - std::min<std::size_t>(free, request.devices.count);
        return ((middle + loss_[free] - loss_[left]) << 16U) | (device_count_max - free);
    }

  private:
    static constexpr std::uint64_t middle = std::uint64_t{1} << 46U;

    std::vector<std::uint64_t> loss_; // by idle devices: expected number of them that a request cannot use, x weights
};

static_assert(bounded_placement_policy<least_loaded> && bounded_placement_policy<pack> && placement_policy<spread> &&
              bounded_placement_policy<in_one_group<>> && bounded_placement_policy<resident_first<>> &&
              bounded_placement_policy<keeps_room<>> && bounded_placement_policy<least_fragmentation>);

/// Hosts for the members of one replicated thing: `count` different ones, best first, that admit it. Fewer where there
/// are no more.
/// \param admits  `admits(host_id)`: whether a host may carry one more subscription; see admission.hpp
/// \complexity O(count x hosts)
template <placement_policy Policy, std::predicate<host_id> Admits>
[[nodiscard]] std::vector<host_id> place_members(Policy const& policy, ledger const& from,
                                                 placement_request const& request, std::size_t count,
                                                 Admits const& admits) {
    std::vector<host_id> chosen;
    while (chosen.size() < count) {
        auto const next = best_host(policy, from, request, room::ever, [&](host_id h) {
            return std::find(chosen.begin(), chosen.end(), h) == chosen.end() && admits(h);
        });
        if (!next) {
            break;
        }
        chosen.push_back(*next);
    }
    return chosen;
}

} // namespace hpcsched::gpu

#endif

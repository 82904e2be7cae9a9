// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_ADMISSION_HPP
#define HPCSCHED_GPU_ADMISSION_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

namespace hpcsched::gpu {

namespace detail {

/// Part of admission_policy: judges one host.
template <class A>
concept admits_hosts = requires(A const& a, ledger const& l, host_id h, device_request const& r) {
    { a.admits_host(l, h, r) } -> std::same_as<bool>;
};
/// Part of admission_policy: judges the hosts of one replicated thing together.
template <class A>
concept admits_groups = requires(A const& a, ledger const& l, std::span<host_id const> hosts, device_request const& r) {
    { a.admits_group(l, hosts, r) } -> std::same_as<bool>;
};

} // namespace detail

/// Whether hosts that are oversubscribed already may carry one more.
///
/// For a policy `a`, a ledger `l`, a host `h`, hosts `hs`, and what would be subscribed, `r`:
///
/// | expression               | effect                                                                           |
/// |--------------------------|----------------------------------------------------------------------------------|
/// | `a.admits_host(l, h, r)`  | whether one member of it may live on `h`                                          |
/// | `a.admits_group(l, hs, r)` | whether it may live on exactly these hosts, each of which admits a member of it   |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic, and changes nothing.
/// 2. Hosts are of the ledger, and different.
///
/// Minimal model: hpcsched/testing/archetypes/admission_policy.hpp.
template <class A>
concept admission_policy = std::movable<A> && detail::admits_hosts<A> && detail::admits_groups<A>;

/// Admits all.
struct admit_all {
    [[nodiscard]] static bool admits_host(ledger const&, host_id, device_request const&) noexcept { return true; }
    [[nodiscard]] static bool admits_group(ledger const&, std::span<host_id const>, device_request const&) noexcept {
        return true;
    }
};
static_assert(admission_policy<admit_all>);

/// NotebookOS's rule. A host's subscription ratio is what is subscribed over its capacity and the number of replicas,
/// in each dimension, the new one included; it is admitted where none reaches the cluster's limit, which follows the
/// demand of the last samples: devices of all sessions over devices that are busy.
///
/// \source NotebookOS (ASPLOS 2026) and its prototype: five samples, 7.0 where nothing is busy and until five samples
///         are there; the limit is not clamped to 7.0, as there
class subscription_limit {
  public:
    struct config {
        std::uint32_t replicas = 3; ///< R: members of each kernel, >= 1
        double limit_at_rest = 7.0; ///< the limit before `window` samples, and a sample where nothing is busy
        std::size_t window = 5;     ///< samples that the limit is the mean of, 1 .. 64
    };

    subscription_limit() : subscription_limit{config{}} {}
    explicit subscription_limit(config c) : config_{c} {
        HPCSCHED_ASSERT(c.replicas >= 1 && c.window >= 1 && c.window <= samples_.size());
    }

    /// Takes a sample, once in a scaling interval (30 s).
    /// \param demand  devices of all sessions that are idle, training or migrating
    /// \param busy    the larger of: devices of the sessions that train; devices leased on all hosts
    void sample(std::int64_t demand, std::int64_t busy) {
        double const now = busy == 0       ? config_.limit_at_rest
                           : demand < busy ? 1.0
                                           : static_cast<double>(demand) / static_cast<double>(busy);
        samples_[taken_++ % config_.window] = now;
    }

    /// SR*: the ratio that no host may reach.
    [[nodiscard]] double limit() const noexcept {
        if (taken_ < config_.window) {
            return config_.limit_at_rest;
        }
        double sum = 0;
        for (std::size_t i = 0; i < config_.window; ++i) {
            sum += samples_[i];
        }
        return sum / static_cast<double>(config_.window);
    }

    /// Samples are all there: NotebookOS scales its cluster only from then on.
    [[nodiscard]] bool settled() const noexcept { return taken_ >= config_.window; }

    /// SR_h of a host with `more` subscribed, in the dimension where it is largest; one that nobody wants anything of
    /// does not count, one that the host has nothing of counts as above every limit.
    [[nodiscard]] double ratio(host_state const& h, resources const& more) const noexcept {
        double largest = 0;
        auto const look = [&](std::int64_t wanted, std::int64_t capacity) {
            if (wanted > 0) {
                double const spread = static_cast<double>(capacity) * config_.replicas;
                largest = std::max(largest, capacity == 0 ? std::numeric_limits<double>::infinity()
                                                          : static_cast<double>(wanted) / spread);
            }
        };
        resources const all = h.subscribed + more;
        look(all.cpu_milli, h.capacity.cpu_milli);
        look(all.memory_mib, h.capacity.memory_mib);
        look(all.gpu_milli, h.capacity.gpu_milli);
        look(all.gpu_memory_mib, h.capacity.gpu_memory_mib);
        return largest;
    }

    [[nodiscard]] bool admits_host(ledger const& from, host_id h, device_request const& request) const {
        double const r = ratio(from.host(h), request.subscription());
        return config_.replicas > 1 ? r < limit() : r <= limit();
    }
    [[nodiscard]] static bool admits_group(ledger const&, std::span<host_id const>, device_request const&) noexcept {
        return true;
    }

    /// Appends the samples.
    void save_samples(byte_buffer& out) const {
        put_word(out, taken_);
        for (std::size_t i = 0; i < std::min(taken_, config_.window); ++i) {
            put_word(out, std::bit_cast<std::uint64_t>(samples_[i]));
        }
    }
    /// Replaces the samples by those of one with the same window.
    /// \return false where `save_samples` would not have written it so; it is as it was then
    [[nodiscard]] bool restore_samples(byte_reader& in) {
        subscription_limit made{config_};
        made.taken_ = in.word();
        bool right = true;
        for (std::size_t i = 0; i < std::min(made.taken_, config_.window); ++i) {
            made.samples_[i] = std::bit_cast<double>(in.word());
            right = right && std::isfinite(made.samples_[i]) && made.samples_[i] > 0;
        }
        if (!in.good() || !right) {
            return false;
        }
        *this = made;
        return true;
    }

  private:
    config config_;
    std::array<double, 64> samples_{};
    std::size_t taken_ = 0;
};
static_assert(admission_policy<subscription_limit>);

/// Admits to a stated service level: the probability that, at a moment drawn at random, at least one of the hosts has
/// the devices free is at least `level`.
///
/// Each subscription runs for a measured share of the time, its duty, on one of its hosts, as often on one as on
/// another; what is leased on a host is then a sum of independent draws, whose distribution is computed by convolution.
/// Hosts are taken as independent. Members whose duty was not measured have `duty_unknown`; one that was measured for a
/// short time has something between that and what was measured.
///
/// \complexity O(subscriptions of the hosts x devices of a host)
class service_level {
  public:
    struct config {
        double level = 0.99;        ///< 0 .. 1
        double duty_unknown = 0.25; ///< of a member nothing was measured of; the mean of a month of Adobe's sessions
        duration prior = std::chrono::hours{1}; ///< a measurement of that length weighs as much as `duty_unknown`, >= 0
        std::uint32_t replicas = 3;             ///< hosts that a member's kernel may run on, >= 1
    };

    service_level() : service_level{config{}} {}
    explicit service_level(config c) : config_{c} {
        HPCSCHED_ASSERT(c.level >= 0 && c.level <= 1 && c.replicas >= 1 && c.prior >= duration{0});
    }

    /// Notes how long a subscription's owner has had devices, on whichever host, of the time that it is there.
    void observe(std::uint64_t member, duration leased, duration of) {
        double const weight = to_seconds(config_.prior);
        double const there = std::max(0.0, to_seconds(of)) + weight;
        double const busy = std::max(0.0, to_seconds(leased)) + weight * config_.duty_unknown;
        duty_[member] = there > 0 ? std::min(busy / there, 1.0) : config_.duty_unknown;
    }
    void forget(std::uint64_t member) { duty_.erase(member); }

    /// The probability that a host has `count` whole devices free, of those that are healthy and not sliced.
    [[nodiscard]] double has_free(host_state const& h, std::uint32_t count) const {
        auto const is_whole = [](device_state const& d) { return d.takes_leases() && !d.info.sliced; };
        auto const devices = static_cast<std::size_t>(std::count_if(h.devices.begin(), h.devices.end(), is_whole));
        if (h.draining || count > devices) {
            return 0;
        }
        std::vector<double> leased(devices + 1); // P(n leased), the last: that many or more
        leased[0] = 1;
        for (auto const& [member, amount] : h.members) {
            auto const size = static_cast<std::size_t>((amount.gpu_milli + whole_device - 1) / whole_device);
            auto const known = duty_.find(member);
            double const here = (known == duty_.end() ? config_.duty_unknown : known->second) / config_.replicas;
            if (size == 0 || here == 0) {
                continue;
            }
            for (std::size_t n = devices + 1; n-- > 0;) {
                double const moved = leased[n] * here;
                leased[n] -= moved;
                leased[std::min(n + size, devices)] += moved;
            }
        }
        double enough = 0;
        for (std::size_t n = 0; n + count <= devices; ++n) {
            enough += leased[n];
        }
        return std::min(enough, 1.0);
    }

    /// The probability that at least one of the hosts has.
    [[nodiscard]] double one_of_has_free(ledger const& from, std::span<host_id const> hosts,
                                         std::uint32_t count) const {
        double none = 1;
        for (host_id const h : hosts) {
            none *= 1 - has_free(from.host(h), count);
        }
        return 1 - none;
    }

    [[nodiscard]] static bool admits_host(ledger const&, host_id, device_request const&) noexcept { return true; }
    [[nodiscard]] bool admits_group(ledger const& from, std::span<host_id const> hosts,
                                    device_request const& request) const {
        return one_of_has_free(from, hosts, request.count) >= config_.level;
    }

  private:
    config config_;
    std::map<std::uint64_t, double> duty_;
};
static_assert(admission_policy<service_level>);

} // namespace hpcsched::gpu

#endif

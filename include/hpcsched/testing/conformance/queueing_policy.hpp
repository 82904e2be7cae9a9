// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_QUEUEING_POLICY_HPP
#define HPCSCHED_TESTING_CONFORMANCE_QUEUEING_POLICY_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/queueing.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace hpcsched::testing {

namespace detail {

/// Wants that wait, of every kind, the extremes included.
class want_draws {
  public:
    explicit want_draws(std::uint64_t seed) : bits_{seed, "queueing_policy"} {}

    [[nodiscard]] std::uint64_t below(std::uint64_t count) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, count - 1}(bits_);
    }

    [[nodiscard]] std::int32_t priority() {
        constexpr std::int32_t extremes[] = {std::numeric_limits<std::int32_t>::min(),
                                             std::numeric_limits<std::int32_t>::max(), 0, 1, -1};
        return below(2) == 0 ? extremes[below(5)] : static_cast<std::int32_t>(below(10));
    }
    [[nodiscard]] duration length() {
        constexpr duration extremes[] = {duration{0}, duration{1}, unlimited};
        return below(3) == 0 ? extremes[below(3)] : duration{static_cast<std::int64_t>(below(1ULL << 50U))};
    }
    [[nodiscard]] gpu::waiting_want want(time_point now) {
        gpu::waiting_want w;
        w.what.owner = 1 + below(20);
        w.what.sequence = 1 + below(5);
        w.what.request.count = static_cast<std::uint16_t>(below(9));
        w.what.priority = priority();
        w.what.tenant = static_cast<std::uint32_t>(below(4));
        w.what.expected_run = length();
        w.since =
            now -
            duration{static_cast<std::int64_t>(below(static_cast<std::uint64_t>(now.time_since_epoch().count()) + 1))};
        w.number = below(1000);
        return w;
    }
    [[nodiscard]] gpu::tenant_usage usage() {
        gpu::tenant_usage u;
        for (std::uint32_t tenant = 0; tenant < 4; ++tenant) {
            if (below(3) > 0) {
                u[tenant] = static_cast<std::int64_t>(below(1'000'000));
            }
        }
        return u;
    }

  private:
    random_stream bits_;
};

} // namespace detail

/// Asks a policy about drawn wants and checks the rules of `gpu::queueing_policy`:
///
/// * it says the same of the same want, time and usage;
/// * of two wants that differ in their urgency alone the more urgent one has no larger rank;
/// * who holds others up does so later as well;
/// * one that says that it ignores usage does.
///
/// \return the first rule that was broken, with the seed; empty: none
template <gpu::queueing_policy Policy>
[[nodiscard]] std::vector<std::string> check_queueing_policy(Policy const& policy, std::uint64_t seeds = 200) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        detail::want_draws draws{seed};
        std::string const place = "seed " + std::to_string(seed) + ": ";
        time_point const now{draws.length() / 2};
        gpu::tenant_usage const usage = draws.usage();
        for (int n = 0; n < 50; ++n) {
            gpu::waiting_want const w = draws.want(now);
            gpu::queue_rank const rank = policy.rank(w, now, usage);
            bool const holds_up = policy.holds_up(w, now);
            if (policy.rank(w, now, usage) != rank || policy.holds_up(w, now) != holds_up) {
                return {place + "it says two things of one want"};
            }
            if (holds_up &&
                !policy.holds_up(w, now + duration{1 + static_cast<std::int64_t>(draws.below(1U << 30U))})) {
                return {place + "who held others up does so no more"};
            }
            if (!gpu::goes_by_usage<Policy> && policy.rank(w, now, {}) != rank) {
                return {place + "it goes by the usage that it says to ignore"};
            }
            gpu::waiting_want other = w;
            other.what.priority = draws.priority();
            gpu::queue_rank const other_rank = policy.rank(other, now, usage);
            if (w.what.priority > other.what.priority ? other_rank < rank : other_rank > rank) {
                return {place + "the more urgent of two comes later"};
            }
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_ARRIVAL_PROCESS_HPP
#define HPCSCHED_WORKLOAD_ARRIVAL_PROCESS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/detail/name_table.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace hpcsched::workload {

/// How arrivals are spaced, where a person chooses at run time.
enum class arrival_kind : std::uint8_t {
    exponential, ///< a Poisson process
    uniform,     ///< U(0, 2 * mean)
    even,        ///< all alike
    bursty,      ///< any coefficient of variation
    poisson25,   ///< Poisson(25) variates, the ALPS quirk
    recorded,    ///< those of a trace; a generator has none
};

/// A name of an `arrival_kind` and what it means, in one line.
struct arrival_kind_info {
    arrival_kind value{};
    std::string_view name;
    std::string_view description;
};

/// Every kind, in the order of the enumerators.
inline constexpr std::array<arrival_kind_info, 6> arrival_kinds{{
    {arrival_kind::exponential, "exponential", "a Poisson process: exponential inter-arrival times, CV 1"},
    {arrival_kind::uniform, "uniform", "inter-arrival times uniform between 0 and twice the mean, CV 0.58"},
    {arrival_kind::even, "even", "evenly spaced, CV 0"},
    {arrival_kind::bursty, "bursty", "any CV: gamma below 1, exponential at 1, hyper-exponential above"},
    {arrival_kind::poisson25, "poisson25", "Poisson(25) variates, scaled: the traces shipped with ALPS, CV 0.2"},
    {arrival_kind::recorded, "recorded", "as the trace has them; for traces only"},
}};

[[nodiscard]] constexpr std::string_view name_of(arrival_kind kind) noexcept {
    return arrival_kinds[static_cast<std::size_t>(kind)].name;
}

/// \error the name is none of `arrival_kinds`; the message lists them
[[nodiscard]] inline result<arrival_kind> parse_arrival_kind(std::string_view name) {
    auto const found = detail::find_by_name("arrivals", name, arrival_kinds);
    if (!found) {
        return found.error();
    }
    return found->value;
}

/// An inter-arrival distribution chosen at run time.
class arrival_process {
  public:
    /// \param cv            coefficient of variation of `bursty`; the other kinds have their own
    /// \param burst_length  of `bursty` above a cv of 1, see `clustered_interarrivals`; 1: independent
    /// \pre kind is not `recorded`; bursty_interarrivals::accepts(cv) where the kind is `bursty`
    explicit arrival_process(arrival_kind kind, double cv = 1.0, double burst_length = 1.0) {
        HPCSCHED_ASSERT(kind != arrival_kind::recorded);
        switch (kind) {
        case arrival_kind::uniform:
            draw_ = uniform_interarrivals{};
            break;
        case arrival_kind::even:
            draw_ = even_interarrivals{};
            break;
        case arrival_kind::bursty:
            if (cv > 1.0 && burst_length > 1.0) {
                draw_ = clustered_interarrivals{cv, burst_length};
            } else {
                draw_ = bursty_interarrivals{cv};
            }
            break;
        case arrival_kind::poisson25:
            draw_ = poisson25_interarrivals{};
            break;
        case arrival_kind::exponential:
        case arrival_kind::recorded:
            break;
        }
    }

    [[nodiscard]] double operator()(random_stream& bits) {
        return std::visit([&bits](auto& draw) { return draw(bits); }, draw_);
    }

  private:
    std::variant<exponential_interarrivals, uniform_interarrivals, even_interarrivals, bursty_interarrivals,
                 clustered_interarrivals, poisson25_interarrivals>
        draw_;
};
static_assert(interarrival_distribution<arrival_process>);

} // namespace hpcsched::workload

#endif

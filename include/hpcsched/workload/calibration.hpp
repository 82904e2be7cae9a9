// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_CALIBRATION_HPP
#define HPCSCHED_WORKLOAD_CALIBRATION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/calibration_row.hpp>
#include <hpcsched/workload/detail/calibration_rows.hpp>
#include <hpcsched/workload/detail/calibration_sample.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/presets.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::workload {

/// How many invocations a calibration draws unless told otherwise, and the fewest and the most it takes: with fewer,
/// chance alone moves a probability by more than the tolerance; more would fill the memory (48 bytes each).
inline constexpr std::uint64_t calibration_draws = 100'000;
inline constexpr std::uint64_t min_calibration_draws = 10'000;
inline constexpr std::uint64_t max_calibration_draws = 1'000'000;

/// Where shares drift, consecutive invocations are alike, and so many more are drawn: their shares are then as certain
/// as those of independent draws.
inline constexpr std::uint64_t drifting_draw_factor = 16;

/// What a preset generates beside what is published of it.
struct calibration_report {
    preset from{};
    std::uint64_t seed = 0;
    std::uint64_t draws = 0;           ///< invocations that were generated
    std::vector<calibration_row> rows; ///< binding ones and the others, in the order of the sources

    /// Whether every binding row is within its tolerance.
    [[nodiscard]] bool holds() const noexcept {
        return std::all_of(rows.begin(), rows.end(), [](calibration_row const& row) { return row.holds(); });
    }
};

/// Generates `draws` invocations of a preset as it stands (SFS's with its I/O experiment: 75 % of the requests block;
/// `drifting_draw_factor` times as many where shares drift) and compares them with every figure that is published of
/// it.
///
/// \error draws out of range
/// \complexity O(draws * log draws) time, O(draws) memory
[[nodiscard]] inline result<calibration_report> calibrate(preset from, std::uint64_t seed = 1,
                                                          std::uint64_t draws = calibration_draws) {
    if (draws < min_calibration_draws || draws > max_calibration_draws) {
        return error{"a calibration of " + std::to_string(draws) + " draws is not between " +
                     std::to_string(min_calibration_draws) + " and " + std::to_string(max_calibration_draws)};
    }
    draws *= info_of(from).drift.correlation > 0 ? drifting_draw_factor : 1;
    generator_config config;
    config.from = from;
    config.seed = seed;
    config.count = draws;
    config.io_share = detail::is_sfs(from) ? detail::sfs_io_share : 0;
    auto made = make_generator(config);
    if (!made) {
        return made.error();
    }
    auto const sample = detail::calibration_sample::draw(*made, draws);
    if (!sample) {
        return sample.error();
    }
    return calibration_report{from, seed, draws, detail::compare(from, *sample)};
}

} // namespace hpcsched::workload

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_SVG_PLOT_HPP
#define HPCSCHED_EXPERIMENT_SVG_PLOT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/report.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// Which cells a picture shows, and how large it is.
struct svg_options {
    std::string workload{};                   ///< empty: any
    std::optional<std::uint32_t> cpu_count{}; ///< nothing: any
    std::optional<double> arrival_cv{};
    std::optional<double> load{};        ///< not used by the picture over all loads
    std::vector<std::string> policies{}; ///< empty: all
    std::string title{};                 ///< empty: what is shown
    policy_roles roles{};
    double width = 760, height = 420; ///< pixels; at least 320 by 200
};

/// A picture for a README: the share of tasks that are done within a time, per policy, on a logarithmic time axis.
///
/// Where several scenarios match, the one that a report opens with is shown; the picture names it. The picture is one
/// SVG element that follows the reader's dark mode, needs no font or file, and holds a sentence for those who cannot
/// see it.
/// \error no cell matches, or the picture is too small
[[nodiscard]] result<std::string> turnaround_cdf_svg(std::span<cell_result const> cells, svg_options const& options);

/// The same for mean turnaround versus load, with the 95 % interval of the seeds, on a logarithmic time axis. Loads
/// "as recorded" stand at the load that came out.
/// \error no cell matches, or the picture is too small
[[nodiscard]] result<std::string> mean_versus_load_svg(std::span<cell_result const> cells, svg_options const& options);

} // namespace hpcsched::experiment

#endif

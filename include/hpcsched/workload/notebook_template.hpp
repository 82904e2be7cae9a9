// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_NOTEBOOK_TEMPLATE_HPP
#define HPCSCHED_WORKLOAD_NOTEBOOK_TEMPLATE_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/notebook_generator_config.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// NotebookOS's template driver: sessions that arrive as a Poisson process and execute cells of Gamma lengths. Made to
/// try a platform out, not to be like a trace; `notebook_generator_config` is for that.
struct notebook_template_config {
    std::uint64_t seed = 1;
    std::uint32_t session_count = 100;
    duration mean_interarrival = std::chrono::seconds{30}; ///< of the sessions, exponential
    std::uint32_t cells_per_session = 10;
    double run_shape = 2;                          ///< of the Gamma distribution of the runs; published
    duration run_scale = std::chrono::seconds{10}; ///< the same; the mean run is shape * scale, 20 s
    duration mean_gap = std::chrono::seconds{30};  ///< from the end of a cell to the next submission, exponential
    std::uint32_t gpus = 1;                        ///< of every cell

    friend bool operator==(notebook_template_config const&, notebook_template_config const&) = default;
};

/// \error the first field that is out of place, and what would be in place
[[nodiscard]] inline result<void> validate(notebook_template_config const& config) {
    using namespace notebook_generator_limits;
    if (config.session_count == 0 || config.session_count > max_session_count) {
        return error{"session count " + std::to_string(config.session_count) + " is not between 1 and " +
                     std::to_string(max_session_count)};
    }
    if (config.cells_per_session == 0 || config.cells_per_session > max_cells) {
        return error{"cells per session " + std::to_string(config.cells_per_session) + " is not between 1 and " +
                     detail::number_text(max_cells)};
    }
    if (!detail::is_within(config.run_shape, 0.01, 1'000)) {
        return error{"run shape " + detail::number_text(config.run_shape) + " is not between 0.01 and 1000"};
    }
    for (duration const length : {config.mean_interarrival, config.run_scale, config.mean_gap}) {
        if (length <= duration::zero() || length > std::chrono::days{30}) {
            return error{"a mean interarrival, run scale or mean gap of " + detail::number_text(to_seconds(length)) +
                         " s is not above 0 and at most 30 days"};
        }
    }
    if (config.gpus == 0 || config.gpus > max_gpus) {
        return error{"cells of " + std::to_string(config.gpus) + " gpus: there must be at least 1 and at most " +
                     std::to_string(max_gpus)};
    }
    double const expected_ns = to_seconds(config.mean_interarrival) * 1e9 * config.session_count +
                               (to_seconds(config.mean_gap) + config.run_shape * to_seconds(config.run_scale)) * 1e9 *
                                   config.cells_per_session;
    if (expected_ns > generator_limits::max_span_ns / 2) {
        return error{"so many sessions of so many cells take more than 25 years; have them arrive faster, or fewer"};
    }
    return {};
}

/// Generates what the config says. The first sessions of a seed are the same whatever their count, and the k-th run of
/// a session whatever its gaps and devices.
///
/// \error what `validate` says
/// \complexity O(cells * log cells) time; memory: 32 bytes for each cell, 24 for each session
/// \source ds2-lab/NotebookOS-Dashboard: its template of a synthetic workload, Poisson arrivals and Gamma(2, 10 s) runs
[[nodiscard]] inline result<notebook_trace> generate_notebooks(notebook_template_config const& config) {
    if (auto const valid = validate(config); !valid) {
        return valid.error();
    }
    random_stream const seeds{config.seed, "notebook template"};
    random_stream arrivals = seeds.split("arrivals");
    boost::random::exponential_distribution<double> interarrival{1 / to_seconds(config.mean_interarrival)};
    boost::random::exponential_distribution<double> gap{1 / to_seconds(config.mean_gap)};
    std::vector<notebook_cell> cells;
    time_point opened{};
    for (std::uint32_t session = 0; session < config.session_count; ++session) {
        opened += from_seconds(interarrival(arrivals));
        random_stream const own = seeds.split(std::to_string(session));
        random_stream runs = own.split("runs");
        random_stream gaps = own.split("gaps");
        boost::random::gamma_distribution<double> run{config.run_shape, to_seconds(config.run_scale)};
        time_point at = opened;
        for (std::uint32_t k = 0; k < config.cells_per_session; ++k) {
            cells.push_back({at, {session}, std::max(from_seconds(run(runs)), duration{1}), config.gpus});
            at += cells.back().run + from_seconds(gap(gaps));
        }
    }
    return make_notebook_trace(std::move(cells));
}

} // namespace hpcsched::workload

#endif

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/experiment/notebook_result.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>

namespace hpcsched::experiment {
namespace {

using notebook_sim::cell_record;

[[nodiscard]] time_quantiles quantiles_of(std::vector<duration> const& sorted) {
    if (sorted.empty()) {
        return {};
    }
    std::span<duration const> const all{sorted};
    double sum = 0;
    for (duration const d : all) {
        sum += to_seconds(d);
    }
    return {.mean = sum / static_cast<double>(all.size()),
            .p50 = to_seconds(percentile(all, p50)),
            .p90 = to_seconds(percentile(all, p90)),
            .p99 = to_seconds(percentile(all, p99)),
            .largest = to_seconds(all.back())};
}

[[nodiscard]] std::vector<share_point> curve_of(std::vector<duration> const& sorted) {
    constexpr std::size_t points = 240;
    std::vector<share_point> curve;
    std::size_t const n = sorted.size();
    std::size_t shown = 0; // values that are on the curve
    for (std::size_t i = 0; i < n; ++i) {
        bool const last_of_its_value = i + 1 == n || sorted[i + 1] != sorted[i];
        bool const due = shown == 0 || i + 1 == n || (i + 1 - shown) * points >= n;
        if (last_of_its_value && due) {
            shown = i + 1;
            curve.push_back({to_seconds(sorted[i]), static_cast<double>(shown) / static_cast<double>(n)});
        }
    }
    return curve;
}

struct cell_times {
    std::vector<duration> delays;      // ascending
    std::vector<duration> completions; // ascending
};

[[nodiscard]] cell_figures figures_of(std::vector<cell_record> const& cells,
                                      std::predicate<cell_record const&> auto which, cell_times& times) {
    cell_figures f;
    std::uint64_t at_once = 0;
    std::uint64_t moved = 0;
    std::uint64_t same = 0;
    std::uint64_t later = 0;
    for (cell_record const& c : cells) {
        if (c.started == never || !which(c)) {
            continue;
        }
        ++f.count;
        at_once += c.at_once ? 1U : 0U;
        moved += c.moved ? 1U : 0U;
        later += c.first ? 0U : 1U;
        same += c.same_executor ? 1U : 0U;
        f.device_hours += to_seconds(c.run) / 3600 * c.gpus;
        times.delays.push_back(c.delay());
        if (c.finished != never) {
            times.completions.push_back(c.completion());
        }
    }
    auto const share = [](std::uint64_t part, std::uint64_t of) {
        return of == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(of);
    };
    f.at_once = share(at_once, f.count);
    f.moved = share(moved, f.count);
    f.same_executor = share(same, later);
    std::sort(times.delays.begin(), times.delays.end());
    std::sort(times.completions.begin(), times.completions.end());
    f.delay = quantiles_of(times.delays);
    f.completion = quantiles_of(times.completions);
    return f;
}

} // namespace

notebook_result summarize_notebooks(notebook_sim::run_record const& run, std::uint32_t devices_per_host,
                                    device_price price) {
    notebook_result r;
    r.devices_per_host = devices_per_host;
    cell_times all;
    cell_times brief;
    cell_times long_ones;
    r.all = figures_of(run.cells, [](cell_record const&) { return true; }, all);
    r.brief = figures_of(run.cells, [](cell_record const& c) { return c.run <= brief_cell; }, brief);
    r.long_ = figures_of(run.cells, [](cell_record const& c) { return c.run > brief_cell; }, long_ones);
    r.delay_curve = curve_of(all.delays);
    r.completion_curve = curve_of(all.completions);

    r.provisioned = notebook_sim::hours(run.provisioned);
    r.leased = notebook_sim::hours(run.leased);
    r.busy = notebook_sim::hours(run.busy);
    r.wasted = r.provisioned - r.busy;
    r.dollars = r.provisioned * price.dollars_per_hour;
    r.hosts_provisioned = run.hosts_provisioned;
    r.hosts_released = run.hosts_released;
    r.hosts_lost = run.hosts_lost;
    r.hosts_peak = run.hosts_peak;
    double const span = to_seconds(run.ended - time_point{}) / 3600;
    r.hosts_mean = span > 0 ? r.provisioned / span / devices_per_host : 0;
    r.moves_for_cells = run.moves_for_cells;
    r.moves_ahead = run.moves_ahead;
    r.members_peak = run.members_peak;
    r.rerun_cells = static_cast<std::uint64_t>(
        std::count_if(run.cells.begin(), run.cells.end(), [](cell_record const& c) { return c.attempts > 1; }));
    r.events = run.events;
    double ratios = 0;
    for (notebook_sim::cluster_sample const& s : run.samples) {
        ratios += s.subscription_ratio(devices_per_host);
    }
    r.subscription_ratio_mean = run.samples.empty() ? 0 : ratios / static_cast<double>(run.samples.size());
    r.samples = run.samples;
    return r;
}

} // namespace hpcsched::experiment

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/summary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

namespace hpcsched::experiment {
namespace {

using cell_list = std::vector<cell_result const*>;

template <class Figure>
estimate over_seeds(cell_list const& cells, Figure figure) {
    std::vector<double> samples;
    for (cell_result const* const cell : cells) {
        samples.push_back(figure(*cell));
    }
    return estimate_of(samples);
}

summary_row row_of(cell_list const& cells) {
    using cell = cell_result const&;
    return {.key = cells.front()->key,
            .seed_count = cells.size(),
            .task_count = cells.front()->task_count,
            .turnaround = over_seeds(cells, [](cell c) { return c.turnaround.mean; }),
            .turnaround_p50 = over_seeds(cells, [](cell c) { return c.turnaround.p50; }),
            .turnaround_p99 = over_seeds(cells, [](cell c) { return c.turnaround.p99; }),
            .turnaround_p999 = over_seeds(cells, [](cell c) { return c.turnaround.p999; }),
            .slowdown = over_seeds(cells, [](cell c) { return c.slowdown.mean; }),
            .rte = over_seeds(cells, [](cell c) { return c.rte.mean; }),
            .context_switches = over_seeds(cells, [](cell c) { return c.context_switches_mean; }),
            .billed_cost = over_seeds(cells, [](cell c) { return c.billed_cost; }),
            .others_share = over_seeds(cells, [](cell c) { return c.others_share; })};
}

bool same_scenario(cell_key a, cell_key const& b) {
    a.seed = b.seed;
    a.policy = b.policy;
    return a == b;
}

// --- text --------------------------------------------------------------------------------------------------

template <class... Values>
std::string text(char const* format, Values... values) {
    std::array<char, 160> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, values...); // NOLINT(cppcoreguidelines-pro-type-vararg)
    return buffer.data();
}

/// A figure of fixed precision, with its interval where there is one.
std::string figure(estimate const& value, int decimals, double unit = 1.0) {
    std::string shown = text("%.*f", decimals, value.mean * unit);
    if (std::isfinite(value.half_width)) {
        shown += text(" ±%.*f", decimals, value.half_width * unit);
    }
    return shown;
}

/// Letters as a terminal shows them: a UTF-8 sequence is one.
std::size_t shown_width(std::string_view line) {
    return static_cast<std::size_t>(std::count_if(
        line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

/// The first column to the left, the others to the right.
std::string aligned(std::vector<std::vector<std::string>> const& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], shown_width(row[i]));
        }
    }
    std::string all;
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            std::string const gap(widths[i] - shown_width(row[i]), ' ');
            all += i == 0 ? "  " + row[i] + gap : "  " + gap + row[i];
        }
        all.erase(all.find_last_not_of(' ') + 1);
        all += '\n';
    }
    return all;
}

std::string grouped_digits(std::uint64_t value) {
    std::string digits = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return digits;
}

std::string heading(summary_row const& row) {
    cell_key const& key = row.key;
    std::string line = key.workload + ", " + std::to_string(key.cpu_count) + (key.cpu_count == 1 ? " core" : " cores");
    line += key.load > 0 ? text(", load %.4g", key.load) : ", arrivals as recorded";
    if (key.arrival_cv > 0) {
        line += text(", arrival CV %.4g", key.arrival_cv);
    }
    line += ": " + grouped_digits(row.task_count) + " invocations";
    if (row.seed_count > 1) {
        line += ", " + std::to_string(row.seed_count) + " seeds, ± 95 %";
    }
    return line + '\n';
}

std::string table_of(std::vector<summary_row> const& rows, std::span<std::string const> idealised) {
    double longest = 0;
    bool has_others = false;
    for (summary_row const& row : rows) {
        longest = std::max(longest, row.turnaround_p999.mean);
        has_others = has_others || row.others_share.mean > 0;
    }
    bool const short_times = longest < 1.0;
    double const unit = short_times ? 1e3 : 1.0;
    std::string const suffix = short_times ? " [ms]" : " [s]";
    std::vector<std::vector<std::string>> lines{{"policy", "mean" + suffix, "p50" + suffix, "p99" + suffix,
                                                 "p99.9" + suffix, "slowdown", "RTE", "switches", "cost [$]"}};
    if (has_others) {
        lines.front().emplace_back("others [%]");
    }
    for (summary_row const& row : rows) {
        bool const starred = std::find(idealised.begin(), idealised.end(), row.key.policy) != idealised.end();
        lines.push_back({row.key.policy + (starred ? "*" : ""), figure(row.turnaround, 3, unit),
                         figure(row.turnaround_p50, 3, unit), figure(row.turnaround_p99, 3, unit),
                         figure(row.turnaround_p999, 3, unit), figure(row.slowdown, 2), figure(row.rte, 3),
                         figure(row.context_switches, 2), text("%.4g", row.billed_cost.mean)});
        if (has_others) {
            lines.back().push_back(row.others_share.mean > 0 ? figure(row.others_share, 2, 100) : "-");
        }
    }
    return heading(rows.front()) + aligned(lines);
}

} // namespace

std::vector<summary_row> summarise(std::span<cell_result const> cells) {
    std::vector<cell_list> rows;
    for (cell_result const& cell : cells) {
        auto const row = std::find_if(rows.begin(), rows.end(), [&cell](cell_list const& candidate) {
            return candidate.front()->key.policy == cell.key.policy && same_scenario(candidate.front()->key, cell.key);
        });
        if (row != rows.end()) {
            row->push_back(&cell);
        } else {
            rows.push_back({&cell});
        }
    }
    std::vector<summary_row> summary;
    for (cell_list const& row : rows) {
        summary.push_back(row_of(row));
    }
    return summary;
}

std::string summary_table(std::span<cell_result const> cells, std::span<std::string const> idealised) {
    std::vector<summary_row> const rows = summarise(cells);
    std::vector<std::vector<summary_row>> tables;
    bool starred = false;
    for (summary_row const& row : rows) {
        auto const table = std::find_if(tables.begin(), tables.end(), [&row](auto const& candidate) {
            return same_scenario(candidate.front().key, row.key);
        });
        if (table != tables.end()) {
            table->push_back(row);
        } else {
            tables.push_back({row});
        }
        starred |= std::find(idealised.begin(), idealised.end(), row.key.policy) != idealised.end();
    }
    std::string all;
    for (auto const& table : tables) {
        all += (all.empty() ? "" : "\n") + table_of(table, idealised);
    }
    if (starred) {
        all += "\n* an ideal: runs on a machine without costs, or knows what no scheduler can know\n";
    }
    return all;
}

} // namespace hpcsched::experiment

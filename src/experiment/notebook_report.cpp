// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_results_io.hpp>

#include "report/page_head.hpp"
#include "report/palette.hpp"
#include "report/plot.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::experiment {
namespace {

using namespace detail;

/// The results of one scenario: one per policy, of the first workload and seed. A page shows that; the files have all.
[[nodiscard]] std::vector<notebook_result const*> shown_of(std::span<notebook_result const> results) {
    std::vector<notebook_result const*> shown;
    for (notebook_result const& r : results) {
        if (r.workload == results.front().workload && r.seed == results.front().seed) {
            shown.push_back(&r);
        }
    }
    return shown;
}

[[nodiscard]] notebook_result const* find(std::vector<notebook_result const*> const& shown, std::string_view policy) {
    auto const at =
        std::find_if(shown.begin(), shown.end(), [&](notebook_result const* r) { return r->policy == policy; });
    return at == shown.end() ? nullptr : *at;
}

[[nodiscard]] std::string percent(double share) {
    return format_parameter(100 * share) + " %";
}

/// One sentence: what the cheapest policy that serves well does against the others.
[[nodiscard]] std::string verdict(std::vector<notebook_result const*> const& shown) {
    notebook_result const* const base = find(shown, "reservation");
    std::string text;
    for (notebook_result const* const r : shown) {
        if (r == base) {
            continue;
        }
        text += text.empty() ? "" : "; ";
        text += r->policy;
        if (base != nullptr && base->provisioned > 0) {
            text += " provisions " + percent(r->provisioned / base->provisioned) + " of what reservation does and";
        }
        text += " serves " + percent(r->all.at_once) + " of the cells at once, 99 % within " +
                format_seconds(r->all.delay.p99);
    }
    return text.empty() ? "reservation alone" : text + '.';
}

struct column {
    std::string_view head, unit;
    std::optional<bool> less_is_better;
    double (*figure)(notebook_result const&);
    std::string (*text)(double);
};

[[nodiscard]] std::string whole(double value) {
    return format_count(static_cast<std::uint64_t>(value + 0.5));
}

[[nodiscard]] std::string table_of(std::vector<notebook_result const*> const& shown, std::string const& caption,
                                   std::span<column const> columns) {
    std::string out =
        "<div class=\"scroll\"><table><caption>" + escape_markup(caption) + "</caption><thead><tr><th>policy</th>";
    for (column const& c : columns) {
        out += "<th>" + escape_markup(c.head) + "<small>" + escape_markup(c.unit) + "</small></th>";
    }
    out += "</tr></thead><tbody>";
    for (notebook_result const* const r : shown) {
        out += "<tr><th scope=\"row\">" + escape_markup(r->policy) + "</th>";
        for (column const& c : columns) {
            auto const better = [&](notebook_result const* other) {
                double const a = c.figure(*other);
                double const b = c.figure(*r);
                return *c.less_is_better ? a < b : a > b;
            };
            bool const best = c.less_is_better && std::none_of(shown.begin(), shown.end(), better);
            out += (best ? "<td class=\"best\">" : "<td>") + escape_markup(c.text(c.figure(*r))) + "</td>";
        }
        out += "</tr>";
    }
    return out + "</tbody></table></div>";
}

[[nodiscard]] std::string overview(std::vector<notebook_result const*> const& shown) {
    static constexpr column columns[] = {
        {"provisioned", "GPU-hours", true, [](notebook_result const& r) { return r.provisioned; }, whole},
        {"busy", "GPU-hours", std::nullopt, [](notebook_result const& r) { return r.busy; }, whole},
        {"wasted", "GPU-hours", true, [](notebook_result const& r) { return r.wasted; }, whole},
        {"cost", "US dollars", true, [](notebook_result const& r) { return r.dollars; }, whole},
        {"hosts", "mean", std::nullopt, [](notebook_result const& r) { return r.hosts_mean; }, format_number},
        {"hosts", "peak", std::nullopt, [](notebook_result const& r) { return static_cast<double>(r.hosts_peak); },
         whole},
        {"at once", "share of cells", false, [](notebook_result const& r) { return r.all.at_once; }, percent},
        {"delay", "p50", true, [](notebook_result const& r) { return r.all.delay.p50; }, format_seconds},
        {"delay", "p90", true, [](notebook_result const& r) { return r.all.delay.p90; }, format_seconds},
        {"delay", "p99", true, [](notebook_result const& r) { return r.all.delay.p99; }, format_seconds},
        {"delay", "largest", true, [](notebook_result const& r) { return r.all.delay.largest; }, format_seconds},
        {"same executor", "share", std::nullopt, [](notebook_result const& r) { return r.all.same_executor; }, percent},
        {"moved", "for cells", std::nullopt,
         [](notebook_result const& r) { return static_cast<double>(r.moves_for_cells); }, whole},
        {"moved", "ahead", std::nullopt, [](notebook_result const& r) { return static_cast<double>(r.moves_ahead); },
         whole},
    };
    return table_of(shown, "What each policy provisions, and what users wait for", columns);
}

[[nodiscard]] std::string both_ends(std::vector<notebook_result const*> const& shown) {
    static constexpr column columns[] = {
        {"brief cells", "count", std::nullopt,
         [](notebook_result const& r) { return static_cast<double>(r.brief.count); }, whole},
        {"compute", "GPU-hours", std::nullopt, [](notebook_result const& r) { return r.brief.device_hours; }, whole},
        {"at once", "share", false, [](notebook_result const& r) { return r.brief.at_once; }, percent},
        {"delay", "p99", true, [](notebook_result const& r) { return r.brief.delay.p99; }, format_seconds},
        {"done in", "p50", true, [](notebook_result const& r) { return r.brief.completion.p50; }, format_seconds},
        {"long cells", "count", std::nullopt,
         [](notebook_result const& r) { return static_cast<double>(r.long_.count); }, whole},
        {"compute", "GPU-hours", std::nullopt, [](notebook_result const& r) { return r.long_.device_hours; }, whole},
        {"at once", "share", false, [](notebook_result const& r) { return r.long_.at_once; }, percent},
        {"delay", "p99", true, [](notebook_result const& r) { return r.long_.delay.p99; }, format_seconds},
        {"done in", "p50", true, [](notebook_result const& r) { return r.long_.completion.p50; }, format_seconds},
    };
    return table_of(shown,
                    "Both ends: cells of up to 15 minutes are most of the cells, longer ones most of the GPU-hours",
                    columns);
}

[[nodiscard]] std::vector<line_style> styles_of(std::vector<notebook_result const*> const& shown) {
    std::vector<policy_entry> entries;
    for (notebook_result const* const r : shown) {
        entries.push_back({r->policy, false});
    }
    return style_policies(entries);
}

[[nodiscard]] std::string curves(std::vector<notebook_result const*> const& shown, std::string title,
                                 std::string x_label, std::vector<share_point> notebook_result::* curve) {
    auto const styles = styles_of(shown);
    plot picture{.title = std::move(title),
                 .subtitle = "share of cells within a time, logarithmic",
                 .x_label = std::move(x_label),
                 .y_label = "share of cells",
                 .summary = verdict(shown),
                 .log_x = true,
                 .seconds_x = true,
                 .percent_y = true};
    for (std::size_t i = 0; i < shown.size(); ++i) {
        plot_line line{.name = shown[i]->policy, .style = styles[i], .points = {}};
        double before = 0;
        for (share_point const p : shown[i]->*curve) {
            if (p.seconds > 0) {
                line.points.push_back({p.seconds, before, before, before});
                line.points.push_back({p.seconds, p.share, p.share, p.share});
            }
            before = p.share;
        }
        picture.lines.push_back(std::move(line));
    }
    return draw(picture, 760, 400);
}

/// At most so many points of a series, the largest of each stretch.
template <class Value>
[[nodiscard]] std::vector<plot_point> series(std::vector<notebook_sim::cluster_sample> const& samples, Value value) {
    constexpr std::size_t most = 400;
    std::vector<plot_point> points;
    std::size_t const stretch = std::max<std::size_t>(1, samples.size() / most);
    for (std::size_t from = 0; from < samples.size(); from += stretch) {
        double largest = 0;
        for (std::size_t i = from; i < std::min(samples.size(), from + stretch); ++i) {
            largest = std::max(largest, value(samples[i]));
        }
        points.push_back({to_seconds(samples[from].at - time_point{}) / 3600, largest, largest, largest});
    }
    return points;
}

[[nodiscard]] std::string over_time(std::vector<notebook_result const*> const& shown) {
    auto const styles = styles_of(shown);
    plot picture{.title = "Devices provisioned over time",
                 .subtitle = "of all hosts",
                 .x_label = "hours",
                 .y_label = "devices",
                 .summary = verdict(shown)};
    for (std::size_t i = 0; i < shown.size(); ++i) {
        double const each = shown[i]->devices_per_host;
        picture.lines.push_back(
            {.name = shown[i]->policy, .style = styles[i], .points = series(shown[i]->samples, [each](auto const& s) {
                                                               return static_cast<double>(s.hosts) * each;
                                                           })});
    }
    return draw(picture, 1120, 380);
}

[[nodiscard]] std::string ratios(std::vector<notebook_result const*> const& shown) {
    auto const styles = styles_of(shown);
    plot picture{.title = "Subscription ratio over time",
                 .subtitle = "devices that open sessions need at most, over the devices there are",
                 .x_label = "hours",
                 .y_label = "ratio",
                 .summary = "above 1 the cluster is oversubscribed"};
    for (std::size_t i = 0; i < shown.size(); ++i) {
        std::uint32_t const each = shown[i]->devices_per_host;
        picture.lines.push_back(
            {.name = shown[i]->policy, .style = styles[i], .points = series(shown[i]->samples, [each](auto const& s) {
                                                               return s.subscription_ratio(each);
                                                           })});
    }
    return draw(picture, 1120, 320);
}

[[nodiscard]] std::string card(std::string_view kind, std::string const& content) {
    return "<section class=\"" + std::string{kind} + "\">" + content + "</section>\n";
}

[[nodiscard]] std::string fact(std::string_view name, std::string const& value) {
    return "<div><dt>" + std::string{name} + "</dt><dd>" + escape_markup(value) + "</dd></div>";
}

} // namespace

std::string notebook_report(notebook_run_description const& run, std::span<notebook_result const> results) {
    auto const shown = shown_of(results);
    std::string const title =
        "Notebooks on a GPU cluster: " + (shown.empty() ? std::string{} : shown.front()->workload);
    std::string out = page_head(title);
    out += "<header class=\"top\">\n<div class=\"kicker\"><span>hpcsched \xC2\xB7 simulated notebook "
           "cluster</span></div>\n<h1>" +
           escape_markup(title) + "</h1>\n<p class=\"verdict\">" + escape_markup(verdict(shown)) +
           "</p>\n<dl class=\"facts\">";
    if (!shown.empty()) {
        out += fact("policies", format_count(shown.size())) + fact("cells", format_count(shown.front()->all.count)) +
               fact("hours", format_number(run.span_hours)) + fact("seed", format_count(shown.front()->seed));
    }
    out += "</dl>\n";
    if (!run.command.empty()) {
        out += "<details class=\"command\"><summary>The command that makes these numbers again</summary><pre>" +
               escape_markup(run.command) + "</pre></details>\n";
    }
    out += "</header>\n<main>\n";
    if (!shown.empty()) {
        out += card("card wide", "<h2>All cells</h2>" + overview(shown));
        out += card("card wide", over_time(shown));
        out += card("card", curves(shown, "Interactivity delay", "from submission to the start of the code",
                                   &notebook_result::delay_curve));
        out += card("card",
                    curves(shown, "Completion time", "from submission to reply", &notebook_result::completion_curve));
        out += card("card wide", "<h2>Both ends</h2>" + both_ends(shown));
        out += card("card wide", ratios(shown));
    }
    out += "</main>\n<footer class=\"bottom\">";
    if (results.size() > shown.size()) {
        out += "<p>The page shows the first seed; results.json and results.csv have all " +
               format_count(results.size()) + " runs.</p>";
    }
    out += "<p>" + escape_markup(run.window) + "</p><p>" + escape_markup(run.assumptions) + "</p><p>" +
           escape_markup(run.program) + "</p></footer>\n</body>\n</html>\n";
    return out;
}

} // namespace hpcsched::experiment

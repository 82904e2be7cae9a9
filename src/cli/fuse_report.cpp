// SPDX-License-Identifier: Apache-2.0
#include "fuse_report.hpp"

#include <hpcsched/experiment/build_identity.hpp>
#include <hpcsched/fuse/cost_model.hpp>

#include <boost/json.hpp>

#include "fuse_drawing.hpp"
#include "report/page_head.hpp" // of the component experiment: its pages and this one look alike
#include "report/palette.hpp"
#include "report/plot.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

namespace json = boost::json;
using namespace experiment::detail;
using fuse_torch::drop_estimate;
using fuse_torch::latency_figures;
using fuse_torch::searched_candidate;

std::string program() {
    return "hpcsched " + std::string{experiment::library_version()};
}

double speed_up(fuse_torch::latency_comparison const& l) {
    return to_seconds(l.separate.lower_quartile) / to_seconds(l.fused.lower_quartile);
}

fuse::model_graph forest_of(fusion_record const& of) {
    return fuse::model_graph::forest(of.networks.teachers());
}

std::uint64_t weights_of(fuse::teacher_set const& teachers, fuse::model_graph const& graph) {
    std::uint64_t sum = 0;
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        fuse::graph_node const& n = graph[i];
        sum += n.is_adapter() ? 0 : teachers.at(n.id).parameters;
    }
    return sum;
}

// --- JSON ---------------------------------------------------------------------------------------------------------

json::array json_of(fuse::model_graph const& graph, fusion_record const& of) {
    fuse::teacher_set const& teachers = of.networks.teachers();
    json::array nodes;
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        fuse::graph_node const& n = graph[i];
        json::object node{{"id", to_string(n.id)},
                          {"parent", n.parent == 0 ? json::value(nullptr) : json::value(to_string(graph[n.parent].id))},
                          {"gives", to_string(graph.output_shape(teachers, i))}};
        if (n.is_adapter()) {
            node["kind"] = "adapter";
        } else {
            fuse::block const& b = teachers.at(n.id);
            node["kind"] = words_for(b.kind);
            node["network"] = teachers.teachers()[n.id.task - 1U].name;
            node["module"] = of.networks.path(n.id);
            node["parameters"] = b.parameters;
            node["multiply_adds"] = b.multiply_adds;
        }
        nodes.push_back(std::move(node));
    }
    return nodes;
}

json::object json_of(latency_figures const& f) {
    return {{"minimum", to_seconds(f.minimum)},
            {"lower_quartile", to_seconds(f.lower_quartile)},
            {"median", to_seconds(f.median)},
            {"upper_quartile", to_seconds(f.upper_quartile)}};
}

json::object json_of(fuse_torch::latency_comparison const& l) {
    return {{"separate", json_of(l.separate)}, {"fused", json_of(l.fused)}, {"speed_up", speed_up(l)}};
}

json::object json_of(std::vector<drop_estimate> const& part, std::size_t task) {
    if (part.empty()) {
        return {};
    }
    drop_estimate const& d = part[task];
    return {{"separate", d.teacher},
            {"fused", d.teacher - d.drop},
            {"drop", d.drop},
            {"standard_error", d.standard_error},
            {"low_95", d.drop - d.half_width_95()},
            {"high_95", d.drop + d.half_width_95()}};
}

json::array tasks_json(fusion_record const& of) {
    json::array tasks;
    for (std::size_t t = 0; t < of.report.test.size(); ++t) {
        tasks.push_back({{"network", of.networks.teachers().teachers()[t].name},
                         {"validation", json_of(of.report.validation, t)},
                         {"confirmation", json_of(of.report.confirmation, t)},
                         {"test", json_of(of.report.test, t)}});
    }
    return tasks;
}

json::object search_json(fuse::search_progress const& p) {
    json::array curve;
    time_point const begin = p.curve.empty() ? time_point{} : p.curve.front().at;
    for (fuse::progress_point const& point : p.curve) {
        curve.push_back({{"at", to_seconds(point.at - begin)},
                         {"candidate", point.best},
                         {"epochs", point.epochs},
                         {"latency", to_seconds(point.latency)}});
    }
    return {{"proposals", p.iterations}, {"duplicates", p.duplicates}, {"filtered", p.filtered},
            {"started", p.started},      {"evaluated", p.evaluated},   {"accepted", p.accepted},
            {"abandoned", p.abandoned},  {"failed", p.failed},         {"epochs", p.epochs},
            {"curve", std::move(curve)}};
}

// --- page ---------------------------------------------------------------------------------------------------------

std::string card(std::string_view kind, std::string const& content) {
    return "<section class=\"" + std::string{kind} + "\">" + content + "</section>\n";
}

std::string fact(std::string_view name, std::string const& value) {
    return "<div><dt>" + std::string{name} + "</dt><dd>" + escape_markup(value) + "</dd></div>";
}

std::string percent(double fraction) {
    return format_parameter(100 * fraction) + " %";
}

std::string verdict(fusion_record const& of) {
    fuse_torch::fusion_report const& r = of.report;
    if (!r.found) {
        return "Nothing is shared: " + r.remark + '.';
    }
    double most = r.test.front().drop;
    for (drop_estimate const& d : r.test) {
        most = std::max(most, d.drop);
    }
    return "One network in place of " + std::to_string(r.test.size()) + ", " + format_parameter(speed_up(r.latency)) +
           " times as fast; on samples that nothing was chosen by, " +
           (most > 0 ? "no task loses more than " + percent(most) : std::string{"no task loses anything"}) +
           ", where " + percent(of.settings.search.tolerated_drop) + " were tolerated.";
}

std::string interval(drop_estimate const& d) {
    return percent(d.drop) + " \xC2\xB1 " + percent(d.half_width_95());
}

std::string scores_table(fusion_record const& of) {
    fuse_torch::fusion_report const& r = of.report;
    std::string out = "<div class=\"scroll\"><table><caption>Scores, and what is lost, with 95 % intervals of the "
                      "loss</caption><thead><tr><th>task</th>";
    for (char const* const part : {"validation", "confirmation", "test"}) {
        out += std::string{"<th>"} + part + "<small>separate</small></th><th>" + part +
               "<small>fused</small></th><th>" + part + "<small>lost</small></th>";
    }
    out += "</tr></thead><tbody>";
    for (std::size_t t = 0; t < r.test.size(); ++t) {
        out += "<tr><th scope=\"row\">" + escape_markup(of.networks.teachers().teachers()[t].name) + "</th>";
        for (auto const* const part : {&r.validation, &r.confirmation, &r.test}) {
            if (part->empty()) {
                out += "<td></td><td></td><td></td>";
                continue;
            }
            drop_estimate const& d = (*part)[t];
            out += "<td>" + percent(d.teacher) + "</td><td>" + percent(d.teacher - d.drop) + "</td><td>" + interval(d) +
                   "</td>";
        }
        out += "</tr>";
    }
    return out + "</tbody></table></div><p class=\"sub\">Candidates were chosen by the validation part and had to hold "
                 "on the confirmation part, so both flatter; nothing was chosen by the test part.</p>";
}

std::string latency_table(fuse_torch::fusion_report const& r) {
    std::string out = "<div class=\"scroll\"><table><caption>One sample, runs in turn; lower quartiles "
                      "compare</caption><thead><tr><th></th><th>minimum</th><th>lower quartile</th><th>median</th>"
                      "<th>upper quartile</th></tr></thead><tbody>";
    auto const row = [&](std::string const& name, latency_figures const& f) {
        out += "<tr><th scope=\"row\">" + name + "</th>";
        for (duration const each : {f.minimum, f.lower_quartile, f.median, f.upper_quartile}) {
            out += "<td>" + format_seconds(to_seconds(each)) + "</td>";
        }
        out += "</tr>";
    };
    row("separate, frozen", r.latency.separate);
    row("fused, frozen", r.latency.fused);
    row("separate", r.latency_unfrozen.separate);
    row("fused", r.latency_unfrozen.fused);
    return out + "</tbody></table></div>";
}

std::vector<line_style> styles() {
    std::vector<policy_entry> const entries{{"accepted", false}, {"drops too far", false}, {"tolerated", true}};
    return style_policies(entries);
}

plot_point point(double x, double y) {
    return {.x = x, .y = y, .low = y, .high = y};
}

std::string latency_against_drop(fusion_record const& of) {
    auto const style = styles();
    double const tolerated = of.settings.search.tolerated_drop;
    plot picture{.title = "Latency against drop",
                 .subtitle = "each candidate that was trained and measured; the drop as it counted",
                 .x_label = "latency of one sample, ms",
                 .y_label = "largest drop of a task, %",
                 .summary = "Candidates below the dashed line are accepted; those further left are faster."};
    plot_line accepted{.name = "accepted", .style = style[0], .points = {}, .markers = true, .joined = false};
    plot_line others{.name = "drops too far", .style = style[1], .points = {}, .markers = true, .joined = false};
    double least = 1e300;
    double most = 0;
    for (searched_candidate const& c : of.report.candidates) {
        if (c.latency > duration{}) {
            double const x = to_milliseconds(c.latency);
            (c.drop <= tolerated ? accepted : others).points.push_back(point(x, 100 * c.drop));
            least = std::min(least, x);
            most = std::max(most, x);
        }
    }
    plot_line limit{.name = "tolerated", .style = style[2], .points = {}};
    if (most > 0) {
        limit.points = {point(least, 100 * tolerated), point(most, 100 * tolerated)};
    }
    picture.lines = {std::move(accepted), std::move(others), std::move(limit)};
    return draw(picture, 760, 400);
}

std::string anytime(fusion_record const& of) {
    auto const& curve = of.report.progress.curve;
    plot picture{.title = "The best so far",
                 .subtitle = "of candidates that keep what is tolerated",
                 .x_label = "seconds of search",
                 .y_label = "latency of one sample, ms",
                 .summary = "The latency of the best network known, over the time of the search."};
    plot_line best{.name = "best", .style = styles()[0], .points = {}, .markers = true};
    double before = 0;
    for (fuse::progress_point const& p : curve) {
        double const at = to_seconds(p.at - curve.front().at);
        double const latency = to_milliseconds(p.latency);
        if (!best.points.empty()) {
            best.points.push_back(point(at, before));
        }
        best.points.push_back(point(at, latency));
        before = latency;
    }
    if (!of.report.candidates.empty() && !curve.empty()) {
        best.points.push_back(
            point(std::max(best.points.back().x, to_seconds(of.report.candidates.back().at)), before));
    }
    picture.lines.push_back(std::move(best));
    return draw(picture, 760, 400);
}

std::string head(fusion_record const& of, std::string const& title) {
    std::string out = page_head(title, drawing_css());
    out += "<header class=\"top\">\n<div class=\"kicker\"><span>hpcsched \xC2\xB7 fused "
           "networks</span></div>\n<h1>" +
           escape_markup(title) + "</h1>\n<p class=\"verdict\">" + escape_markup(verdict(of)) +
           "</p>\n<dl class=\"facts\">";
    fuse::search_progress const& p = of.report.progress;
    out += fact("times as fast", format_parameter(speed_up(of.report.latency))) +
           fact("candidates trained", format_count(p.started)) + fact("accepted", format_count(p.accepted)) +
           fact("epochs", format_count(p.epochs)) + fact("seed", format_count(of.settings.search.seed)) + "</dl>\n";
    return out + "<details class=\"command\"><summary>The command that made this page</summary><pre>" +
           escape_markup(of.command) + "</pre></details>\n</header>\n<main>\n";
}

std::string architecture(fusion_record const& of, fuse::model_graph const& graph, char const* title) {
    fuse::teacher_set const& teachers = of.networks.teachers();
    return std::string{"<h2>"} + title + "</h2><p class=\"sub\">" + format_count(graph.size() - 1) + " blocks, " +
           format_count(weights_of(teachers, graph)) + " weights, " + format_count(multiply_adds(teachers, graph)) +
           " multiply-adds for a sample</p>" + draw_graph(of.networks, graph);
}

} // namespace

std::string_view words_for(fuse::op_kind kind) noexcept {
    constexpr std::string_view names[] = {"convolution",     "linear",     "residual block", "transformer layer",
                                          "patch embedding", "embedding",  "pooler",         "batch norm",
                                          "layer norm",      "activation", "dropout",        "max pool",
                                          "average pool",    "flatten",    "glue",           "module"};
    return names[static_cast<std::size_t>(kind)];
}

std::string fusion_json(fusion_record const& of) {
    fuse_torch::fusion_report const& r = of.report;
    json::array candidates;
    for (searched_candidate const& c : r.candidates) {
        candidates.push_back({{"candidate", c.id},
                              {"at", to_seconds(c.at)},
                              {"epochs", c.epochs},
                              {"drop", c.drop},
                              {"latency", c.latency > duration{} ? json::value(to_seconds(c.latency)) : nullptr}});
    }
    fuse::teacher_set const& teachers = of.networks.teachers();
    auto const forest = forest_of(of);
    json::object out{{"schema", "hpcsched.fusion"},
                     {"version", 1},
                     {"program", program()},
                     {"command", of.command},
                     {"seed", of.settings.search.seed},
                     {"tolerated_drop", of.settings.search.tolerated_drop},
                     {"confidence", of.settings.evaluator.confidence},
                     {"found", r.found},
                     {"remark", r.remark},
                     {"stopped", r.was_stopped},
                     {"tasks", tasks_json(of)},
                     {"latency_frozen", json_of(r.latency)},
                     {"latency_unfrozen", json_of(r.latency_unfrozen)},
                     {"search", search_json(r.progress)},
                     {"candidates", std::move(candidates)}};
    for (auto const& [name, graph] : {std::pair{"separate", &forest}, std::pair{"fused", &r.network.graph()}}) {
        out[name] = json::object{{"parameters", weights_of(teachers, *graph)},
                                 {"multiply_adds", multiply_adds(teachers, *graph)},
                                 {"nodes", json_of(*graph, of)}};
    }
    return json::serialize(out) + "\n";
}

std::string fusion_page(fusion_record const& of) {
    std::string title;
    for (auto const& teacher : of.networks.teachers().teachers()) {
        title += (title.empty() ? "Fused: " : ", ") + teacher.name;
    }
    std::string out = head(of, title);
    out += card("card wide", architecture(of, forest_of(of), "Before"));
    out += card("card wide", architecture(of, of.report.network.graph(), "After"));
    out += card("card wide", "<h2>Scores</h2>" + scores_table(of));
    out += card("card wide", "<h2>Latency</h2>" + latency_table(of.report));
    out += card("card", latency_against_drop(of));
    out += card("card", anytime(of));
    return out + "</main>\n<footer class=\"bottom\"><p>" + escape_markup(program()) +
           "</p></footer>\n</body>\n</html>\n";
}

} // namespace hpcsched::cli

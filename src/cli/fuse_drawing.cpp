// SPDX-License-Identifier: Apache-2.0
#include "fuse_drawing.hpp"

#include <hpcsched/fuse/teacher_set.hpp>

#include "fuse_report.hpp"
#include "report/palette.hpp" // of the component experiment: pictures and lines have the same colours
#include "report/text.hpp"

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <sstream>
#include <vector>

namespace hpcsched::cli {
namespace {

using namespace experiment::detail;

constexpr double row_height = 46;
constexpr double box_height = 26;
constexpr double gap = 4;

/// Where a node stands.
struct place {
    double left = 0;
    double width = 0;
    double row = 0;
};

double width_of(fuse::teacher_set const& teachers, fuse::graph_node const& n) {
    return n.is_adapter() || teachers.at(n.id).mergeable() ? 20 : 7;
}

/// Each leaf has a row; what branches stands in the middle of its branches.
std::vector<place> places_of(fuse::teacher_set const& teachers, fuse::model_graph const& graph) {
    std::vector<place> places(graph.size());
    places[0] = {.left = 50, .width = 0, .row = 0};
    double rows = 0;
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        place const& before = places[graph[i].parent];
        places[i].left = before.left + before.width + gap;
        places[i].width = width_of(teachers, graph[i]);
        if (graph.is_leaf(i)) {
            places[i].row = rows++;
        }
    }
    for (fuse::node_index i = static_cast<fuse::node_index>(graph.size()); i-- > 0;) {
        if (graph.is_leaf(i)) {
            continue;
        }
        double sum = 0;
        for (fuse::node_index c = graph.first_child(i); c != fuse::no_node; c = graph.next_sibling(c)) {
            sum += places[c].row;
        }
        places[i].row = sum / static_cast<double>(graph.child_count(i));
    }
    return places;
}

double middle(place const& p) {
    return 12 + box_height / 2 + row_height * p.row;
}

std::string edge(place const& from, place const& to) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(1) << "<path class=\"fuse-edge\" d=\"M" << from.left + from.width << ' '
        << middle(from) << "L" << to.left << ' ' << middle(to) << "\"/>";
    return out.str();
}

std::string words(fuse_torch::teacher_networks const& networks, fuse::model_graph const& graph, fuse::node_index i) {
    fuse::teacher_set const& teachers = networks.teachers();
    fuse::graph_node const& n = graph[i];
    std::string const gives = ", gives " + to_string(graph.output_shape(teachers, i));
    if (n.is_adapter()) {
        return "adapter" + gives;
    }
    fuse::block const& b = teachers.at(n.id);
    return teachers.teachers()[n.id.task - 1U].name + ": " + networks.path(n.id) + ", " +
           std::string{words_for(b.kind)} + gives + ", " + format_count(b.parameters) + " weights, " +
           format_count(b.multiply_adds) + " multiply-adds";
}

} // namespace

std::string drawing_css() {
    std::vector<policy_entry> entries;
    for (std::size_t t = 0; t < fuse::teacher_set::tasks_max; ++t) {
        entries.push_back({"network " + std::to_string(t + 1), false});
    }
    auto const styles = style_policies(entries);
    std::string light = "\n.fuse-edge{stroke:var(--faint);fill:none}.fuse-graph text{font:13px system-ui,sans-serif;"
                        "fill:var(--ink)}.fuse-graph .fuse-adapter{fill:var(--panel);stroke:var(--ink)}\n";
    std::string dark;
    for (std::size_t t = 0; t < styles.size(); ++t) {
        std::string const name = ".fuse-" + std::to_string(t + 1) + "{fill:";
        light += name + std::string{styles[t].light} + "}";
        dark += name + std::string{styles[t].dark} + "}";
    }
    return light + "\n@media (prefers-color-scheme:dark){" + dark + "}\n";
}

std::string draw_graph(fuse_torch::teacher_networks const& networks, fuse::model_graph const& graph) {
    fuse::teacher_set const& teachers = networks.teachers();
    auto const places = places_of(teachers, graph);
    double right = 0;
    double rows = 1;
    for (place const& p : places) {
        right = std::max(right, p.left + p.width);
        rows = std::max(rows, p.row + 1);
    }
    double const width = std::max(760.0, right + 190);
    std::ostringstream out;
    out << std::fixed << std::setprecision(1) << "<svg class=\"fuse-graph\" role=\"img\" viewBox=\"0 0 " << width << ' '
        << row_height * rows + 12 << "\"><title>Blocks from the input to the outputs of " << rows
        << " tasks; colours say which network their weights come from</title>" << "<text x=\"8\" y=\""
        << middle(places[0]) + 4 << "\">input</text>";
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        out << edge(places[graph[i].parent], places[i]);
    }
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        fuse::graph_node const& n = graph[i];
        place const& p = places[i];
        out << "<rect x=\"" << p.left << "\" y=\"" << middle(p) - box_height / 2 << "\" width=\"" << p.width
            << "\" height=\"" << box_height << "\" rx=\"" << (n.is_adapter() ? 10 : 2) << "\" class=\""
            << (n.is_adapter() ? std::string{"fuse-adapter"} : "fuse-" + std::to_string(n.id.task)) << "\"><title>"
            << escape_markup(words(networks, graph, i)) << "</title></rect>";
        if (graph.is_leaf(i)) {
            out << "<text x=\"" << p.left + p.width + 8 << "\" y=\"" << middle(p) + 4 << "\">"
                << escape_markup(teachers.teachers()[n.id.task - 1U].name) << "</text>";
        }
    }
    out << "</svg>";
    return out.str();
}

} // namespace hpcsched::cli

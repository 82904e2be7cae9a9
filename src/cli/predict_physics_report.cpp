// SPDX-License-Identifier: Apache-2.0
#include "predict_physics_report.hpp"

#include <hpcsched/predict_bullet/agreement.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cli {

namespace {

namespace json = boost::json;
using namespace predict_bullet;
using numbers = std::vector<double>;

std::string figure(double value, int digits = 3) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return std::isfinite(value) ? text.str() : "-";
}
std::string figure(std::optional<double> value) {
    return value ? figure(*value) : "-";
}
std::string figure(correlation_with_people const& c) {
    return figure(c.r) + " [" + figure(c.within.low, 2) + ", " + figure(c.within.high, 2) + ']';
}
std::string share(std::size_t part, std::size_t of) {
    return of == 0 ? "-" : figure(static_cast<double>(part) / static_cast<double>(of));
}

numbers column(std::span<judged const> of, double judged::* what) {
    numbers out;
    for (judged const& j : of) {
        out.push_back(j.*what);
    }
    return out;
}

comparison_row compare_all(std::string name, std::span<judged const> of) {
    numbers const people = column(of, &judged::people);
    auto const with = [&](double judged::* what) {
        numbers const said = column(of, what);
        return correlation_with_people{correlation(said, people), bootstrap_correlation(said, people)};
    };
    comparison_row row{.name = std::move(name),
                       .count = of.size(),
                       .model = with(&judged::model),
                       .noiseless = with(&judged::noiseless),
                       .features = with(&judged::features),
                       .reliability = reliability(people, column(of, &judged::count))};
    auto const n = static_cast<double>(of.size());
    for (judged const& j : of) {
        row.people_right += (j.contact ? j.people : 1 - j.people) / n;
        row.futures_right += (j.contact ? j.futures : 1 - j.futures) / n;
        row.model_right += (j.contact ? j.model : 1 - j.model) / n;
    }
    return row;
}

json::value number_or_null(std::optional<double> value) {
    return value && std::isfinite(*value) ? json::value(*value) : json::value(nullptr);
}
json::object to_json(correlation_with_people const& c) {
    return {{"r", number_or_null(c.r)}, {"within", json::array{c.within.low, c.within.high}}};
}

json::array transfers_to_json(std::span<transfer_row const> rows) {
    json::array out;
    for (transfer_row const& t : rows) {
        out.push_back(json::object{{"name", t.name},
                                   {"count", t.count},
                                   {"r_here", number_or_null(t.here)},
                                   {"r_elsewhere", number_or_null(t.elsewhere)},
                                   {"loss", number_or_null(t.loss())}});
    }
    return out;
}

json::object to_json(fit_row const& row) {
    json::object spreads;
    for (std::size_t n = 0; n < physics_noise::source_count; ++n) {
        spreads[physics_noise::source_names[n]] =
            json::object{{"spread", row.found.noise.spread[n]},
                         {"fitted", std::find(row.sources.begin(), row.sources.end(), n) != row.sources.end()}};
    }
    return {{"name", row.name},
            {"log_likelihood", row.found.fit.log_likelihood},
            {"evaluations", row.found.fit.evaluations},
            {"lapse", row.found.fit.response.lapse},
            {"bias", row.found.fit.response.bias},
            {"noise", std::move(spreads)}};
}

/// A dot for each stimulus: the model's share of yes over people's.
std::string scatter(std::span<judged const> stimuli) {
    std::ostringstream svg;
    svg << std::fixed << std::setprecision(1)
        << "<svg viewBox=\"0 0 360 380\" role=\"img\" aria-label=\"The model's share of yes over people's\">"
        << "<rect x=\"40\" y=\"20\" width=\"300\" height=\"300\" fill=\"none\" stroke=\"currentColor\"/>"
        << "<line x1=\"40\" y1=\"320\" x2=\"340\" y2=\"20\" stroke=\"gray\" stroke-dasharray=\"4\"/>"
        << "<text x=\"190\" y=\"350\" text-anchor=\"middle\">people, share of yes, 0 to 1</text>"
        << "<text x=\"20\" y=\"170\" transform=\"rotate(-90 20 170)\" text-anchor=\"middle\">model, 0 to 1</text>";
    for (judged const& j : stimuli) {
        svg << "<circle cx=\"" << 40 + 300 * j.people << "\" cy=\"" << 320 - 300 * j.model << "\" r=\"3\" fill=\""
            << (j.contact ? "#d33" : "#36c") << "\" fill-opacity=\"0.5\"><title>" << j.stimulus << "</title></circle>";
    }
    svg << "</svg>";
    return svg.str();
}

} // namespace

std::vector<comparison_row> compare(std::span<judged const> stimuli) {
    std::vector<comparison_row> rows;
    for (std::size_t f = 0; f < family_count; ++f) {
        auto const kind = static_cast<family>(f);
        std::vector<judged> of;
        std::copy_if(stimuli.begin(), stimuli.end(), std::back_inserter(of),
                     [&](judged const& j) { return j.kind == kind; });
        if (!of.empty()) {
            rows.push_back(compare_all(std::string{name_of(kind)}, of));
        }
    }
    rows.push_back(compare_all("all", stimuli));
    return rows;
}

std::string agreement_text(std::span<agreement_row const> rows) {
    std::ostringstream out;
    out << "Without noise, against what happened (told: scenes whose file says which body is the target; possible: at\n"
           "least one body that may be the target does what the target did):\n"
        << "             n   right   share   told   share  possible\n";
    for (agreement_row const& r : rows) {
        out << "  " << std::left << std::setw(9) << r.name << std::right << std::setw(4) << r.all << std::setw(8)
            << r.right << std::setw(8) << share(r.right, r.all) << std::setw(7) << r.told << std::setw(8)
            << share(r.told_right, r.told) << std::setw(10) << share(r.possible, r.all) << '\n';
    }
    out << '\n';
    return out.str();
}

std::string fit_text(fit_row const& row) {
    std::ostringstream out;
    predict_fit::fitted const& fit = row.found.fit;
    out << row.name << ": log-likelihood " << figure(fit.log_likelihood, 1) << " after " << fit.evaluations
        << " evaluations, lapse " << figure(fit.response.lapse) << ", bias " << figure(fit.response.bias) << '\n';
    for (std::size_t n = 0; n < physics_noise::source_count; ++n) {
        bool const fitted = std::find(row.sources.begin(), row.sources.end(), n) != row.sources.end();
        out << "  " << std::left << std::setw(16) << physics_noise::source_names[n] << std::right
            << figure(row.found.noise.spread[n], 4) << (fitted ? "" : " (not fitted)") << '\n';
    }
    out << '\n';
    return out.str();
}

std::string comparison_text(std::span<comparison_row const> rows) {
    std::ostringstream out;
    out << "Share of yes on the tested half, correlation with people's with its 95 % bootstrap interval:\n"
        << "             n  model                 noiseless             features             reliability  "
           "right: people  futures  model\n";
    for (comparison_row const& r : rows) {
        out << "  " << std::left << std::setw(9) << r.name << std::right << std::setw(4) << r.count << "  " << std::left
            << std::setw(22) << figure(r.model) << std::setw(22) << figure(r.noiseless) << std::setw(22)
            << figure(r.features) << std::setw(19) << figure(r.reliability) << std::setw(8) << figure(r.people_right)
            << std::setw(9) << figure(r.futures_right) << figure(r.model_right) << '\n';
    }
    out << '\n';
    return out.str();
}

std::string transfer_text(std::string_view title, std::span<transfer_row const> rows) {
    std::ostringstream out;
    out << title << "\n" << std::left << std::setw(34) << "" << "   n  fitted here  elsewhere   loss\n";
    for (transfer_row const& t : rows) {
        out << "  " << std::left << std::setw(32) << t.name << std::right << std::setw(4) << t.count << std::setw(13)
            << figure(t.here) << std::setw(11) << figure(t.elsewhere) << std::setw(7) << figure(t.loss()) << '\n';
    }
    out << '\n';
    return out.str();
}

std::string report_json(physics_report const& report, std::string_view command) {
    json::object out{{"command", command}};
    json::array agreement;
    for (agreement_row const& r : report.agreement) {
        agreement.push_back(json::object{{"name", r.name},
                                         {"scenes", r.all},
                                         {"right", r.right},
                                         {"told", r.told},
                                         {"told_right", r.told_right},
                                         {"possible", r.possible}});
    }
    out["agreement"] = std::move(agreement);
    json::array fits;
    for (fit_row const& f : report.fits) {
        fits.push_back(to_json(f));
    }
    out["fits"] = std::move(fits);
    json::array comparison;
    for (comparison_row const& r : report.comparison) {
        comparison.push_back(json::object{{"name", r.name},
                                          {"stimuli", r.count},
                                          {"model", to_json(r.model)},
                                          {"noiseless", to_json(r.noiseless)},
                                          {"features", to_json(r.features)},
                                          {"reliability", r.reliability},
                                          {"people_right", r.people_right},
                                          {"futures_right", r.futures_right},
                                          {"model_right", r.model_right}});
    }
    out["comparison"] = std::move(comparison);
    out["other_families"] = transfers_to_json(report.families);
    out["other_question"] = transfers_to_json(report.questions);
    json::array stimuli;
    for (judged const& j : report.stimuli) {
        stimuli.push_back(json::object{{"stimulus", j.stimulus},
                                       {"scenario", name_of(j.kind)},
                                       {"contact", j.contact},
                                       {"people", j.people},
                                       {"futures", j.futures},
                                       {"model", j.model},
                                       {"noiseless", j.noiseless},
                                       {"features", j.features}});
    }
    out["stimuli"] = std::move(stimuli);
    return json::serialize(out) + "\n";
}

std::string report_page(physics_report const& report) {
    std::string text = agreement_text(report.agreement);
    for (fit_row const& f : report.fits) {
        text += fit_text(f);
    }
    text += comparison_text(report.comparison);
    if (!report.families.empty()) {
        text += transfer_text("From some families to the others:", report.families);
    }
    if (!report.questions.empty()) {
        text += transfer_text("From one question to the other:", report.questions);
    }
    std::string escaped;
    for (char const c : text) {
        escaped += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string{c};
    }
    return "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>The physics study</title>"
           "<style>body{font:15px sans-serif;margin:2em}pre{overflow-x:auto}svg{width:26em;max-width:100%;"
           "fill:currentColor}@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}}</style>"
           "<h1>The physics study</h1><figure>" +
           scatter(report.stimuli) +
           "<figcaption>Stimuli of the tested half. Red: target and zone touched.</figcaption></figure><pre>" +
           escaped + "</pre></html>\n";
}

} // namespace hpcsched::cli

// SPDX-License-Identifier: Apache-2.0
#include "journal.hpp"

#include <boost/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <stdexcept>
#include <utility>

namespace hpcsched::bench {
namespace {

namespace json = boost::json;
using fuse_torch::drop_estimate;
using fuse_torch::latency_figures;

json::array json_of(std::vector<drop_estimate> const& drops) {
    json::array made;
    for (drop_estimate const& d : drops) {
        made.push_back({d.teacher, d.drop, d.standard_error});
    }
    return made;
}

std::vector<drop_estimate> drops_from(json::value const& v) {
    std::vector<drop_estimate> made;
    for (json::value const& d : v.as_array()) {
        made.push_back({d.at(0).to_number<double>(), d.at(1).to_number<double>(), d.at(2).to_number<double>()});
    }
    return made;
}

json::array json_of(latency_figures const& f) {
    return {f.minimum.count(), f.lower_quartile.count(), f.median.count(), f.upper_quartile.count()};
}

latency_figures figures_from(json::value const& v) {
    auto const at = [&](std::size_t i) { return duration{v.at(i).to_number<std::int64_t>()}; };
    return {at(0), at(1), at(2), at(3)};
}

json::object json_of(cell const& c) {
    method_outcome const& o = c.outcome;
    json::array curve;
    for (auto const& [seconds, times] : o.curve) {
        curve.push_back({seconds, times});
    }
    return {{"benchmark", c.benchmark},
            {"method", c.method},
            {"seed", c.seed},
            {"budget", c.budget},
            {"setting", c.setting},
            {"found", o.found},
            {"separate_ns", json_of(o.latency.separate)},
            {"fused_ns", json_of(o.latency.fused)},
            {"multiply_adds", {o.multiply_adds[0], o.multiply_adds[1]}},
            {"parameters", {o.parameters[0], o.parameters[1]}},
            {"validation", json_of(o.validation)},
            {"confirmation", json_of(o.confirmation)},
            {"test", json_of(o.test)},
            {"seconds", o.seconds},
            {"evaluated", o.evaluated},
            {"abandoned", o.abandoned},
            {"epochs", o.epochs},
            {"curve", std::move(curve)}};
}

cell cell_from(json::value const& v) {
    cell c{.benchmark = v.at("benchmark").as_string().c_str(),
           .method = v.at("method").as_string().c_str(),
           .seed = v.at("seed").to_number<std::uint64_t>(),
           .budget = v.at("budget").to_number<double>(),
           .setting = v.at("setting").as_string().c_str()};
    method_outcome& o = c.outcome;
    o.found = v.at("found").as_bool();
    o.latency = {figures_from(v.at("separate_ns")), figures_from(v.at("fused_ns"))};
    for (std::size_t i = 0; i < 2; ++i) {
        o.multiply_adds[i] = v.at("multiply_adds").at(i).to_number<std::uint64_t>();
        o.parameters[i] = v.at("parameters").at(i).to_number<std::uint64_t>();
    }
    o.validation = drops_from(v.at("validation"));
    o.confirmation = drops_from(v.at("confirmation"));
    o.test = drops_from(v.at("test"));
    o.seconds = v.at("seconds").to_number<double>();
    o.evaluated = v.at("evaluated").to_number<std::uint64_t>();
    o.abandoned = v.at("abandoned").to_number<std::uint64_t>();
    o.epochs = v.at("epochs").to_number<std::uint64_t>();
    for (json::value const& point : v.at("curve").as_array()) {
        o.curve.emplace_back(point.at(0).to_number<double>(), point.at(1).to_number<double>());
    }
    return c;
}

double speed_up(method_outcome const& o) {
    return to_seconds(o.latency.separate.lower_quartile) / to_seconds(o.latency.fused.lower_quartile);
}

double test_drop(method_outcome const& o) {
    double most = -1;
    for (drop_estimate const& d : o.test) {
        most = std::max(most, d.drop);
    }
    return most;
}

bool is_gmorph(std::string const& method) {
    return method.starts_with("gmorph");
}

/// When the best of a search was as fast as that; nothing: never.
std::optional<double> when_reached(method_outcome const& o, double times) {
    for (auto const& [seconds, reached] : o.curve) {
        if (reached >= times) {
            return seconds;
        }
    }
    return std::nullopt;
}

double geometric_mean(std::vector<double> const& values) {
    double sum = 0;
    for (double const v : values) {
        sum += std::log(v);
    }
    return values.empty() ? 0 : std::exp(sum / static_cast<double>(values.size()));
}

void print_cell(std::ostream& out, cell const& c) {
    method_outcome const& o = c.outcome;
    auto const ms = [](duration d) { return to_milliseconds(d); };
    out << std::left << std::setw(4) << c.benchmark << std::setw(11) << c.method << std::right << std::setw(4) << c.seed
        << std::fixed << std::setprecision(3) << std::setw(8) << ms(o.latency.separate.lower_quartile) << std::setw(8)
        << ms(o.latency.separate.median) << std::setw(8) << ms(o.latency.fused.lower_quartile) << std::setw(8)
        << ms(o.latency.fused.median) << std::setprecision(2) << std::setw(7) << speed_up(o) << std::setw(8)
        << static_cast<double>(o.multiply_adds[1]) / static_cast<double>(o.multiply_adds[0]) << std::setw(8)
        << static_cast<double>(o.parameters[1]) / static_cast<double>(o.parameters[0]) << std::setprecision(0)
        << std::setw(7) << o.seconds << std::setw(6) << o.evaluated << std::setw(6) << o.abandoned << std::setw(7)
        << o.epochs << std::setprecision(4) << "  ";
    for (drop_estimate const& d : o.test) {
        out << ' ' << std::setw(7) << d.drop << "+-" << d.standard_error;
    }
    out << (o.found || c.method == "separate" ? "" : "  nothing found") << '\n';
}

/// Of benchmarks that ran with several seeds: the geometric mean of each method, the least and the most.
void print_seeds(std::ostream& out, std::vector<cell> const& cells) {
    std::map<std::string, std::map<std::string, std::vector<double>>> times;
    for (cell const& c : cells) {
        times[c.benchmark][c.method].push_back(speed_up(c.outcome));
    }
    for (auto const& [benchmark, methods] : times) {
        for (auto const& [method, values] : methods) {
            if (values.size() > 1) {
                auto const [least, most] = std::ranges::minmax(values);
                out << std::left << std::setw(4) << benchmark << std::setw(11) << method << std::right << std::fixed
                    << std::setprecision(2) << geometric_mean(values) << "x of " << values.size() << " seeds, " << least
                    << " to " << most << '\n';
            }
        }
    }
}

/// This library's search beside the best of GMorph's three, from the same seed with the same budget.
void print_goals(std::ostream& out, std::vector<cell> const& cells) {
    std::map<std::pair<std::string, std::uint64_t>, std::vector<cell const*>> groups;
    for (cell const& c : cells) {
        groups[{c.benchmark, c.seed}].push_back(&c);
    }
    unsigned third = 0;
    unsigned better = 0;
    unsigned compared = 0;
    out << "\nthis library's search beside the best of GMorph's three, same seed, same budget:\n";
    for (auto const& [key, members] : groups) {
        cell const* ours = nullptr;
        double theirs = 0;
        for (cell const* c : members) {
            ours = c->method == "cost_first" ? c : ours;
            theirs = is_gmorph(c->method) && !c->outcome.curve.empty()
                         ? std::max(theirs, c->outcome.curve.back().second)
                         : theirs;
        }
        if (ours == nullptr || theirs == 0 || ours->outcome.curve.empty()) {
            continue;
        }
        ++compared;
        auto const at = when_reached(ours->outcome, theirs);
        double const best = ours->outcome.curve.back().second;
        third += at && *at <= ours->budget / 3 ? 1U : 0U;
        better += best > theirs ? 1U : 0U;
        out << "  " << key.first << " seed " << key.second << ": " << std::setprecision(2) << best << "x, theirs "
            << theirs << "x, which ours " << (at ? "had after " : "did not reach");
        if (at) {
            out << std::setprecision(0) << *at << " of " << ours->budget << " s";
        }
        out << '\n';
    }
    out << "reached in a third of the time on " << third << " of " << compared << ", faster in the end on " << better
        << " of " << compared << '\n';
}

} // namespace

void append(std::filesystem::path const& file, cell const& done) {
    std::string const line = json::serialize(json_of(done)) + "\n";
    int const handle = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    bool const written = handle >= 0 &&
                         ::write(handle, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                         ::fdatasync(handle) == 0;
    int const why = errno;
    if (handle >= 0) {
        ::close(handle);
    }
    if (!written) {
        throw std::runtime_error{file.string() + ": cannot be written: " + std::strerror(why)};
    }
}

std::vector<cell> read_cells(std::filesystem::path const& file) {
    std::vector<cell> cells;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) {
        boost::system::error_code failed;
        json::value const v = json::parse(line, failed);
        if (!failed && !in.eof()) {
            cells.push_back(cell_from(v));
        }
    }
    return cells;
}

void print_table(std::ostream& out, std::vector<cell> const& cells, double tolerated_drop) {
    out << "                   separate, ms    fused, ms     times    MACs weights                                "
           "test drops +- standard error\n"
           "    method    seed lower q. median lower q. median   fast    left    left    s  eval. given up epochs\n";
    std::map<std::string, std::vector<double>> speed_ups;
    std::map<std::string, unsigned> within;
    for (cell const& c : cells) {
        print_cell(out, c);
        speed_ups[c.method].push_back(speed_up(c.outcome));
        within[c.method] += test_drop(c.outcome) <= tolerated_drop ? 1U : 0U;
    }
    out << '\n';
    print_seeds(out, cells);
    for (std::string const& method : all_methods()) {
        if (auto const found = speed_ups.find(method); found != speed_ups.end()) {
            out << std::left << std::setw(11) << method << std::right << std::fixed << std::setprecision(2)
                << " geometric mean " << geometric_mean(found->second) << "x; every test drop within " << tolerated_drop
                << ": " << within[method] << " of " << found->second.size() << '\n';
        }
    }
    print_goals(out, cells);
}

} // namespace hpcsched::bench

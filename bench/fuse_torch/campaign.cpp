// SPDX-License-Identifier: Apache-2.0
// The seven benchmarks by all methods: one command that may be killed, and goes on where it was.
#include <hpcsched/fuse_torch/runtime.hpp>

#include <CLI/CLI.hpp>

#include "journal.hpp"
#include "methods.hpp"
#include "networks.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::bench;

/// What is asked for.
struct campaign {
    std::vector<std::string> benchmarks{"B1", "B2", "B3", "B4", "B5", "B6", "B7"};
    std::vector<std::string> methods = all_methods();
    std::vector<std::uint64_t> seeds{1};
    campaign_scale scale = campaign_scale::small;
    std::string device = "cpu";
    double budget = 120;
    std::uint32_t epochs = 12;
    double tolerated_drop = 0.01;
    double confidence = 0.9;
    sample_counts counts{};
    std::filesystem::path folder = "fusion-campaign";
    std::vector<std::string> known{};
    bool only_table = false;

    [[nodiscard]] std::filesystem::path journal() const { return folder / "cells.jsonl"; }
    [[nodiscard]] std::string setting() const {
        std::ostringstream text;
        text << (scale == campaign_scale::large ? "large, " : "") << (device == "cpu" ? "" : device + ", ") << "epochs "
             << epochs << ", tolerated " << tolerated_drop << ", confidence " << confidence << ", samples "
             << counts.teaching << ' ' << counts.training << ' ' << counts.validation << ' ' << counts.confirmation
             << ' ' << counts.test;
        return text.str();
    }
};

campaign parse(int argument_count, char** argument_values) {
    campaign c;
    CLI::App app{"GMorph's seven benchmarks, on samples drawn here and networks trained here"};
    app.add_option("--benchmarks", c.benchmarks, "which of B1 to B7")->delimiter(',');
    app.add_option("--methods", c.methods, "which methods")->delimiter(',')->check(CLI::IsMember(all_methods()));
    app.add_option("--seeds", c.seeds, "of samples, networks and searches")->delimiter(',');
    std::string scale = "small";
    app.add_option("--scale", scale, "small: minutes on a processor; large: as GMorph's own, for one big GPU (small)")
        ->check(CLI::IsMember({"small", "large"}));
    app.add_option("--device", c.device, "where all is trained and timed: cpu, cuda, cuda:1 (cpu)");
    app.add_option("--budget", c.budget,
                   "seconds of each search, its trainings included; of processor time where that is the device (120)");
    app.add_option("--epochs", c.epochs, "that a candidate is trained for at most (12)");
    app.add_option("--drop", c.tolerated_drop, "tolerated loss of each task (0.01)");
    app.add_option("--confidence", c.confidence, "that a loss is within that; 0.5: as measured (0.9)");
    app.add_option("--teaching", c.counts.teaching, "samples that the networks are trained on (6000)");
    app.add_option("--training", c.counts.training, "samples that they are fused by (2000)");
    app.add_option("--validation", c.counts.validation, "samples that choose (2000)");
    app.add_option("--confirmation", c.counts.confirmation, "samples that must confirm (2000)");
    app.add_option("--test", c.counts.test, "samples that are looked at once (4000)");
    app.add_option("--folder", c.folder, "for networks and cells; the same command goes on there (fusion-campaign)");
    app.add_option("--known", c.known, "cells finished elsewhere, such as bench/fuse_torch/cells.jsonl, which count")
        ->check(CLI::ExistingFile);
    app.add_flag("--table", c.only_table, "print what is done, and end");
    try {
        app.parse(argument_count, argument_values);
    } catch (CLI::ParseError const& e) {
        std::exit(app.exit(e));
    }
    c.scale = scale == "large" ? campaign_scale::large : campaign_scale::small;
    return c;
}

benchmark_spec const& spec_of(std::string const& name, campaign_scale scale) {
    auto const& all = all_benchmarks(scale);
    auto const found =
        std::find_if(all.begin(), all.end(), [&](benchmark_spec const& each) { return each.name == name; });
    if (found == all.end()) {
        throw std::runtime_error{"there is no benchmark '" + name + "'; B1 to B7 are"};
    }
    return *found;
}

/// The cells that are asked for, those done filled in; the others are run.
std::vector<cell> run_cells(campaign const& c) {
    std::vector<cell> done = read_cells(c.journal());
    for (std::string const& file : c.known) {
        std::ranges::move(read_cells(file), std::back_inserter(done));
    }
    std::vector<cell> cells;
    for (std::string const& name : c.benchmarks) {
        benchmark_spec const& spec = spec_of(name, c.scale);
        for (std::uint64_t const seed : c.seeds) {
            prepared_benchmark ready;
            for (std::string const& method : c.methods) {
                cell wanted{
                    .benchmark = name, .method = method, .seed = seed, .budget = c.budget, .setting = c.setting()};
                auto const known =
                    std::find_if(done.begin(), done.end(), [&](cell const& d) { return d.is_same_as(wanted); });
                if (known != done.end()) {
                    cells.push_back(*known);
                    continue;
                }
                if (c.only_table) {
                    continue;
                }
                if (ready.files.empty()) {
                    std::cerr << name << ": " << spec.what << '\n';
                    ready = prepare(spec, c.counts, seed, c.folder, c.device);
                    for (std::string const& note : ready.notes) {
                        std::cerr << "  " << note << '\n';
                    }
                }
                std::cerr << "  " << name << ' ' << method << " seed " << seed << " ...\n";
                auto const outcome =
                    run_method(method, ready,
                               {.budget = std::chrono::duration_cast<duration>(std::chrono::duration<double>{c.budget}),
                                .epochs = c.epochs,
                                .tolerated_drop = c.tolerated_drop,
                                .confidence = c.confidence,
                                .seed = seed});
                if (!outcome) {
                    throw std::runtime_error{name + ' ' + method + ": " + outcome.error().message};
                }
                wanted.outcome = *outcome;
                append(c.journal(), wanted);
                cells.push_back(std::move(wanted));
            }
        }
    }
    return cells;
}

} // namespace

int main(int argument_count, char** argument_values) {
    campaign const c = parse(argument_count, argument_values);
    try {
        std::filesystem::create_directories(c.folder);
        fuse_torch::use_threads(1);
        print_table(std::cout, run_cells(c), c.tolerated_drop);
    } catch (std::exception const& e) {
        std::cerr << "bench_fuse_torch_campaign: " << e.what() << '\n';
        return 1;
    }
    return 0;
}

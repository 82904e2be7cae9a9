// SPDX-License-Identifier: Apache-2.0
// The program that `hpcsched fuse` becomes: the one with LibTorch in it.
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/fuse_torch/fused_model.hpp>
#include <hpcsched/fuse_torch/fusion.hpp>
#include <hpcsched/fuse_torch/runtime.hpp>

#include "fuse_command.hpp"
#include "fuse_report.hpp"
#include "interrupt.hpp"
#include "values.hpp"
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::cli;
using fuse_torch::fusion_event;
using fuse_torch::teacher_networks;

std::vector<std::filesystem::path> paths(std::vector<std::string> const& names) {
    return {names.begin(), names.end()};
}

std::uint64_t count(arguments const& given, char const* name, char const* otherwise, std::uint64_t most) {
    return or_fail(parse_count(given.one(name, otherwise), 1, most), exit_code::usage, std::string{name} + ": ");
}

std::string milliseconds(duration length) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(length < std::chrono::milliseconds{10} ? 3 : 1) << to_milliseconds(length)
        << " ms";
    return out.str();
}

std::string percent(double fraction) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(2) << fraction * 100 << " %";
    return out.str();
}

std::string text_of(fuse::mutation const& m, teacher_networks const& networks) {
    auto const block = [&](fuse::node_id id) {
        return networks.teachers().contains(id)
                   ? networks.teachers().teachers()[id.task - 1U].name + ":" + networks.path(id)
                   : to_string(id);
    };
    return block(m.guest) + " reads what " + block(m.host) + " reads";
}

void print_blocks(teacher_networks const& networks) {
    fuse::teacher_set const& teachers = networks.teachers();
    for (std::uint16_t t = 1; t <= teachers.task_count(); ++t) {
        std::cout << teachers.teachers()[t - 1U].name << ": " << teachers.block_count(t) << " blocks, reads "
                  << to_string(teachers.input()) << '\n';
        for (std::uint16_t layer = 0; layer < teachers.block_count(t); ++layer) {
            fuse::block const& b = teachers.at({t, layer});
            std::cout << "  " << std::left << std::setw(28) << networks.path({t, layer}) << ' ' << std::setw(18)
                      << words_for(b.kind) << ' ' << std::setw(12) << to_string(b.output) << std::right << std::setw(10)
                      << b.parameters << " weights " << std::setw(11) << b.multiply_adds << " multiply-adds"
                      << (b.mergeable() ? "" : "  (moves with others)") << '\n';
        }
    }
    for (std::string const& note : networks.notes()) {
        std::cout << "note: " << note << '\n';
    }
}

void print_preview(teacher_networks const& networks) {
    auto const before = or_fail(fuse_torch::preview(networks), exit_code::failure);
    std::cout << before.mergeable << " blocks can be moved, " << before.sites << " single changes are possible.\n"
              << "By the times of their blocks the separate networks take " << milliseconds(before.separate)
              << "; single changes that would bring most, were accuracy kept:\n";
    for (auto const& each : before.best) {
        std::cout << "  " << milliseconds(each.latency) << "  " << text_of(each.change, networks) << '\n';
    }
}

std::vector<fuse_torch::task_judge> judges(arguments const& given, std::size_t tasks) {
    auto const labels = given.all("--labels");
    auto const metrics = given.all("--metric");
    if (!labels.empty() && labels.size() != tasks) {
        throw failure{exit_code::usage, "--labels: " + std::to_string(labels.size()) + " files for " +
                                            std::to_string(tasks) + " networks; give one each, in their order"};
    }
    if (metrics.size() > 1 && metrics.size() != tasks) {
        throw failure{exit_code::usage, "--metric: give one for all networks, or one each"};
    }
    std::vector<fuse_torch::task_judge> made;
    for (std::size_t t = 0; t < tasks; ++t) {
        std::string const name = metrics.empty()       ? (labels.empty() ? "agreement" : "accuracy")
                                 : metrics.size() == 1 ? metrics[0]
                                                       : metrics[t];
        auto const metric = fuse_torch::metric_of(name);
        if (!metric) {
            throw failure{exit_code::usage, "--metric: there is no '" + name +
                                                "'; agreement, accuracy, matthews, micro_precision and "
                                                "macro_precision are"};
        }
        if (*metric != fuse_torch::metric::agreement && labels.empty()) {
            throw failure{exit_code::usage, "--metric: " + name + " needs --labels"};
        }
        fuse_torch::tensor of;
        if (!labels.empty()) {
            of = or_fail(fuse_torch::tensor::load(labels[t]), exit_code::bad_input);
        }
        made.push_back({*metric, of});
    }
    return made;
}

/// The table of candidates, a line each, redrawn in place while one is trained where a person looks on.
class live_table {
  public:
    explicit live_table(bool quiet) : quiet_{quiet}, redraws_{::isatty(STDERR_FILENO) == 1} {}

    void show(fusion_event const& e) {
        using kind = fusion_event::kind;
        if (quiet_) {
            return;
        }
        if (e.what == kind::baseline) {
            baseline_ = e.latency;
            std::cerr << "separate: " << milliseconds(e.latency) << "\n   time  candidate  epoch      drop  latency\n";
            return;
        }
        if (e.what == kind::built || (e.what == kind::checked && !redraws_)) {
            return;
        }
        std::cerr << (redraws_ ? "\r\x1b[K" : "") << std::setw(6) << static_cast<long>(to_seconds(e.at)) << "s "
                  << std::setw(10) << e.id << ' ' << std::setw(6) << e.epoch << ' ' << std::setw(9)
                  << (e.what == kind::failed ? "failed" : percent(e.drop));
        if (e.what == kind::evaluated) {
            std::cerr << "  " << milliseconds(e.latency) << " (" << std::fixed << std::setprecision(2)
                      << to_seconds(baseline_) / to_seconds(e.latency) << "x)\n";
        } else if (e.what == kind::failed) {
            std::cerr << "  " << e.why << '\n';
        }
        std::cerr << std::flush;
    }

  private:
    bool quiet_;
    bool redraws_;
    duration baseline_{};
};

fuse_torch::fusion_settings settings_of(arguments const& given) {
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    fuse_torch::fusion_settings s;
    s.search.tolerated_drop = or_fail(parse_real(given.one("--drop", "0.01"), 0, 0.99), exit_code::usage, "--drop: ");
    s.search.seed = or_fail(parse_count(given.one("--seed", "1"), 0, most), exit_code::usage, "--seed: ");
    s.search.iterations_max = count(given, "--iterations", "200", most);
    s.search.plan.epochs_max = static_cast<std::uint32_t>(count(given, "--epochs", "10", 100'000));
    std::string budget = given.one("--budget", "30min");
    budget += budget.ends_with('m') ? "in" : ""; // "30m" is half an hour here, nothing shorter makes sense
    s.budget = or_fail(parse_duration(budget), exit_code::usage, "--budget: ");
    std::string const name = given.one("--search", "cost_first");
    std::vector<std::string> const kinds{"cost_first", "gmorph", "gmorph_p", "gmorph_pr", "random"};
    auto const kind = std::find(kinds.begin(), kinds.end(), name);
    if (kind == kinds.end()) {
        throw failure{exit_code::usage, "--search: there is no '" + name +
                                            "'; cost_first, gmorph, gmorph_p, "
                                            "gmorph_pr and random are"};
    }
    s.kind = static_cast<fuse_torch::search_kind>(kind - kinds.begin());
    if (given.has("--gmorph-training")) {
        s.evaluator.training = fuse_torch::training_settings::gmorph();
        s.evaluator.fits_adapters = false;
    }
    s.evaluator.confidence =
        or_fail(parse_real(given.one("--confidence", "0.9"), 0.5, 0.999), exit_code::usage, "--confidence: ");
    s.evaluator.training.seed = s.search.seed;
    s.evaluator.training.batch = static_cast<std::int64_t>(count(given, "--batch", "64", 1'000'000));
    if (given.has("--memory")) {
        s.evaluator.training.memory_limit =
            or_fail(parse_size(given.one("--memory"), std::uint64_t{1} << 50U), exit_code::usage, "--memory: ");
    }
    s.folder = given.one("--folder");
    return s;
}

void print_scores(teacher_networks const& networks, fuse_torch::fusion_report const& r) {
    for (std::size_t t = 0; t < r.test.size(); ++t) {
        std::cout << "  " << std::left << std::setw(20) << networks.teachers().teachers()[t].name << std::right;
        for (auto const& [name, part] : {std::pair{" validation ", &r.validation}, std::pair{", test ", &r.test}}) {
            fuse_torch::drop_estimate const& d = (*part)[t];
            std::cout << name << percent(d.teacher) << " -> " << percent(d.teacher - d.drop) << " (+- "
                      << percent(d.half_width_95()) << ')';
        }
        std::cout << '\n';
    }
}

void print_latency(char const* name, fuse_torch::latency_comparison const& l) {
    std::cout << "  " << name << ": " << milliseconds(l.separate.lower_quartile) << " -> "
              << milliseconds(l.fused.lower_quartile) << " (" << std::fixed << std::setprecision(2)
              << to_seconds(l.separate.lower_quartile) / to_seconds(l.fused.lower_quartile) << "x; minima "
              << milliseconds(l.separate.minimum) << " -> " << milliseconds(l.fused.minimum) << ")\n";
}

exit_code run(arguments const& given) {
    auto const files = paths(given.all("MODELS"));
    auto settings = settings_of(given);
    fuse_torch::use_threads(static_cast<unsigned>(count(given, "--threads", "1", 4096)));
    auto const inputs = or_fail(fuse_torch::tensor::load(given.one("--inputs")), exit_code::bad_input);
    auto const networks =
        or_fail(teacher_networks::load(files, inputs, {.device = given.one("--device", "cpu")}), exit_code::bad_input);
    if (!given.has("--threads")) {
        unsigned const cores = std::max(1U, std::thread::hardware_concurrency());
        unsigned const threads =
            fuse_torch::fastest_threads(networks, inputs, settings.evaluator.training.batch, cores);
        fuse_torch::use_threads(threads);
        std::cout << "threads: " << threads << " of " << cores << ", which is fastest for these networks\n";
    }
    print_blocks(networks);
    print_preview(networks);
    if (given.has("--parse")) {
        return exit_code::success;
    }
    auto const data =
        or_fail(fuse_torch::fusion_data::split(inputs, judges(given, files.size()), files.size(), settings.search.seed),
                exit_code::bad_input);
    auto const& interrupted = catch_interrupts();
    live_table table{given.has("--quiet")};
    settings.stop = [&] { return interrupted.load(); };
    settings.on_event = [&](fusion_event const& e) { table.show(e); };
    std::cout << std::flush;
    auto const report = or_fail(fuse_torch::fuse_networks(networks, data, settings), exit_code::failure);
    std::string const out = given.one("--out", "fused.pt");
    or_fail(report.network.save(out), exit_code::failure);
    std::cout << (report.remark.empty() ? "" : report.remark + '\n') << report.progress.iterations << " proposals, "
              << report.progress.evaluated << " evaluated, " << report.progress.accepted << " accepted, "
              << report.progress.epochs << " epochs\n";
    print_scores(networks, report);
    print_latency("frozen  ", report.latency);
    print_latency("unfrozen", report.latency_unfrozen);
    std::cout << "memory: " << (report.training_memory >> 20U) << " MiB of the largest training by the estimate, "
              << (report.peak_memory >> 20U) << " MiB of the process at most\n"
              << "written: " << out << '\n';
    fusion_record const record{given.command(), networks, settings, report};
    if (given.has("--json")) {
        or_fail(experiment::write_file(given.one("--json"), fusion_json(record)), exit_code::failure);
    }
    if (given.has("--report")) {
        or_fail(experiment::write_file(given.one("--report"), fusion_page(record)), exit_code::failure);
    }
    return exit_code::success;
}

exit_code inspect(arguments const& given) {
    auto const d = or_fail(fuse_torch::describe_file(given.one("FILE")), exit_code::bad_input);
    std::cout << "reads " << (d.reads_reals ? "real numbers" : "integers") << ", a sample is";
    for (auto const extent : d.sample) {
        std::cout << ' ' << extent;
    }
    std::cout << "; outputs:";
    for (std::string const& task : d.tasks) {
        std::cout << ' ' << task;
    }
    std::cout << '\n' << "node       reads      what                     gives           weights  from\n" << std::left;
    for (auto const& n : d.nodes) {
        std::cout << std::setw(10) << n.id << ' ' << std::setw(10) << (n.parent == "0.0" ? "input" : n.parent) << ' '
                  << std::setw(24) << n.kind << ' ' << std::setw(14) << n.shape << ' ' << std::setw(8) << n.parameters
                  << ' ' << n.path << '\n';
    }
    return exit_code::success;
}

exit_code bench(arguments const& given) {
    std::vector<std::vector<std::filesystem::path>> groups{{given.one("FILE")}};
    auto const against = paths(given.all("--against"));
    if (!against.empty()) {
        groups.push_back(against);
    }
    fuse_torch::use_threads(static_cast<unsigned>(count(given, "--threads", "1", 4096)));
    fuse_torch::latency_settings s{.batch = static_cast<std::int64_t>(count(given, "--batch", "1", 1'000'000)),
                                   .rounds = static_cast<unsigned>(count(given, "--rounds", "100", 1'000'000))};
    std::cout << "                        minimum       lower      median       upper\n";
    for (bool const frozen : {true, false}) {
        s.frozen = frozen;
        auto const figures =
            or_fail(fuse_torch::compare_files(groups, given.one("--device", "cpu"), s), exit_code::bad_input);
        for (std::size_t i = 0; i < figures.size(); ++i) {
            std::cout << std::left << std::setw(20)
                      << ((i == 0 ? "fused" : "originals") + std::string{frozen ? ", frozen" : ""}) << std::right;
            for (duration const each :
                 {figures[i].minimum, figures[i].lower_quartile, figures[i].median, figures[i].upper_quartile}) {
                std::cout << std::setw(12) << milliseconds(each);
            }
            std::cout << '\n';
        }
    }
    return exit_code::success;
}

} // namespace

int main(int argument_count, char** argument_values) {
    command_spec program{.name = "hpcsched", .description = "Fuse trained networks"};
    program.commands.push_back(fuse_command({&run, &inspect, &bench}));
    auto const words = with_fuse_run(argument_count, argument_values);
    return run_command_line(program, static_cast<int>(words.size()), words.data());
}

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FIGURE_HPP
#define HPCSCHED_BENCH_FIGURE_HPP

#include <functional>
#include <optional>
#include <string>
#include <vector>

/// How a benchmark program states a figure that an issue names, so that `bench/run.sh` finds, runs and judges it.
///
///     #include <figure.hpp>
///
///     namespace {
///     hpcsched::bench::figure_case const replay{
///         "cpu.srpt_replay", 2, "SRPT replay of 5,000 records, beside a plain sort of them",
///         [](hpcsched::bench::effort how_much) {
///             double const ours = ...;    // smallest of several runs, in milliseconds
///             double const theirs = ...;  // measured in this very run, the two by turns
///             hpcsched::bench::report({.name = "cpu.srpt_replay",
///                                      .value = ours,
///                                      .unit = "ms",
///                                      .beside = theirs,
///                                      .goal = "below 1 ms",
///                                      .holds = ours < 1.0});
///         }};
///     } // namespace
///
/// The program is made with `hpcsched_bench(<component> <name> <source>...)`, which gives it its `main`; benchmarks
/// of Google Benchmark may stand in the same file.
namespace hpcsched::bench {

/// How long a figure may take.
enum class effort {
    smoke, ///< a test asks whether it still runs: the smallest input, a second at most; what it finds is not judged
    full,  ///< the figure itself
};

/// One measured figure.
struct figure {
    std::string name{}; ///< name of its case, or that and a suffix: "serpt.mean/load 0.9"
    double value = 0;
    std::string unit{};             ///< "ms", "ns per job", "s", "" for a plain ratio
    std::optional<double> beside{}; ///< the comparison from the same run, in the same unit; what it is, `goal` says
    std::optional<double> ratio{};  ///< value / beside unless given
    std::string goal{};             ///< what the issue asks, in words: "at most 2 x the hand-written loop"
    bool holds = false;             ///< whether value, or ratio, meets the goal
};

/// Hands a figure to `bench/run.sh`, on standard output. Everything else that a case prints is passed on as it is.
/// \thread_safety none; call it from the case's own thread
void report(figure const& found);

/// A case registers itself when its program starts; names must differ within all programs.
struct figure_case {
    std::string name{}; ///< "<component>.<what>", without blanks
    int issue = 0;      ///< number of the issue that names the figure
    std::string what{}; ///< one line for `--list`: what is measured, beside what
    std::function<void(effort)> run{};

    figure_case(std::string name, int issue, std::string what, std::function<void(effort)> run);
    figure_case(figure_case const&) = default;
};

/// The cases of this program, in order of registration.
std::vector<figure_case>& figure_cases();

} // namespace hpcsched::bench

#endif

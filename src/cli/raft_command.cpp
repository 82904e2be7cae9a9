// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_sim/torture.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "values.hpp"
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

using raft_sim::torture_outcome;
using raft_sim::torture_plan;

constexpr char const* torture_details =
    R"(Each seed is a whole group of servers in one thread, with simulated clocks, disks and network, and clients that
write, swap and read registers. First things go wrong as the seed says (lost, doubled and late messages, cuts in one
or both directions, crashes with torn writes, pauses, fast and slow clocks, full and broken disks, new memberships,
leadership handed over); then all is well again, and the group must answer everybody and agree. After each step the
safety properties of the Raft paper are checked, at the end that the answers are linearizable.

A seed that fails is shown with its plan, and then the smallest plan found that fails alike.

Examples:
  hpcsched raft torture                       2,000 seeds
  hpcsched raft torture --seeds 100000        more
  hpcsched raft torture --from 42 --seeds 1   one

Exit status: 0 nothing is violated, 1 something is, 2 wrong command line, 130 interrupted.)";

double ms(duration length) {
    return to_milliseconds(length);
}

/// A plan, for a person who wants to know what broke it.
std::string describe(torture_plan const& p) {
    auto const& c = p.cluster;
    auto const& r = c.replica;
    std::string text = "seed " + std::to_string(p.seed) + ": " + std::to_string(c.founders) + " servers, " +
                       std::to_string(c.spares) + " spares, " + std::to_string(p.clients) + " clients, " +
                       std::to_string(p.operations) + " operations on " + std::to_string(p.keys) + " keys\n";
    auto const say = [&text](char const* what, auto value) {
        text.append("  ").append(what).append(" ").append(std::to_string(value));
    };
    say("loss", c.network.loss.ppm);
    say("duplicate", c.network.duplicate.ppm);
    say("skew", c.skew_ppm_max);
    text += " ppm\n";
    say("delay to", static_cast<std::int64_t>(ms(c.network.delay_max)));
    say("disk to", static_cast<std::int64_t>(ms(c.disk_max)));
    say("fault every", static_cast<std::int64_t>(ms(p.fault_interval)));
    say("for at most", static_cast<std::int64_t>(ms(p.fault_length)));
    text += " ms\n";
    for (raft_sim::fault_kind const& kind : raft_sim::fault_kinds) {
        if (p.*kind.weight > 0) {
            say(kind.name, p.*kind.weight);
        }
    }
    text += std::string{p.at_leaders ? "  at leaders" : ""} + (p.ambushes ? "  ambushes" : "");
    text += "\n  pre-votes " + std::string{r.pre_vote ? "on" : "off"} + ", check-quorum " +
            (r.check_quorum ? "on" : "off") + ", reads by " + (r.reads == raft::read_mode::lease ? "lease" : "quorum") +
            ", window " + std::to_string(r.window_entries) + ", per message " + std::to_string(r.append_entries_max) +
            ", in flight " + std::to_string(r.inflight_entries_max) + ", snapshot every " +
            std::to_string(c.snapshots.every) + "\n";
    return text;
}

struct total {
    std::uint64_t seeds = 0;
    std::uint64_t undecided = 0;
    torture_outcome sum;
    std::vector<std::pair<std::uint64_t, std::string>> failures; // by seed

    void add(std::uint64_t seed, torture_outcome const& one) {
        ++seeds;
        undecided += one.undecided ? 1U : 0U;
        sum.events += one.events;
        sum.faults += one.faults;
        sum.leaders += one.leaders;
        sum.entries += one.entries;
        sum.answered += one.answered;
        if (!one.failure.empty()) {
            failures.emplace_back(seed, one.failure);
        }
    }
};

/// Runs the seeds on all cores; shows how far it is once that takes two seconds.
total run_seeds(std::uint64_t first, std::uint64_t count, bool quiet) {
    auto const& interrupted = catch_interrupts();
    total all;
    std::mutex guard;
    std::atomic<std::uint64_t> next{0};
    auto const begin = std::chrono::steady_clock::now();
    auto shown = begin;
    auto const work = [&] {
        while (!interrupted) {
            std::uint64_t const i = next.fetch_add(1);
            if (i >= count) {
                return;
            }
            torture_outcome const one = raft_sim::torture{raft_sim::draw_plan(first + i)}.run();
            std::scoped_lock const lock{guard};
            all.add(first + i, one);
            auto const now = std::chrono::steady_clock::now();
            if (!quiet && now - shown > std::chrono::seconds{2}) {
                shown = now;
                std::cerr << all.seeds << " of " << count << " seeds, " << all.failures.size() << " failures"
                          << (::isatty(STDERR_FILENO) != 0 ? "   \r" : "\n") << std::flush;
            }
        }
    };
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
        threads.emplace_back(work);
    }
    work();
    threads.clear();
    std::ranges::sort(all.failures);
    return all;
}

void show_failure(std::uint64_t seed, std::string const& failure) {
    torture_plan const plan = raft_sim::draw_plan(seed);
    std::cout << "\nFAILED  " << failure << '\n' << describe(plan);
    std::cout << "The smallest plan found that fails alike:\n"
              << describe(raft_sim::shrink(plan, failure, [](torture_plan const&) {})) << std::flush;
}

exit_code torture(arguments const& given) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / 2;
    std::uint64_t const count =
        or_fail(parse_count(given.one("--seeds", "2000"), 1, 1'000'000'000), exit_code::usage, "--seeds: ");
    std::uint64_t const first = or_fail(parse_count(given.one("--from", "1"), 0, most), exit_code::usage, "--from: ");
    bool const json = given.has("--json");
    total const all = run_seeds(first, count, given.has("--quiet"));
    if (json) {
        boost::json::array failures;
        for (auto const& [seed, failure] : all.failures) {
            failures.push_back(boost::json::object{{"seed", seed}, {"failure", failure}});
        }
        std::cout << boost::json::serialize(boost::json::object{{"first_seed", first},
                                                                {"seeds", all.seeds},
                                                                {"events", all.sum.events},
                                                                {"faults", all.sum.faults},
                                                                {"leaders", all.sum.leaders},
                                                                {"entries", all.sum.entries},
                                                                {"operations_answered", all.sum.answered},
                                                                {"undecided", all.undecided},
                                                                {"failures", std::move(failures)}})
                  << '\n';
    } else {
        std::cout << all.seeds << " seeds from " << first << ": " << all.sum.events << " events, " << all.sum.faults
                  << " faults, " << all.sum.leaders << " terms with a leader, " << all.sum.entries
                  << " entries committed, " << all.sum.answered << " operations answered\n"
                  << all.failures.size() << " violations"
                  << (all.undecided > 0 ? ", " + std::to_string(all.undecided) + " histories too long to judge" : "")
                  << '\n';
        for (std::size_t i = 0; i < std::min<std::size_t>(all.failures.size(), 3); ++i) {
            show_failure(all.failures[i].first, all.failures[i].second);
        }
    }
    if (all.seeds < count) {
        return exit_code::interrupted;
    }
    return all.failures.empty() ? exit_code::success : exit_code::failure;
}

} // namespace

command_spec raft_command() {
    command_spec torture_spec{
        .name = "torture",
        .description = "Do to simulated groups of Raft servers all that can be done, and check what they promise",
        .details = torture_details,
        .options = {{"-n,--seeds", "N", "how many seeds [default: 2000]"},
                    {"--from", "SEED", "the first seed; a seed and this program's version make the run [default: 1]"},
                    {"--json", "", "print one JSON object instead of the text"},
                    {"-q,--quiet", "", "show no progress"}},
        .run = &torture};
    std::vector<command_spec> commands;
#ifdef HPCSCHED_HAS_RAFT_ASIO
    commands.push_back(raft_serve_command());
    commands.push_back(raft_kv_command());
    commands.push_back(raft_bench_command());
#endif
    commands.push_back(std::move(torture_spec));
#ifdef HPCSCHED_HAS_RAFT_LOG
    commands.push_back(raft_inspect_command());
#endif
    return {.name = "raft",
            .description = "Replicated logs: run, ask, measure and inspect Raft servers, torture simulated ones",
            .commands = std::move(commands)};
}

} // namespace hpcsched::cli

// SPDX-License-Identifier: Apache-2.0
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "commands.hpp"
#include "failure.hpp"
#include "raft_bench.hpp"
#include "raft_bench_bare.hpp"
#include "values.hpp"
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <ios>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* bench_details =
    R"(Three processes on the loopback interface, each with its log in a folder of its own that is removed at the end.
What is measured is one of:
  the default       commands per second, and the time from asking to the answer, of clients that each ask again when
                    they have their answer. They live in the leader's process, as in the benchmarks of other libraries;
                    with --remote they share a connection from a fourth one
  --failover N      the leader is killed (SIGKILL) under load, N times: how long no command is acknowledged, and whether
                    one that was acknowledged is lost, or one is carried out twice
  --idle-groups N   N groups that have nothing to do: their processor time and memory

Without --sync nothing waits for the disk. With it every acknowledged command is on the disks of two nodes; all three
share one disk here.

Examples:
  hpcsched raft bench
  hpcsched raft bench --sync --data /srv/disk --clients 1,16,64,256
  hpcsched raft bench --failover 200
  hpcsched raft bench --idle-groups 10000

Exit status: 0 success, 1 failure, or something was lost or done twice, 2 wrong command line.)";

load_settings settings(arguments const& given) {
    load_settings s;
    s.clients.clear();
    for (std::string const& word : split_list(given.one("--clients", "1,64"))) {
        s.clients.push_back(or_fail(parse_count(word, 1, 100'000), exit_code::usage, "--clients: "));
    }
    s.bytes = or_fail(parse_count(given.one("--bytes", "256"), 80, 1U << 19U), exit_code::usage, "--bytes: ");
    s.length = or_fail(parse_duration(given.one("--time", "5s")), exit_code::usage, "--time: ");
    s.spin = or_fail(parse_duration(given.one("--spin", "100us")), exit_code::usage, "--spin: ");
    s.folder = given.one("--data");
    std::string const timeout = given.one("--election-timeout", given.has("--failover") ? "150ms" : "1s");
    s.node.replica.election_timeout = or_fail(parse_duration(timeout), exit_code::usage, "--election-timeout: ");
    s.node.replica.heartbeat_interval = s.node.replica.election_timeout / 5;
    s.node.snapshots.every = 1'000'000;
    s.node.log.sync = given.has("--sync");
    std::string const flush = given.one("--flush", "thread");
    s.node.log.flush = flush == "io_uring" ? raft_log::flush_mode::io_uring
                       : flush == "inline" ? raft_log::flush_mode::inline_
                                           : raft_log::flush_mode::thread;
    s.node_options = {"--election-timeout",
                      timeout,
                      "--heartbeat",
                      std::to_string(s.node.replica.heartbeat_interval.count()) + "ns",
                      "--flush",
                      flush,
                      "--spin",
                      given.one("--spin", "100us"),
                      "--snapshot-every",
                      "1000000"};
    if (!s.node.log.sync) {
        s.node_options.emplace_back("--no-sync");
    }
    if (!given.has("--idle-groups")) {
        return s;
    }
    s.node_options.emplace_back("--quiet");
    return s;
}

void print(std::vector<load_result> const& results, bare_exchange const& bare, bool json) {
    if (json) {
        boost::json::array all;
        for (load_result const& r : results) {
            all.push_back(boost::json::object{{"clients", r.clients},
                                              {"commits_per_second", r.per_second},
                                              {"p50_us", r.latency.p50_us},
                                              {"p99_us", r.latency.p99_us},
                                              {"p999_us", r.latency.p999_us},
                                              {"max_us", r.latency.max_us},
                                              {"lost", r.lost}});
        }
        auto const exchange = [](latency_summary const& l) {
            return boost::json::object{{"p50_us", l.p50_us}, {"p99_us", l.p99_us}};
        };
        std::cout << boost::json::serialize(boost::json::object{
                         {"loads", std::move(all)},
                         {"bare_exchange",
                          {{"sleeping", exchange(bare.sleeping)}, {"looking", exchange(bare.looking)}}}})
                  << '\n';
        return;
    }
    std::cout << "clients  commits/s   p50 us   p99 us p99.9 us   max us\n" << std::fixed << std::setprecision(0);
    for (load_result const& r : results) {
        std::cout << std::setw(7) << r.clients << std::setw(11) << r.per_second << std::setprecision(1) << std::setw(9)
                  << r.latency.p50_us << std::setprecision(0) << std::setw(9) << r.latency.p99_us << std::setw(9)
                  << r.latency.p999_us << std::setw(9) << r.latency.max_us << '\n';
    }
    std::cout << std::setprecision(1) << "Beside it, the first answer of two processes that only answer: p50 "
              << bare.sleeping.p50_us << " us where they sleep in between, " << bare.looking.p50_us
              << " us where they keep looking.\n";
}

exit_code print(failover_result r, bool json) {
    latency_summary const gaps = summarize(r.gaps_ns);
    if (json) {
        std::cout << boost::json::serialize(boost::json::object{{"kills", r.kills},
                                                                {"gap_p50_ms", gaps.p50_us / 1000},
                                                                {"gap_p99_ms", gaps.p99_us / 1000},
                                                                {"gap_max_ms", gaps.max_us / 1000},
                                                                {"acknowledged", r.acknowledged},
                                                                {"lost", r.lost},
                                                                {"done_twice", r.doubled}})
                  << '\n';
    } else {
        std::cout << std::fixed << std::setprecision(0) << r.kills << " leaders killed: without commits for p50 "
                  << gaps.p50_us / 1000 << " ms, p99 " << gaps.p99_us / 1000 << " ms, at most " << gaps.max_us / 1000
                  << " ms\n"
                  << r.acknowledged << " commands acknowledged, " << r.lost << " lost, " << r.doubled
                  << " done twice\n";
    }
    return r.lost + r.doubled == 0 ? exit_code::success : exit_code::failure;
}

void print(idle_result const& r, bool json) {
    if (json) {
        std::cout << boost::json::serialize(boost::json::object{{"groups", r.groups},
                                                                {"seconds_to_rest", r.seconds_to_rest},
                                                                {"cpu_share", r.cpu_share},
                                                                {"bytes_per_group", r.bytes_per_group}})
                  << '\n';
        return;
    }
    std::cout << std::fixed << std::setprecision(1) << r.groups << " groups at rest " << r.seconds_to_rest
              << " s after the start: " << std::setprecision(2) << r.cpu_share * 100 << " % of a core, "
              << std::setprecision(0) << r.bytes_per_group << " bytes of memory a group\n";
}

exit_code bench(arguments const& given) {
    load_settings s = settings(given);
    bool const quiet = given.has("--quiet");
    std::string last;
    bool const terminal = ::isatty(STDERR_FILENO) != 0;
    s.progress = [&, begin = raft_asio::event_loop::now()](std::string const& what) mutable {
        if (!quiet && what != last && raft_asio::event_loop::now() - begin > from_seconds(terminal ? 0.2 : 5)) {
            std::cerr << what << (terminal ? "\033[K\r" : "\n") << std::flush;
            begin = raft_asio::event_loop::now();
        }
        last = what;
    };
    bool const json = given.has("--json");
    if (given.has("--failover")) {
        std::size_t const kills =
            or_fail(parse_count(given.one("--failover"), 1, 100'000), exit_code::usage, "--failover: ");
        return print(bench_failover(s, kills), json);
    }
    if (given.has("--idle-groups")) {
        std::size_t const groups =
            or_fail(parse_count(given.one("--idle-groups"), 2, 1'000'000), exit_code::usage, "--idle-groups: ");
        print(bench_idle(s, groups, s.length * 4), json);
        return exit_code::success;
    }
    s.progress("the bare exchange ...");
    bare_exchange const bare = measure_bare_exchange(s.bytes, std::min(s.length, from_seconds(1)));
    print(given.has("--remote") ? bench_from_outside(s) : bench_in_leader(s), bare, json);
    return exit_code::success;
}

} // namespace

command_spec raft_bench_command() {
    return {.name = "bench",
            .description = "Measure a cluster of three processes on this machine",
            .details = bench_details,
            .options = {{"--clients", "LIST", "how many clients, one run for each number [default: 1,64]"},
                        {"--bytes", "N", "of a log entry [default: 256]"},
                        {"--time", "TIME", "to measure, after one second to warm up [default: 5s]"},
                        {"--remote", "", "clients in a process of their own"},
                        {"--sync", "", "wait for the disk"},
                        {"--flush", "HOW", "how the log is written: thread, io_uring or inline [default: thread]",
                         "Options", value_completion::one_of({"thread", "io_uring", "inline"})},
                        {"--data", "DIR", "below which the logs go [default: the system's temporary folder]", "Options",
                         value_completion::folder()},
                        {"--spin", "TIME",
                         "each process looks for work so long before it sleeps, see serve [default: 100us]"},
                        {"--election-timeout", "TIME", "[default: 1s; 150ms with --failover]"},
                        {"--failover", "N", "kill N leaders under load instead"},
                        {"--idle-groups", "N", "measure N groups at rest instead"},
                        {"--json", "", "print JSON instead of the table"},
                        {"-q,--quiet", "", "show no progress"}},
            .run = &bench};
}

} // namespace hpcsched::cli

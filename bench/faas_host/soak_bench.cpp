// SPDX-License-Identifier: Apache-2.0

// A day's arrivals in three minutes, at functions of every kind and of every way to fail: does anything pile up in the
// host, and is anything left when it ends?
#include <hpcsched/workload/generator.hpp>

#include "faas_host/http_client.hpp"
#include "measured_server.hpp"
#include <figure.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::bench;
using clock = std::chrono::steady_clock;

// Three quarters of the arrivals end well; an eighth has a worker that exits, and an eighth one that hangs.
constexpr std::array<char const*, 8> functions{"object", "echo", "brief", "object", "upper", "exits", "hangs", "echo"};

std::string functions_file(std::string const& path) {
    auto const runtime = [](std::string const& name, std::string const& does, std::string const& more) {
        return "[functions." + name + "]\ncommand = [\"" + HPCSCHED_NO_OP_WORKER + "\"]\nhandler = \"" + does + "\"\n" +
               more;
    };
    std::ofstream{path} << runtime("echo", "echo", "") << runtime("brief", "echo", "keep_alive = \"200ms\"\n")
                        << runtime("exits", "exits", "concurrency = 2\n")
                        << runtime("hangs", "hangs", "timeout = \"100ms\"\nconcurrency = 2\nqueue = 4\n")
                        << "[functions.upper]\nkind = \"command\"\ncommand = \"tr a-z A-Z\"\n"
                        << "[functions.object]\nkind = \"shared-object\"\ncommand = [\"" << HPCSCHED_NO_OP << "\"]\n";
    return path;
}

/// The arrivals of a day, as times within `length`.
std::vector<clock::duration> arrivals(std::size_t count, clock::duration length) {
    workload::generator_config config;
    config.from = workload::preset::azure2019;
    config.count = count;
    auto source = workload::make_generator(config);
    std::vector<time_point> times;
    workload::invocation next;
    while (source && source->next(next).value()) {
        times.push_back(next.arrival);
    }
    std::vector<clock::duration> scaled;
    for (time_point const each : times) {
        double const share = to_seconds(each.time_since_epoch()) / to_seconds(times.back().time_since_epoch());
        scaled.push_back(std::chrono::duration_cast<clock::duration>(length * share));
    }
    return scaled;
}

std::size_t resident_kilobytes(pid_t process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/status"};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::stoul(line.substr(6));
        }
    }
    return 0;
}

std::size_t descriptor_count(pid_t process) {
    auto const folder = std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/fd"};
    return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

/// Processes that run the worker of this benchmark.
std::size_t stray_count() {
    std::size_t count = 0;
    for (auto const& each : std::filesystem::directory_iterator{"/proc"}) {
        std::error_code failed;
        count += std::filesystem::read_symlink(each.path() / "exe", failed) == HPCSCHED_NO_OP_WORKER ? 1U : 0U;
    }
    return count;
}

struct soaked {
    std::atomic<std::uint64_t> well = 0, function_errors = 0, refused = 0, broken = 0;
    std::size_t early_kilobytes = 0; ///< after a quarter of the time
    std::size_t late_kilobytes = 0;
    std::size_t early_descriptors = 0;
    std::size_t late_descriptors = 0; ///< once nothing runs
};

/// Clients with a connection each take one arrival after the other.
void invoke_all(std::vector<clock::duration> const& when, std::uint16_t port, soaked& seen) {
    constexpr std::size_t client_count = 24;
    std::atomic<std::size_t> next = 0;
    clock::time_point const begin = clock::now();
    std::vector<std::jthread> clients;
    for (std::size_t c = 0; c < client_count; ++c) {
        clients.emplace_back([&] {
            test::http_client connection{port};
            for (std::size_t i = next++; i < when.size(); i = next++) {
                std::this_thread::sleep_until(begin + when[i]);
                std::string const target =
                    std::string{"/2015-03-31/functions/"} + functions[i % functions.size()] + "/invocations";
                test::http_answer const got = connection.ask("POST", target, "{\"a\":1}");
                bool const is_error = !got.field("X-Amz-Function-Error").empty();
                (got.status == 200   ? (is_error ? seen.function_errors : seen.well)
                 : got.status == 429 ? seen.refused
                                     : seen.broken)++;
            }
        });
    }
}

void soak(effort how_much) {
    std::chrono::seconds const length{how_much == effort::full ? 180 : 1};
    std::size_t const count = how_much == effort::full ? 60'000 : 200;
    std::string const folder =
        (std::filesystem::temp_directory_path() / ("hpcsched-soak-" + std::to_string(::getpid()))).string();
    std::filesystem::create_directories(folder);
    std::uint16_t const port = free_port();
    measured_server host{{HPCSCHED_PROGRAM, "serve", "-q", "--listen", "127.0.0.1:" + std::to_string(port),
                          "--functions", functions_file(folder + "/functions.toml"), "--policy", "serpt"},
                         port};
    soaked seen;
    std::jthread const watcher{[&](std::stop_token const& ended) {
        clock::time_point const early = clock::now() + length / 4;
        while (!ended.stop_requested() && clock::now() < early) {
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
        seen.early_kilobytes = resident_kilobytes(host.process());
        seen.early_descriptors = descriptor_count(host.process());
    }};
    invoke_all(arrivals(count, length), port, seen);
    seen.late_kilobytes = resident_kilobytes(host.process());
    std::this_thread::sleep_for(std::chrono::seconds{1});
    seen.late_descriptors = descriptor_count(host.process());
    bool const ended_well = host.end() == 0;
    std::size_t const strays = stray_count();
    std::filesystem::remove_all(folder);
    std::printf("soak: %llu answered, %llu function errors, %llu refused, %llu broken; descriptors %zu, then %zu; "
                "strays %zu; exit %s\n",
                static_cast<unsigned long long>(seen.well), static_cast<unsigned long long>(seen.function_errors),
                static_cast<unsigned long long>(seen.refused), static_cast<unsigned long long>(seen.broken),
                seen.early_descriptors, seen.late_descriptors, strays, ended_well ? "well" : "badly");
    double const growth = static_cast<double>(seen.late_kilobytes) / static_cast<double>(seen.early_kilobytes);
    report(
        {.name = "faas_host.soak",
         .value = static_cast<double>(seen.late_kilobytes) / 1024,
         .unit = "MiB",
         .beside = static_cast<double>(seen.early_kilobytes) / 1024,
         .goal = "within 5 % of what it was after a quarter (beside), no process and no descriptor left, none broken",
         .holds = growth < 1.05 && strays == 0 && seen.broken == 0 && ended_well &&
                  seen.late_descriptors <= seen.early_descriptors});
}

figure_case const one{"faas_host.soak", 3,
                      "memory after a day's arrivals in three minutes, beside that after a quarter", &soak};

} // namespace

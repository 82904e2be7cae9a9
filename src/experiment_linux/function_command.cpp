// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/experiment_linux/function_command.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/offered_work.hpp>
#include <hpcsched/workload/rearrived.hpp>
#include <hpcsched/workload/scale_to_load.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include "command_process.hpp"
#include "live_cell.hpp"
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::experiment_linux {

namespace {

using workload::invocation;

/// Invocations that a stream owns.
class owned_rows {
  public:
    explicit owned_rows(std::vector<invocation> rows) : rows_{std::move(rows)}, source_{rows_} {}
    owned_rows(owned_rows&&) noexcept = default; // a moved vector keeps its place in memory
    owned_rows& operator=(owned_rows&&) noexcept = default;

    [[nodiscard]] result<bool> next(invocation& out) { return source_.next(out); }
    [[nodiscard]] std::span<invocation const> all() const noexcept { return rows_; }

  private:
    std::vector<invocation> rows_;
    workload::in_memory source_;
};

/// Gives an invocation what the command takes.
void take(invocation& row, function_command const& command) {
    constexpr duration least{1'000'000}; // below it, waiting is the kernel's start and end of a process
    row.service = command.cpu_time;
    row.blocking.clear();
    if (duration const waited = command.turnaround - command.cpu_time; waited >= least) {
        row.blocking.push_back({.after_cpu = command.cpu_time / 2, .length = waited});
    }
}

function_command const* find(std::vector<function_command> const& commands, std::string const& function) {
    auto const found = std::ranges::find(commands, function, &function_command::function);
    return found == commands.end() ? nullptr : &*found;
}

std::uint64_t identity_of(std::uint64_t inner, std::vector<function_command> const& commands) {
    sequence_hash hash;
    hash.add(inner);
    for (function_command const& each : commands) {
        hash.add(each.function);
        hash.add(each.command);
        hash.add(static_cast<std::uint64_t>(each.cpu_time.count()));
        hash.add(static_cast<std::uint64_t>(each.turnaround.count()));
    }
    return hash.value();
}

/// Brings invocations to the load of a cell.
result<std::unique_ptr<experiment::invocation_stream>> at_load(owned_rows rows, experiment::cell_key const& key) {
    if (key.load <= 0) {
        return experiment::make_stream(std::move(rows));
    }
    workload::in_memory all{rows.all()};
    auto const work = workload::measure_work(all);
    if (work.has_error()) {
        return work.error();
    }
    auto const scale = workload::scale_to_load(*work, key.cpu_count, key.load);
    if (scale.has_error()) {
        return scale.error();
    }
    return experiment::make_stream(workload::rescaled<owned_rows>{std::move(rows), *scale});
}

result<std::unique_ptr<experiment::invocation_stream>> open_with(experiment::grid_workload const& inner,
                                                                 std::vector<function_command> const& commands,
                                                                 experiment::cell_key const& key) {
    auto const names = inner.function_names(key);
    if (names.has_error()) {
        return names.error();
    }
    auto const stream = inner.open(key);
    if (stream.has_error()) {
        return stream.error();
    }
    auto rows = detail::read_all(**stream);
    if (rows.has_error()) {
        return rows.error();
    }
    for (invocation& row : *rows) {
        if (function_command const* const command = find(commands, names->at(row.function.value))) {
            take(row, *command);
        }
    }
    return at_load(owned_rows{std::move(*rows)}, key);
}

result<std::unique_ptr<experiment::invocation_stream>>
open_alone(std::vector<function_command> const& commands, std::uint64_t count, experiment::cell_key const& key) {
    constexpr double any_mean = 1e9; // ns; the load says how far apart they come to lie
    if (key.load <= 0) {
        return error{"commands have no recorded arrivals: give a load, such as --loads 0.7"};
    }
    random_stream bits{key.seed, "functions"};
    boost::random::uniform_int_distribution<std::uint32_t> any{0, static_cast<std::uint32_t>(commands.size() - 1)};
    std::vector<invocation> rows(count);
    for (invocation& row : rows) {
        row.function = function_id{any(bits)};
        take(row, commands[row.function.value]);
    }
    workload::arrival_process process = key.arrival_cv > 0
                                            ? workload::arrival_process{workload::arrival_kind::bursty, key.arrival_cv}
                                            : workload::arrival_process{workload::arrival_kind::exponential};
    auto const stream = experiment::make_stream(
        workload::rearrived<owned_rows>{owned_rows{std::move(rows)}, std::move(process), any_mean, key.seed});
    auto arrived = detail::read_all(*stream);
    if (arrived.has_error()) {
        return arrived.error();
    }
    return at_load(owned_rows{std::move(*arrived)}, key);
}

struct one_run {
    duration cpu_time{};
    duration turnaround{};
    int status = 0;
};

/// For how long a process that has ended, and that nobody has waited for yet, was runnable and had no CPU.
duration run_delay_of(pid_t process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/schedstat"};
    std::int64_t on_cpu = 0;
    std::int64_t waiting = 0;
    file >> on_cpu >> waiting;
    return duration{waiting};
}

result<one_run> run_once(std::string const& command) {
    time_point const from = cpu_linux::now();
    pid_t const process = fork();
    if (process == 0) {
        detail::become(command, detail::complaints::heard);
    }
    if (process < 0) {
        return error{std::string{"cannot start a process: "} + std::strerror(errno)};
    }
    siginfo_t ended{};
    while (waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    one_run ran;
    // As if nobody else had had the CPU.
    ran.turnaround = std::max(cpu_linux::now() - from - run_delay_of(process), duration{1});
    rusage used{};
    (void)wait4(process, &ran.status, 0, &used);
    ran.cpu_time = std::max(detail::cpu_time_of(used), duration{1});
    return ran;
}

duration median(std::vector<one_run>& runs, duration one_run::* of) {
    auto const middle = runs.begin() + std::ssize(runs) / 2;
    std::ranges::nth_element(runs, middle, {}, of);
    return (*middle).*of;
}

} // namespace

result<function_command> measured_command(std::string function, std::string command, int runs) {
    HPCSCHED_ASSERT(runs > 0);
    if (auto const valid = detail::check_command(command); valid.has_error()) {
        return error{"the command of '" + function + "' cannot be run (" + valid.error().message + "): " + command};
    }
    std::vector<one_run> all;
    for (int i = 0; i <= runs; ++i) {
        auto const ran = run_once(command);
        if (ran.has_error()) {
            return ran.error();
        }
        if (std::string const why = detail::failure_of(ran->status); !why.empty()) {
            return error{"the command of '" + function + "' fails (" + why + "): " + command};
        }
        if (i > 0) { // the first finds its files cold
            all.push_back(*ran);
        }
    }
    return function_command{.function = std::move(function),
                            .command = std::move(command),
                            .cpu_time = median(all, &one_run::cpu_time),
                            .turnaround = median(all, &one_run::turnaround)};
}

experiment::grid_workload with_commands(experiment::grid_workload inner, std::vector<function_command> commands) {
    HPCSCHED_ASSERT(inner.function_names);
    experiment::grid_workload made{.name = inner.name,
                                   .identity = identity_of(inner.identity, commands),
                                   .expected_tasks = inner.expected_tasks,
                                   .open = {},
                                   .function_names = inner.function_names};
    made.open = [inner = std::move(inner), commands = std::move(commands)](experiment::cell_key const& key) {
        return open_with(inner, commands, key);
    };
    return made;
}

experiment::grid_workload commands_workload(std::vector<function_command> commands, std::uint64_t count) {
    HPCSCHED_ASSERT(!commands.empty() && count > 0);
    std::vector<std::string> names;
    for (function_command const& each : commands) {
        names.push_back(each.function);
    }
    experiment::grid_workload made{.name = "commands",
                                   .identity = identity_of(count, commands),
                                   .expected_tasks = count,
                                   .open = {},
                                   .function_names = [names = std::move(names)](experiment::cell_key const&) {
                                       return result<std::vector<std::string>>{names};
                                   }};
    made.open = [commands = std::move(commands), count](experiment::cell_key const& key) {
        return open_alone(commands, count, key);
    };
    return made;
}

commands_of_cell find_commands(std::vector<experiment::grid_workload> workloads,
                               std::vector<function_command> commands) {
    return [workloads = std::move(workloads),
            commands = std::move(commands)](experiment::cell_key const& key) -> result<std::vector<std::string>> {
        auto const workload = std::ranges::find(workloads, key.workload, &experiment::grid_workload::name);
        if (workload == workloads.end()) {
            return std::vector<std::string>{};
        }
        auto names = workload->function_names(key);
        if (names.has_value()) {
            for (std::string& name : *names) {
                function_command const* const command = find(commands, name);
                name = command == nullptr ? std::string{} : command->command;
            }
        }
        return names;
    };
}

} // namespace hpcsched::experiment_linux

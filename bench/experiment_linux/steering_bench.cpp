// SPDX-License-Identifier: Apache-2.0
// What it costs to steer: 200 real invocations a second on 2 CPUs, half of what they can do. The CPU time of this
// process, the host's own books and the finding of results included, and the time of the BPF programs in the kernel.

#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu_linux/urgent_thread.hpp>
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <bpf/bpf.h>
#include <figure.hpp>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;

constexpr std::uint32_t cpus = 2;
constexpr double per_second = 200;

/// Ten functions, some of which block, 5 ms of CPU on the average, as a Poisson process.
std::vector<workload::invocation> invocations(std::size_t count) {
    random_stream bits{1, "steering"};
    boost::random::exponential_distribution<double> gap{per_second / 1e9};
    boost::random::uniform_int_distribution<std::uint32_t> function{0, 9};
    std::vector<workload::invocation> rows(count);
    double at = 0;
    for (workload::invocation& row : rows) {
        at += gap(bits);
        row.arrival = time_point{duration{std::llround(at)}};
        row.function = function_id{function(bits)};
        row.service = std::chrono::microseconds{500 + 1'000 * row.function.value};
        if (row.function.value % 2 == 0) {
            row.blocking.push_back({.after_cpu = row.service / 2, .length = std::chrono::milliseconds{5}});
        }
    }
    return rows;
}

/// The run time of the sensor's BPF programs, which the kernel counts as long as somebody asks it to.
class bpf_time {
  public:
    bpf_time() : counting_{bpf_enable_stats(BPF_STATS_RUN_TIME)} {}
    bpf_time(bpf_time const&) = delete;
    bpf_time& operator=(bpf_time const&) = delete;
    ~bpf_time() {
        if (counting_ >= 0) {
            close(counting_);
        }
    }

    [[nodiscard]] bool works() const noexcept { return counting_ >= 0; }

    /// Looks at what was loaded since the start. What it has once seen it remembers when the program is gone.
    void look() {
        static std::set<std::string_view> const ours{"on_switch", "on_wakeup", "on_new_thread", "on_exit"};
        std::uint64_t sum = 0;
        for (std::uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
            int const program = bpf_prog_get_fd_by_id(id);
            bpf_prog_info info{};
            std::uint32_t size = sizeof info;
            if (program >= 0 && bpf_obj_get_info_by_fd(program, &info, &size) == 0 && ours.contains(info.name)) {
                sum += info.run_time_ns;
            }
            if (program >= 0) {
                close(program);
            }
        }
        most_ = std::max(most_, duration{static_cast<std::int64_t>(sum)});
    }

    [[nodiscard]] duration most() const noexcept { return most_; }

  private:
    int counting_;
    duration most_{};
};

/// The CPU time of a thread that sleeps until each arrival and does nothing else: nobody who hears of an invocation
/// spends less.
duration bare_wake_ups(std::vector<workload::invocation> const& rows, std::atomic<bool> const& done) {
    cpu_linux::urgent_thread const urgency{98};
    time_point const start = cpu_linux::now();
    timespec t{};
    for (auto row = rows.begin(); row != rows.end() && !done; ++row) {
        auto const at = start + row->arrival.time_since_epoch();
        std::this_thread::sleep_until(std::chrono::steady_clock::time_point{at.time_since_epoch()});
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + duration{t.tv_nsec};
}

struct cost {
    double process = 0; ///< shares of the machine
    double bpf = 0;
    double bare = 0;
    std::uint64_t events = 0;
    double seconds = 0;
};

result<cost> cost_of(std::vector<workload::invocation> const& rows, cpu_linux::sensor from) {
    auto const runners = experiment_linux::live_runners({.disturbed_above = 1, .from = from});
    auto const serpt = std::ranges::find(runners, "serpt-live", &experiment::policy::name);
    bool const is_beside = from == cpu_linux::sensor::polling; // the other run has the process for itself
    bpf_time in_kernel;
    duration bare{};
    std::atomic<bool> done = false;
    std::thread beside{[&] {
        if (is_beside) {
            bare = bare_wake_ups(rows, done);
        }
        while (!done) {
            in_kernel.look();
            std::this_thread::sleep_for(std::chrono::milliseconds{200});
        }
    }};
    auto const stream = experiment::make_stream(workload::in_memory{rows});
    auto const cell =
        serpt->run({.key = {.policy = serpt->name, .workload = "mix", .cpu_count = cpus}, .workload = *stream});
    done = true;
    beside.join();
    if (cell.has_error()) {
        return cell.error();
    }
    double const machine = cell->makespan * cpus;
    return cost{.process = cell->agent_share - to_seconds(bare) / machine,
                .bpf = to_seconds(in_kernel.most()) / machine,
                .bare = to_seconds(bare) / machine,
                .events = cell->agent_events,
                .seconds = cell->makespan};
}

void measure(bench::effort how_much) {
    auto const rows = invocations(how_much == bench::effort::smoke ? 20 : 4'000);
    auto const possible = experiment_linux::check_live("eevdf");
    auto const told = possible.has_error() ? possible.error() : cost_of(rows, cpu_linux::sensor::automatic);
    auto const polled = told.has_error() ? told.error() : cost_of(rows, cpu_linux::sensor::polling);
    if (polled.has_error()) {
        std::cout << "cpu_linux.steering is left out: " << polled.error().message << '\n';
        return;
    }
    for (auto const& [sensor, spent] : {std::pair{"BPF", *told}, std::pair{"polling", *polled}}) {
        std::cout << "  " << sensor << ": this process " << 100 * spent.process << " %, BPF programs "
                  << 100 * spent.bpf << " % of the machine, " << spent.events << " events in " << spent.seconds
                  << " s\n";
    }
    double const share = 100 * (told->process + told->bpf);
    bench::report({.name = "cpu_linux.steering",
                   .value = share,
                   .unit = "% of 2 CPUs",
                   .beside = 100 * polled->bare,
                   .goal = "below 0.3 %, BPF included; beside: one bare sleep and wake-up per invocation",
                   .holds = share < 0.3});
}

bench::figure_case const steering{
    "cpu_linux.steering", 3, "serpt steering 200 real invocations a second on 2 CPUs, beside bare wake-ups", &measure};

} // namespace

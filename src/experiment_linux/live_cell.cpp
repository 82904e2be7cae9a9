// SPDX-License-Identifier: Apache-2.0
#include "live_cell.hpp"

#include <cstring>

namespace hpcsched::experiment_linux::detail {

result<std::vector<workload::invocation>> read_all(experiment::invocation_stream& from) {
    std::vector<workload::invocation> rows;
    workload::invocation row;
    for (;;) {
        auto const more = from.next(row);
        if (more.has_error()) {
            return more.error();
        }
        if (!*more) {
            return rows;
        }
        rows.push_back(row);
    }
}

void live_books::enter(std::uint64_t row, time_point exit, cpu_linux::live_record const& seen) {
    workload::invocation const& what = rows_[row];
    bool const is_command = !command_of(row).empty();
    if (!is_command) {
        used_ += seen.cpu_time;
        asked_ += what.service + start_up_;
    }
    // A process cannot take less than its work does; the clocks of two CPUs differ by microseconds. What a command was
    // to take is known only when it is done.
    duration const cpu_time = std::max(seen.cpu_time, is_command ? duration{1} : what.service);
    duration const service = is_command ? cpu_time : what.service;
    duration blocked{};
    for (workload::blocking_segment const& segment : what.blocking) {
        blocked += segment.length;
    }
    cpu_sim::task_record const record{
        .sequence = row,
        .function = what.function,
        .arrival = what.arrival,
        .first_run = in_run(seen.first_run == never ? seen.admitted : seen.first_run, row),
        .exit = std::max(in_run(exit, row), what.arrival + (is_command ? duration{1} : service)),
        .service = service,
        .cpu_time = cpu_time,
        .blocked = blocked,
        .memory_mb = what.memory_mb,
        .context_switches = seen.context_switches,
        .preemptions = seen.preemptions,
        .migrations = seen.migrations,
    };
    open_[row] = false;
    ++done_count_;
    summary_.busy += seen.cpu_time;
    summary_.context_switches += seen.context_switches;
    summary_.migrations += seen.migrations;
    metrics_.on_exit(record, record.exit);
    if (watcher_ != nullptr) {
        schedule_.add(record);
    }
}

void live_books::refuse(launch_note const& note) {
    if (failure_.empty()) {
        failure_ = std::string{"cannot start a process: "} + std::strerror(note.status);
    }
}

double share_of_others(duration busy, duration ours, duration span, std::uint32_t cpu_count) {
    return std::max(to_seconds(busy - ours), 0.0) / (to_seconds(span) * cpu_count);
}

result<void> check_undisturbed(double others_share, live_options const& options) {
    if (others_share <= options.disturbed_above) {
        return {};
    }
    std::ostringstream what;
    what << std::fixed << std::setprecision(1) << "disturbed: other processes took " << 100 * others_share
         << " % of the CPUs during the run, and more than " << 100 * options.disturbed_above
         << " % makes it worthless: quiet the machine, or allow more with --disturbed";
    return error{what.str()};
}

result<void> check_arrivals(std::vector<duration> lateness) {
    constexpr duration tolerated{100'000'000}; // of who is kept off the CPUs by real-time throttling: half of it
    std::ptrdiff_t const hundredth = static_cast<std::ptrdiff_t>(lateness.size() / 100);
    auto const least = lateness.begin() + hundredth;
    std::ranges::nth_element(lateness, least, std::ranges::greater{});
    if (least == lateness.end() || *least <= tolerated) {
        return {};
    }
    std::ostringstream what;
    what << std::fixed << std::setprecision(2) << "late: " << hundredth + 1 << " of " << lateness.size()
         << " processes began " << to_seconds(*least) << " s after their time or later, so these were not the arrivals "
         << "of the workload: quiet the machine, or lower the load";
    return error{what.str()};
}

result<void> check_demand(duration used, duration asked) {
    constexpr double tolerated = 0.05;
    double const more = to_seconds(used) / to_seconds(asked) - 1;
    if (asked == duration{0} || more <= tolerated) {
        return {};
    }
    std::ostringstream what;
    what << std::fixed << std::setprecision(1) << "the processes used " << 100 * more
         << " % more CPU time than their service times: this machine changed its speed during the run; run it again";
    return error{what.str()};
}

} // namespace hpcsched::experiment_linux::detail

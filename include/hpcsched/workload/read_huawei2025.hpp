// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_HUAWEI2025_HPP
#define HPCSCHED_WORKLOAD_READ_HUAWEI2025_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/arrival_sorter.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/published_names.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// What a request of the Huawei 2025 trace needs.
enum class huawei2025_service : std::uint8_t {
    runtime, ///< its time in the runtime, all of it on the CPU
    cpu,     ///< of its time in the runtime the share that its pod used a CPU; the rest it blocks, at its start
};

/// How a request table of the Huawei 2025 trace becomes a workload.
struct huawei2025_options {
    row_policy rows;
    huawei2025_service service = huawei2025_service::runtime;

    /// The service demand in place of 0: times are recorded in whole microseconds.
    duration zero_duration_as = std::chrono::nanoseconds{500};

    /// Whether the first arrival becomes time 0. If not, arrivals are as recorded (the only published day is day 30),
    /// and a request that starts before the trace's own time 0 is a bad row.
    bool from_first_arrival = true;
};

/// Reads a request table of the Huawei 2025 trace: one row per request, of one day and region, in one file or several.
///
/// | column                                | meaning                                                                |
/// |---------------------------------------|------------------------------------------------------------------------|
/// | `time_frontend`, `totalCost_frontend` | when the frontend logged the request, and how long it had taken, seconds |
/// | `time_worker`, `totalCost_worker`     | the same of the worker                                                 |
/// | `runtimeCost`                         | time in the function's runtime, seconds                                |
/// | `funcName`, `userID`, `podID`         | a function is all three, of the last its pool: pool22-300-128-0000618412
/// is of pool22-300-128 | | `cpu_usage`                           | of its pod while it ran, in CPUs; asked for only by
/// `huawei2025_service::cpu` | | `memory_usage`                        | of its pod while it ran, in MB; may be missing
/// |
///
/// Other columns are passed over, and the order is free. A function's name is as the trace's documentation writes it,
/// "funcName---userID---pool".
///
/// A request arrives at time - totalCost, by the frontend where it has both, else by the worker. That the times are
/// those of the end is not said in the documentation; it follows from its example, where the worker's time lies before
/// the frontend's, as only an end can.
///
/// Like the Azure 2021 trace this one is sorted by arrival in memory, 32 bytes for each row, and the first call of
/// `next` reads it whole; equal arrivals keep the order of the rows.
///
/// \source Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, and
/// README_data_release_2025.md of its data release
/// \thread_safety none
template <byte_source Source>
class huawei2025_reader {
  public:
    /// \param inputs  the parts of the table, as it is published, each with its header; at least one
    /// \param names   receives the functions, in order of their first arrival; borrowed, must outlive the reader
    huawei2025_reader(std::vector<named_source<Source>> inputs, function_names& names, huawei2025_options options = {})
        : inputs_{std::move(inputs)}, names_{names}, options_{options} {
        HPCSCHED_ASSERT(!inputs_.empty());
        HPCSCHED_ASSERT(options.zero_duration_as > duration::zero());
    }

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity the first call reads the trace; each later one is O(1) where the trace is nearly in order
    [[nodiscard]] result<bool> next(invocation& out) {
        if (!std::exchange(loaded_, true)) {
            if (result<bool> const loaded = load(); !loaded) {
                return loaded;
            }
            origin_ = options_.from_first_arrival && !sorted_.empty() ? sorted_.first_arrival() : 0;
        }
        record r;
        if (!sorted_.next(r)) {
            return false;
        }
        out.arrival = time_point{duration{r.arrival - origin_}};
        out.service = duration{r.service};
        out.function = names_.publish(r.function);
        out.memory_mb = r.memory_mb;
        out.blocking.clear();
        if (r.blocked > 0) {
            out.blocking.push_back({duration::zero(), duration{r.blocked}});
        }
        return true;
    }

    /// Complete after the first call of `next`.
    [[nodiscard]] read_counts const& counts() const noexcept { return counts_; }

  private:
    enum slot : std::uint8_t {
        time_frontend,
        total_cost_frontend,
        time_worker,
        total_cost_worker,
        runtime_cost,
        func_name,
        user_id,
        pod_id,
        memory_usage,
        cpu_usage,
        slot_count
    };

    using fields = std::array<field, slot_count>;

    struct record {
        std::int64_t arrival; // nanoseconds
        std::int64_t service; // nanoseconds
        std::int64_t blocked; // nanoseconds
        function_id function; // of names_
        std::uint32_t memory_mb;
    };

    /// One of the files.
    struct part {
        row_reader<Source> rows;
        column_map<slot_count> columns{{"time_frontend", "totalCost_frontend", "time_worker", "totalCost_worker",
                                        "runtimeCost", "funcName", "userID", "podID", "memory_usage", "cpu_usage"},
                                       "a Huawei 2025 request table"};
    };

    [[nodiscard]] result<bool> load() {
        for (named_source<Source>& input : std::exchange(inputs_, {})) {
            part p{row_reader<Source>{std::move(input), options_.rows}};
            result<bool> const read = load(p);
            counts_ += p.rows.counts();
            if (!read) {
                return read;
            }
        }
        sorted_.finish();
        return true;
    }

    [[nodiscard]] result<bool> load(part& p) {
        if (p.columns.read_header(p.rows)) {
            while (p.rows.next()) {
                record r;
                if (parse(p, r)) {
                    sorted_.add(r);
                    ++p.rows.counts().taken_count;
                }
            }
        }
        return p.rows.finish();
    }

    [[nodiscard]] bool parse(part& p, record& out) {
        field_cursor cursor{p.rows.row()};
        fields f;
        if (!p.columns.split(p.rows, cursor, f) || !take_arrival(p, f, out) || !take_service(p, f, out) ||
            !take_memory(p, f, out)) {
            return false;
        }
        for (slot const which : {func_name, user_id, pod_id}) {
            if (!take_name(p.rows, f[which], p.columns.name(which))) {
                return false;
            }
        }
        std::string_view const pod = f[pod_id].text;
        name_ = f[func_name].text;
        name_ += "---";
        name_ += f[user_id].text;
        name_ += "---";
        name_ += pod.substr(0, pod.rfind('-'));
        out.function = names_.intern(name_);
        return true;
    }

    [[nodiscard]] bool take(part& p, fields const& f, slot which, std::int64_t& out) {
        return take_time(p.rows, f[which], p.columns.name(which), 9, out);
    }

    [[nodiscard]] bool take_arrival(part& p, fields const& f, record& out) {
        bool const by_frontend = !is_missing(f[time_frontend]) && !is_missing(f[total_cost_frontend]);
        slot const time = by_frontend ? time_frontend : time_worker;
        slot const cost = by_frontend ? total_cost_frontend : total_cost_worker;
        std::int64_t end = 0;
        std::int64_t taken = 0;
        if (!take(p, f, time, end) || !take(p, f, cost, taken)) {
            return false;
        }
        out.arrival = end - taken;
        if (out.arrival < 0 && !options_.from_first_arrival) {
            p.rows.reject(f[cost].column,
                          "the request starts before time 0: " + std::string{p.columns.name(cost)} + " " +
                              excerpt(f[cost].text) + " is longer than " + std::string{p.columns.name(time)} + " " +
                              excerpt(f[time].text),
                          "count time from the first arrival, mend this row, or skip bad rows");
            return false;
        }
        return true;
    }

    [[nodiscard]] bool take_service(part& p, fields const& f, record& out) {
        if (!take(p, f, runtime_cost, out.service)) {
            return false;
        }
        out.blocked = 0;
        if (options_.service == huawei2025_service::cpu) {
            std::int64_t billionths = 0; // of a CPU
            if (!take(p, f, cpu_usage, billionths)) {
                return false;
            }
            __extension__ using wide = __int128;
            constexpr std::int64_t whole = 1'000'000'000;
            auto const on_cpu =
                static_cast<std::int64_t>(wide{out.service} * std::min(billionths, whole) / whole); // rounded down
            out.blocked = out.service - on_cpu;
            out.service = on_cpu;
        }
        if (out.service == 0) {
            out.service = options_.zero_duration_as.count();
        }
        return true;
    }

    [[nodiscard]] bool take_memory(part& p, fields const& f, record& out) {
        parsed_number const memory =
            detail::at_most(parse_scaled(f[memory_usage].text, 0), std::numeric_limits<std::uint32_t>::max());
        out.memory_mb = static_cast<std::uint32_t>(memory.value);
        return memory.ok() || memory.fault == number_fault::missing ||
               detail::reject_number(p.rows, f[memory_usage], p.columns.name(memory_usage), memory.fault,
                                     "a number of MB");
    }

    [[nodiscard]] static bool is_missing(field const& f) noexcept {
        return f.text.empty() || detail::equals_ignoring_case(f.text, "nan");
    }

    std::vector<named_source<Source>> inputs_;
    read_counts counts_;
    published_names names_;
    std::string name_;
    huawei2025_options options_;
    arrival_sorter<record> sorted_;
    std::int64_t origin_ = 0;
    bool loaded_ = false;
};

} // namespace hpcsched::workload

#endif

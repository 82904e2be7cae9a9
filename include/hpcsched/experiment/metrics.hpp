// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_METRICS_HPP
#define HPCSCHED_EXPERIMENT_METRICS_HPP

#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/experiment/cell_result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::experiment {

/// Mean and extreme delay of the tasks by the time of their arrival, in at most 200 intervals of equal length.
///
/// The length is a power of two of milliseconds; it doubles whenever a later arrival would not fit, so the whole run is
/// covered without knowing its length beforehand, in constant memory.
/// \complexity add: O(1) amortised
class delay_series {
  public:
    static constexpr std::size_t interval_count_max = 200;

    /// \pre arrival >= 0, delay >= 0
    void add(time_point arrival, duration delay);

    /// The intervals from the start of the run to the last arrival; those without arrivals have no delay.
    [[nodiscard]] std::vector<delay_point> points() const;

  private:
    struct interval {
        double sum = 0; ///< nanoseconds
        std::int64_t largest = 0;
        std::uint64_t count = 0;
    };

    void halve();

    std::vector<interval> intervals_;
    std::int64_t length_ = 1'000'000; ///< nanoseconds
};

/// Turns the tasks of one run into a `cell_result`: an observer of a simulated machine.
///
/// Percentiles are exact (nearest rank): every task is kept, in 40 bytes. Groups are ALPS's, by service demand.
/// RTE counts the CPU time received; slowdown is turnaround / (service + blocked). Billed is the wall time from the
/// first instruction to the exit, by `price_model`; waiting for the first instruction is the provider's.
///
/// \thread_safety none; one object per run
class metrics {
  public:
    /// \param expected_tasks  a hint for the memory to set aside; 0: not known
    explicit metrics(std::uint64_t expected_tasks = 0);

    void on_arrival(task_id, function_id, time_point now) noexcept;
    void on_run(cpu_id, task_id, time_point) noexcept {}
    void on_stop(cpu_id, task_id, cpu_sim::switch_reason, time_point) noexcept {}
    void on_exit(cpu_sim::task_record const& record, time_point now);

    /// All figures of the run but `trace_hash` and `run_seconds`.
    /// \param key      named in the result; its `cpu_count` is the machine's
    /// \param summary  what the machine reports of the same run
    /// \complexity O(n log n) for n tasks
    [[nodiscard]] cell_result report(cell_key key, cpu_sim::run_summary const& summary) const;

  private:
    struct sample {
        std::int64_t turnaround = 0; ///< nanoseconds
        std::int64_t delay = 0;      ///< nanoseconds
        double slowdown = 0;
        double rte = 0;
        std::uint32_t context_switches = 0;
        std::uint32_t group = 0;
    };

    [[nodiscard]] group_result report_group(std::uint32_t group) const;
    void report_shape(cell_result& result) const;

    std::vector<sample> samples_;
    delay_series delays_;
    std::uint64_t service_ = 0; ///< nanoseconds, of all tasks
    std::uint64_t migrations_ = 0;
    double billed_ = 0, billed_ideal_ = 0;
    time_point first_arrival_ = never;
    time_point last_arrival_{};
    time_point last_exit_{};
};

static_assert(cpu_sim::machine_observer<metrics>);

/// The upper bounds of G1, G2 and G3 by service demand; G4 has none.
/// \source ALPS, section 5, table 1
inline constexpr std::array<duration, 3> group_bounds{duration{50'000'000}, duration{200'000'000},
                                                      duration{400'000'000}};

} // namespace hpcsched::experiment

#endif

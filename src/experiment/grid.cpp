// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/experiment/build_identity.hpp>
#include <hpcsched/experiment/cell_pool.hpp>
#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/experiment/suggest.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <utility>

namespace hpcsched::experiment {
namespace {

constexpr double load_max = 100.0;
constexpr double arrival_cv_max = 100.0;

/// Counts what passes, and ends with an error once told to stop.
class controlled_stream final : public invocation_stream {
  public:
    controlled_stream(invocation_stream& inner, cell_control const& control) : inner_{inner}, control_{control} {}
    controlled_stream(controlled_stream const&) = delete;
    controlled_stream& operator=(controlled_stream const&) = delete;
    ~controlled_stream() override { publish(); }

    [[nodiscard]] result<bool> next(workload::invocation& out) override {
        if (++unpublished_ == publish_every) {
            publish();
        }
        if (control_.stop != nullptr && control_.stop->load(std::memory_order_relaxed)) {
            return error{"interrupted"};
        }
        return inner_.next(out);
    }

  private:
    // Rarely, so that the threads do not fight for one cache line.
    static constexpr std::uint64_t publish_every = 256;

    void publish() noexcept {
        if (control_.tasks_begun != nullptr) {
            control_.tasks_begun->fetch_add(unpublished_, std::memory_order_relaxed);
        }
        unpublished_ = 0;
    }

    invocation_stream& inner_;
    cell_control const& control_;
    std::uint64_t unpublished_ = 0;
};

template <class Values>
result<void> check_axis(char const* name, Values const& values) {
    if (values.empty()) {
        return error{std::string{"no "} + name + " given"};
    }
    for (auto value = values.begin(); value != values.end(); ++value) {
        if (std::find(values.begin(), value, *value) != value) {
            return error{std::string{"a value of "} + name + " is given twice"};
        }
    }
    return {};
}

result<void> check_policies(grid const& cells, policy_registry const& policies) {
    std::vector<std::string> known;
    for (policy const& p : policies.policies()) {
        known.push_back(p.name);
    }
    for (std::string const& name : cells.policies) {
        if (policies.find(name) == nullptr) {
            return error{"unknown policy '" + name + "': " + suggestion(name, known, "policies")};
        }
    }
    return check_axis("policies", cells.policies);
}

result<void> check_ranges(grid const& cells) {
    for (double const load : cells.loads) {
        if (!std::isfinite(load) || load < 0 || load > load_max) {
            return error{"load " + std::to_string(load) +
                         " is out of range: give more than 0 and at most 100, or 0 "
                         "for arrivals as recorded"};
        }
    }
    for (double const cv : cells.arrival_cvs) {
        if (!std::isfinite(cv) || cv < 0 || cv > arrival_cv_max) {
            return error{"arrival CV " + std::to_string(cv) +
                         " is out of range: give more than 0 and at most 100, or "
                         "0 for the workload's own"};
        }
    }
    for (std::uint32_t const cpus : cells.cpu_counts) {
        cpu_sim::machine_config machine = cells.machine;
        machine.cpu_count = cpus;
        if (auto const valid = cpu_sim::validate(machine); valid.has_error()) {
            return valid.error();
        }
    }
    return {};
}

result<void> check(grid const& cells, policy_registry const& policies) {
    std::vector<std::string> names;
    for (grid_workload const& workload : cells.workloads) {
        HPCSCHED_ASSERT(workload.open != nullptr);
        names.push_back(workload.name);
    }
    for (auto const& checked :
         {check_axis("workloads", names), check_policies(cells, policies), check_axis("loads", cells.loads),
          check_axis("arrival CVs", cells.arrival_cvs), check_axis("cores", cells.cpu_counts),
          check_axis("seeds", cells.seeds), check_ranges(cells)}) {
        if (checked.has_error()) {
            return checked.error();
        }
    }
    return {};
}

void add_machine(sequence_hash& hash, cpu_sim::machine_config const& machine) {
    for (duration const length : {machine.tick, machine.context_switch_cost, machine.migration_cost,
                                  machine.balance_period, machine.agent_event_cost, machine.agent_command_cost,
                                  machine.fair_server.runtime, machine.fair_server.period}) {
        hash.add(static_cast<std::uint64_t>(length.count()));
    }
    hash.add(machine.idle_stealing ? 1U : 0U);
    hash.add(machine.fair_server.enabled ? 1U : 0U);
    hash.add(std::uint64_t{machine.agent_cpu});
}

} // namespace

// --- the plan ----------------------------------------------------------------------------------------------

result<grid_plan> grid_plan::make(grid cells, policy_registry policies) {
    if (auto const valid = check(cells, policies); valid.has_error()) {
        return valid.error();
    }
    return grid_plan{std::move(cells), std::move(policies)};
}

grid_plan::grid_plan(grid cells, policy_registry policies)
    : grid_{std::move(cells)}, policies_{std::move(policies)}, build_{build_identity()} {
    for (std::size_t workload = 0; workload < grid_.workloads.size(); ++workload) {
        for (std::uint32_t const cpus : grid_.cpu_counts) {
            for (double const load : grid_.loads) {
                for (double const cv : grid_.arrival_cvs) {
                    for (std::uint64_t const seed : grid_.seeds) {
                        for (std::string const& name : grid_.policies) {
                            keys_.push_back({{name, grid_.workloads[workload].name, load, cv, cpus, seed}, workload});
                        }
                    }
                }
            }
        }
    }
}

std::uint64_t grid_plan::expected_tasks(std::size_t index) const {
    return grid_.workloads[keys_.at(index).workload].expected_tasks;
}

std::uint64_t grid_plan::identity(std::size_t index) const {
    cell_key const& k = key(index);
    sequence_hash hash;
    hash.add(build_);
    hash.add(std::uint64_t{results_schema_version});
    hash.add(k.policy);
    hash.add(k.workload);
    hash.add(std::bit_cast<std::uint64_t>(k.load));
    hash.add(std::bit_cast<std::uint64_t>(k.arrival_cv));
    hash.add(std::uint64_t{k.cpu_count});
    hash.add(k.seed);
    hash.add(grid_.workloads[keys_.at(index).workload].identity);
    add_machine(hash, grid_.machine);
    return hash.value();
}

result<cell_result> grid_plan::run(std::size_t index, cell_control const& control) const {
    auto const begin = std::chrono::steady_clock::now();
    placed_key const& placed = keys_.at(index);
    cell_key without_policy = placed.key;
    without_policy.policy.clear();
    auto const stream = grid_.workloads[placed.workload].open(without_policy);
    if (stream.has_error()) {
        return stream.error();
    }
    policy const& policy = *policies_.find(placed.key.policy);
    cell_control of_reading = control;
    if (policy.reads_ahead) {
        of_reading.tasks_begun = nullptr;
    }
    controlled_stream workload{**stream, of_reading};
    cell_inputs const inputs{.key = placed.key,
                             .machine =
                                 [&] {
                                     cpu_sim::machine_config machine = grid_.machine;
                                     machine.cpu_count = placed.key.cpu_count;
                                     return machine;
                                 }(),
                             .workload = workload,
                             .expected_tasks = expected_tasks(index),
                             .watcher = control.watcher,
                             .tasks_begun = policy.reads_ahead ? control.tasks_begun : nullptr,
                             .stop = policy.reads_ahead ? control.stop : nullptr};
    auto cell = policy.run(inputs);
    if (cell.has_value()) {
        cell->run_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        round_figures(*cell);
    }
    return cell;
}

// --- the books ---------------------------------------------------------------------------------------------

grid_ledger::grid_ledger(grid_plan const& plan, grid_options const& options)
    : plan_{plan}, options_{options}, cells_(plan.cell_count()) {
    for (std::size_t i = 0; i < plan.cell_count(); ++i) {
        bool const watched = options.watcher != nullptr && options.watched_cell == i;
        if (options.finished != nullptr && !options.force && !watched) {
            cells_[i] = options.finished->find(plan.identity(i));
        }
        if (cells_[i].has_value()) {
            ++reused_;
        } else {
            pending_.push_back(i);
            tasks_expected_ += plan.expected_tasks(i);
        }
    }
}

result<void> grid_ledger::enter(std::size_t index, result<cell_result> cell) {
    ++entered_;
    if (cell.has_error()) {
        if (options_.stop != nullptr && options_.stop->load()) {
            interrupted_ = true;
        } else {
            failures_.push_back({plan_.key(index), cell.error()});
        }
        return {};
    }
    cells_[index] = std::move(*cell);
    if (options_.finished != nullptr) {
        return options_.finished->append(plan_.identity(index), *cells_[index]);
    }
    return {};
}

grid_progress grid_ledger::progress(std::uint64_t tasks_begun) const {
    double done = pending_.empty() ? 1.0 : static_cast<double>(entered_) / static_cast<double>(pending_.size());
    if (tasks_expected_ > 0 && !complete()) {
        done = std::min(1.0, static_cast<double>(tasks_begun) / static_cast<double>(tasks_expected_));
    }
    return {.cells_total = plan_.cell_count(),
            .cells_finished = reused_ + entered_,
            .cells_reused = reused_,
            .work_done = done};
}

grid_outcome grid_ledger::take() {
    grid_outcome outcome;
    outcome.interrupted = interrupted_ || !complete();
    outcome.cells_reused = reused_;
    outcome.failures = std::move(failures_);
    for (std::optional<cell_result>& cell : cells_) {
        if (cell.has_value()) {
            outcome.cells.push_back(std::move(*cell));
        }
    }
    return outcome;
}

// --- the threads -------------------------------------------------------------------------------------------

result<grid_outcome> run_grid(grid_plan const& plan, grid_options const& options) {
    using namespace std::chrono_literals;
    grid_ledger ledger{plan, options};
    auto const wanted = options.thread_count == 0 ? usable_cpu_count() : options.thread_count;
    auto const useful = std::max<std::size_t>(1, std::min<std::size_t>(wanted, ledger.pending().size()));
    cell_pool pool{plan, static_cast<unsigned>(useful)};
    for (std::size_t const index : ledger.pending()) {
        pool.submit(index, index == options.watched_cell ? options.watcher : nullptr);
    }
    auto const report = [&] {
        if (options.progress) {
            options.progress(ledger.progress(pool.tasks_begun()));
        }
    };
    report();
    bool stopping = false;
    while (pool.unfinished_count() > 0) {
        if (!stopping && options.stop != nullptr && options.stop->load()) {
            stopping = true;
            pool.stop();
        }
        if (auto done = pool.wait(100ms)) {
            if (auto const entered = ledger.enter(done->index, std::move(done->cell)); entered.has_error()) {
                return entered.error();
            }
        }
        report();
    }
    return ledger.take();
}

} // namespace hpcsched::experiment

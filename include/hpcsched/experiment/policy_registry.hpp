// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_POLICY_REGISTRY_HPP
#define HPCSCHED_EXPERIMENT_POLICY_REGISTRY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/experiment/schedule_watcher.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::experiment {

/// What one cell is run with. The workload and the watcher are borrowed for the run.
struct cell_inputs {
    cell_key key{};
    cpu_sim::machine_config machine{};   ///< what hardware and kernel cost; `cpu_count` is the key's
    invocation_stream& workload;         ///< read to its end
    std::uint64_t expected_tasks = 0;    ///< a hint; 0: not known
    schedule_watcher* watcher = nullptr; ///< sees every step; null: nobody watches

    // For a policy that reads ahead; both may be null.
    std::atomic<std::uint64_t>* tasks_begun = nullptr; ///< to be raised as invocations begin
    std::atomic<bool> const* stop = nullptr;           ///< true: give up with an error
};

/// Runs one cell. Called from several threads at once, so it keeps no state between cells; any randomness it needs
/// comes from `key.seed`.
/// \error what stopped the workload, or what is wrong with the machine
using cell_runner = std::function<result<cell_result>(cell_inputs const&)>;

/// A policy as the grid knows it: a kernel, the agent that steers it, and a name.
struct policy {
    std::string name{};        ///< lower case letters, digits and '-'
    std::string description{}; ///< one line
    std::string kernel{};      ///< the scheduling classes, in words
    std::string agent{};       ///< the agent, in words
    cell_runner run{};
    bool idealised = false;   ///< runs on a machine without costs, or knows what no scheduler can know
    bool reads_ahead = false; ///< reads the whole workload before it begins: see `cell_inputs::tasks_begun`
};

/// The policies that a grid can name. A plain value: make one from `shipped_policies()`, add your own, hand it to the
/// grid.
///
/// \code
/// using namespace hpcsched;
/// auto policies = experiment::shipped_policies();
/// policies.add("mine", "my own agent on a Linux",
///              experiment::simulate_on<cpu_sim::machine<cpu::rt, cpu::eevdf>>(
///                  [](experiment::cell_inputs const&) { return my_agent{}; }));
/// \endcode
class policy_registry {
  public:
    /// Adds a policy; one of the same name is replaced and keeps its place.
    /// \pre the name is not empty and `run` holds a runner
    void add(policy added);
    void add(std::string name, std::string description, cell_runner run);

    /// The policy of that name; null: none. Valid until the registry changes.
    [[nodiscard]] policy const* find(std::string_view name) const noexcept;

    /// All policies, in the order they were added.
    [[nodiscard]] std::span<policy const> policies() const noexcept { return policies_; }

  private:
    std::vector<policy> policies_;
};

/// The policies that this library ships, each under the name that papers and tables use.
[[nodiscard]] policy_registry shipped_policies();

} // namespace hpcsched::experiment

#endif

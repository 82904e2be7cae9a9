// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_ATTACHED_HPP
#define HPCSCHED_CLI_ATTACHED_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/attachment.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// What an agent has learned of a function, as far as it says.
struct learned_estimate {
    std::optional<duration> service{}; ///< CPU time that it expects of an invocation
    std::optional<duration> slice{};   ///< 0: the kernel's own
    std::optional<int> rank{};         ///< 1: first
};

/// All that a running `hpcsched attach` can tell of itself.
struct attach_report {
    std::string policy{};
    std::string backend{};
    std::string sensor{};
    duration uptime{};
    duration own_cpu_time{}; ///< of this process
    cpu_linux::steering_counts counts{};
    std::uint64_t lost_events = 0;
    std::vector<cpu_linux::function_figures> functions{};
    std::vector<learned_estimate> learned{}; ///< of each function
    std::vector<cpu_linux::invocation_figures> invocations{};
};

/// An attachment of any agent by any backend.
class attached {
  public:
    attached() = default;
    attached(attached const&) = delete;
    attached& operator=(attached const&) = delete;
    virtual ~attached() = default;

    virtual void work() = 0;
    [[nodiscard]] virtual int steering_descriptor() const = 0;
    [[nodiscard]] virtual int watch_descriptor() const = 0; ///< -1: nobody is looked for
    virtual result<void> begin(cpu_linux::process_id process, std::string const& function) = 0;
    virtual bool end(cpu_linux::process_id process) = 0;
    [[nodiscard]] virtual attach_report report() const = 0;
};

/// The policies and the backends that there are, the default first.
[[nodiscard]] std::vector<std::string> attachable_policies();
[[nodiscard]] std::vector<std::string> attachable_backends();

/// \error a name that is none, with those that are; an empty backend stands for the best
[[nodiscard]] result<void> check_names(std::string const& policy, std::string const& backend);

/// A backend, and what its user should know beforehand.
struct backend_choice {
    std::string name{};
    std::string remark{}; ///< empty: nothing
};

/// \param wanted  its name; empty: the best that works here, and for whom is to be found
/// \pre check_names(policy, wanted) succeeds for some policy, and a rule can be made of config.find, if it is given
[[nodiscard]] backend_choice choose_backend(std::string const& wanted, cpu_linux::attachment_config const& config);

/// \param by  the name of a backend
/// \pre check_names(policy, by) succeeds
/// \error what does not work here
[[nodiscard]] result<std::unique_ptr<attached>> attach(std::string const& policy, std::string const& by,
                                                       cpu_linux::attachment_config const& config);

/// A report as one line of JSON, and what of it `top` shows, as a table.
[[nodiscard]] std::string to_json(attach_report const& report);
[[nodiscard]] std::string to_table(std::string const& report_json, std::size_t lines);

} // namespace hpcsched::cli

#endif

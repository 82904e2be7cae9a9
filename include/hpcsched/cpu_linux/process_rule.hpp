// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_PROCESS_RULE_HPP
#define HPCSCHED_CPU_LINUX_PROCESS_RULE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::cpu_linux {

/// Where a process says what it is.
struct process_facts {
    std::vector<std::string> cgroups{};     ///< its control groups, one of each hierarchy: "/docker/4f3a"
    std::vector<std::string> arguments{};   ///< its command line; empty: a thread of the kernel
    std::vector<std::string> environment{}; ///< "NAME=value", as it was started
};

/// What /proc tells of a process; what this user may not read stays empty.
/// \error the process is gone
[[nodiscard]] result<process_facts> facts_of(process_id process);

/// Which processes are meant, and what their function is called.
///
/// | `function`            | the name is                                                              |
/// |-----------------------|--------------------------------------------------------------------------|
/// | `cgroup`              | the control group below `cgroup`, its first part; without `cgroup`, its last |
/// | `cgroup=REGEX`        | what REGEX finds in the path of its control group                        |
/// | `command`             | the program's name, without its folder                                   |
/// | `command=REGEX`       | what REGEX finds in its command line                                     |
/// | `env:NAME`            | the value of the environment variable NAME                               |
/// | `env:NAME=REGEX`      | what REGEX finds in that value                                           |
/// | nothing               | of `match` where that has a group in parentheses; else `cgroup` where that is given; else
/// `command` |
///
/// What a regular expression (Perl's syntax) *finds* is its first group in parentheses, or all that it matched where it
/// has none.
struct process_rule_config {
    std::string cgroup{};   ///< those in this control group and below: "/docker", or its folder; empty: anywhere
    std::string match{};    ///< those whose command line, joined by blanks, this regular expression matches a part of
    std::string function{}; ///< as above
};

/// \see process_rule_config
class process_rule {
  public:
    /// \error a regular expression, a source of the name or a folder that is none: what, and what would do
    [[nodiscard]] static result<process_rule> make(process_rule_config const& config);

    process_rule(process_rule&&) noexcept;
    process_rule& operator=(process_rule&&) noexcept;
    ~process_rule();

    /// The control group that it keeps to, as a path in its hierarchy; empty: it keeps to none.
    [[nodiscard]] std::string const& cgroup() const noexcept;

    /// The name of the function that a process runs; nothing where it is not meant, or has no such name.
    [[nodiscard]] std::optional<std::string> function_of(process_facts const& facts) const;

  private:
    class state;
    explicit process_rule(std::unique_ptr<state const> made) noexcept;
    std::unique_ptr<state const> state_;
};

} // namespace hpcsched::cpu_linux

#endif

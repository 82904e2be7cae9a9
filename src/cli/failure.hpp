// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_FAILURE_HPP
#define HPCSCHED_CLI_FAILURE_HPP

#include <hpcsched/core/result.hpp>

#include <string>
#include <utility>

namespace hpcsched::cli {

/// What the program's exit status says; `hpcsched --help` lists them.
enum class exit_code : int {
    success = 0,
    failure = 1,       ///< something went wrong on the way: a file that cannot be written, a cell that failed
    usage = 2,         ///< the command line or the configuration file is wrong
    bad_input = 3,     ///< a workload cannot be read, or does not hold what it should
    interrupted = 130, ///< by Ctrl-C or SIGTERM; what was finished is kept
};

/// Thrown to end the program with one line on standard error.
struct failure {
    exit_code code = exit_code::failure;
    std::string message;
};

/// The value, or the end of the program.
/// \throws failure  with `code` and the error's message behind `prefix`
template <class Value>
Value or_fail(result<Value>&& outcome, exit_code code, std::string const& prefix = {}) {
    if (outcome.has_error()) {
        throw failure{code, prefix + outcome.error().message};
    }
    if constexpr (!std::is_void_v<Value>) {
        return std::move(*outcome);
    }
}

} // namespace hpcsched::cli

#endif

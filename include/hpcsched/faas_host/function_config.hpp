// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_FUNCTION_CONFIG_HPP
#define HPCSCHED_FAAS_HOST_FUNCTION_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/keep_alive.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hpcsched::faas_host {

/// How a function's process is spoken to.
enum class protocol : std::uint8_t {
    runtime_api,  ///< it asks for its invocations over the AWS Lambda Runtime API, one after the other
    command,      ///< a process for each invocation: the event on standard input, the answer on standard output
    shared_object ///< a function of hpcsched/faas_host/shared_function.h, called in a worker process
};

/// One function that a host serves.
struct function_config {
    std::string name{}; ///< 1 .. 64 letters, digits, '-' and '_', as on AWS
    protocol speaks = protocol::runtime_api;
    std::vector<std::string> command{};               ///< program, looked for in PATH, and arguments; of a shared
                                                      ///< object its path alone
    std::map<std::string, std::string> environment{}; ///< beside what Lambda sets, and PATH, HOME, LANG and TZ as here
    std::string folder{};                             ///< in which it starts, LAMBDA_TASK_ROOT; empty: as here
    std::string handler{};                            ///< its _HANDLER
    std::uint64_t memory = std::uint64_t{512} << 20U; ///< bytes that a worker may use; 0: no limit
    std::uint64_t processes = 256;                    ///< processes and threads that a worker may have; 0: no limit
    duration timeout = std::chrono::seconds{3};       ///< of one invocation
    duration init_timeout = std::chrono::seconds{10}; ///< from a worker's start to its first question for work
    std::size_t concurrency = 10;                     ///< workers at one time
    std::size_t queue_capacity = 100;                 ///< invocations that wait for one
    any_keep_alive keep_alive{};
    duration latency_target = unlimited; ///< from an invocation's arrival to its end; `unlimited`: none. Where any
                                         ///< function has one, the host admits by the risk that it is broken
    double latency_share = 0.01;         ///< of its invocations that may take longer, > 0, < 1
    bool takes_json_only = true;         ///< as on AWS; false: any bytes
    std::string log_file{};              ///< what workers print is appended to it; empty: kept nowhere
};

/// \error what is wrong with it, and what is right
[[nodiscard]] result<void> validate(function_config const& config);

} // namespace hpcsched::faas_host

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_INVOCATION_HPP
#define HPCSCHED_FAAS_HOST_INVOCATION_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace hpcsched::faas_host::detail {

/// What a client asks of a function.
struct invocation_request {
    std::string request_id{};
    std::string event{};          ///< what the worker gets
    std::string client_context{}; ///< JSON, in one line; often empty
    std::string trace{};          ///< as the client sent it; often empty
    bool wants_log = false;
};

enum class ending : std::uint8_t {
    answered,
    function_error, ///< the worker says so, or there is none; the body is an error envelope
    too_many,       ///< not taken, for now
    turned_away,    ///< likewise, for the sake of a latency target
    draining        ///< not taken any more
};

/// What becomes of it.
struct invocation_result {
    ending how = ending::answered;
    std::string body{};
    std::string log_tail{}; ///< where it was asked for
    duration retry_after{}; ///< where it was not taken
};

/// Told once; empty where nobody waits.
using invocation_told = std::function<void(invocation_result&&)>;

/// An invocation that was taken.
struct invocation {
    invocation_id id{};
    invocation_request request{};
    invocation_told tell{};
    time_point arrival{};
    time_point begin{};                   ///< when a worker got it
    time_point deadline{};                ///< `begin` and the time-out
    std::optional<duration> cpu_before{}; ///< CPU time of its worker when it got it, where that is known
};

} // namespace hpcsched::faas_host::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_OBJECT_FRAME_HPP
#define HPCSCHED_FAAS_HOST_OBJECT_FRAME_HPP

#include <cstdint>

// What a host and the worker that calls a shared object send each other over a Unix socket: a frame, then `size` bytes.
// Both are of one build, so fields are as they lie in memory.
namespace hpcsched::faas_host::detail {

inline constexpr char const* worker_argument = "--hpcsched-shared-function"; ///< followed by the object's path
inline constexpr int worker_channel = 3;                                     ///< the worker's end

/// To the worker; the bytes are the event.
struct event_frame {
    std::uint64_t size = 0;
    std::int64_t deadline = 0; ///< milliseconds since 1970
    char request_id[40] = {};
};

enum class object_says : std::uint32_t {
    ready,       ///< no bytes; once, at the start
    answer,      ///< the bytes are the answer; it is ready again
    error,       ///< the bytes are a message; it is ready again
    cannot_start ///< the bytes are a message
};

/// From the worker.
struct object_frame {
    object_says what = object_says::ready;
    std::uint32_t size = 0;
};

} // namespace hpcsched::faas_host::detail

#endif

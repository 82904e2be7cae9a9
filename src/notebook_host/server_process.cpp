// SPDX-License-Identifier: Apache-2.0
#include "server_process.hpp"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace hpcsched::notebook_host {

server_process::server_process() {
    char const* const text = std::getenv("JPY_PARENT_PID"); // NOLINT(concurrency-mt-unsafe): nobody sets it
    std::string_view const number = text == nullptr ? std::string_view{} : text;
    pid_t process = 0;
    auto const [end, failed] = std::from_chars(number.data(), number.data() + number.size(), process);
    if (failed == std::errc{} && end == number.data() + number.size() && process > 0) {
        descriptor_ = static_cast<int>(::syscall(SYS_pidfd_open, process, 0)); // -1: it is nobody whom we see
    }
}

server_process::~server_process() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

} // namespace hpcsched::notebook_host

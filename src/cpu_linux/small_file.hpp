// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_SMALL_FILE_HPP
#define HPCSCHED_CPU_LINUX_SMALL_FILE_HPP

#include <fstream>
#include <iterator>
#include <string>

namespace hpcsched::cpu_linux::detail {

/// The whole of a file below /proc or /sys; empty where it cannot be read.
[[nodiscard]] inline std::string read_small_file(std::string const& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace hpcsched::cpu_linux::detail

#endif

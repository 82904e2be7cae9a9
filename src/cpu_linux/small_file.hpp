// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_SMALL_FILE_HPP
#define HPCSCHED_CPU_LINUX_SMALL_FILE_HPP

#include "file_descriptor.hpp"
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

namespace hpcsched::cpu_linux::detail {

/// The whole of a file below /proc or /sys; where reading fails, as that of a process does which is gone by then, what
/// was read before.
[[nodiscard]] inline std::string read_small_file(std::string const& path) {
    file_descriptor const file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::string text;
    std::array<char, 4096> block;
    for (ssize_t size = 0; file.is_open() && (size = read(file.get(), block.data(), block.size())) > 0;) {
        text.append(block.data(), static_cast<std::size_t>(size));
    }
    return text;
}

} // namespace hpcsched::cpu_linux::detail

#endif

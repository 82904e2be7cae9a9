// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_SPLIT_HPP
#define HPCSCHED_CPU_LINUX_SPLIT_HPP

#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cpu_linux::detail {

/// The pieces of a text between `separator`; the last one may be ended by it.
[[nodiscard]] inline std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> pieces;
    std::istringstream in{std::string{text}};
    for (std::string piece; std::getline(in, piece, separator);) {
        pieces.push_back(std::move(piece));
    }
    return pieces;
}

} // namespace hpcsched::cpu_linux::detail

#endif

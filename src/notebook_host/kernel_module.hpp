// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_KERNEL_MODULE_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_KERNEL_MODULE_HPP

#include <span>
#include <string>
#include <string_view>

namespace hpcsched::notebook_host {

/// A file that was made into a part of this program (HpcschedEmbed.cmake), in pieces.
using asset = std::span<std::string_view const>;

/// hpcsched_kernel.py: what makes a stock ipykernel say what a cell changed, and take over what others changed.
[[nodiscard]] asset kernel_module() noexcept;

[[nodiscard]] inline std::string kernel_module_text() {
    std::string text;
    for (std::string_view const piece : kernel_module()) {
        text += piece;
    }
    return text;
}

} // namespace hpcsched::notebook_host

#endif

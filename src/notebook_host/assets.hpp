// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_ASSETS_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_ASSETS_HPP

#include <span>
#include <string>
#include <string_view>

namespace hpcsched::notebook_host {

/// A file that was made into a part of this program (HpcschedEmbed.cmake), in pieces.
using asset = std::span<std::string_view const>;

/// The Python package hpcsched_kernel, what makes a stock ipykernel say what a cell changed, and take over what others
/// changed: its modules, each by its file's name.
[[nodiscard]] asset kernel_init() noexcept;
[[nodiscard]] asset kernel_main() noexcept;
[[nodiscard]] asset kernel_kernel() noexcept;
[[nodiscard]] asset kernel_loading() noexcept;
[[nodiscard]] asset kernel_objects() noexcept;
[[nodiscard]] asset kernel_pickling() noexcept;
[[nodiscard]] asset kernel_replica() noexcept;
[[nodiscard]] asset kernel_store() noexcept;
[[nodiscard]] asset kernel_watching() noexcept;
[[nodiscard]] asset kernel_widgets() noexcept;

/// page/status.html: shows `GET /status`, as often as a second, and loads nothing else.
[[nodiscard]] asset status_html() noexcept;

[[nodiscard]] inline std::string text_of(asset file) {
    std::string text;
    for (std::string_view const piece : file) {
        text += piece;
    }
    return text;
}

} // namespace hpcsched::notebook_host

#endif

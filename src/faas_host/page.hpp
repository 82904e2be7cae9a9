// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_PAGE_HPP
#define HPCSCHED_FAAS_HOST_PAGE_HPP

#include <span>
#include <string>
#include <string_view>

namespace hpcsched::faas_host::detail {

using asset = std::span<std::string_view const>;

/// page/live.html, compiled in by `cmake/HpcschedEmbed.cmake`, in pieces.
[[nodiscard]] asset live_page_html() noexcept;

/// The page that shows `GET /status`, as often as a second. It loads nothing else.
[[nodiscard]] inline std::string live_page() {
    std::string all;
    for (std::string_view const piece : live_page_html()) {
        all += piece;
    }
    return all;
}

} // namespace hpcsched::faas_host::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_ASSETS_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_ASSETS_HPP

#include <span>
#include <string_view>

/// The files that the page is made from, compiled in by `cmake/HpcschedEmbed.cmake`; each in pieces, since compilers
/// bound the length of a literal.
namespace hpcsched::experiment::detail {

using asset = std::span<std::string_view const>;

[[nodiscard]] asset page_html() noexcept;
[[nodiscard]] asset page_css() noexcept;
[[nodiscard]] asset trouble_js() noexcept; ///< shows what fails in the other scripts
[[nodiscard]] asset page_js() noexcept;    ///< this project's other scripts, in order
[[nodiscard]] asset chart_js() noexcept;   ///< Chart.js of the machine that built the library

} // namespace hpcsched::experiment::detail

#endif

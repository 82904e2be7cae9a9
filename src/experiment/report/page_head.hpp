// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_PAGE_HEAD_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_PAGE_HEAD_HPP

#include "report/assets.hpp"
#include "report/text.hpp"

#include <string>
#include <string_view>

namespace hpcsched::experiment::detail {

/// A page without scripts up to the opening of its body: it takes nothing from the network.
/// \param more_style  CSS of its own
[[nodiscard]] inline std::string page_head(std::string_view title, std::string_view more_style = {}) {
    std::string out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<meta name=\"referrer\" content=\"no-referrer\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\"\n"
                      "  content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n<title>" +
                      escape_markup(title) + "</title>\n<style>\n";
    for (std::string_view const piece : page_css()) {
        out += piece;
    }
    return out.append(more_style) +
           "\n.card svg { display: block; max-width: 100%; height: auto; }\n</style>\n</head>\n<body>\n";
}

} // namespace hpcsched::experiment::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_OWN_HEADER_HPP
#define HPCSCHED_WORKLOAD_DETAIL_OWN_HEADER_HPP

#include <hpcsched/workload/row_reader.hpp>

#include <string>
#include <string_view>

namespace hpcsched::workload::detail {

/// One of hpcsched's own formats: a line with its version, which may be absent, other comments, a header, and rows.
struct own_format {
    std::string_view version_prefix; ///< what the line with the version begins with
    std::string_view version;        ///< the one that this library reads
    std::string_view expectation;    ///< the advice for a file without a header
};

/// Reads up to the header, and that. \return false where there is none; the reader has failed then
template <class Rows, class Columns>
[[nodiscard]] bool read_own_header(Rows& rows, Columns& columns, own_format const& format) {
    bool has_comment = false;
    while (rows.next()) {
        std::string_view const row = rows.row();
        if (!row.starts_with('#')) {
            return columns.take_header(rows);
        }
        has_comment = true;
        if (!row.starts_with(format.version_prefix)) {
            continue;
        }
        std::string_view const version = row.substr(format.version_prefix.size());
        if (version != format.version) {
            std::string advice = "this hpcsched reads version ";
            advice += format.version;
            advice += "; read it with the one that wrote it";
            rows.refuse(format.version_prefix.size() + 1, "the file has version " + excerpt(version) + " of the format",
                        advice);
            return false;
        }
    }
    if (!rows.failed()) {
        has_comment ? rows.refuse(1, "the file has comments only", format.expectation)
                    : rows.refuse_empty(format.expectation);
    }
    return false;
}

} // namespace hpcsched::workload::detail

#endif

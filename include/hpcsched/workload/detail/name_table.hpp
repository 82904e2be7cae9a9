// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_NAME_TABLE_HPP
#define HPCSCHED_WORKLOAD_DETAIL_NAME_TABLE_HPP

#include <hpcsched/core/result.hpp>

#include <string>
#include <string_view>

namespace hpcsched::workload::detail {

/// The entry of `table` that is called `name`, or an error that lists every valid name.
///
/// \param what   what is being named, for the message: "preset"
/// \param table  a range of entries with a member `name`
/// \complexity O(table)
template <class Table>
[[nodiscard]] result<typename Table::value_type> find_by_name(std::string_view what, std::string_view name,
                                                              Table const& table) {
    std::string valid;
    for (auto const& entry : table) {
        if (entry.name == name) {
            return entry;
        }
        valid.append(valid.empty() ? "" : ", ").append(entry.name);
    }
    return error{"unknown " + std::string{what} + " '" + std::string{name} + "'; valid: " + valid};
}

} // namespace hpcsched::workload::detail

#endif

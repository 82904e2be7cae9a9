// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_KERNEL_EXAMPLES_HPP
#define HPCSCHED_TESTS_NOTEBOOK_KERNEL_EXAMPLES_HPP

#include <hpcsched/notebook/kernel_entry.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace hpcsched::notebook {

inline byte_buffer encoded(kernel_entry const& entry) {
    byte_buffer out;
    kernel_codec::encode(entry, out);
    return out;
}

inline byte_buffer bytes_of(std::string_view text) {
    byte_buffer out;
    for (char const c : text) {
        out.push_back(static_cast<std::byte>(c));
    }
    return out;
}

/// One entry of every kind and shape.
inline std::vector<kernel_entry> example_entries() {
    chunk_pointer pointer{.digest = {}, .size = 1'000'000'000};
    pointer.digest.fill(std::byte{0xa5});
    return {
        cell_assigned{{1, 1}, replica_id{2}, 77},
        cell_done{{1, 1}, replica_id{2}, cell_status::ok, {{{"x", bytes_of("1")}, {"", byte_buffer{}}}, {"y"}}},
        lead_proposed{{2, 1}, replica_id{0}, true},
        lead_proposed{{2, 1}, replica_id{1}, false},
        lead_proposed{{2, 1}, replica_id{2}, true},
        vote_cast{{2, 1}, replica_id{1}, replica_id{2}},
        vote_cast{{2, 1}, replica_id{0}, std::nullopt},
        cell_done{{2, 1}, replica_id{2}, cell_status::error, {{{"array", pointer}}, {}}},
        cell_assigned{{3, 1}, replica_id{0}, 0},
        cell_assigned{{3, 2}, replica_id{1}, 0},
        cell_done{{3, 1}, replica_id{0}, cell_status::ok, {{{"x", bytes_of("lost")}}, {}}},
        cell_done{{3, 2}, replica_id{1}, cell_status::aborted, {{}, {"x"}}},
    };
}

} // namespace hpcsched::notebook

#endif

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/kernel_entry.hpp>

#include <doctest/doctest.h>

#include "kernel_examples.hpp"

#include <cstddef>
#include <span>

namespace hpcsched::notebook {
namespace {

TEST_CASE("kernel entry: what was encoded is decoded alike, and no part of it is an entry, nor is more") {
    for (kernel_entry const& entry : example_entries()) {
        byte_buffer const bytes = encoded(entry);
        auto const again = kernel_codec::decode(bytes);
        REQUIRE(again.has_value());
        CHECK(*again == entry);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            CHECK(!kernel_codec::decode(std::span{bytes}.first(cut)));
        }
        byte_buffer longer = bytes;
        longer.push_back(std::byte{0});
        CHECK(!kernel_codec::decode(longer));
    }
}

TEST_CASE("kernel entry: numbers out of range are no entry") {
    byte_buffer bytes = encoded(lead_proposed{{1, 1}, replica_id{0}, true});
    bytes[bytes.size() - 8] = std::byte{2}; // neither true nor false
    CHECK(!kernel_codec::decode(bytes));
    bytes = encoded(cell_done{{1, 1}, replica_id{0}, cell_status::aborted, {}});
    bytes[32] = std::byte{3}; // no such status
    CHECK(!kernel_codec::decode(bytes));
    bytes = encoded(vote_cast{{1, 1}, replica_id{0}, replica_id{2}});
    bytes[bytes.size() - 16] = std::byte{0}; // for nobody, and yet for somebody
    CHECK(!kernel_codec::decode(bytes));
    bytes = encoded(cell_assigned{{1, 1}, replica_id{0}, 0});
    bytes[0] = std::byte{9}; // no such kind
    CHECK(!kernel_codec::decode(bytes));
    bytes = encoded(cell_done{{1, 1}, replica_id{0}, cell_status::ok, {}});
    bytes[40] = std::byte{0xff}; // a delta of 255 names that are not there
    CHECK(!kernel_codec::decode(bytes));
}

} // namespace
} // namespace hpcsched::notebook

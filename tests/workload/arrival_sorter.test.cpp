// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/arrival_sorter.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

using hpcsched::workload::arrival_sorter;
using hpcsched::workload::merge_heap;

namespace {

struct record {
    std::int64_t arrival;
    std::uint64_t added;

    friend bool operator==(record const&, record const&) = default;
};

std::vector<record> sorted_by_the_sorter(std::vector<record> const& records) {
    arrival_sorter<record> sorter;
    for (record const& r : records) {
        sorter.add(r);
    }
    sorter.finish();
    if (!records.empty()) {
        CHECK_FALSE(sorter.empty());
    }
    std::vector<record> out;
    record r{};
    while (sorter.next(r)) {
        out.push_back(r);
    }
    CHECK(sorter.empty());
    return out;
}

} // namespace

TEST_CASE("arrival_sorter: agrees with a stable sort, whatever the order and the number of runs") {
    constexpr std::size_t run = arrival_sorter<record>::run_size;
    hpcsched::random_stream draws{7, "arrival_sorter"};
    for (std::size_t const count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{1'000}, run - 1, run,
                                    run + 1, 3 * run, 5 * run + 17}) {
        for (std::uint64_t const disorder : {0U, 1U, 50U, 1'000'000U}) {
            std::vector<record> records;
            for (std::uint64_t i = 0; i < count; ++i) {
                std::uint64_t const early = disorder == 0 ? 0 : draws() % disorder;
                records.push_back({static_cast<std::int64_t>(i / 3) - static_cast<std::int64_t>(early), i});
            }
            std::vector<record> expected = records;
            std::sort(expected.begin(), expected.end(), [](record const& a, record const& b) {
                return a.arrival != b.arrival ? a.arrival < b.arrival : a.added < b.added;
            });
            CAPTURE(count);
            CAPTURE(disorder);
            bool const equal = sorted_by_the_sorter(records) == expected;
            CHECK(equal);
        }
    }
}

TEST_CASE("arrival_sorter: descending records, and records that are all equal") {
    std::vector<record> descending;
    std::vector<record> equal;
    for (std::uint64_t i = 0; i < 200'000; ++i) {
        descending.push_back({-static_cast<std::int64_t>(i), i});
        equal.push_back({5, i});
    }
    std::vector<record> const ascending{descending.rbegin(), descending.rend()};
    bool const turned = sorted_by_the_sorter(descending) == ascending;
    bool const kept = sorted_by_the_sorter(equal) == equal;
    CHECK(turned);
    CHECK(kept);
}

TEST_CASE("merge_heap: gives the earliest head, also after the top moved back or went") {
    struct head {
        int at;
        [[nodiscard]] bool before(head const& other) const noexcept { return at < other.at; }
    };
    merge_heap<head> heap;
    for (int const at : {9, 4, 7, 1, 8, 3}) {
        heap.append({at});
    }
    heap.order();
    CHECK(heap.top().at == 1);
    heap.top().at = 6;
    heap.top_moved_back();
    std::vector<int> out;
    while (!heap.empty()) {
        out.push_back(heap.top().at);
        heap.pop();
    }
    CHECK(out == std::vector{3, 4, 6, 7, 8, 9});
}

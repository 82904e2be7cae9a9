// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/chosen_queueing.hpp>
#include <hpcsched/testing/conformance/queueing_policy.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

chosen_queueing by_name(std::string_view name, duration patience = 60s) {
    return chosen_queueing{
        {.policy = *chosen_queueing::named(name), .patience = patience, .quota = {{1, 2000}, {7, 0}}}};
}

byte_buffer saved(chosen_queueing const& q) {
    byte_buffer out;
    q.save(out);
    return out;
}

} // namespace

TEST_CASE("chosen_queueing: by its name it ranks and holds up as the policy of that name") {
    waiting_want w{{.request = whole(1), .tenant = 1, .expected_run = 30s}, at(10s), 1};
    tenant_usage const usage{{1, 1000}};
    fair_share const fair{{{1, 2000}, {7, 0}}, whole_device, 60s};
    CHECK(by_name("fifo").rank(w, at(40s), usage) == fifo::rank(w, at(40s), usage));
    CHECK(by_name("shortest").rank(w, at(40s), usage) == shortest_first::rank(w, at(40s), usage));
    CHECK(by_name("aged").rank(w, at(40s), usage) == aged{}.rank(w, at(40s), usage));
    CHECK(by_name("fair-share").rank(w, at(40s), usage) == fair.rank(w, at(40s), usage));
    for (std::string_view const name : {"fifo", "aged", "fair-share"}) {
        CHECK_FALSE(by_name(name).holds_up(w, at(69s)));
        CHECK(by_name(name).holds_up(w, at(70s)));
    }
    CHECK_FALSE(by_name("shortest").holds_up(w, at(1'000'000s)));
    CHECK_FALSE(chosen_queueing{}.holds_up(w, at(1'000'000s)));
    CHECK_FALSE(chosen_queueing::named("lifo"));
}

TEST_CASE("chosen_queueing: each keeps to the rules, is written down and read back") {
    for (std::string_view const name : chosen_queueing::names) {
        CAPTURE(name);
        chosen_queueing const chosen = by_name(name);
        CHECK(chosen.name() == name);
        CHECK(testing::check_queueing_policy(chosen) == std::vector<std::string>{});
        byte_buffer const bytes = saved(chosen);
        chosen_queueing other;
        byte_reader in{bytes};
        CHECK(other.restore(in));
        CHECK(in.rest().empty());
        CHECK(other == chosen);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            byte_reader part{std::span{bytes}.first(cut)};
            CHECK_FALSE(other.restore(part));
        }
    }
}

TEST_CASE("chosen_queueing: what it would not have written is refused, and changes nothing") {
    auto const is_refused = [](std::size_t word, std::uint64_t value) {
        byte_buffer bytes = saved(by_name("fair-share"));
        byte_buffer changed;
        put_word(changed, value);
        std::copy(changed.begin(), changed.end(), bytes.begin() + static_cast<std::ptrdiff_t>(8 * word));
        chosen_queueing other;
        byte_reader in{bytes};
        return !other.restore(in) && other == chosen_queueing{};
    };
    constexpr std::uint64_t negative = ~std::uint64_t{0};
    CHECK(is_refused(0, chosen_queueing::names.size()));
    CHECK(is_refused(1, negative)); // patience
    CHECK(is_refused(2, negative)); // of who has no quota of their own
    CHECK(is_refused(5, negative)); // the first tenant's
    CHECK(is_refused(6, 1));        // the same tenant once more
}

} // namespace hpcsched::gpu

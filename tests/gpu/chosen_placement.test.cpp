// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/gpu/chosen_placement.hpp>
#include <hpcsched/testing/conformance/placement_policy.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::gpu {

TEST_CASE("chosen_placement: by its name it scores as the policy of that name") {
    placement_request const request{{.count = 2}, {}};
    std::vector<host_load> loads;
    for (std::uint32_t free : {0U, 1U, 2U, 5U, 8U, 10U}) {
        host_load h{};
        h.free_count = free;
        h.device_count = 16;
        h.free_milli = free * 1000;
        h.group_free_max = free / 2;
        h.subscribed_ratio = 700 + free * 13;
        h.pending_milli = 3000;
        loads.push_back(h);
    }
    for (host_load const& h : loads) {
        CHECK(chosen_placement{}.score(request, h) == least_loaded::score(request, h));
        CHECK(chosen_placement::named("least-loaded")->score(request, h) == least_loaded::score(request, h));
        CHECK(chosen_placement::named("pack")->score(request, h) == pack::score(request, h));
        CHECK(chosen_placement::named("spread")->score(request, h) == spread::score(request, h));
        CHECK(chosen_placement::named("one-group")->score(request, h) == in_one_group<>{}.score(request, h));
        CHECK(chosen_placement::named("keeps-room")->score(request, h) == keeps_room<>{}.score(request, h));
    }
    CHECK_FALSE(chosen_placement::named("random"));
}

TEST_CASE("chosen_placement: each keeps to the rules, is written down and read back") {
    for (std::string_view const name : chosen_placement::names) {
        CAPTURE(name);
        chosen_placement const chosen = *chosen_placement::named(name);
        CHECK(chosen.name() == name);
        CHECK(testing::check_placement_policy(chosen) == std::vector<std::string>{});
        byte_buffer bytes;
        chosen.save(bytes);
        byte_reader in{bytes};
        chosen_placement other;
        CHECK(other.restore(in));
        CHECK(other == chosen);
        byte_reader cut{std::span{bytes}.first(bytes.size() - 1)};
        CHECK_FALSE(other.restore(cut));
    }
    byte_buffer unknown;
    put_word(unknown, chosen_placement::names.size());
    byte_reader in{unknown};
    chosen_placement other;
    CHECK_FALSE(other.restore(in));
}

} // namespace hpcsched::gpu

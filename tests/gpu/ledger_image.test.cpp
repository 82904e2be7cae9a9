// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/ledger_image.hpp>

#include <doctest/doctest.h>

#include "draws.hpp"
#include "site.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

byte_buffer saved(ledger const& l) {
    byte_buffer out;
    ledger_image::save(l, out);
    return out;
}

/// \return whether the bytes were taken, all of them
bool restored(ledger& l, std::span<std::byte const> bytes) {
    byte_reader in{bytes};
    return ledger_image::restore(l, in) && in.rest().empty();
}

/// Some of everything: hosts with a gap between, shares, slices, a failed and a draining device, leases with and
/// without an end, an owner whose lease is gone.
ledger furnished() {
    site s{{uniform_host(4), sliced_host(2, 1), grouped_host({0, 1, 0, 1})}};
    REQUIRE(s.l.remove_host(host_id{1}, s.ended) == ledger_code::done);
    REQUIRE(s.l.add_host(host_id{3}, sliced_host(3, 2)) == ledger_code::done);
    s.take(1, 0, whole(2), {.priority = -7, .length = 10s});
    s.take(2, 0, {.count = 2, .milli = 300, .memory_mib = 2000});
    s.take(3, 3, slice(slice_2g));
    s.take(4, 3, slice(slice_3g), {.now = at(5s), .length = 1h});
    s.take(7, 3, slice(slice_1g));
    s.take(5, 2, {.count = 1, .cpu_milli = 500, .host_memory_mib = 10});
    s.l.forget_owner(5);
    REQUIRE(s.ask(6, 9, 2, whole(1)).code == ledger_code::done);
    REQUIRE(s.l.release(s.l.of_owner(6)->token) == ledger_code::done);
    REQUIRE(s.l.subscribe(host_id{0}, 1, whole(2).subscription()) == ledger_code::done);
    REQUIRE(s.l.subscribe(host_id{0}, 77, {}) == ledger_code::done);
    REQUIRE(s.fail(0, 3, device_health::draining) == ledger_code::done);
    REQUIRE(s.fail(2, 3) == ledger_code::done);
    REQUIRE(s.l.set_draining(host_id{2}, true) == ledger_code::done);
    REQUIRE(s.l.check().empty());
    return s.l;
}

void put_word_at(byte_buffer& bytes, std::size_t at, std::uint64_t word) {
    byte_buffer made;
    put_word(made, word);
    std::copy(made.begin(), made.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

// Of bytes that nobody saved: they are refused, and nothing has changed, or they are a ledger that adds up, would be
// written down the same, and goes on.
void check_strange(byte_buffer const& bytes) {
    ledger before;
    REQUIRE(before.add_host(host_id{1}, uniform_host(1)) == ledger_code::done);
    ledger l = before;
    if (!restored(l, bytes)) {
        byte_reader in{bytes};
        if (!ledger_image::restore(l, in)) { // else there was only more than it took
            REQUIRE(l == before);
        }
        return;
    }
    REQUIRE(l.check() == std::string{});
    REQUIRE(saved(l) == bytes);
    for (auto const& [token, each] : l.leases()) {
        REQUIRE(each.granted >= time_point{});
        REQUIRE(each.expiry > each.granted);
    }
    lease_token const newest = l.leases().empty() ? 0 : l.leases().rbegin()->first;
    buffer<ended_lease> ended;
    for (std::uint32_t host = 0; host < 4; ++host) {
        auto const g = l.acquire(1000 + host, 1, host_id{host}, whole(1), 0, 0, at(0s), 1s, ended);
        REQUIRE((g.code != ledger_code::done || g.what.token > newest));
        (void)l.remove_host(host_id{host}, ended);
    }
    l.expire(never, ended);
    REQUIRE(l.check() == std::string{});
}

} // namespace

TEST_CASE("ledger_image: what was saved comes back as it was, to the last byte") {
    ledger const l = furnished();
    byte_buffer const bytes = saved(l);
    ledger again;
    REQUIRE(restored(again, bytes));
    CHECK(again == l);
    CHECK(again.check() == std::string{});
    CHECK(saved(again) == bytes);
    CHECK(again.next_expiry() == at(10s));
    CHECK(again.last_sequence(6) == 9);
    CHECK(again.host(host_id{0}).devices[0].fence == 1);
    ledger empty;
    CHECK(restored(again, saved(empty)));
    CHECK(again == empty);
}

TEST_CASE("ledger_image: a ledger that was put back goes on as the one that was saved") {
    site s;
    s.l = furnished();
    site other;
    REQUIRE(restored(other.l, saved(s.l)));
    for (site* const each : {&s, &other}) {
        REQUIRE(each->ask(1, 2, 0, whole(1)).what.token == 8);
        each->l.expire(at(2h), each->ended);
    }
    CHECK(other.what_ended() == s.what_ended());
    CHECK(other.l == s.l);
}

TEST_CASE("ledger_image: bytes that are cut are refused, and the ledger is as it was") {
    byte_buffer const bytes = saved(furnished());
    ledger before;
    REQUIRE(before.add_host(host_id{1}, uniform_host(1)) == ledger_code::done);
    ledger l = before;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        byte_reader in{std::span{bytes}.first(cut)};
        REQUIRE_FALSE(ledger_image::restore(l, in));
        REQUIRE(l == before);
    }
}

TEST_CASE("ledger_image: a word that is another is refused, or makes a ledger that adds up") {
    byte_buffer const bytes = saved(furnished());
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        std::uint64_t const word = byte_reader{std::span{bytes}.subspan(at, 8)}.word();
        for (std::uint64_t const other : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, word + 1, word - 1,
                                          word ^ 0x100, word | std::uint64_t{1} << 32U, std::uint64_t{1} << 63U,
                                          ~std::uint64_t{0}, std::uint64_t{65'535}, std::uint64_t{1} << 40U}) {
            byte_buffer changed = bytes;
            put_word_at(changed, at, other);
            CAPTURE(at);
            CAPTURE(other);
            check_strange(changed);
        }
    }
}

TEST_CASE("ledger_image: words that change places, or bytes by chance, do no harm") {
    byte_buffer const bytes = saved(furnished());
    draws d{1, "ledger_image"};
    for (int n = 0; n < 3000; ++n) {
        byte_buffer changed = bytes;
        for (std::uint64_t left = 1 + d.below(3); left > 0; --left) {
            std::size_t const to = 8 * static_cast<std::size_t>(d.below(bytes.size() / 8));
            std::size_t const from = 8 * static_cast<std::size_t>(d.below(bytes.size() / 8));
            put_word_at(changed, to, d.one_in(2) ? byte_reader{std::span{bytes}.subspan(from, 8)}.word() : d.below(12));
        }
        check_strange(changed);
    }
    for (int n = 0; n < 1000; ++n) {
        byte_buffer noise(static_cast<std::size_t>(d.below(200)));
        for (std::byte& b : noise) {
            b = static_cast<std::byte>(d.below(4) == 0 ? d.below(256) : 0);
        }
        check_strange(noise);
    }
}

TEST_CASE("ledger_image: a token that is the last of all, or above the last one granted, is refused") {
    byte_buffer bytes = saved(ledger{});
    ledger l;
    put_word_at(bytes, 0, (std::uint64_t{1} << 63U) - 1);
    CHECK(restored(l, bytes));
    for (std::uint64_t const last : {std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
        put_word_at(bytes, 0, last);
        CHECK_FALSE(restored(l, bytes));
    }
    site s{{uniform_host(1)}};
    s.take(1, 0, whole(1));
    bytes = saved(s.l);
    put_word_at(bytes, 0, 0);
    CHECK_FALSE(restored(l, bytes));
}

TEST_CASE("ledger_image: a number of fewer bits is taken only where it has no more") {
    auto const taken = [](std::uint64_t word, auto type) {
        byte_buffer bytes;
        put_word(bytes, word);
        byte_reader in{bytes};
        (void)ledger_image::take<decltype(type)>(in);
        return in.good();
    };
    CHECK(taken(255, std::uint8_t{}));
    CHECK_FALSE(taken(256, std::uint8_t{}));
    CHECK(taken(65'535, std::uint16_t{}));
    CHECK_FALSE(taken(65'536, std::uint16_t{}));
    CHECK(taken(0xffff'ffff, std::uint32_t{}));
    CHECK_FALSE(taken(0x1'0000'0000, std::uint32_t{}));
    CHECK(taken(~std::uint64_t{0}, std::int32_t{})); // -1
    CHECK(taken(0x7fff'ffff, std::int32_t{}));
    CHECK_FALSE(taken(0xffff'ffff, std::int32_t{}));
    CHECK(taken(~std::uint64_t{0}, std::int64_t{}));
}

} // namespace hpcsched::gpu

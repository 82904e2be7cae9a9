// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/raft/log_window.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "death.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace hpcsched::raft {
namespace {

std::vector<std::byte> bytes(std::size_t size, std::uint64_t fill) {
    return std::vector<std::byte>(size, static_cast<std::byte>(fill));
}

// The same, without rings: every entry since the beginning, and which of them must still be there.
struct plain {
    struct item {
        log_term term;
        std::vector<std::byte> payload;
    };
    std::vector<item> all;
};

} // namespace

TEST_CASE("log_window: an empty log begins behind the entry that it was told of") {
    log_window w{8, 64};
    CHECK(w.first_index() == 1);
    CHECK(w.last_index() == 0);
    CHECK(w.last_term() == 0);
    CHECK(w.term_at(0) == 0);
    CHECK_FALSE(w.term_at(1).has_value());
    w.reset(41, 7);
    CHECK(w.first_index() == 42);
    CHECK(w.last_index() == 41);
    CHECK(w.last_term() == 7);
    CHECK(w.term_at(41) == 7);
    CHECK_FALSE(w.term_at(40).has_value());
}

TEST_CASE("log_window: nothing that may not be evicted makes room") {
    log_window w{4, 64};
    for (log_index i = 1; i <= 4; ++i) {
        REQUIRE(w.append(1, entry_kind::command, bytes(16, i), 0));
    }
    CHECK_FALSE(w.append(1, entry_kind::command, {}, 0)); // no entry
    CHECK(w.append(1, entry_kind::command, {}, 1));
    CHECK(w.first_index() == 2);
    CHECK_FALSE(w.append(1, entry_kind::command, bytes(33, 0), 2)); // no bytes, with one gone more
    CHECK(w.append(1, entry_kind::command, bytes(32, 6), 2));
    CHECK(w.last_index() == 6);
    CHECK_FALSE(w.append(1, entry_kind::command, bytes(65, 0), 6)); // never
}

TEST_CASE("log_window: a payload is never split at the end of the ring") {
    log_window w{8, 64};
    REQUIRE(w.append(1, entry_kind::command, bytes(40, 1), 0));
    CHECK_FALSE(w.append(1, entry_kind::command, bytes(30, 2), 0)); // 24 are left at the end, 0 at the start
    REQUIRE(w.append(1, entry_kind::command, bytes(30, 2), 1));
    CHECK(w.first_index() == 2);
    CHECK(std::ranges::equal(w.at(2).payload, bytes(30, 2)));
}

TEST_CASE("log_window: a copy has rings of its own") {
    log_window a{8, 64};
    REQUIRE(a.append(1, entry_kind::command, bytes(8, 1), 0));
    log_window b = a;
    a.truncate(1);
    REQUIRE(a.append(2, entry_kind::command, bytes(8, 2), 0));
    CHECK(std::ranges::equal(b.at(1).payload, bytes(8, 1)));
    CHECK(b.at(1).term == 1);
}

TEST_CASE("log_window: what is released holds no memory, and the log goes on behind it") {
    log_window w{8, 64};
    CHECK(w.memory() == 0);
    REQUIRE(w.append(3, entry_kind::command, bytes(8, 1), 0));
    CHECK(w.memory() > 0);
    w.release();
    CHECK(w.memory() == 0);
    CHECK(w.last_index() == 1);
    CHECK(w.last_term() == 3);
    CHECK_FALSE(w.holds(1));
    CHECK(w.append(3, entry_kind::command, bytes(8, 1), 0));
}

TEST_CASE("log_window: the rings begin small, grow to their largest size before anything is evicted, and then stay") {
    log_window w{4096, std::size_t{4} << 20U};
    REQUIRE(w.append(1, entry_kind::no_op, {}, 0));
    CHECK(w.memory() < 2048);
    for (log_index i = 1; i < 4096; ++i) {
        REQUIRE(w.append(1, entry_kind::command, bytes(256, static_cast<unsigned char>(i)), i));
        REQUIRE(w.first_index() == 1);
    }
    CHECK(std::ranges::equal(w.at(100).payload, bytes(256, 99)));
    REQUIRE(w.append(1, entry_kind::command, bytes(256, 1), 4096));
    CHECK(w.first_index() == 2);
    std::size_t const largest = w.memory();
    for (log_index i = 0; i < 20'000; ++i) {
        REQUIRE(w.append(1, entry_kind::command, bytes(1000, 1), w.last_index()));
    }
    CHECK(w.memory() < std::max<std::size_t>(largest, (std::size_t{4} << 20U) + std::size_t{4096} * 64));
}

TEST_CASE("log_window: agrees with a plain list over random appends, truncations, growth and views") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        random_stream bits{seed, "log_window"};
        auto const draw = [&](std::uint64_t most) {
            return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits);
        };
        log_window w{std::size_t{4} << draw(3), std::size_t{64} << draw(2)};
        plain p;
        log_index evictable = 0;
        log_term term = 1;
        for (int step = 0; step < 400; ++step) {
            log_index const last = p.all.size();
            switch (draw(6)) {
            case 0:
                if (last > evictable) {
                    log_index const from = std::max(evictable + 1 + draw(last - evictable - 1), w.first_index());
                    w.truncate(from);
                    p.all.resize(static_cast<std::size_t>(std::min(last, from - 1)));
                }
                break;
            case 1:
                evictable += draw(last - evictable);
                break;
            case 2:
                term += draw(1);
                break;
            case 3:
                if (draw(20) == 0) {
                    w.grow(draw(100));
                }
                break;
            default:
                auto const payload = bytes(draw(30), draw(255));
                bool const room = w.has_room(payload.size(), evictable);
                REQUIRE(w.append(term, entry_kind::command, payload, evictable) == room);
                if (room) {
                    p.all.push_back({term, payload});
                }
            }
            REQUIRE(w.last_index() == p.all.size());
            REQUIRE(w.first_index() <= evictable + 1);
            for (log_index i = w.first_index(); i <= w.last_index(); ++i) {
                auto const& want = p.all[static_cast<std::size_t>(i) - 1];
                REQUIRE(w.at(i).index == i);
                REQUIRE(w.term_at(i) == want.term);
                REQUIRE(std::ranges::equal(w.at(i).payload, want.payload));
            }
            if (w.first_index() > 1) {
                REQUIRE(w.term_at(w.first_index() - 1) == p.all[static_cast<std::size_t>(w.first_index()) - 2].term);
            }
            if (w.first_index() <= w.last_index()) {
                log_index const from = w.first_index() + draw(w.last_index() - w.first_index());
                std::size_t const count = 1 + draw(5);
                std::size_t const most = draw(60);
                auto const view = w.view(from, count, most);
                REQUIRE(!view.empty());
                REQUIRE(view.size() <= count);
                std::size_t size = 0;
                for (std::size_t i = 0; i < view.size(); ++i) {
                    REQUIRE(view[i].index == from + i);
                    size += view[i].payload.size();
                }
                REQUIRE((view.size() == 1 || size <= most));
            }
        }
    }
}

TEST_CASE("log_window: an entry that is not there breaks a contract") {
    CHECK(test::run_apart([] { (void)log_window{4, 64}.at(1); }).aborted);
    CHECK(test::run_apart([] { log_window{3, 64}; }).aborted);
}

} // namespace hpcsched::raft

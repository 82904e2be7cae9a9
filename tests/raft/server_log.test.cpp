// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/server_log.hpp>

#include <doctest/doctest.h>

#include "log_site.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::raft::test {

static_assert(replicated_log<log_site::log_type>);

namespace {

using namespace std::chrono_literals;

server_log_config quick_snapshots() {
    server_log_config c;
    c.snapshots = {.every = 20, .trailing = 5};
    return c;
}

/// Hears nothing but where its appends are.
struct places : silent_log_observer {
    void appended(std::uint64_t token, log_index index) {
        CHECK(token == at.size());
        at.push_back(index);
    }
    void caught_up(std::uint64_t token) { caught_up_to = token; }
    void restored(log_index /*index*/) { ++snapshots; }

    std::vector<log_index> at;
    std::uint64_t caught_up_to = 0;
    int snapshots = 0;
};

std::span<std::byte const> bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

/// Runs all replicas until `done`, or for a simulated minute.
template <class Done>
bool run_until(log_site& site, std::vector<places>& heard, Done done) {
    for (time_point const end = site.now() + 60s; site.now() < end;) {
        for (std::size_t i = 0; i < site.size(); ++i) {
            if (auto* const log = site.find(i)) {
                log->run(site.now(), heard[i]);
            }
        }
        if (done()) {
            return true;
        }
        site.wait();
    }
    return false;
}

} // namespace

TEST_CASE("server log: a group of Raft servers is a replicated log") {
    testing::replicated_log_check_options options;
    options.seeds = 40;
    options.large_payload_bytes = (std::size_t{1} << 20U) - sequence_header::size;
    auto const wrong = testing::check_replicated_log(
        [](std::uint64_t seed) { return log_site{seed, seed % 2 == 0 ? quick_snapshots() : server_log_config{}}; },
        options);
    CHECK_MESSAGE(wrong.empty(), (wrong.empty() ? "" : wrong.front()));
}

TEST_CASE("server log: the table of writers may be too small for all that write") {
    server_log_config config;
    config.writers_max = 2; // and three write
    auto const wrong =
        testing::check_replicated_log([&](std::uint64_t seed) { return log_site{seed, config}; }, {.seeds = 20});
    CHECK_MESSAGE(wrong.empty(), (wrong.empty() ? "" : wrong.front()));
}

TEST_CASE("server log: a follower's appends are in order though every fifth message is lost") {
    log_site site{1};
    std::vector<places> heard(site.size());
    for (std::size_t i = 0; i < site.size(); ++i) {
        site.start(i);
    }
    REQUIRE(run_until(site, heard, [&] { return site.leader() != nullptr; }));
    std::size_t const follower = site.find(0) == site.leader() ? 1 : 0;
    site.disturb(1);
    for (std::uint64_t token = 0; token < 100; ++token) {
        REQUIRE(site.find(follower)->append(token, bytes("entry"), site.now()).has_value());
    }
    REQUIRE(run_until(site, heard, [&] { return heard[follower].at.size() == 100; }));
    CHECK(std::ranges::is_sorted(heard[follower].at));
    CHECK(site.find(follower)->machine().items().size() == 100);
}

TEST_CASE("server log: an entry that a snapshot jumped over is told of all the same") {
    server_log_config config = quick_snapshots();
    config.replica.window_entries = 16;
    log_site site{3, config};
    std::vector<places> heard(site.size());
    for (std::size_t i = 0; i < site.size(); ++i) {
        site.start(i);
    }
    REQUIRE(run_until(site, heard, [&] { return site.leader() != nullptr; }));
    std::size_t const follower = site.find(0) == site.leader() ? 1 : 0;
    auto* const log = site.find(follower);
    REQUIRE(log->append(0, bytes("first"), site.now()).has_value());
    REQUIRE(run_until(site, heard, [&] { return heard[follower].at.size() == 1; }));

    // What it sends next arrives; what the others send to it does not.
    REQUIRE(log->append(1, bytes("second"), site.now()).has_value());
    log->run(site.now(), heard[follower]);
    site.wait();
    site.disturb(2 * follower + std::size_t{64} * 2997);
    auto* const leader = site.leader();
    std::size_t const leading = leader == site.find(0) ? 0 : (leader == site.find(1) ? 1 : 2);
    for (std::uint64_t token = 0; token < 100; ++token) {
        REQUIRE(leader->append(token, bytes("other"), site.now()).has_value());
    }
    REQUIRE(run_until(site, heard, [&] { return heard[leading].at.size() == 100; }));
    CHECK(heard[follower].at.size() == 1);
    CHECK(leader->machine().items().size() == 102);
    site.settle();
    REQUIRE(run_until(site, heard, [&] { return heard[follower].at.size() == 2; }));
    CHECK(heard[follower].snapshots == 1);
    CHECK(log->machine().items()[1].index == heard[follower].at[1]);
}

TEST_CASE("server log: what is too large, or too much, is refused at once") {
    server_log_config config;
    config.writer.waiting_bytes_max = 3'000'000;
    config.writer.barriers_max = 1;
    log_site site{1, config};
    site.start(0);
    std::vector<std::byte> const large(std::size_t{1} << 20U);
    auto* const log = site.find(0);
    CHECK(log->append(0, large, site.now()).error() == errc::entry_too_large);
    auto const fits = std::span{large}.first(large.size() - sequence_header::size);
    CHECK(log->append(0, fits, site.now()).has_value());
    CHECK(log->append(1, fits, site.now()).has_value());
    CHECK(log->append(2, fits, site.now()).error() == errc::quota_exceeded);
    CHECK(log->barrier(0, site.now()).has_value());
    CHECK(log->barrier(1, site.now()).error() == errc::too_many_reads);
}

} // namespace hpcsched::raft::test

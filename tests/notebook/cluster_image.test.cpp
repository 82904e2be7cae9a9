// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/cluster_image.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::notebook {
namespace {

using std::chrono::seconds;

byte_buffer saved(cluster_state const& s) {
    byte_buffer out;
    cluster_image::save(s, out);
    return out;
}

/// \return whether the bytes were taken, all of them
bool restored(cluster_state& s, std::span<std::byte const> bytes) {
    byte_reader in{bytes};
    return cluster_image::restore(s, in) && in.rest().empty();
}

constexpr time_point at(duration since_start) {
    return time_point{since_start};
}

/// Some of everything: hosts of two kinds that are up, draining, ordered and gone; kernels that are idle, run, wait,
/// move for a cell or without one, and one that was closed.
cluster_state furnished() {
    cluster_state s;
    cluster_command_buffer out;
    s.start({gpu::uniform_host(4)});
    for (std::uint32_t h = 0; h < 7; ++h) {
        s.provision(out);
    }
    for (std::uint32_t h = 0; h < 6; ++h) {
        s.host_is_up(gpu::host_id{h}, h == 2 ? std::optional{gpu::uniform_host(2)} : std::nullopt);
    }
    for (std::uint32_t k = 0; k < 6; ++k) {
        s.open(kernel_id{k}, 1 + k % 2, at(seconds{k}));
        for (std::uint32_t h = 0; h < 3; ++h) {
            replica_id const r = s.add_replica(kernel_id{k}, gpu::host_id{(k + h) % 4}, true, out);
            REQUIRE(s.set_ready(kernel_id{k}, r));
        }
    }
    auto const runs = [&](std::uint32_t k, std::size_t replica) {
        auto const r = s.kernel(kernel_id{k}).replicas[replica];
        s.submit(kernel_id{k}, 7, 1, at(seconds{10}));
        REQUIRE(s.lease_for_cell(kernel_id{k}, r.host, at(seconds{11})));
        s.run(kernel_id{k}, r.id, r.host, false, out);
    };
    runs(0, 1);
    runs(1, 0);
    s.finish(kernel_id{1}, at(seconds{15}), false); // idle, with an executor
    s.submit(kernel_id{2}, 3, 2, at(seconds{12}));  // waits
    s.begin_move(kernel_id{3}, 2, gpu::host_id{4}, false, out);
    s.submit(kernel_id{4}, 4, 2, at(seconds{13}));
    REQUIRE(s.lease_for_cell(kernel_id{4}, gpu::host_id{4}, at(seconds{13})));
    s.begin_move(kernel_id{4}, 0, gpu::host_id{4}, true, out);
    s.close(kernel_id{5}, out);
    s.order_warm(gpu::host_id{0}, out);
    s.order_warm(gpu::host_id{0}, out);
    s.warm_is_up(gpu::host_id{0});
    (void)s.host_is_lost(gpu::host_id{5});
    s.drain(gpu::host_id{3});
    return s;
}

auto sums(cluster_state const& s) {
    return std::array<std::int64_t, 6>{s.up_count(),     s.provisioning_count(), s.moving_count(),
                                       s.leased_milli(), s.demand_milli(),       s.running_milli()};
}

void put_word_at(byte_buffer& bytes, std::size_t at, std::uint64_t word) {
    byte_buffer made;
    put_word(made, word);
    std::copy(made.begin(), made.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

} // namespace

TEST_CASE("cluster_image: what was saved comes back as it was, with its sums and who lives where") {
    cluster_state const s = furnished();
    CHECK(sums(s) == std::array<std::int64_t, 6>{4, 1, 1, 3000, 7000, 1000});
    byte_buffer const bytes = saved(s);
    cluster_state again;
    REQUIRE(restored(again, bytes));
    CHECK(saved(again) == bytes);
    CHECK(sums(again) == sums(s));
    CHECK(again.ledger() == s.ledger());
    CHECK(again.kernels().size() == s.kernels().size());
    REQUIRE(again.hosts().size() == s.hosts().size());
    for (std::uint32_t h = 0; h < s.hosts().size(); ++h) {
        CHECK(again.host(gpu::host_id{h}).members == s.host(gpu::host_id{h}).members);
        CHECK(again.host(gpu::host_id{h}).warm == s.host(gpu::host_id{h}).warm);
    }
    CHECK(again.host_devices() == 4);
    cluster_state const empty;
    CHECK(restored(again, saved(empty)));
    CHECK(saved(again) == saved(empty));
}

TEST_CASE("cluster_image: a state that was put back goes on as the one that was saved") {
    cluster_state s = furnished();
    cluster_state other;
    REQUIRE(restored(other, saved(s)));
    for (cluster_state* const each : {&s, &other}) {
        cluster_command_buffer out;
        each->finish(kernel_id{0}, at(seconds{20}), false);
        REQUIRE(each->set_ready(kernel_id{3}, replica_id{3}));
        each->end_move(kernel_id{3}, out);
        each->withdraw(kernel_id{4}, at(seconds{21}));
        each->undrain(gpu::host_id{3});
        (void)each->host_is_lost(gpu::host_id{0});
        each->close(kernel_id{2}, out);
        each->open(kernel_id{5}, 1, at(seconds{22}));
        CHECK(each->provision(out) == gpu::host_id{0});
        CHECK(each->add_replica(kernel_id{1}, gpu::host_id{4}, false, out) == replica_id{3});
    }
    CHECK(saved(other) == saved(s));
    CHECK(sums(other) == sums(s));
    cluster_state again;
    REQUIRE(restored(again, saved(s)));
    CHECK(sums(again) == sums(s));
}

TEST_CASE("cluster_image: bytes that are cut are refused, and the state is as it was") {
    byte_buffer const bytes = saved(furnished());
    cluster_state s = furnished();
    cluster_command_buffer out;
    s.provision(out);
    byte_buffer const before = saved(s);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        byte_reader in{std::span{bytes}.first(cut)};
        REQUIRE_FALSE(cluster_image::restore(s, in));
        REQUIRE(saved(s) == before);
    }
}

TEST_CASE("cluster_image: a word that is another is refused, or makes a state that would be written down the same") {
    byte_buffer const bytes = saved(furnished());
    std::size_t taken = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        std::uint64_t const word = byte_reader{std::span{bytes}.subspan(at, 8)}.word();
        for (std::uint64_t const other : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, word + 1, word - 1,
                                          word ^ (std::uint64_t{1} << 31U), ~std::uint64_t{0}}) {
            byte_buffer changed = bytes;
            put_word_at(changed, at, other);
            cluster_state s;
            if (restored(s, changed)) {
                REQUIRE(saved(s) == changed);
                REQUIRE(s.ledger().check() == std::string{});
                ++taken;
            }
        }
    }
    CHECK(taken > bytes.size() / 8); // a word that is itself, at least
}

TEST_CASE("cluster_image: what does not add up is refused") {
    // Each does one thing to a state that the others do not know of, by saving what no state would come to.
    struct fault {
        char const* what;
        void (*plant)(byte_buffer& bytes, std::size_t kernel);
    };
    // The first kernel's words: open, gpus, 3 replicas of (id, host, ready), no move, cell, gpus, running, executor ...
    constexpr std::size_t open = 0, gpus = 1, replicas = 3, cell = 13, running = 15, executor = 16, lease = 17,
                          made = 20;
    auto const plants = std::array{
        fault{"two replicas on one host",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * (replicas + 4), 0); }},
        fault{"a replica on a host that is ordered",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * (replicas + 7), 6); }},
        fault{"replicas out of order", [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * replicas, 1); }},
        fault{"a subscription to other devices",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * gpus, 2); }},
        fault{"a closed kernel that has words", [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * open, 0); }},
        fault{"no cell, and it runs", [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * cell, 0); }},
        fault{"an executor elsewhere than the lease",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * executor, 0); }},
        fault{"another's lease", [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * lease, 3); }},
        fault{"no lease", [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * lease, 0); }},
        fault{"a lease for nothing that was made",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * (made + 1), 0); }},
        fault{"fewer replicas made than there are",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * made, 2); }},
        fault{"an executor that is not ready",
              [](byte_buffer& b, std::size_t k) { put_word_at(b, k + 8 * (replicas + 5), 0); }},
    };
    byte_buffer const bytes = saved(furnished());
    // Behind the first kernel: what is the same from the end of the image for a state with that kernel closed.
    std::size_t first = 0;
    for (std::size_t at = 0; at + 8 * (made + 2) <= bytes.size() && first == 0; at += 8) {
        auto const word = [&](std::size_t n) { return byte_reader{std::span{bytes}.subspan(at + 8 * n, 8)}.word(); };
        bool const here = word(open) == 1 && word(gpus) == 1 && word(2) == 3 && word(cell) == 7 &&
                          word(cell + 1) == 1 && word(running) == 1 && word(executor) == 1 && word(lease) == 1 &&
                          word(made) == 3;
        first = here ? at : 0;
    }
    REQUIRE(first != 0);
    cluster_state s;
    for (fault const& f : plants) {
        CAPTURE(f.what);
        byte_buffer changed = bytes;
        f.plant(changed, first);
        CHECK_FALSE(restored(s, changed));
    }
    CHECK(restored(s, bytes));
}

} // namespace hpcsched::notebook

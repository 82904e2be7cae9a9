// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/notebookos.hpp>

#include <doctest/doctest.h>

#include "scripted_cluster.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace hpcsched::notebook {
namespace {

using std::chrono::seconds;

notebookos_policies policies(notebookos_scaling::config scaling = {}) {
    return notebookos_policies{random_stream{1, "victims"}, scaling};
}

TEST_CASE("notebookos scaling: the target is ceil(L f / G), at least the minimum and the buffer") {
    notebookos_scaling const s{{.hosts_min = 4}};
    CHECK(s.target(0, 8) == 7);
    CHECK(s.target(100, 8) == 14); // 100 x 1.05 / 8 = 13.1
    CHECK(s.target(216, 8) == 29); // 28.35
    notebookos_scaling const wide{{.scaling_factor = 1.10, .hosts_min = 4}};
    CHECK(wide.target(216, 8) == 30); // 29.7
}

TEST_CASE("notebookos scaling: the limit is ceil(L g / G), or the minimum and the buffer where that is more") {
    notebookos_scaling const s{{.hosts_min = 4}};
    CHECK(s.limit(216, 8) == 30);                   // 216 x 1.10 / 8 = 29.7
    CHECK(s.limit(8, 8) == 7);                      // 2 is below 4
    notebookos_scaling const few{{.hosts_min = 2}}; // fewer than replicas: at least the minimum and R
    CHECK(few.limit(8, 8) == 5);
    CHECK(few.limit(60, 8) == 9);
}

TEST_CASE("notebookos: three replicas on three hosts, and the cell runs on the one with the most idle devices") {
    scripted_cluster c{notebookos_cluster{policies({.hosts_min = 3})}};
    c.bring_up();
    c.open(0, 2);
    CHECK(c.replicas(0).size() == 3);
    c.ready();
    c.submit(0, 2);
    REQUIRE(c.runs().size() == 1);
    CHECK(c.runs().front().devices == 0b11);
}

TEST_CASE("notebookos: the executor of the last cell is tried first, also where another host is idler") {
    scripted_cluster c{notebookos_cluster{policies({.hosts_min = 3})}};
    c.bring_up();
    c.open(0, 1);
    c.open(1, 4);
    c.ready();
    c.submit(0, 1);
    auto const first = c.runs().back().host;
    c.finish(0);
    // Another kernel's cell takes four of eight devices on some host.
    c.submit(1, 4);
    c.submit(0, 1);
    CHECK(c.runs().back().host == first);
}

TEST_CASE("notebookos: where no replica's host has the devices, one replica moves before the cell runs") {
    scripted_cluster c{notebookos_cluster{policies({.hosts_min = 4})}};
    c.bring_up();
    for (std::uint32_t k = 0; k < 5; ++k) {
        c.open(k, 8);
    }
    c.ready();
    std::uint32_t moved = 0;
    for (std::uint32_t k = 0; k < 4; ++k) { // one after the other fill the four hosts
        std::size_t const before = c.runs().size();
        c.submit(k, 8);
        if (c.runs().size() == before) { // its three hosts are taken
            ++moved;
            c.ready();
        }
        CHECK(c.runs().size() == before + 1);
    }
    CHECK(c.busy_hosts() == 4);
    // The fifth finds no host at all: one is provisioned, a replica moves there.
    c.submit(4, 8);
    CHECK(c.runs().size() == 4);
    c.bring_up();
    c.ready();
    CHECK(c.runs().size() == 5);
    CHECK(c.busy_hosts() == 5);
}

TEST_CASE("notebookos: a replica that moves for a cell arrives also where the one it replaces is lost on the way") {
    scripted_cluster c{notebookos_cluster{policies({.hosts_min = 4})}};
    c.bring_up();
    for (std::uint32_t k = 0; k < 9; ++k) {
        c.open(k, 8);
    }
    c.ready();
    auto const homes = c.replicas(0);
    for (std::uint32_t k = 1; c.busy_hosts() < 4; ++k) {
        REQUIRE(k < 9);
        c.submit(k, 8);
    }
    for (run_cell const& r :
         std::vector<run_cell>{c.runs()}) { // of the four hosts, the one where it does not live is free
        if (!homes.contains(r.host)) {
            c.finish(r.kernel.value);
        }
    }
    REQUIRE(c.busy_hosts() == 3);
    c.submit(0, 8);
    auto const& moving = c.scheduler().state().kernel(kernel_id{0});
    REQUIRE(moving.move);
    auto const from = moving.replicas[moving.index_of(moving.move->from)].host;
    c.lose(from);
    c.ready();
    std::size_t times = 0;
    for (run_cell const& r : c.runs()) {
        times += r.kernel == kernel_id{0} ? 1U : 0U;
    }
    CHECK(times == 1);
    c.finish(0);
    CHECK(c.scheduler().state().ledger().check().empty());
}

TEST_CASE("notebookos 2.3: the limit is 7 until five samples are there, and nothing is scaled before") {
    scripted_cluster c{notebookos_cluster{policies({.hosts_min = 3})}};
    c.bring_up();
    for (int i = 0; i < 4; ++i) {
        c.pass(seconds{30});
        CHECK(c.scheduler().policies().admission.limit() == 7.0);
        CHECK(c.host_count() == 3);
    }
    c.pass(seconds{30});
    CHECK(c.scheduler().policies().admission.settled());
    CHECK(c.host_count() == 6); // the minimum and the buffer
}

TEST_CASE("notebookos 2.7: a victim is any replica with equal probability") {
    cluster_state state;
    cluster_command_buffer out;
    state.start({gpu::uniform_host()});
    for (std::uint32_t h = 0; h < 3; ++h) {
        state.host_is_up(state.provision(out));
    }
    state.open(kernel_id{0}, 1, {});
    for (std::uint32_t h = 0; h < 3; ++h) {
        state.add_replica(kernel_id{0}, gpu::host_id{h}, true, out);
    }
    random_victim any{random_stream{7, "victims"}};
    std::map<std::size_t, int> times;
    for (int i = 0; i < 3000; ++i) {
        ++times[any.victim(state, kernel_id{0})];
    }
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(times[i] > 900);
        CHECK(times[i] < 1100);
    }
}

} // namespace
} // namespace hpcsched::notebook

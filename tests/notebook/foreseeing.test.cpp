// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/foreseeing.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

namespace hpcsched::notebook {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

cluster_state of_hosts(std::uint32_t hosts) {
    cluster_state s;
    s.start({gpu::uniform_host(8)});
    for (std::uint32_t h = 0; h < hosts; ++h) {
        s.host_is_up(gpu::host_id{h});
    }
    return s;
}

} // namespace

TEST_CASE("users foreseen: a host that no future needs may go, one that most futures need may not") {
    users_foreseen users;
    cluster_command_buffer out;
    time_point const now{minutes{1}};
    cluster_state s = of_hosts(2);
    CHECK(users.may_do_without(s, minutes{5}, now));
    CHECK_FALSE(users.may_do_without(s, seconds{1}, now)); // not asked before it was needless for a while

    // Two sessions that have run eight devices each, time after time, and have just finished.
    users_foreseen busy;
    time_point at{};
    for (std::uint32_t k = 0; k < 2; ++k) {
        s.open(kernel_id{k}, 8, at);
        s.set_ready(kernel_id{k}, s.add_replica(kernel_id{k}, gpu::host_id{k}, true, out));
    }
    for (cell_number n = 1; n <= 30; ++n) {
        at += seconds{20};
        for (std::uint32_t k = 0; k < 2; ++k) {
            busy.submitted(s, kernel_id{k}, at);
            s.submit(kernel_id{k}, 2 * n + k, 8, at);
            REQUIRE(s.lease_for_cell(kernel_id{k}, gpu::host_id{k}, at));
            s.run(kernel_id{k}, s.kernel(kernel_id{k}).replicas[0].id, gpu::host_id{k}, false, out);
        }
        at += minutes{5};
        for (std::uint32_t k = 0; k < 2; ++k) {
            busy.finished(s, kernel_id{k}, at);
            s.finish(kernel_id{k}, at, false);
        }
    }
    CHECK_FALSE(busy.may_do_without(s, minutes{5}, at + seconds{1}));
}

} // namespace hpcsched::notebook

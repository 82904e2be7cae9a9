// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/room_forecaster.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::notebook {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// A cluster of hosts of 8 devices, and what is known of its users.
struct small_cluster {
    cluster_state s;
    session_posteriors users;
    cluster_command_buffer out;

    explicit small_cluster(std::uint32_t hosts) {
        s.start({gpu::uniform_host(8)});
        for (std::uint32_t h = 0; h < hosts; ++h) {
            s.host_is_up(gpu::host_id{h});
        }
    }
    void open(std::uint32_t k, std::uint32_t gpus, std::vector<std::uint32_t> const& hosts) {
        s.open(kernel_id{k}, gpus, {});
        for (std::uint32_t const h : hosts) {
            s.set_ready(kernel_id{k}, s.add_replica(kernel_id{k}, gpu::host_id{h}, true, out));
        }
    }
    void begin_cell(std::uint32_t k, cell_number n, std::uint32_t gpus, std::uint32_t on, time_point now) {
        users.submitted(s, kernel_id{k}, now);
        s.submit(kernel_id{k}, n, gpus, now);
        kernel_state const& kernel = s.kernel(kernel_id{k});
        REQUIRE(s.lease_for_cell(kernel_id{k}, kernel.replicas[on].host, now));
        s.run(kernel_id{k}, kernel.replicas[on].id, kernel.replicas[on].host, false, out);
    }
    void end_cell(std::uint32_t k, time_point now) {
        users.finished(s, kernel_id{k}, now);
        s.finish(kernel_id{k}, now, false);
    }
    [[nodiscard]] double busy(gpu::room_forecast const& f, std::vector<std::uint32_t> const& hosts,
                              std::uint32_t count) const {
        std::vector<gpu::host_id> ids;
        for (std::uint32_t const h : hosts) {
            ids.push_back(gpu::host_id{h});
        }
        return f.all_busy(s.ledger(), ids, count);
    }
};

TEST_CASE("room forecaster: who comes back within a minute each time makes its host busy, and no other") {
    small_cluster c{3};
    c.open(0, 8, {1});
    time_point now{};
    for (cell_number n = 1; n <= 40; ++n) {
        now += seconds{30};
        c.begin_cell(0, n, 8, 0, now);
        now += minutes{30};
        c.end_cell(0, now);
    }
    room_forecaster forecaster{{.ahead = minutes{10}, .worlds = 200}};
    gpu::room_forecast const* const f = forecaster.look(c.users, c.s, now);
    REQUIRE(f != nullptr);
    CHECK(f->futures() == 200);
    CHECK(c.busy(*f, {0}, 8) == 0);
    CHECK(c.busy(*f, {1}, 8) > 0.85); // it is back after half a minute of ten, and stays
    CHECK(c.busy(*f, {1}, 8) < 1);
    CHECK(c.busy(*f, {1, 2}, 8) == 0);
}

TEST_CASE("room forecaster: its moments cover what is looked ahead, as a request that is watched all the time does") {
    // A user who has not come yet: the later, the likelier its host is busy.
    small_cluster c{1};
    c.open(0, 8, {0});
    time_point const now{minutes{1}};
    room_forecaster forecaster{{.ahead = minutes{30}, .worlds = 4000}};
    gpu::room_forecast const* const f = forecaster.look(c.users, c.s, now);
    REQUIRE(f != nullptr);
    cluster_outlook watching;
    c.users.outlook(c.s, now, minutes{30}, watching);
    watching.watched.push_back({.demand = {.gpus = {8, 8, 8}}, .host_count = 1, .hosts = {0}});
    predict::noisy_simulation all_the_time{cluster_world{}, cluster_noise{}, request_waits{0}};
    auto const p = all_the_time.ask(watching, 7, predict::precision::exactly(4000));
    REQUIRE(p.has_value());
    CHECK(c.busy(*f, {0}, 8) == doctest::Approx(p->answer.mean).epsilon(0.08)); // 0.5 % each, at about 18 %
    predict::noisy_simulation at_the_end{cluster_world{}, cluster_noise{}, all_are_busy{{0}, 8}};
    auto const last = at_the_end.ask(watching, 7, predict::precision::exactly(4000));
    REQUIRE(last.has_value());
    CHECK(last->answer.probability > 1.3 * c.busy(*f, {0}, 8));
}

TEST_CASE("room forecaster: what was foretold is good for a while, and equal questions have equal answers") {
    small_cluster c{2};
    c.open(0, 4, {0, 1});
    room_forecaster a{{.renewed = seconds{30}, .worlds = 50}};
    room_forecaster b{{.renewed = seconds{30}, .worlds = 50}};
    time_point const now{minutes{5}};
    gpu::room_forecast const* const first = a.look(c.users, c.s, now);
    REQUIRE(first != nullptr);
    session_posteriors others = c.users;
    gpu::room_forecast const* const same = b.look(others, c.s, now);
    REQUIRE(same != nullptr);
    CHECK(c.busy(*first, {0}, 8) == c.busy(*same, {0}, 8));
    CHECK(a.look(c.users, c.s, now + seconds{29}) == nullptr);
    CHECK(a.look(c.users, c.s, now + seconds{30}) != nullptr);
}

TEST_CASE("foreseen victim: the replica goes without which the others are the likeliest to have room") {
    small_cluster c{3};
    c.open(0, 4, {0, 1, 2});
    foreseen_victim m;
    CHECK(m.victim(c.s, kernel_id{0}) == 0); // nothing is foretold, and all are alike
    gpu::room_forecast f;
    f.begin(std::vector{gpu::host_id{0}, gpu::host_id{1}, gpu::host_id{2}});
    // Hosts 0 and 1 are never both full, nor 0 and 2; 1 and 2 always are at once. Without 0 no room is sure.
    f.add(std::vector<std::uint16_t>{8, 0, 0});
    f.add(std::vector<std::uint16_t>{0, 8, 8});
    m.foresee(f);
    CHECK(m.victim(c.s, kernel_id{0}) == 1);
    f.begin(std::vector{gpu::host_id{0}, gpu::host_id{1}, gpu::host_id{2}});
    f.add(std::vector<std::uint16_t>{0, 4, 8});
    f.add(std::vector<std::uint16_t>{0, 4, 0});
    f.add(std::vector<std::uint16_t>{0, 0, 8});
    m.foresee(f);
    CHECK(m.victim(c.s, kernel_id{0}) == 0);
}

/// NotebookOS on hosts that are there already, with kernels of two replicas and another admission.
template <gpu::admission_policy Admission>
using two_replicas = basic_notebookos_policies<Admission, foreseen_victim, with_room_forecast<notebookos_scaling>>;

template <gpu::admission_policy Admission>
struct scripted {
    replicated_cluster<two_replicas<Admission>> c;
    cluster_command_buffer out;
    time_point now{};

    scripted(Admission admission, std::uint32_t hosts)
        : c{two_replicas<Admission>{
              .replicas = 2,
              .admission = std::move(admission),
              .scaling = with_room_forecast{notebookos_scaling{{.buffer = 0, .hosts_min = hosts, .replicas = 2}}}}} {
        c.handle(cluster_started{gpu::uniform_host(8)}, now, out);
        for (std::uint32_t h = 0; h < hosts; ++h) {
            c.handle(host_ready{gpu::host_id{h}, {}}, now, out);
        }
    }
    void open(std::uint32_t k) { c.handle(session_opened{kernel_id{k}, 8}, now, out); }
    void run_cell(std::uint32_t k) {
        for (replica const& r : std::vector(c.state().kernel(kernel_id{k}).replicas)) {
            c.handle(replica_ready{kernel_id{k}, r.id}, now, out);
        }
        c.handle(cell_submitted{kernel_id{k}, k + 1, 8}, now, out);
        REQUIRE(c.state().kernel(kernel_id{k}).running);
    }
    [[nodiscard]] bool lives_on(std::uint32_t k, std::uint32_t h) const {
        return c.state().kernel(kernel_id{k}).lives_on(gpu::host_id{h});
    }
    [[nodiscard]] bool placed(std::uint32_t k) const { return c.state().kernel(kernel_id{k}).replicas.size() == 2; }
};

TEST_CASE("with room forecast: a cluster asks it before it places a kernel, and goes by what it says") {
    // Both hosts run a cell of all their devices, which has just begun.
    scripted s{gpu::foreseen_room{{.level = 0.9}}, 2};
    for (std::uint32_t const k : {0U, 1U}) {
        s.open(k);
        s.run_cell(k);
    }
    auto const coming = s.c.state().provisioning_count();
    s.now += minutes{2};
    s.open(2);
    CHECK_FALSE(s.placed(2)); // neither host is likely to have room
    CHECK(s.c.state().provisioning_count() == coming + 1);
    s.c.handle(host_ready{gpu::host_id{2}, {}}, s.now, s.out);
    CHECK(s.placed(2));
    CHECK(s.lives_on(2, 2));
}

/// Admits groups with one host in them, or none at all.
struct wants_host {
    std::optional<gpu::host_id> wanted{};

    [[nodiscard]] static bool admits_host(gpu::ledger const&, gpu::host_id, gpu::device_request const&) noexcept {
        return true;
    }
    [[nodiscard]] bool admits_group(gpu::ledger const&, std::span<gpu::host_id const> hosts,
                                    gpu::device_request const&) const {
        return wanted && std::find(hosts.begin(), hosts.end(), *wanted) != hosts.end();
    }
};

TEST_CASE("replicated cluster: where a group is refused, another host takes the last one's place if that is admitted") {
    scripted s{wants_host{gpu::host_id{3}}, 4};
    s.open(0);
    CHECK(s.placed(0));
    CHECK(s.lives_on(0, 0)); // the placement's first choice stays
    CHECK(s.lives_on(0, 3));
}

TEST_CASE("replicated cluster: whom the admission always refuses waits for one host and no more") {
    scripted s{wants_host{}, 2};
    s.open(0);
    CHECK_FALSE(s.placed(0));
    CHECK(s.c.state().provisioning_count() == 1);
    s.c.handle(host_ready{gpu::host_id{2}, {}}, s.now, s.out);
    CHECK(s.placed(0));
    s.open(1); // for the next one another
    CHECK_FALSE(s.placed(1));
}

} // namespace
} // namespace hpcsched::notebook

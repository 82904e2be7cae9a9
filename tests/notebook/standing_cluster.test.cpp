// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/testing/conformance/cluster_scheduler.hpp>

#include <doctest/doctest.h>

#include "scripted_cluster.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::notebook {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// With so many hosts of eight devices.
scripted_cluster<standing_cluster> cluster(std::uint32_t hosts) {
    scripted_cluster c{standing_cluster{standing_policies{}}};
    for (std::uint32_t h = 0; h < hosts; ++h) {
        c.add_host(h);
    }
    return c;
}

/// Four hosts, three of them busy with the cells of kernels 1 .. 7; kernel 0 moves to the fourth, where it does not
/// live, for its cell.
scripted_cluster<standing_cluster> moving() {
    auto c = cluster(4);
    for (std::uint32_t k = 0; k < 8; ++k) {
        c.open(k, 8);
    }
    c.ready();
    auto const homes = c.replicas(0);
    for (std::uint32_t k = 1; c.busy_hosts() < 4; ++k) {
        REQUIRE(k < 8);
        c.submit(k, 8);
        c.ready();
    }
    for (run_cell const& r : std::vector<run_cell>{c.runs()}) {
        if (!homes.contains(r.host)) {
            c.finish(r.kernel.value);
        }
    }
    c.submit(0, 8);
    REQUIRE(c.scheduler().state().kernel(kernel_id{0}).move);
    return c;
}

byte_buffer saved(standing_cluster const& s) {
    byte_buffer out;
    s.save(out);
    return out;
}

/// Is written down and put back before every event, where it is told to.
class forgetful : public standing_cluster {
  public:
    forgetful(standing_policies const& p, bool forgets)
        : standing_cluster{p}, hosts_{.scaling = p.scaling}, forgets_{forgets} {}

    template <class Event>
    void handle(Event const& e, time_point now, cluster_command_sink& out) {
        if (forgets_) {
            byte_buffer const bytes = saved(*this);
            static_cast<standing_cluster&>(*this) = standing_cluster{hosts_};
            byte_reader in{bytes};
            HPCSCHED_ASSERT(restore(in) && in.rest().empty());
        }
        standing_cluster::handle(e, now, out);
    }

  private:
    standing_policies hosts_;
    bool forgets_;
};

/// Compares one that is told all with one that is put back before every event; with six hosts, and another in place of
/// each that breaks.
void check_many(testing::cluster_conformance options, standing_policies policies = {}) {
    policies.scaling.hosts = 6;
    for (options.seed = 1; options.seed <= 6; ++options.seed) {
        bool forgets = true;
        auto const make = [&] {
            forgets = !forgets;
            return forgetful{policies, forgets};
        };
        for (std::string const& broken : testing::check_cluster_scheduler(make, options)) {
            FAIL_CHECK("seed ", options.seed, ", ", broken);
        }
    }
}

/// One host of eight devices, on which all kernels live; devices are scarce.
scripted_cluster<standing_cluster> one_host(gpu::chosen_queueing::config queueing) {
    scripted_cluster c{
        standing_cluster{standing_policies{.replicas = 1, .queueing = gpu::chosen_queueing{std::move(queueing)}}}};
    c.add_host(0);
    return c;
}

/// So many hosts of eight devices, on one of which each kernel lives that is admitted.
scripted_cluster<standing_cluster> admitting(gpu::chosen_admission::kind policy, std::uint32_t hosts = 1) {
    scripted_cluster c{standing_cluster{standing_policies{
        .replicas = 1, .admission = gpu::chosen_admission{{.policy = policy, .level = 0.5, .replicas = 1}}}}};
    for (std::uint32_t h = 0; h < hosts; ++h) {
        c.add_host(h);
    }
    return c;
}

bool lives(scripted_cluster<standing_cluster> const& c, std::uint32_t k) {
    return !c.replicas(k).empty();
}

/// Kernels 0, 1, ... that need so many devices each, with their tenants.
void open(scripted_cluster<standing_cluster>& c, std::vector<std::uint32_t> const& gpus,
          std::vector<std::uint32_t> const& tenants = {}) {
    for (std::uint32_t k = 0; k < gpus.size(); ++k) {
        c.open(k, gpus[k], tenants.empty() ? 0 : tenants[k]);
    }
    c.ready();
}

bool runs(scripted_cluster<standing_cluster> const& c, std::uint32_t k) {
    return c.scheduler().state().kernel(kernel_id{k}).running;
}

/// A cell of eight devices waits for two of four, and a third of four comes a minute later.
scripted_cluster<standing_cluster> large_one_waits(duration patience) {
    auto c = one_host({.patience = patience});
    open(c, {8, 4, 4, 4, 0});
    c.submit(1, 4);
    c.submit(0, 8);
    c.pass(seconds{59});
    c.submit(2, 4);
    CHECK(runs(c, 2)); // it fits, and came later
    c.pass(seconds{1});
    c.finish(1);
    c.submit(3, 4);
    return c;
}

} // namespace

TEST_CASE("standing cluster: smaller cells pass a large one for as long as it is patient, and then it is next") {
    auto c = large_one_waits(minutes{1});
    CHECK_FALSE(runs(c, 3));
    c.submit(4, 0);
    CHECK(runs(c, 4)); // needs no device, and waits for nobody
    c.finish(2);
    CHECK(runs(c, 0));
    CHECK_FALSE(runs(c, 3));
    c.finish(0);
    CHECK(runs(c, 3));
}

TEST_CASE("standing cluster: without an end to its patience a large cell is starved by small ones") {
    auto c = large_one_waits(unlimited);
    CHECK(runs(c, 3));
    c.finish(2);
    CHECK_FALSE(runs(c, 0));
    c.submit(2, 4);
    CHECK(runs(c, 2));
}

TEST_CASE("standing cluster: a cell that no host could serve any more holds nobody up") {
    auto c = one_host({.patience = duration{0}});
    c.add_host(1, gpu::uniform_host(16));
    open(c, {1, 4, 4});
    c.open(3, 16);
    c.ready();
    c.submit(3, 16);
    c.submit(0, 16);
    c.submit(1, 4);
    CHECK_FALSE(runs(c, 1)); // it came later
    c.lose(gpu::host_id{1});
    c.ready();
    CHECK(runs(c, 1));
    c.submit(2, 4);
    CHECK(runs(c, 2));
    CHECK_FALSE(runs(c, 0));
}

TEST_CASE("standing cluster: a cell holds others up only where it could run itself") {
    auto c = one_host({.patience = duration{0}});
    open(c, {8, 4, 2, 2});
    c.add_host(1, gpu::uniform_host(2));
    c.submit(1, 4);
    c.submit(0, 8);
    c.submit(2, 2); // four are free on the large host, and it lives there
    c.ready();
    CHECK(runs(c, 2));
    CHECK(c.runs().back().host == gpu::host_id{1});
    c.submit(3, 2);
    CHECK_FALSE(runs(c, 3));
    c.finish(1);
    CHECK(runs(c, 0));
}

TEST_CASE("standing cluster: by fair share who has less of their quota runs next, whoever came first") {
    auto c = one_host({.policy = gpu::chosen_queueing::kind::fair_share, .default_quota = 4000});
    open(c, {4, 4, 4, 4, 4}, {1, 1, 1, 2, 2});
    for (std::uint32_t k = 0; k < 5; ++k) {
        c.submit(k, 4);
    }
    CHECK(runs(c, 0));
    CHECK(runs(c, 1)); // nobody else wanted anything
    c.finish(0);
    CHECK_FALSE(runs(c, 2));
    CHECK(runs(c, 3));
    c.finish(1); // now the second has four, and the first has nothing
    CHECK(runs(c, 2));
    CHECK_FALSE(runs(c, 4));
    c.finish(3);
    CHECK(runs(c, 4));
}

TEST_CASE("standing cluster: by fair share two places that come free at once are shared") {
    auto c = one_host({.policy = gpu::chosen_queueing::kind::fair_share, .default_quota = 4000});
    open(c, {8, 4, 4, 4}, {3, 1, 1, 2});
    for (std::uint32_t k = 0; k < 4; ++k) {
        c.submit(k, k == 0 ? 8 : 4);
    }
    c.finish(0);
    CHECK(runs(c, 1)); // none has anything
    CHECK(runs(c, 3));
    CHECK_FALSE(runs(c, 2));
}

TEST_CASE("standing cluster: the shortest goes first by how long a kernel's cells have kept their devices") {
    auto c = one_host({.policy = gpu::chosen_queueing::kind::shortest});
    open(c, {8, 8, 8});
    auto const cell_of = [&](std::uint32_t k, duration length) {
        c.submit(k, 8);
        c.pass(length);
        c.finish(k);
    };
    cell_of(0, seconds{10});
    cell_of(1, seconds{20});
    cell_of(1, seconds{2});
    auto const expected = [&](std::uint32_t k) { return c.scheduler().state().kernel(kernel_id{k}).expected_run; };
    CHECK(expected(0) == seconds{10});
    CHECK(expected(1) == seconds{11});
    CHECK(expected(2) == duration{0});
    cell_of(1, seconds{1});
    CHECK(expected(1) == seconds{6});
    c.submit(2, 8);
    c.submit(0, 8);
    c.submit(1, 8);
    c.finish(2);
    CHECK(runs(c, 1));
}

TEST_CASE(
    "standing cluster: where a host is missing a kernel begins with two of three replicas, and the third follows") {
    auto c = cluster(2);
    open(c, {1});
    c.submit(0, 1);
    CHECK_FALSE(lives(c, 0)); // others may be about to come
    c.pass(seconds{2});
    CHECK_FALSE(lives(c, 0));
    c.pass(seconds{1});
    c.ready();
    CHECK(c.replicas(0).size() == 2);
    CHECK(runs(c, 0));
    c.add_host(2);
    c.ready();
    CHECK(c.replicas(0).size() == 3);
    c.lose(gpu::host_id{1});
    c.open(1, 1); // the cluster has been there long enough; the kernel has not
    CHECK_FALSE(lives(c, 1));
    c.pass(seconds{3});
    CHECK(c.replicas(1) == std::set{gpu::host_id{0}, gpu::host_id{2}});
    c.lose(gpu::host_id{2});
    c.open(2, 1);
    c.pass(hours{1});
    CHECK_FALSE(lives(c, 2)); // one is no majority of three
    c.add_host(2);
    c.ready();
    CHECK(lives(c, 2));
    CHECK(c.scheduler().state().ledger().check().empty());
}

TEST_CASE("standing cluster: a kernel that waits for a third host has it where it comes in time") {
    auto c = cluster(2);
    open(c, {1});
    c.pass(seconds{2});
    c.add_host(2);
    CHECK(c.replicas(0).size() == 3);
}

TEST_CASE("standing cluster: one of two replicas is no majority") {
    scripted_cluster c{standing_cluster{standing_policies{.replicas = 2}}};
    c.add_host(0);
    open(c, {1});
    c.pass(hours{1});
    CHECK_FALSE(lives(c, 0));
}

TEST_CASE("standing cluster: a kernel does not begin with fewer replicas because a host does not admit it") {
    scripted_cluster c{standing_cluster{standing_policies{
        .admission =
            gpu::chosen_admission{{.policy = gpu::chosen_admission::kind::subscription_limit, .replicas = 3}}}}};
    c.add_host(0);
    c.add_host(1);
    c.add_host(2, gpu::uniform_host(1));
    std::vector<std::uint32_t> const all(21, 1); // of which the last host carries 20: below 7.0 times 3
    open(c, all);
    CHECK(lives(c, 19));
    c.pass(minutes{1});
    CHECK_FALSE(lives(c, 20));
}

TEST_CASE("standing cluster: a kernel that would pass the subscription limit waits until another goes") {
    auto c = admitting(gpu::chosen_admission::kind::subscription_limit);
    open(c, {8, 8, 8, 8, 8, 8, 8, 8, 0});
    CHECK(lives(c, 6)); // 56 devices are subscribed: 7.0 times those that are there
    CHECK_FALSE(lives(c, 7));
    CHECK(lives(c, 8)); // wants none
    c.submit(7, 8);
    c.pass(seconds{30});
    CHECK_FALSE(runs(c, 7));
    c.close(3);
    c.ready();
    CHECK(lives(c, 7));
    CHECK(runs(c, 7));
}

TEST_CASE("standing cluster: the subscription limit follows what runs, minute by minute") {
    auto c = admitting(gpu::chosen_admission::kind::subscription_limit);
    open(c, {8, 8});
    c.submit(0, 8);
    c.pass(minutes{6}); // twice as much is wanted as is busy
    CHECK(c.scheduler().policies().admission.limit() == 2);
    c.open(2, 8);
    CHECK_FALSE(lives(c, 2));
    c.finish(0);
    c.pass(minutes{3}); // three of five samples: nothing is busy, 7.0
    CHECK(lives(c, 2));
}

TEST_CASE("standing cluster: a kernel waits until its host is likely enough to have room") {
    auto c = admitting(gpu::chosen_admission::kind::service_level);
    open(c, {8, 8, 8, 8});
    CHECK(lives(c, 2));       // 0.75^2: free for 0.56 of the time
    CHECK_FALSE(lives(c, 3)); // 0.42, by what is known of new kernels
    c.pass(hours{1});         // nobody has run anything: 0.875^3 = 0.67
    CHECK(lives(c, 3));
}

TEST_CASE("standing cluster: what a kernel has run, and runs, counts against those to come") {
    auto c = admitting(gpu::chosen_admission::kind::service_level);
    open(c, {8});
    c.submit(0, 8);
    c.pass(hours{2}); // (2 + 0.25) / 3 of its time
    c.open(1, 8);
    CHECK_FALSE(lives(c, 1));
    c.finish(0);
    c.pass(hours{1}); // 2.25 / 4
    CHECK_FALSE(lives(c, 1));
    c.pass(hours{1}); // 2.25 / 5
    CHECK(lives(c, 1));
}

TEST_CASE("standing cluster: a host that comes admits nobody whom the others would not serve well enough") {
    auto c = admitting(gpu::chosen_admission::kind::service_level);
    open(c, {8, 8, 8, 8});
    CHECK_FALSE(lives(c, 3));
    c.add_host(1, gpu::uniform_host(4));
    CHECK_FALSE(lives(c, 3)); // it could never run there
    c.add_host(2);
    CHECK(c.replicas(3) == std::set{gpu::host_id{2}});
}

TEST_CASE("standing cluster: kernels that were admitted leave a host that is emptied, however full the others are") {
    auto c = admitting(gpu::chosen_admission::kind::subscription_limit, 2);
    std::vector<std::uint32_t> const all(14, 8);
    open(c, all);
    CHECK(lives(c, 13));
    c.drain(gpu::host_id{0});
    c.ready();
    for (std::uint32_t k = 0; k < 14; ++k) {
        CHECK(c.replicas(k) == std::set{gpu::host_id{1}});
    }
    c.open(14, 8);
    CHECK_FALSE(lives(c, 14));
}

TEST_CASE("standing cluster: other admission rules are adopted, and know what happened before") {
    auto c = admitting(gpu::chosen_admission::kind::everyone);
    open(c, {8, 8});
    c.submit(0, 8);
    c.pass(minutes{6});
    standing_cluster changed = c.scheduler();
    byte_buffer bytes;
    standing_policies{
        .replicas = 1,
        .admission = gpu::chosen_admission{{.policy = gpu::chosen_admission::kind::subscription_limit, .replicas = 1}}}
        .save(bytes);
    standing_policies others = changed.policies();
    byte_reader in{bytes};
    REQUIRE(others.restore(in));
    cluster_command_buffer out;
    REQUIRE(changed.adopt(others, c.now(), out));
    CHECK(changed.policies().admission.name() == "subscription-limit");
    CHECK(changed.policies().admission.limit() == 2);
}

TEST_CASE("standing cluster: where the placement packs, kernels and cells leave hosts free") {
    scripted_cluster c{
        standing_cluster{standing_policies{.replicas = 1, .placement = *gpu::chosen_placement::named("pack")}}};
    c.add_host(0);
    c.add_host(1);
    for (std::uint32_t k = 0; k < 4; ++k) {
        c.open(k, 2);
        c.ready();
        c.submit(k, 2);
    }
    CHECK(c.busy_hosts() == 1);
}

TEST_CASE("standing cluster: a session waits for three hosts, and none is ever asked for") {
    auto c = cluster(2);
    c.open(0, 4);
    c.submit(0, 4);
    CHECK(c.replicas(0).empty());
    c.pass(hours{1});
    c.add_host(7);
    CHECK(c.replicas(0) == std::set{gpu::host_id{0}, gpu::host_id{1}, gpu::host_id{7}});
    c.ready();
    CHECK(c.runs().size() == 1);
    for (std::uint32_t k = 1; k < 9; ++k) {
        c.open(k, 8);
        c.ready();
        c.submit(k, 8);
    }
    c.pass(hours{1});
    CHECK(c.runs().size() == 3); // the first, and one on each of the others
    CHECK(c.ordered_count() == 0);
    CHECK(c.scheduler().waiting_count() == 6);
}

TEST_CASE("standing cluster: a host may be of another kind, and a session lives where its cells could run") {
    auto c = cluster(2);
    c.add_host(2, gpu::uniform_host(2));
    c.open(0, 2);
    CHECK(c.replicas(0).size() == 3);
    c.open(1, 4);
    CHECK(c.replicas(1).empty());
    c.add_host(3, gpu::uniform_host(16));
    CHECK(c.replicas(1) == std::set{gpu::host_id{0}, gpu::host_id{1}, gpu::host_id{3}});
    c.ready();
    c.submit(0, 12); // more than it said: it moves to where there are so many
    c.ready();
    REQUIRE(c.runs().size() == 1);
    CHECK(c.runs().front().host == gpu::host_id{3});
    CHECK(c.replicas(0).size() == 3);
}

TEST_CASE("standing cluster: a replica moves off the host that has the fewest devices free") {
    auto c = cluster(4);
    c.open(0, 8);
    c.open(1, 1);
    c.open(2, 2);
    c.ready();
    auto const homes = c.replicas(0);
    c.submit(1, 1);
    c.submit(2, 2);
    std::set<gpu::host_id> const busy{c.runs()[0].host, c.runs()[1].host};
    REQUIRE(busy.size() == 2);
    for (std::uint32_t k = 3; c.busy_hosts() < 4; ++k) { // until no host is wholly free
        REQUIRE(k < 9);
        c.open(k, 1);
        c.ready();
        c.submit(k, 1);
    }
    c.submit(0, 8);
    CHECK(c.scheduler().waiting_count() == 1);
    gpu::host_id free{};
    for (std::uint32_t h = 0; h < 4; ++h) {
        free = homes.contains(gpu::host_id{h}) ? free : gpu::host_id{h};
    }
    gpu::host_id fewest = *homes.begin();
    auto const left = [&](gpu::host_id h) { return c.scheduler().state().ledger().load(h).free_count; };
    for (gpu::host_id const h : homes) {
        fewest = left(h) < left(fewest) ? h : fewest;
    }
    for (run_cell const& r : std::vector<run_cell>{c.runs()}) {
        if (r.host == free) {
            c.finish(r.kernel.value);
        }
    }
    c.ready();
    CHECK(c.runs().back().kernel == kernel_id{0});
    CHECK(c.runs().back().host == free);
    CHECK_FALSE(c.replicas(0).contains(fewest));
}

TEST_CASE("standing cluster: who lost all its hosts comes back with the first, and lives on each but once") {
    auto c = cluster(3);
    c.open(0, 1);
    c.ready();
    for (std::uint32_t h = 0; h < 3; ++h) {
        c.lose(gpu::host_id{h});
    }
    c.submit(0, 1);
    CHECK(c.scheduler().waiting_count() == 1);
    for (std::uint32_t h = 0; h < 3; ++h) {
        c.add_host(h);
        CHECK(c.replicas(0).size() == h + 1);
    }
    c.ready();
    CHECK(c.runs().size() == 1);
    CHECK(c.scheduler().state().kernel(kernel_id{0}).replicas.size() == 3);
}

TEST_CASE("standing cluster: three replicas are left where another is lost than the one that gives way") {
    auto c = moving();
    c.add_host(4);
    auto const& kernel = c.scheduler().state().kernel(kernel_id{0});
    REQUIRE(kernel.replicas.size() == 4);
    replica const other = kernel.replicas[1].id == kernel.move->from ? kernel.replicas[0] : kernel.replicas[1];
    c.lose(other.host);
    c.ready();
    CHECK(kernel.replicas.size() == 3);
    CHECK(kernel.running);
}

TEST_CASE("standing cluster: a cell that is taken back runs nowhere, and its devices are another's") {
    auto c = moving();
    cluster_state const& state = c.scheduler().state();
    CHECK(state.moving_count() == 0);
    c.withdraw(0);
    c.withdraw(0); // once more, to no effect
    CHECK(state.kernel(kernel_id{0}).idle());
    CHECK(state.moving_count() == 1);
    CHECK(state.leased_milli() == 3 * 8000);
    std::size_t const before = c.runs().size();
    std::vector<std::uint32_t> waiting;
    for (std::uint32_t k = 1; k < 8; ++k) {
        if (state.kernel(kernel_id{k}).idle()) {
            c.submit(k, 8);
            if (!state.kernel(kernel_id{k}).running) {
                waiting.push_back(k);
            }
        }
    }
    REQUIRE(waiting.size() >= 2);
    CHECK(c.runs().size() + (state.kernel(kernel_id{waiting.front()}).move ? 1 : 0) == before + 1);
    std::size_t const homeless = c.scheduler().waiting_count();
    c.withdraw(waiting.back());
    CHECK(c.scheduler().waiting_count() == homeless - 1);
    c.ready();
    CHECK(c.busy_hosts() == 4);
    for (std::uint32_t k = 0; k < 8; ++k) {
        CHECK(c.replicas(k).size() == 3);
    }
    CHECK(state.kernel(kernel_id{0}).idle());
    CHECK(state.kernel(kernel_id{waiting.back()}).idle());
    CHECK(state.moving_count() == 0);
    CHECK(state.ledger().check().empty());
}

TEST_CASE("standing cluster: what was saved by other policies, or does not add up, is refused and changes nothing") {
    auto c = cluster(3);
    c.open(0, 8);
    c.open(1, 8);
    c.open(2, 8);
    c.open(3, 8);
    c.ready();
    for (std::uint32_t k = 0; k < 4; ++k) {
        c.submit(k, 8);
    }
    REQUIRE(c.scheduler().waiting_count() == 1);
    byte_buffer const bytes = saved(c.scheduler());
    standing_cluster other{standing_policies{}};
    byte_buffer const empty = saved(other);
    auto const takes = [&](std::span<std::byte const> what) {
        byte_reader in{what};
        return other.restore(in) && in.rest().empty();
    };
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        REQUIRE_FALSE(takes(std::span{bytes}.first(cut)));
        REQUIRE(saved(other) == empty);
    }
    byte_buffer none = bytes;
    none[0] = std::byte{0}; // replicas
    CHECK_FALSE(takes(none));
    byte_buffer fewer = bytes;
    fewer[0] = std::byte{2};
    CHECK_FALSE(takes(fewer));
    byte_buffer lost = bytes; // the kernel in the list of those that wait
    std::size_t const waits = bytes.size() - 8 * 3;
    lost[waits] = std::byte{static_cast<unsigned char>(std::to_integer<unsigned>(lost[waits]) ^ 1U)};
    CHECK_FALSE(takes(lost));
    CHECK(saved(other) == empty);
    CHECK(takes(bytes));
    CHECK(saved(other) == bytes);
}

TEST_CASE("standing cluster: it keeps the rules, put back from a snapshot before each event or not") {
    check_many({.step_count = 800});
}

TEST_CASE("standing cluster: it keeps the rules with every way to queue, put back before each event or not") {
    for (std::string_view const name : gpu::chosen_queueing::names) {
        for (duration const patience : {duration{0}, duration{seconds{20}}}) {
            CAPTURE(name);
            check_many(
                {.step_count = 400, .losses_per_10000 = 60},
                {.queueing = gpu::chosen_queueing{
                     {.policy = *gpu::chosen_queueing::named(name), .patience = patience, .default_quota = 8000}}});
        }
    }
}

TEST_CASE("standing cluster: it keeps the rules with every admission, put back before each event or not") {
    for (std::string_view const name : gpu::chosen_admission::names) {
        CAPTURE(name);
        check_many({.step_count = 400, .losses_per_10000 = 60},
                   {.admission = gpu::chosen_admission{{.policy = *gpu::chosen_admission::named(name)}}});
    }
}

TEST_CASE(
    "standing cluster: with hosts that break and come back it keeps the rules, put back before each event or not") {
    check_many({.step_count = 800, .losses_per_10000 = 60});
}

} // namespace hpcsched::notebook

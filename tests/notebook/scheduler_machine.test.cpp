// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/scheduler_machine.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include "scheduler_examples.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::notebook {
namespace {

using namespace std::chrono_literals;
using enum scheduler_outcome;
using said = standing_machine::answer;

static_assert(raft::answers_queries<standing_machine>);
static_assert(raft::answers_queries<raft::sessions<standing_machine>>);

said run(standing_machine& m, byte_buffer const& command) {
    byte_buffer reply;
    m.apply(1, command, reply);
    return standing_machine::decode(reply);
}

byte_buffer state_of(standing_machine const& m) {
    byte_buffer out;
    m.save(out);
    return out;
}

std::optional<kernel_view> asked(standing_machine const& m, std::string_view name) {
    byte_buffer question;
    standing_machine::ask_for(name, question);
    byte_buffer reply;
    m.query(question, reply);
    return standing_machine::decode_view(reply);
}

/// Every replica that was started has the kernel's state.
void get_ready(standing_machine& m) {
    for (bool again = true; std::exchange(again, false);) {
        for (auto const& [name, k] : std::map{m.open_kernels()}) {
            for (replica const& r : m.view(k).replicas) {
                if (!r.ready) {
                    again |= run(m, readies(k.value, m.kernel(k).serial, r.id.value)).outcome == done;
                }
            }
        }
    }
}

/// With so many hosts of eight devices.
standing_machine machine(std::uint32_t hosts) {
    standing_machine m = new_machine();
    for (std::uint32_t h = 0; h < hosts; ++h) {
        REQUIRE(run(m, joins(h, gpu::uniform_host())).outcome == done);
    }
    return m;
}

/// One of each kind, with what the others need; some that are not done, too.
std::vector<byte_buffer> good_commands() {
    return {
        goes_by({}, false, at(1s)),
        joins(0, gpu::uniform_host(2), at(1s)),
        joins(1, gpu::uniform_host(2), at(1s)),
        joins(1, gpu::uniform_host(2), at(2s)), // repeated
        joins(2, gpu::uniform_host(4), at(2s)),
        opens("one", 1, at(3s)),
        opens("two", 2, at(3s)),
        opens("one", 1, at(4s)), // repeated
        readies(0, 1, 0, at(5s)),
        readies(0, 1, 1, at(5s)),
        readies(1, 2, 2, at(5s)),
        submits(0, 1, 1, 1, at(6s)),
        submits(1, 2, 5, 4, at(6s)),
        finishes(0, 1, 1, at(7s)),
        finishes(0, 1, 1, at(8s)), // stale
        joins(3, gpu::uniform_host(4), at(9s)),
        joins(0, gpu::uniform_host(1), at(9s)), // another
        loses(2, at(10s)),
        loses(9, at(10s)), // repeated
        wakes(at(1min)),
        wakes(at(1min)), // repeated
        finishes(1, 2, 5, at(70s)),
        closes(0, 1, at(80s)),
        closes(0, 1, at(80s)), // stale
        opens("three", 1, at(90s)),
    };
}

/// What may be asked of a scheduler, by who knows the machine and by who does not.
class draws {
  public:
    explicit draws(std::uint64_t seed) : dice_{seed, "scheduler_machine"} {}

    [[nodiscard]] bool one_in(std::uint64_t count) { return dice_.below(count) == 0; }

    [[nodiscard]] byte_buffer command(standing_machine const& m) {
        byte_buffer out = whole_command(m);
        if (one_in(20)) {
            out.resize(static_cast<std::size_t>(dice_.below(out.size() + 20)));
        }
        if (one_in(20) && !out.empty()) {
            out[static_cast<std::size_t>(dice_.below(out.size()))] = static_cast<std::byte>(dice_.below(256));
        }
        return out;
    }

  private:
    [[nodiscard]] std::uint32_t number(std::uint64_t below) { return static_cast<std::uint32_t>(dice_.below(below)); }

    [[nodiscard]] byte_buffer whole_command(standing_machine const& m) {
        now_ += std::chrono::milliseconds{dice_.below(3'000)};
        time_point const now = one_in(10) ? now_ - 5s : now_;
        std::uint32_t k = number(8);
        std::uint64_t serial = 1 + dice_.below(40);
        kernel_view v;
        if (!m.open_kernels().empty() && !one_in(15)) {
            auto at = m.open_kernels().begin();
            std::advance(at, static_cast<std::ptrdiff_t>(dice_.below(m.open_kernels().size())));
            v = m.view(at->second);
            k = v.kernel.value;
            serial = v.serial;
        }
        switch (dice_.below(16)) {
        case 0:
            if (one_in(4)) {
                return goes_by({.replicas = one_in(9) ? 2U : 3U,
                                .queueing =
                                    gpu::chosen_queueing{
                                        {.policy = gpu::chosen_queueing::kind{static_cast<std::uint8_t>(number(4))},
                                         .patience = std::chrono::seconds{number(9)}}}},
                               one_in(2), now);
            }
            [[fallthrough]];
        case 1:
            return joins(one_in(40) ? gpu::host_count_max : number(6), gpu::uniform_host(one_in(3) ? 2 : 4), now);
        case 2:
            return one_in(2) ? loses(number(8), now) : drains(number(8), !one_in(3), now);
        case 3:
        case 4:
            return opens("kernel " + std::to_string(number(7)), one_in(40) ? 65 : number(5), now);
        case 5:
            return one_in(3) ? closes(k, serial, now) : wakes(now);
        case 6:
        case 7:
        case 8:
            return submits(k, serial, one_in(8) ? dice_.below(9) : v.last_cell + 1, number(one_in(10) ? 70 : 5), now);
        case 9:
        case 10:
            return finishes(k, serial, one_in(8) ? dice_.below(9) : v.cell, now);
        default:
            for (replica const& r : v.replicas) {
                if (!r.ready) {
                    return readies(k, serial, r.id.value, now);
                }
            }
            return readies(k, serial, number(20), now);
        }
    }

    raft_sim::dice dice_;
    time_point now_{1min};
};

} // namespace

TEST_CASE("scheduler_machine: hosts join, are there already, turn out to be others, and are lost") {
    standing_machine m = new_machine();
    CHECK(run(m, joins(0, gpu::uniform_host())) == said{done});
    CHECK(run(m, joins(0, gpu::uniform_host())) == said{repeated});
    CHECK(run(m, joins(gpu::host_count_max, gpu::uniform_host())) == said{refused});
    CHECK(run(m, joins(1, gpu::uniform_host(1, (1U << 30U) + 1))) == said{refused});
    CHECK(run(m, joins(1, gpu::uniform_host(1, 1, -1))) == said{refused});
    CHECK(run(m, joins(1, gpu::uniform_host(65))) == said{malformed});
    CHECK(run(m, loses(1)) == said{repeated});
    CHECK(run(m, loses(70'000)) == said{repeated});
    CHECK(run(m, joins(5, gpu::uniform_host())) == said{done});
    CHECK(run(m, loses(3)) == said{repeated}); // none has this number
    CHECK(run(m, joins(2, gpu::uniform_host())) == said{done});
    CHECK(run(m, opens("a", 4)).outcome == done);
    CHECK(m.view(kernel_id{0}).replicas.size() == 3);
    CHECK(run(m, joins(5, gpu::uniform_host(2))) == said{done}); // it was rebuilt: what was there is gone
    CHECK(m.view(kernel_id{0}).replicas.size() == 2);
    CHECK(m.state().ledger().load(gpu::host_id{5}).device_count == 2);
    CHECK(run(m, loses(5)) == said{done});
    CHECK(run(m, loses(5)) == said{repeated});
    CHECK(m.state().up_count() == 2);
    check_rules(m);
}

TEST_CASE("scheduler_machine: a host that is drained is left by one replica after the other, and then given up") {
    standing_machine m = new_machine();
    for (std::uint32_t h = 0; h < 3; ++h) {
        REQUIRE(run(m, joins(h, gpu::uniform_host())).outcome == done);
    }
    REQUIRE(run(m, opens("a", 4)).outcome == done);
    for (std::uint32_t r = 0; r < 3; ++r) {
        REQUIRE(run(m, readies(0, 1, r)).outcome == done);
    }
    CHECK(run(m, drains(9)) == said{stale});
    CHECK(run(m, drains(1, false)) == said{repeated});
    CHECK(run(m, drains(1)) == said{done});
    CHECK(run(m, drains(1)) == said{repeated});
    CHECK(m.state().kernel(kernel_id{0}).lives_on(gpu::host_id{1})); // there is no other host
    REQUIRE(run(m, joins(3, gpu::uniform_host())).outcome == done);
    CHECK(m.state().kernel(kernel_id{0}).lives_on(gpu::host_id{3}));
    CHECK(m.state().kernel(kernel_id{0}).lives_on(gpu::host_id{1})); // until the new one has the state
    REQUIRE(run(m, readies(0, 1, 3)).outcome == done);
    CHECK_FALSE(m.state().kernel(kernel_id{0}).lives_on(gpu::host_id{1}));
    CHECK(m.state().host(gpu::host_id{1}).phase == host_phase::absent);
    CHECK(run(m, drains(2)) == said{done});
    CHECK(run(m, drains(2, false)) == said{done}); // kept after all
    CHECK(m.state().up_count() == 3);
    check_rules(m);
}

TEST_CASE("scheduler_machine: a kernel has the lowest number that is free, and a serial number of its own") {
    standing_machine m = machine(3);
    CHECK(run(m, opens("a", 1)) == said{done, kernel_id{0}, 1});
    CHECK(run(m, opens("b", 1)) == said{done, kernel_id{1}, 2});
    CHECK(run(m, opens("a", 9)) == said{repeated, kernel_id{0}, 1});
    CHECK(m.kernel(kernel_id{0}).gpus == 1);
    CHECK(run(m, closes(0, 2)) == said{stale});
    CHECK(run(m, closes(0, 0)) == said{stale});
    CHECK(run(m, closes(7, 1)) == said{stale});
    CHECK(run(m, closes(0, 1)) == said{done});
    CHECK(run(m, closes(0, 1)) == said{stale});
    CHECK_FALSE(m.find("a").has_value());
    CHECK(run(m, opens("c", 0)) == said{done, kernel_id{0}, 3});
    CHECK(run(m, opens("a", 64)) == said{done, kernel_id{2}, 4});
    CHECK(run(m, opens("d", 65)) == said{refused});
    CHECK(run(m, opens("", 1)) == said{});
    CHECK(run(m, opens(std::string(200, 'n'), 1)).outcome == done);
    CHECK(run(m, opens(std::string(201, 'n'), 1)) == said{});
    CHECK(m.find("c") == kernel_id{0});
    CHECK(m.open_kernels().size() == 4);
    check_rules(m);
}

TEST_CASE("scheduler_machine: all go by the policies that were said first, until somebody changes them") {
    standing_policies const packs{.placement = *gpu::chosen_placement::named("pack")};
    standing_policies const spreads{.placement = *gpu::chosen_placement::named("spread")};
    auto const placement = [](standing_machine const& m) { return m.scheduler().policies().placement.name(); };
    standing_machine m = machine(3);
    CHECK_FALSE(m.policies_are_set());
    CHECK(run(m, goes_by(packs)) == said{done});
    CHECK(run(m, goes_by(packs)) == said{repeated});
    CHECK(run(m, goes_by(packs, true)) == said{repeated});
    CHECK(run(m, goes_by(spreads)) == said{refused});
    CHECK(placement(m) == "pack");
    CHECK(run(m, opens("a", 1)).outcome == done);
    CHECK(run(m, goes_by({.replicas = 2}, true)) == said{refused}); // of a kernel that lives
    CHECK(run(m, goes_by(spreads, true)) == said{done});
    CHECK(placement(m) == "spread");
    check_rules(m);
    byte_buffer saved;
    m.save(saved);
    standing_machine again = machine(0);
    REQUIRE(again.restore(saved));
    CHECK(again.policies_are_set());
    CHECK(placement(again) == "spread");
    CHECK(run(m, closes(0, 1)) == said{done});
    CHECK(run(m, goes_by({.replicas = 2}, true)) == said{done});
}

TEST_CASE("scheduler_machine: a kernel that is opened before anybody named the policies lives by those") {
    standing_machine m = machine(0);
    CHECK(run(m, opens("a", 1)).outcome == done);
    CHECK(run(m, goes_by({.replicas = 1})) == said{done});
    CHECK(run(m, joins(0, gpu::uniform_host())) == said{done});
    CHECK(m.view(kernel_id{0}).replicas.size() == 1);
}

TEST_CASE("scheduler_machine: a cell that waited by the old policies runs where the new ones let it") {
    auto const queueing = [](duration patience) {
        return standing_policies{.replicas = 1, .queueing = gpu::chosen_queueing{{.patience = patience}}};
    };
    standing_machine m = machine(0);
    CHECK(run(m, goes_by(queueing(0s))) == said{done});
    CHECK(run(m, joins(0, gpu::uniform_host(8))) == said{done});
    for (std::uint32_t k = 0; k < 3; ++k) {
        CHECK(run(m, opens("kernel " + std::to_string(k), 8)).outcome == done);
        CHECK(run(m, readies(k, k + 1, 0)) == said{done});
    }
    CHECK(run(m, submits(0, 1, 1, 4)) == said{done});
    CHECK(run(m, submits(1, 2, 1, 8)) == said{done});
    CHECK(run(m, submits(2, 3, 1, 4)) == said{done});
    CHECK_FALSE(m.view(kernel_id{2}).running);
    CHECK(run(m, goes_by(queueing(unlimited), true)) == said{done});
    CHECK(m.view(kernel_id{2}).running);
    CHECK(m.kernel(kernel_id{2}).generation == 1);
}

TEST_CASE("scheduler_machine: a kernel's cells count for the tenant that its owner is") {
    standing_machine m = machine(3);
    CHECK(run(m, opens("a", 1, {}, "ada")).outcome == done);
    CHECK(run(m, opens("b", 1, {}, "bob")).outcome == done);
    CHECK(run(m, opens("c", 1, {}, "ada")).outcome == done);
    CHECK(run(m, opens("d", 1)).outcome == done);
    auto const tenant = [&](std::uint32_t k) { return m.state().kernel(kernel_id{k}).tenant; };
    CHECK(tenant(0) == tenant_of("ada"));
    CHECK(tenant(1) == tenant_of("bob"));
    CHECK(tenant(2) == tenant(0));
    CHECK(tenant(1) != tenant(0));
    CHECK(tenant(3) == 0);
}

TEST_CASE(
    "scheduler_machine: a kernel belongs to who opened it, over a snapshot too, and a command says whom it is of") {
    standing_machine m = machine(3);
    CHECK(run(m, opens("a", 1, {}, "ada")) == said{done, kernel_id{0}, 1});
    CHECK(run(m, opens("a", 1, {}, "ada")) == said{repeated, kernel_id{0}, 1});
    CHECK(run(m, opens("a", 1, {}, "bob")) == said{refused});
    CHECK(run(m, opens("b", 1, {}, std::string(201, 'o'))) == said{});
    byte_buffer saved;
    m.save(saved);
    standing_machine again = machine(0);
    REQUIRE(again.restore(saved));
    CHECK(again.kernel(kernel_id{0}).owner == "ada");

    using of = command_subject::of;
    CHECK(standing_machine::subject_of(opens("a", 1, {}, "ada")) == command_subject{of::opening, "ada"});
    for (byte_buffer const& command : {closes(0, 7), submits(0, 7, 1, 1), finishes(0, 7, 1)}) {
        CHECK(standing_machine::subject_of(command) == command_subject{of::kernel, {}, 7});
    }
    for (byte_buffer const& command : {wakes({}), readies(0, 7, 1), loses(1), drains(1)}) {
        CHECK(standing_machine::subject_of(command) == command_subject{});
    }
    CHECK_FALSE(standing_machine::subject_of({}).has_value());
}

TEST_CASE("scheduler_machine: a cell is submitted once, runs, and is over once") {
    standing_machine m = machine(3);
    run(m, opens("a", 4));
    CHECK(run(m, submits(0, 2, 1, 4)) == said{stale});
    CHECK(run(m, submits(0, 1, 0, 4)) == said{stale});
    CHECK(run(m, submits(0, 1, 3, 4)) == said{done});
    CHECK(m.kernel(kernel_id{0}).generation == 0); // no replica is ready
    get_ready(m);
    CHECK(m.kernel(kernel_id{0}).generation == 1);
    CHECK(run(m, submits(0, 1, 3, 4)) == said{repeated});
    CHECK(run(m, submits(0, 1, 4, 4)) == said{refused});
    CHECK(run(m, finishes(0, 1, 2)) == said{stale});
    CHECK(run(m, finishes(0, 2, 3)) == said{stale});
    CHECK(run(m, finishes(0, 1, 3)) == said{done});
    CHECK(run(m, finishes(0, 1, 3)) == said{stale});
    CHECK(run(m, finishes(0, 1, 0)) == said{stale});
    CHECK(run(m, submits(0, 1, 3, 4)) == said{stale});
    CHECK(run(m, submits(0, 1, 5, 4)) == said{done});
    CHECK(m.kernel(kernel_id{0}).generation == 2);
    CHECK(m.kernel(kernel_id{0}).last_cell == 5);
    check_rules(m);
}

TEST_CASE("scheduler_machine: a cell that no host could ever serve is refused, and one that waits is taken back") {
    standing_machine m = new_machine();
    run(m, opens("a", 4));
    CHECK(run(m, submits(0, 1, 1, 4)) == said{refused}); // there is no host
    for (std::uint32_t h = 0; h < 3; ++h) {
        run(m, joins(h, gpu::uniform_host(4)));
    }
    get_ready(m);
    CHECK(run(m, submits(0, 1, 1, 5)) == said{refused});
    CHECK(run(m, submits(0, 1, 1, 65)) == said{refused});
    CHECK(run(m, submits(0, 1, 1, (1U << 16U) + 1)) == said{refused});
    run(m, joins(3, gpu::uniform_host(8)));
    CHECK(run(m, submits(0, 1, 1, 5)) == said{done}); // a replica moves there
    CHECK(m.view(kernel_id{0}).replicas.size() == 4);
    CHECK(m.view(kernel_id{0}).lease != 0);
    CHECK(run(m, finishes(0, 1, 1)) == said{done}); // before it arrives
    CHECK(m.view(kernel_id{0}).lease == 0);
    get_ready(m);
    CHECK(m.view(kernel_id{0}).replicas.size() == 3);
    CHECK(m.kernel(kernel_id{0}).generation == 0);
    CHECK(run(m, submits(0, 1, 1, 5)) == said{stale});
    CHECK(run(m, submits(0, 1, 2, 5)) == said{done});
    CHECK(m.kernel(kernel_id{0}).generation == 1);
    check_rules(m);
}

TEST_CASE("scheduler_machine: a replica is ready once, and what is gone is stale") {
    standing_machine m = machine(3);
    run(m, opens("a", 1));
    CHECK(run(m, readies(0, 2, 0)) == said{stale});
    CHECK(run(m, readies(0, 1, 3)) == said{stale});
    CHECK(run(m, readies(0, 1, 2)) == said{done});
    CHECK(run(m, readies(0, 1, 2)) == said{repeated});
    run(m, loses(m.view(kernel_id{0}).replicas[2].host.value));
    CHECK(run(m, readies(0, 1, 2)) == said{stale});
}

TEST_CASE("scheduler_machine: a cell whose host is lost runs once more, and a watcher can tell") {
    standing_machine m = machine(4);
    run(m, opens("a", 4));
    get_ready(m);
    run(m, submits(0, 1, 1, 4));
    kernel_view const first = *asked(m, "a");
    REQUIRE(first.running);
    CHECK(first.generation == 1);
    CHECK(first.founders.size() == 3);
    run(m, loses(first.executor_host.value));
    kernel_view const second = *asked(m, "a");
    CHECK(second.running);
    CHECK(second.cell == 1);
    CHECK(second.generation == 2);
    CHECK(second.executor != first.executor);
    CHECK(second.replicas.size() == 3); // on the host that was left
    CHECK(second.founders == first.founders);
    CHECK(second.lease > first.lease);
    check_rules(m);
}

TEST_CASE("scheduler_machine: who asks for a kernel is told all of it, and changes nothing") {
    standing_machine m = new_machine();
    run(m, opens("a b", 2));
    CHECK(asked(m, "a b")->founders.empty());
    for (std::uint32_t h = 0; h < 3; ++h) {
        run(m, joins(h, gpu::uniform_host(4)));
    }
    get_ready(m);
    run(m, submits(0, 1, 9, 2));
    byte_buffer const before = state_of(m);
    auto const v = asked(m, "a b");
    REQUIRE(v.has_value());
    CHECK(*v == m.view(kernel_id{0}));
    CHECK(v->kernel == kernel_id{0});
    CHECK(v->serial == 1);
    CHECK(v->replicas.size() == 3);
    CHECK(v->cell == 9);
    CHECK(v->running);
    CHECK(v->lease == 1);
    CHECK(v->devices == 0b11);
    CHECK_FALSE(asked(m, "a").has_value());
    byte_buffer question;
    standing_machine::ask_for("a b", question);
    question.push_back(std::byte{0});
    for (byte_buffer const& bad : {question, byte_buffer{}, byte_buffer{std::byte{3}}}) {
        byte_buffer reply;
        m.query(bad, reply);
        CHECK_FALSE(standing_machine::decode_view(reply).has_value());
    }
    question.pop_back();
    CHECK(run(m, question) == said{}); // it is no command
    byte_buffer reply;
    m.query(question, reply);
    for (std::size_t cut = 0; cut < reply.size(); ++cut) {
        CHECK_FALSE(standing_machine::decode_view(std::span{reply}.first(cut)).has_value());
    }
    CHECK(state_of(m) == before);
}

TEST_CASE("scheduler_machine: time does not go back, and what is not done does not move it") {
    standing_machine m = new_machine();
    CHECK(m.next_wake() == at(1min));
    CHECK(run(m, wakes(at(59s))) == said{repeated});
    CHECK(m.now() == at(0s));
    CHECK(run(m, joins(0, gpu::uniform_host(), at(100s))) == said{done});
    CHECK(run(m, opens("a", 1, at(5s))) == said{done, kernel_id{0}, 1}); // a clock that is behind
    CHECK(m.state().kernel(kernel_id{0}).idle_since == at(100s));
    CHECK(run(m, wakes(at(1s))) == said{done}); // it is due by the clock of another
    CHECK(m.next_wake() == at(160s));
    byte_buffer const before = state_of(m);
    CHECK(run(m, opens("a", 1, at(200s))).outcome == repeated);
    CHECK(run(m, opens("b", 65, at(200s))).outcome == refused);
    CHECK(run(m, closes(0, 9, at(200s))).outcome == stale);
    CHECK(run(m, wakes(at(-1ns))) == said{});
    CHECK(run(m, wakes(never)) == said{});
    CHECK(run(m, wakes(at(duration{(std::int64_t{1} << 62U) + 1}))) == said{});
    CHECK(state_of(m) == before);
    CHECK(run(m, wakes(at(duration{std::int64_t{1} << 62U}))) == said{done});
}

TEST_CASE("scheduler_machine: it is a state machine, bytes that are no command included") {
    std::vector<byte_buffer> commands = good_commands();
    std::size_t const good = commands.size();
    standing_machine m = new_machine();
    std::size_t was_done = 0;
    for (byte_buffer const& c : commands) {
        was_done += run(m, c).outcome == done ? 1U : 0U;
        check_rules(m);
    }
    CHECK(was_done == good - 6);
    for (std::size_t i = 0; i < good; ++i) {
        byte_buffer cut = commands[i];
        cut.pop_back();
        byte_buffer longer = commands[i];
        longer.push_back(std::byte{0});
        byte_buffer other = commands[i];
        other[7] = std::byte{1}; // no such operation
        for (byte_buffer const& bad : {cut, longer, other}) {
            byte_buffer const before = state_of(m);
            CHECK(run(m, bad) == said{});
            CHECK(state_of(m) == before);
            commands.push_back(bad);
        }
    }
    commands.emplace_back();
    commands.push_back({std::byte{3}});
    CHECK(testing::check_state_machine(&new_machine, commands) == std::vector<std::string>{});
}

TEST_CASE("scheduler_machine: one that is put back now and then goes on as one that never was") {
    std::map<scheduler_outcome, std::size_t> outcomes;
    std::size_t runs = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        draws d{seed};
        standing_machine one = new_machine();
        standing_machine other = new_machine();
        std::map<std::uint64_t, std::vector<gpu::host_id>> founders; // by serial
        byte_buffer before = state_of(one);
        for (int n = 0; n < 2'500; ++n) {
            CAPTURE(n);
            byte_buffer const command = d.command(one);
            said const a = run(one, command);
            REQUIRE(run(other, command) == a);
            byte_buffer const now = state_of(one);
            REQUIRE(state_of(other) == now);
            REQUIRE((a.outcome == done || now == before));
            before = now;
            ++outcomes[a.outcome];
            check_rules(one);
            for (auto const& [name, k] : one.open_kernels()) {
                kernel_record const& r = one.kernel(k);
                auto const& first = founders.emplace(r.serial, r.founders).first->second;
                REQUIRE((first.empty() || first == r.founders));
                founders[r.serial] = r.founders;
                runs = std::max(runs, static_cast<std::size_t>(r.generation));
            }
            byte_reader in{command};
            if (in.word() == 2 && a.outcome == done) { // a host was lost
                (void)in.word();
                gpu::host_id const lost{static_cast<std::uint32_t>(in.word())};
                REQUIRE(one.state().host(lost).members.empty());
                REQUIRE_FALSE(one.state().ledger().contains(lost));
            }
            if (d.one_in(9)) {
                other = new_machine();
                REQUIRE(other.restore(now));
                REQUIRE(state_of(other) == now);
            }
        }
    }
    for (scheduler_outcome const each : {done, repeated, stale, refused, malformed}) {
        CHECK(outcomes[each] > 100);
    }
    CHECK(runs > 10);
}

TEST_CASE("scheduler_machine: a snapshot of another kind is refused, and the machine is as it was") {
    standing_machine m = new_machine();
    for (byte_buffer const& c : good_commands()) {
        run(m, c);
    }
    byte_buffer const bytes = state_of(m);
    standing_machine other = machine(2);
    byte_buffer const before = state_of(other);
    byte_buffer longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(other.restore(longer));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        REQUIRE_FALSE(other.restore(std::span{bytes}.first(cut)));
    }
    CHECK(state_of(other) == before);
    std::size_t taken = 0;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        byte_buffer changed = bytes;
        changed[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        if (!other.restore(changed)) {
            REQUIRE(state_of(other) == before);
            continue;
        }
        ++taken;
        REQUIRE(state_of(other) == changed);
        check_rules(other);
        for (std::uint32_t h = 0; h < 4; ++h) { // and it goes on
            run(other, loses(h));
            run(other, joins(h, gpu::uniform_host(8)));
        }
        run(other, wakes(at(duration{std::int64_t{1} << 61U})));
        get_ready(other);
        check_rules(other);
        REQUIRE(other.restore(before));
    }
    CHECK(taken > 100); // such as times and names
    CHECK(other.restore(bytes));
    CHECK(state_of(other) == bytes);
}

TEST_CASE("scheduler_machine: an answer of another kind is malformed") {
    standing_machine m = machine(1);
    byte_buffer reply;
    m.apply(1, opens("a", 1), reply);
    CHECK(standing_machine::decode(reply) == said{done, kernel_id{0}, 1});
    for (std::size_t cut = 0; cut < reply.size(); ++cut) {
        CHECK(standing_machine::decode(std::span{reply}.first(cut)) == said{});
    }
    byte_buffer longer = reply;
    longer.push_back(std::byte{0});
    CHECK(standing_machine::decode(longer) == said{});
    for (std::size_t const where : {std::size_t{0}, std::size_t{12}}) { // the outcome, a number beyond 32 bits
        byte_buffer strange = reply;
        strange[where] = std::byte{77};
        CHECK(standing_machine::decode(strange) == said{});
    }
}

} // namespace hpcsched::notebook

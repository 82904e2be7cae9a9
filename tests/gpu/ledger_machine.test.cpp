// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/ledger_machine.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include "draws.hpp"
#include "site.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;
using code = ledger_code;
using said = ledger_machine::answer;

static_assert(raft::answers_queries<ledger_machine>);
static_assert(raft::answers_queries<raft::sessions<ledger_machine>>);

byte_buffer made(auto const& make) {
    byte_buffer out;
    make(out);
    return out;
}

said run(ledger_machine& m, byte_buffer const& command) {
    byte_buffer reply;
    m.apply(1, command, reply);
    return ledger_machine::decode(reply);
}
said run(ledger_machine& m, auto const& make)
    requires std::invocable<decltype(make), byte_buffer&>
{
    return run(m, made(make));
}

byte_buffer state_of(ledger_machine const& m) {
    byte_buffer out;
    m.save(out);
    return out;
}

auto adds(std::uint32_t host, host_info const& info) {
    return [=](byte_buffer& out) { ledger_machine::add_host(host_id{host}, info, out); };
}
auto acquires(std::uint64_t owner, std::uint64_t sequence, std::uint32_t host, device_request const& r,
              terms const& t = {}) {
    return [=](byte_buffer& out) {
        ledger_machine::acquire(owner, sequence, host_id{host}, r, t.chosen, t.priority, t.now, t.length, out);
    };
}
auto renews(lease_token token, time_point now, duration length) {
    return [=](byte_buffer& out) { ledger_machine::renew(token, now, length, out); };
}
auto expires(time_point now) {
    return [=](byte_buffer& out) { ledger_machine::expire(now, out); };
}
auto finds(lease_token token) {
    return [=](byte_buffer& out) { ledger_machine::find(token, out); };
}

/// One of each kind, with what the others need; some that are not done, too.
std::vector<byte_buffer> good_commands() {
    return {
        made(adds(0, uniform_host(2))),
        made(adds(1, sliced_host(2, 1))),
        made(adds(1, uniform_host())),
        made([](byte_buffer& out) { ledger_machine::subscribe(host_id{0}, 4, whole(2).subscription(), out); }),
        made([](byte_buffer& out) { ledger_machine::subscribe(host_id{0}, 5, share(100, 2).subscription(), out); }),
        made([](byte_buffer& out) { ledger_machine::unsubscribe(host_id{0}, 4, out); }),
        made(acquires(1, 1, 0, whole(2), {.priority = -5, .now = at(1s), .length = 10s})),
        made(acquires(1, 1, 0, whole(2), {.now = at(2s), .length = 10s})),
        made(acquires(2, 1, 0, whole(1), {.now = at(2s)})),
        made(acquires(2, 1, 1, slice(slice_3g), {.now = at(2s), .length = 20s})),
        made(acquires(3, 7, 1, share(250, 1000), {.chosen = device_bit(1), .now = at(1s)})),
        made(finds(1)),
        made(finds(99)),
        made(renews(1, at(3s), 30s)),
        made(acquires(1, 2, 0, whole(1), {.now = at(4s), .length = 5s})),
        made([](byte_buffer& out) { ledger_machine::set_health(host_id{0}, 0, device_health::draining, out); }),
        made([](byte_buffer& out) { ledger_machine::set_health(host_id{1}, 0, device_health::failed, out); }),
        made([](byte_buffer& out) { ledger_machine::set_draining(host_id{1}, true, out); }),
        made(expires(at(9s))),
        made(acquires(4, 1, 0, whole(1), {.now = at(9s)})),
        made([](byte_buffer& out) { ledger_machine::preempt(5, out); }),
        made([](byte_buffer& out) { ledger_machine::release(3, out); }),
        made([](byte_buffer& out) { ledger_machine::forget_owner(3, out); }),
        made(acquires(3, 1, 0, whole(1), {.now = at(9s)})),
        made([](byte_buffer& out) { ledger_machine::remove_host(host_id{0}, out); }),
    };
}

/// Any command, with the parameters of anybody.
byte_buffer drawn_command(draws& d) {
    byte_buffer out;
    host_id const host = d.host();
    time_point const now{
        duration{d.one_in(30) ? static_cast<std::int64_t>(d.word()) : d.number<std::int64_t>(1'000'000'000'000)}};
    lease_token const token = d.one_in(20) ? d.word() : d.below(60);
    switch (d.below(15)) {
    case 0:
    case 1:
        ledger_machine::add_host(host, d.info(), out);
        break;
    case 2:
        ledger_machine::remove_host(host, out);
        break;
    case 3:
        ledger_machine::set_draining(host, d.one_in(3), out);
        break;
    case 4:
        ledger_machine::set_health(host, d.number<std::uint32_t>(7), d.health(), out);
        break;
    case 5:
        ledger_machine::subscribe(host, d.below(5), d.subscription(), out);
        break;
    case 6:
        ledger_machine::unsubscribe(host, d.below(5), out);
        break;
    case 7:
        ledger_machine::renew(token, now, d.length(), out);
        break;
    case 8:
        ledger_machine::release(token, out);
        break;
    case 9:
        ledger_machine::preempt(token, out);
        break;
    case 10:
        ledger_machine::expire(d.one_in(3) ? now : time_point{}, out);
        break;
    case 11:
        ledger_machine::forget_owner(d.owner(), out);
        break;
    case 12:
        ledger_machine::find(token, out);
        break;
    default:
        ledger_machine::acquire(d.owner(), 1 + d.below(9), host, d.request(), d.one_in(4) ? d.below(64) : 0,
                                static_cast<std::int32_t>(d.word()), now, d.length(), out);
    }
    if (d.one_in(8)) {
        out.resize(static_cast<std::size_t>(d.below(out.size() + 20)));
    }
    if (d.one_in(8) && !out.empty()) {
        out[static_cast<std::size_t>(d.below(out.size()))] = static_cast<std::byte>(d.below(256));
    }
    return out;
}

} // namespace

TEST_CASE("ledger_machine: commands do what the ledger does, and say so") {
    ledger_machine m;
    CHECK(run(m, adds(0, uniform_host(2))) == said{code::done});
    CHECK(run(m, adds(0, uniform_host(3))) == said{code::host_exists});
    auto const a = run(m, acquires(1, 1, 0, whole(1), {.priority = -5, .now = at(1s), .length = 10s}));
    REQUIRE(a.granted.has_value());
    CHECK(a.code == code::done);
    CHECK(*a.granted == lease{1, 1, 1, host_id{0}, 1, 0, whole(1), -5, at(1s), at(11s)});
    CHECK(run(m, acquires(1, 1, 0, whole(1), {.now = at(2s)})) == a);
    CHECK(run(m, acquires(2, 1, 0, whole(2), {.now = at(2s)})) == said{code::no_room});
    auto const b = run(m, acquires(1, 2, 0, whole(2), {.now = at(2s), .length = 10s}));
    REQUIRE(b.granted.has_value());
    CHECK(b.ended == std::vector<ended_lease>{{*a.granted, lease_end::replaced}});
    CHECK(run(m, renews(2, at(3s), 20s)) == said{code::done});
    lease const renewed = *m.state().find(2);
    CHECK(renewed.expiry == at(23s));
    CHECK(run(m, expires(at(23s))).ended == std::vector<ended_lease>{{renewed, lease_end::expired}});
    CHECK(run(m, acquires(1, 2, 0, whole(2), {.now = at(2s)})) == said{code::stale});
    auto const c = run(m, acquires(1, 3, 0, whole(2), {.now = at(30s)}));
    REQUIRE(c.granted.has_value());
    CHECK(run(m, [](byte_buffer& out) { ledger_machine::preempt(3, out); }).ended ==
          std::vector<ended_lease>{{*c.granted, lease_end::preempted}});
    CHECK(run(m, [](byte_buffer& out) { ledger_machine::release(3, out); }) == said{code::unknown_lease});
    CHECK(m.state().check().empty());
}

TEST_CASE("ledger_machine: who asks for a lease changes nothing, as a query or as a command") {
    ledger_machine m;
    run(m, adds(0, uniform_host(2)));
    auto const a = run(m, acquires(1, 1, 0, whole(1)));
    byte_buffer const before = state_of(m);
    for (bool const as_query : {true, false}) {
        auto const ask = [&](byte_buffer const& question) {
            byte_buffer reply;
            if (as_query) {
                m.query(question, reply);
            } else {
                m.apply(9, question, reply);
            }
            return ledger_machine::decode(reply);
        };
        CHECK(ask(made(finds(1))) == said{code::done, a.granted, {}});
        CHECK(ask(made(finds(2))) == said{code::unknown_lease});
        CHECK(ask(made(finds(0))) == said{code::unknown_lease});
        byte_buffer longer = made(finds(1));
        longer.push_back(std::byte{0});
        CHECK(ask(longer) == said{});
        CHECK(ask({}) == said{});
    }
    byte_buffer reply;
    m.query(made(expires(at(1h))), reply); // no question
    CHECK(ledger_machine::decode(reply) == said{});
    CHECK(state_of(m) == before);
}

TEST_CASE("ledger_machine: time does not go back, whoever's clock it is") {
    ledger_machine m;
    run(m, adds(0, uniform_host()));
    run(m, acquires(1, 1, 0, whole(1), {.now = at(100s), .length = 10s}));
    auto const late = run(m, acquires(2, 1, 0, whole(1), {.now = at(5s), .length = 10s})); // a clock that is behind
    REQUIRE(late.granted.has_value());
    CHECK(late.granted->granted == at(100s));
    CHECK(late.granted->expiry == at(110s));
    CHECK(run(m, expires(at(50s))).ended.empty());
    CHECK(run(m, renews(1, at(1s), 20s)) == said{code::done});
    CHECK(m.state().find(1)->expiry == at(120s));
    ledger_machine other;
    REQUIRE(other.restore(state_of(m)));
    CHECK(run(other, acquires(3, 1, 0, whole(1), {.now = at(0s)})).granted->granted == at(100s)); // nor by a snapshot
}

TEST_CASE("ledger_machine: what is not done does not move the time either") {
    ledger_machine m;
    run(m, adds(0, uniform_host(1)));
    byte_buffer const before = state_of(m);
    CHECK(run(m, acquires(1, 1, 0, whole(2), {.now = at(100s)})).code == code::never_fits);
    CHECK(run(m, acquires(0, 1, 0, whole(1), {.now = at(100s)})).code == code::malformed);
    CHECK(run(m, acquires(1, 1, 7, whole(1), {.now = at(100s)})).code == code::unknown_host);
    CHECK(run(m, renews(1, at(100s), 1s)).code == code::unknown_lease);
    CHECK(run(m, acquires(1, 1, 0, whole(1), {.now = never})).code == code::malformed);
    CHECK(run(m, acquires(1, 1, 0, whole(1), {.now = at(-1s)})).code == code::malformed);
    CHECK(run(m, expires(never)).code == code::malformed);
    CHECK(run(m, expires(at(-1s))).code == code::malformed);
    CHECK(state_of(m) == before);
}

TEST_CASE("ledger_machine: it is a state machine, bytes that are no command included") {
    std::vector<byte_buffer> commands = good_commands();
    std::size_t const good = commands.size();
    ledger_machine m;
    std::size_t done = 0;
    for (byte_buffer const& c : commands) {
        done += run(m, c).code == code::done ? 1U : 0U;
    }
    CHECK(done == good - 3);
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
    commands.push_back({std::byte{9}});
    auto const broken = testing::check_state_machine([] { return ledger_machine{}; }, commands);
    CHECK(broken == std::vector<std::string>{});
}

TEST_CASE("ledger_machine: it is a state machine for whatever is sent to it") {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        draws d{seed, "ledger_machine"};
        std::vector<byte_buffer> commands;
        ledger_machine m;
        for (int n = 0; n < 150; ++n) {
            commands.push_back(drawn_command(d));
            byte_buffer const before = state_of(m);
            said const a = run(m, commands.back());
            CAPTURE(seed);
            CAPTURE(n);
            REQUIRE(m.state().check() == std::string{});
            REQUIRE((a.code == code::done || state_of(m) == before));
            REQUIRE((a.code == code::done || (!a.granted && a.ended.empty())));
        }
        auto const broken = testing::check_state_machine([] { return ledger_machine{}; }, commands);
        CHECK(broken == std::vector<std::string>{});
    }
}

TEST_CASE("ledger_machine: a snapshot of another kind is refused, and the machine is as it was") {
    ledger_machine m;
    for (byte_buffer const& c : good_commands()) {
        run(m, c);
    }
    byte_buffer const bytes = state_of(m);
    byte_buffer longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(m.restore(longer));
    CHECK_FALSE(m.restore({}));
    byte_buffer negative = bytes;
    negative[7] = std::byte{0x80}; // a time before the origin
    CHECK_FALSE(m.restore(negative));
    CHECK(state_of(m) == bytes);
    CHECK(m.restore(bytes));
    CHECK(state_of(m) == bytes);
}

TEST_CASE("ledger_machine: an answer of another kind is malformed") {
    ledger_machine m;
    run(m, adds(0, uniform_host(2)));
    run(m, acquires(1, 1, 0, whole(1)));
    byte_buffer reply;
    m.apply(1, made(acquires(1, 2, 0, whole(2))), reply); // with a lease, and one that has ended
    said const good = ledger_machine::decode(reply);
    CHECK(good.granted.has_value());
    CHECK(good.ended.size() == 1);
    for (std::size_t cut = 0; cut < reply.size(); ++cut) {
        CHECK(ledger_machine::decode(std::span{reply}.first(cut)) == said{});
    }
    byte_buffer longer = reply;
    longer.push_back(std::byte{0});
    CHECK(ledger_machine::decode(longer) == said{});
    for (std::size_t const at : {std::size_t{0}, std::size_t{8}, reply.size() - 8}) { // the code, the flag, the reason
        byte_buffer strange = reply;
        strange[at] = std::byte{77};
        CHECK(ledger_machine::decode(strange) == said{});
    }
    byte_buffer many = reply; // ended leases beyond number
    std::size_t const count = 8 + 8 + 16 * 8;
    for (std::size_t i = 0; i < 8; ++i) {
        many[count + i] = std::byte{0xff};
    }
    CHECK(ledger_machine::decode(many) == said{});
}

} // namespace hpcsched::gpu

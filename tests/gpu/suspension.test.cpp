// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/suspension.hpp>

#include <doctest/doctest.h>

#include "death.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace hpcsched;
using namespace std::chrono_literals;
using gpu::driver_code;
using gpu::process_state;
using gpu::process_step;
using gpu::suspension_outcome;
using gpu::suspension_phase;

namespace {

constexpr time_point at(duration since) {
    return time_point{since};
}

/// Tells a suspension how its steps went; each must be the one that was commanded.
struct told {
    gpu::suspension s{};
    buffer<gpu::suspension_command> out;
    time_point now = at(1s);

    bool suspend() { return s.suspend(now, out); }
    bool resume() { return s.resume(now, out); }
    void ends(process_step step, driver_code code, process_state state) {
        REQUIRE(out.size() == 1);
        REQUIRE(out.items()[0].step == step);
        out.clear();
        s.handle({1, step, code, state}, now, out);
    }
    void well(process_step step) {
        process_state const after = step == process_step::unlock       ? process_state::running
                                    : step == process_step::checkpoint ? process_state::checkpointed
                                                                       : process_state::locked;
        ends(step, driver_code::done, after);
    }
    void is(suspension_phase phase, suspension_outcome outcome) {
        CHECK(s.phase() == phase);
        CHECK(s.outcome() == outcome);
        CHECK(s.busy() == !out.empty());
    }
    void to_suspended() {
        REQUIRE(suspend());
        well(process_step::lock);
        well(process_step::checkpoint);
    }
};

} // namespace

TEST_CASE("suspension: lock and checkpoint take it off, restore and unlock bring it back") {
    told t;
    CHECK(t.suspend());
    t.is(suspension_phase::locking, suspension_outcome::pending);
    CHECK(t.out.items()[0].limit == 10s);
    CHECK_FALSE(t.suspend()); // it is on its way
    t.well(process_step::lock);
    t.is(suspension_phase::checkpointing, suspension_outcome::pending);
    t.well(process_step::checkpoint);
    t.is(suspension_phase::suspended, suspension_outcome::suspended);
    CHECK_FALSE(t.suspend());
    CHECK(t.resume());
    CHECK_FALSE(t.resume());
    t.well(process_step::restore);
    t.well(process_step::unlock);
    t.is(suspension_phase::running, suspension_outcome::resumed);
    CHECK(t.s.code() == driver_code::done);
    CHECK_FALSE(t.resume());
}

TEST_CASE("suspension: a lock that times out leaves it running, and it can be tried again") {
    told t;
    t.suspend();
    t.ends(process_step::lock, driver_code::timed_out, process_state::running);
    t.is(suspension_phase::running, suspension_outcome::not_locked);
    CHECK(t.s.code() == driver_code::timed_out);
    t.to_suspended();
    t.is(suspension_phase::suspended, suspension_outcome::suspended);
    CHECK(t.s.code() == driver_code::done);
}

TEST_CASE("suspension: a checkpoint that fails is undone, from whichever state it leaves") {
    told t;
    t.suspend();
    t.well(process_step::lock);
    SUBCASE("locked") {
        t.ends(process_step::checkpoint, driver_code::no_host_memory, process_state::locked);
        t.well(process_step::unlock);
    }
    SUBCASE("checkpointed, though it says that it failed") {
        t.ends(process_step::checkpoint, driver_code::no_host_memory, process_state::checkpointed);
        t.well(process_step::restore);
        t.well(process_step::unlock);
    }
    SUBCASE("running, as somebody else unlocked it") {
        t.ends(process_step::checkpoint, driver_code::no_host_memory, process_state::running);
    }
    t.is(suspension_phase::running, suspension_outcome::refused);
    CHECK(t.s.code() == driver_code::no_host_memory);
}

TEST_CASE("suspension: a restore that fails leaves it suspended, to be tried again") {
    told t;
    t.to_suspended();
    t.resume();
    t.ends(process_step::restore, driver_code::no_memory, process_state::checkpointed);
    t.is(suspension_phase::suspended, suspension_outcome::not_restored);
    CHECK(t.s.code() == driver_code::no_memory);
    CHECK(t.resume());
    t.well(process_step::restore);
    t.well(process_step::unlock);
    t.is(suspension_phase::running, suspension_outcome::resumed);
}

TEST_CASE("suspension: a wish that changes on the way turns round after the step under way") {
    told t;
    SUBCASE("while it is being locked") {
        t.suspend();
        CHECK(t.resume());
        t.well(process_step::lock);
        t.well(process_step::unlock);
        t.is(suspension_phase::running, suspension_outcome::resumed);
    }
    SUBCASE("while it is being checkpointed") {
        t.suspend();
        t.well(process_step::lock);
        CHECK(t.resume());
        t.well(process_step::checkpoint);
        t.well(process_step::restore);
        t.well(process_step::unlock);
        t.is(suspension_phase::running, suspension_outcome::resumed);
    }
    SUBCASE("while it is being restored") {
        t.to_suspended();
        t.resume();
        CHECK(t.suspend());
        t.well(process_step::restore);
        t.well(process_step::checkpoint);
        t.is(suspension_phase::suspended, suspension_outcome::suspended);
    }
    SUBCASE("while it is being unlocked") {
        t.to_suspended();
        t.resume();
        t.well(process_step::restore);
        CHECK(t.suspend());
        t.well(process_step::unlock);
        t.is(suspension_phase::locking, suspension_outcome::pending);
        t.well(process_step::lock);
        t.well(process_step::checkpoint);
        t.is(suspension_phase::suspended, suspension_outcome::suspended);
    }
    SUBCASE("there and back while it is being locked") {
        t.suspend();
        CHECK(t.resume());
        CHECK(t.suspend());
        t.well(process_step::lock);
        t.well(process_step::checkpoint);
        t.is(suspension_phase::suspended, suspension_outcome::suspended);
    }
}

TEST_CASE("suspension: one that was suspended before is taken as it is, one that was locked is unlocked") {
    told t;
    t.suspend();
    SUBCASE("suspended") {
        t.ends(process_step::lock, driver_code::wrong_state, process_state::checkpointed);
        t.is(suspension_phase::suspended, suspension_outcome::suspended);
        CHECK(t.resume());
    }
    SUBCASE("locked") {
        t.ends(process_step::lock, driver_code::wrong_state, process_state::locked);
        t.well(process_step::unlock);
        t.is(suspension_phase::running, suspension_outcome::not_locked);
    }
}

TEST_CASE("suspension: it is over with a process that ends, that is beyond saving or that cannot be unlocked") {
    told t;
    t.suspend();
    SUBCASE("ended") {
        t.ends(process_step::lock, driver_code::unknown, process_state::gone);
        t.is(suspension_phase::over, suspension_outcome::gone);
    }
    SUBCASE("beyond saving") {
        t.well(process_step::lock);
        t.ends(process_step::checkpoint, driver_code::failed, process_state::failed);
        t.is(suspension_phase::over, suspension_outcome::broken);
    }
    SUBCASE("locked for good") {
        t.well(process_step::lock);
        t.ends(process_step::checkpoint, driver_code::failed, process_state::locked);
        t.ends(process_step::unlock, driver_code::failed, process_state::locked);
        t.ends(process_step::unlock, driver_code::failed, process_state::locked);
        t.is(suspension_phase::unlocking, suspension_outcome::pending);
        t.ends(process_step::unlock, driver_code::failed, process_state::locked);
        t.is(suspension_phase::over, suspension_outcome::stuck);
    }
    CHECK_FALSE(t.suspend());
    CHECK_FALSE(t.resume());
}

TEST_CASE("suspension: steps that take too long are overdue, and waited for all the same") {
    told t;
    t.suspend();
    CHECK(t.s.deadline() == at(11s));
    t.well(process_step::lock);
    CHECK(t.s.deadline() == at(301s));
    CHECK_FALSE(t.s.overdue(at(300s)));
    CHECK(t.s.overdue(at(301s)));
    t.now = at(400s);
    t.well(process_step::checkpoint);
    t.is(suspension_phase::suspended, suspension_outcome::suspended);
    CHECK(t.s.deadline() == never);
    CHECK_FALSE(t.s.overdue(at(10'000s)));
}

TEST_CASE("suspension: a step that was not commanded is a broken contract") {
    told t;
    CHECK(test::run_apart([&] {
              t.s.handle({1, process_step::lock, driver_code::done, process_state::locked}, t.now, t.out);
          }).aborted);
    t.suspend();
    CHECK(test::run_apart([&] {
              t.s.handle({1, process_step::unlock, driver_code::done, process_state::running}, t.now, t.out);
          }).aborted);
}

namespace {

/// Every way through: at each point each end that a driver may tell, and each wish.
void explore(gpu::suspension const& s, std::vector<gpu::suspension_command> const& last, process_state real, int depth,
             std::size_t& ends) {
    if (!s.busy()) {
        REQUIRE(last.empty());
        // What it says is what is so, unless it is over.
        if (s.phase() == suspension_phase::running) {
            REQUIRE(real == process_state::running);
        } else if (s.phase() == suspension_phase::suspended) {
            REQUIRE(real == process_state::checkpointed);
        }
        if (s.phase() == suspension_phase::over || depth == 0) {
            ++ends;
            return;
        }
    } else {
        REQUIRE(last.size() == 1);
        if (depth == 0) {
            ++ends;
            return;
        }
        for (int code = 0; code < 2; ++code) {
            for (int state = 0; state < 5; ++state) {
                gpu::suspension next = s;
                buffer<gpu::suspension_command> out;
                next.handle({1, last[0].step, code == 0 ? driver_code::done : driver_code::failed,
                             static_cast<process_state>(state)},
                            time_point{}, out);
                explore(next, {out.items().begin(), out.items().end()}, static_cast<process_state>(state), depth - 1,
                        ends);
            }
        }
    }
    for (bool const off : {true, false}) {
        gpu::suspension next = s;
        buffer<gpu::suspension_command> out;
        if (off ? next.suspend(time_point{}, out) : next.resume(time_point{}, out)) {
            REQUIRE(out.empty() == s.busy()); // a step under way is never overtaken by another
            auto const under_way = s.busy() ? last : std::vector(out.items().begin(), out.items().end());
            explore(next, under_way, real, depth - 1, ends);
        }
    }
}

} // namespace

TEST_CASE("suspension: in every way through eight events it knows where the process is and has one step under way") {
    std::size_t ends = 0;
    explore(gpu::suspension{}, {}, process_state::running, 8, ends);
    CHECK(ends > 10'000);
}

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/hybrid_histogram.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <variant>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::faas_host;
using namespace std::chrono_literals;

using commands = std::vector<pool_command>;

constexpr worker_id one{1};
constexpr worker_id two{2};
constexpr invocation_id a{1};
constexpr invocation_id b{2};
constexpr invocation_id c{3};

/// A pool, and a clock that stands still unless told.
struct driven_pool {
    worker_pool pool;
    time_point now{1s};

    explicit driven_pool(worker_pool_config const& config = {}, any_keep_alive keep_alive = {})
        : pool{config, std::move(keep_alive)} {}

    template <class Event>
    commands tell(Event const& event) {
        pool_command_buffer out;
        pool.handle(event, now, out);
        return {out.items().begin(), out.items().end()};
    }
    commands later(duration by) {
        now += by;
        return tell(deadline_came{});
    }
};

TEST_CASE("pool: an invocation starts a worker, gets it when it asks, and the next one gets the same worker") {
    driven_pool of;
    CHECK(of.tell(invoked{a}) == commands{start_worker{one, {}}});
    CHECK(of.tell(worker_ready{one}) == commands{assign_invocation{a, one}});
    CHECK(of.tell(worker_answered{one}).empty());
    CHECK(of.tell(worker_ready{one}).empty());
    CHECK(of.tell(invoked{b}) == commands{assign_invocation{b, one}});
}

TEST_CASE("pool: the worker used last serves first, so that those too many end") {
    driven_pool of{{}, fixed_keep_alive{10s}};
    (void)of.tell(invoked{a});
    (void)of.tell(invoked{b});
    (void)of.tell(worker_ready{one});
    (void)of.tell(worker_ready{two});
    for (worker_id const each : {one, two}) {
        (void)of.tell(worker_answered{each});
        (void)of.tell(worker_ready{each});
    }
    CHECK(of.later(9s).empty());
    CHECK(of.tell(invoked{c}) == commands{assign_invocation{c, two}});
    CHECK(of.later(1s) == commands{kill_worker{one}});
    CHECK(of.pool.state_of(two) == worker_state::busy);
}

TEST_CASE("pool: no more workers than it may have, a queue with an end, and a hint when to come again") {
    driven_pool of{{.concurrency = 1, .queue_capacity = 1}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    CHECK(of.tell(invoked{b}).empty());
    CHECK(of.tell(invoked{c}) == commands{refuse_invocation{c, refusal::too_many, 1s}});
    of.now += 2s;
    (void)of.tell(worker_answered{one});
    CHECK(of.tell(worker_ready{one}) == commands{assign_invocation{b, one}});
}

TEST_CASE("pool: who waits for a worker that starts does not fill the queue") {
    driven_pool of{{.concurrency = 1, .queue_capacity = 0}};
    CHECK(of.tell(invoked{a}) == commands{start_worker{one, {}}});
    CHECK(of.tell(invoked{b}) == commands{refuse_invocation{b, refusal::too_many, 1s}});
}

TEST_CASE("pool: who comes again at once waits a moment for the worker that has just answered, then gets another") {
    driven_pool of{{.patience = 5ms}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.tell(worker_answered{one});
    CHECK(of.tell(invoked{b}).empty());
    SUBCASE("it asks in time") {
        CHECK(of.later(1ms).empty());
        CHECK(of.tell(worker_ready{one}) == commands{assign_invocation{b, one}});
        CHECK(of.pool.next_deadline() == of.now + 3s);
    }
    SUBCASE("it does not") {
        CHECK(of.pool.next_deadline() == of.now + 5ms);
        CHECK(of.later(5ms) == commands{start_worker{two, {}}});
        CHECK(of.tell(worker_ready{one}) == commands{assign_invocation{b, one}}); // after all
    }
}

TEST_CASE("pool: without a queue, who comes again at once is not refused") {
    driven_pool of{{.concurrency = 1, .queue_capacity = 0}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.tell(worker_answered{one});
    CHECK(of.tell(invoked{b}).empty());
    CHECK(of.tell(invoked{c}) == commands{refuse_invocation{c, refusal::too_many, 1s}});
    CHECK(of.tell(worker_ready{one}) == commands{assign_invocation{b, one}});
}

TEST_CASE("pool: without a queue, who comes while a worker ends waits for its place") {
    driven_pool of{{.concurrency = 1, .queue_capacity = 0, .timeout = 3s}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.later(3s);
    CHECK(of.tell(invoked{b}).empty());
    CHECK(of.tell(invoked{c}) == commands{refuse_invocation{c, refusal::too_many, 1s}});
    CHECK(of.tell(worker_exited{one}) == commands{start_worker{two, {}}});
    CHECK(of.tell(worker_ready{two}) == commands{assign_invocation{b, two}});
}

TEST_CASE("pool: an invocation that takes too long fails, and its worker is killed") {
    driven_pool of{{.timeout = 3s}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    CHECK(of.pool.next_deadline() == of.now + 3s);
    CHECK(of.later(3s) == commands{fail_invocation{a, one, failure_reason::timed_out}, kill_worker{one}});
    CHECK(of.tell(worker_answered{one}).empty()); // too late
    CHECK(of.tell(worker_exited{one}).empty());
    CHECK(of.pool.worker_count() == 0);
    CHECK(of.pool.next_deadline() == never);
}

TEST_CASE("pool: a worker that dies fails its invocation, and those that wait get another") {
    driven_pool of{{.concurrency = 1}};
    (void)of.tell(invoked{a});
    (void)of.tell(invoked{b});
    (void)of.tell(worker_ready{one});
    CHECK(of.tell(worker_exited{one}) ==
          commands{fail_invocation{a, one, failure_reason::worker_exited}, start_worker{two, {}}});
}

TEST_CASE("pool: a function that cannot start answers each invocation, and starts no more often than it is invoked") {
    driven_pool of{{.concurrency = 1}};
    (void)of.tell(invoked{a});
    (void)of.tell(invoked{b});
    CHECK(of.tell(worker_exited{one}) ==
          commands{fail_invocation{a, one, failure_reason::start_failed}, start_worker{two, {}}});
    CHECK(of.tell(worker_failed_to_start{two}) ==
          commands{fail_invocation{b, two, failure_reason::start_failed}, kill_worker{two}});
    CHECK(of.tell(worker_exited{two}).empty());
}

TEST_CASE("pool: a worker that never asks is killed, and who waited longest is told") {
    driven_pool of{{.init_timeout = 10s}};
    (void)of.tell(invoked{a});
    CHECK(of.later(10s) == commands{fail_invocation{a, one, failure_reason::start_timed_out}, kill_worker{one}});
}

TEST_CASE("pool: a worker that answers and never asks again is killed when its time is up") {
    driven_pool of{{.timeout = 3s}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.tell(worker_answered{one});
    CHECK(of.later(3s) == commands{kill_worker{one}});
}

TEST_CASE("pool: a command is started for its invocation, and ends with it") {
    driven_pool of{{.concurrency = 1, .is_reused = false}};
    CHECK(of.tell(invoked{a}) == commands{start_worker{one, a}});
    CHECK(of.tell(invoked{b}).empty());
    CHECK(of.tell(worker_answered{one}).empty());
    CHECK(of.tell(worker_exited{one}) == commands{start_worker{two, b}});
    CHECK(of.tell(worker_exited{two}) == commands{fail_invocation{b, two, failure_reason::worker_exited}});
}

TEST_CASE("pool: who goes while waiting leaves the queue, who goes while served does not") {
    driven_pool of{{.concurrency = 1, .queue_capacity = 1}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.tell(invoked{b});
    CHECK(of.tell(cancelled{b}).empty());
    CHECK(of.pool.queue_length() == 0);
    CHECK(of.tell(cancelled{a}).empty());
    CHECK(of.pool.busy_count() == 1);
    CHECK(of.tell(invoked{c}).empty());
}

TEST_CASE("pool: a drain takes nothing more, lets what runs and waits end, and then has ended") {
    driven_pool of{{.concurrency = 2}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.tell(invoked{b});
    (void)of.tell(worker_ready{two});
    (void)of.tell(worker_answered{two});
    (void)of.tell(worker_ready{two});
    CHECK(of.tell(drain_began{}) == commands{kill_worker{two}});
    CHECK(of.tell(invoked{c}) == commands{refuse_invocation{c, refusal::draining, 1s}});
    (void)of.tell(worker_exited{two});
    CHECK_FALSE(of.pool.is_drained());
    (void)of.tell(worker_answered{one});
    CHECK(of.tell(worker_ready{one}) == commands{kill_worker{one}});
    (void)of.tell(worker_exited{one});
    CHECK(of.pool.is_drained());
}

/// Says that a worker should end at once, and another be ready after 50 s, for 20 s.
struct foretelling_keep_alive {
    void observe(duration idle) noexcept { last = idle; }
    [[nodiscard]] warm_windows windows() const noexcept { return {.prewarm = 50s, .keep_alive = 20s}; }
    duration last{};
};
static_assert(keep_alive_policy<foretelling_keep_alive>);

TEST_CASE("pool: where the policy foretells the next invocation, a worker ends at once and another is ready in time") {
    driven_pool of{{}, foretelling_keep_alive{}};
    (void)of.tell(invoked{a});
    (void)of.tell(worker_ready{one});
    (void)of.tell(worker_answered{one});
    CHECK(of.tell(worker_ready{one}) == commands{kill_worker{one}});
    (void)of.tell(worker_exited{one});
    CHECK(of.later(49s).empty());
    CHECK(of.later(1s) == commands{start_worker{two, {}}});
    CHECK(of.tell(worker_ready{two}).empty());
    SUBCASE("it comes as foretold") {
        CHECK(of.tell(invoked{b}) == commands{assign_invocation{b, two}});
    }
    SUBCASE("it does not come") {
        CHECK(of.later(20s) == commands{kill_worker{two}});
    }
}

/// Counts what a pool owes, from its commands alone.
class accountant {
  public:
    void note(commands const& given, worker_pool_config const& config) {
        for (pool_command const& each : given) {
            std::visit([&](auto const& what) { take(what); }, each);
            CHECK(alive.size() <= config.concurrency);
        }
    }
    void take(start_worker const& what) {
        CHECK(alive.insert(what.worker).second);
        if (what.with) {
            settle_later(*what.with, what.worker);
        }
    }
    void take(assign_invocation const& what) {
        CHECK(alive.contains(what.worker));
        settle_later(what.invocation, what.worker);
    }
    void take(kill_worker const& what) { CHECK(ending.insert(what.worker).second); }
    void take(refuse_invocation const& what) { CHECK(open.erase(what.invocation) == 1); }
    void take(fail_invocation const& what) {
        CHECK(open.erase(what.invocation) == 1);
        serving.erase(what.worker);
    }
    void settle_later(invocation_id what, worker_id by) {
        CHECK(open.contains(what));
        CHECK(serving.emplace(by, what).second);
    }

    std::set<worker_id> alive;
    std::set<worker_id> ending;
    std::set<invocation_id> open;
    std::map<worker_id, invocation_id> serving;
};

TEST_CASE("pool: whatever happens in whatever order, each invocation ends once, no worker is lost, limits hold") {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        std::mt19937 random{seed};
        auto const draw = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
        worker_pool_config const config{
            .concurrency = 1 + draw(4), .queue_capacity = draw(4), .is_reused = draw(2) == 0};
        driven_pool of{config, fixed_keep_alive{2s}};
        accountant owed;
        std::uint64_t last = 0;
        auto const any = [&](auto const& among) {
            return *std::next(among.begin(), static_cast<long>(draw(among.size())));
        };
        auto const step = [&](bool can_invoke) {
            std::size_t const what = draw(6);
            if (what == 0 && can_invoke) {
                invocation_id const next{++last};
                owed.open.insert(next);
                owed.note(of.tell(invoked{next}), config);
            } else if (what == 1 && !owed.serving.empty()) {
                auto const [by, served] = any(owed.serving);
                owed.serving.erase(by);
                owed.open.erase(served);
                owed.note(of.tell(worker_answered{by}), config);
            } else if (what == 2 && !owed.alive.empty()) {
                owed.note(of.tell(worker_ready{any(owed.alive)}), config);
            } else if (what == 3 && !owed.alive.empty() && (draw(4) == 0 || !owed.ending.empty())) {
                worker_id const gone = owed.ending.empty() ? any(owed.alive) : any(owed.ending);
                owed.alive.erase(gone);
                owed.ending.erase(gone);
                owed.note(of.tell(worker_exited{gone}), config);
            } else if (what == 4) {
                owed.note(of.later(duration{500ms}), config);
            }
        };
        for (int i = 0; i < 400; ++i) {
            step(true);
        }
        owed.note(of.tell(drain_began{}), config);
        for (int i = 0; i < 4000 && !of.pool.is_drained(); ++i) {
            step(false);
        }
        CAPTURE(seed);
        CHECK(of.pool.is_drained());
        CHECK(owed.open.empty());
        CHECK(owed.alive.empty());
    }
}

} // namespace

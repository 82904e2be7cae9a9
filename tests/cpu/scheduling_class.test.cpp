// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/mlfq.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/testing/archetypes/scheduling_class.hpp>
#include <hpcsched/testing/conformance/fluid_class.hpp>
#include <hpcsched/testing/conformance/scheduling_class.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

// --- near-misses: complete but for one thing ------------------------------------------------------------------

struct scopeless : private fcfs {
    using fcfs::account, fcfs::config, fcfs::dequeue, fcfs::enforcement, fcfs::enqueue, fcfs::entity, fcfs::fcfs,
        fcfs::pick_next, fcfs::preempts, fcfs::serves, fcfs::waiting_count;
};
struct with_scope : scopeless {
    using scopeless::scopeless;
    static constexpr run_queue_scope scope = run_queue_scope::global;
};
static_assert(!scheduling_class<scopeless>);
static_assert(scheduling_class<with_scope>);

struct serves_by_throwing : fcfs {
    static bool serves(sched_policy) { return true; }
};
static_assert(!scheduling_class<serves_by_throwing>);

struct its_entity_owns_its_task : fcfs {
    struct entity : fcfs::entity {
        task_info task;
    };
};
static_assert(!scheduling_class<its_entity_owns_its_task>);

struct not_made_of_a_config : fcfs {
    explicit not_made_of_a_config(int) {}
};
static_assert(!scheduling_class<not_made_of_a_config>);

struct enqueues_without_a_time : fcfs {
    void enqueue(entity&, enqueue_reason) noexcept {}
};
static_assert(!scheduling_class<enqueues_without_a_time>);

struct enqueues_and_throws : fcfs {
    void enqueue(entity&, enqueue_reason, time_point) {}
};
static_assert(!scheduling_class<enqueues_and_throws>);

struct never_lets_go : fcfs {
    void dequeue(entity&, dequeue_reason, time_point) = delete;
};
static_assert(!scheduling_class<never_lets_go>);

struct picks_an_entity_without_a_slice : fcfs {
    entity* pick_next(cpu_id, time_point) noexcept { return nullptr; }
};
static_assert(!scheduling_class<picks_an_entity_without_a_slice>);

struct accounts_without_a_cpu : fcfs {
    void account(entity&, duration, time_point) noexcept {}
};
static_assert(!scheduling_class<accounts_without_a_cpu>);

struct changes_as_it_preempts : fcfs {
    bool preempts(entity const&, entity const&, time_point) noexcept { return false; }
};
static_assert(!scheduling_class<changes_as_it_preempts>);

struct counts_in_int : fcfs {
    int waiting_count() const noexcept { return 0; }
};
static_assert(!scheduling_class<counts_in_int>);

struct per_cpu_without_candidates : fcfs {
    static constexpr run_queue_scope scope = run_queue_scope::per_cpu;
};
static_assert(!scheduling_class<per_cpu_without_candidates>);

struct of_fixed_capacity : processor_sharing {
    void set_capacity(std::size_t, time_point) noexcept = delete;
};
static_assert(!fluid_class<of_fixed_capacity>);

struct admits_tasks_without_work : processor_sharing {
    void enqueue(entity&, time_point) noexcept {}
};
static_assert(!fluid_class<admits_tasks_without_work>);

struct keeps_what_was_done_to_itself : processor_sharing {
    void dequeue(entity&, time_point) noexcept {}
};
static_assert(!fluid_class<keeps_what_was_done_to_itself>);

struct foretells_a_duration : processor_sharing {
    duration next_completion() const noexcept { return {}; }
};
static_assert(!fluid_class<foretells_a_duration>);

static_assert(!fluid_class<fcfs>);
static_assert(!scheduling_class<processor_sharing>);

/// The first violation that the suite finds, over a few seeds; empty: none.
template <class C>
std::string first_violation(typename C::config const& config = {}, std::uint64_t seeds = 5) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto const found = testing::check_scheduling_class<C>(config, {.seed = seed});
        if (!found.empty()) {
            return "seed " + std::to_string(seed) + ", " + found.front();
        }
    }
    return {};
}

bool contains(std::string const& text, char const* part) {
    return text.find(part) != std::string::npos;
}

} // namespace

// --- every class of the library --------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("scheduling_class: the conformance suite finds nothing wrong", C, rt, cfs, ranked_cfs, eevdf, fcfs,
                   round_robin, srpt, psjf, sjf, mlfq) {
    CHECK(first_violation<C>() == "");
    for (std::uint32_t const cpus : {1U, 8U}) {
        for (std::uint32_t const alive : {2U, 60U}) {
            CAPTURE(cpus);
            CAPTURE(alive);
            auto const found =
                testing::check_scheduling_class<C>({}, {.seed = 77, .cpu_count = cpus, .alive_max = alive});
            CHECK((found.empty() ? "" : found.front()) == "");
        }
    }
}

TEST_CASE("scheduling_class: nor in other configurations") {
    CHECK(first_violation<rt>(rt::config::throttled()) == "");
    CHECK(first_violation<rt>({.rr_slice = 1ms, .rt_runtime = 3ms, .rt_period = 10ms}) == "");
    CHECK(first_violation<rt>({.rt_runtime = 10ms, .rt_period = 10ms}) == "");
    CHECK(first_violation<cfs>(cfs_config::for_cpus(1)) == "");
    CHECK(first_violation<ranked_cfs>(cfs_config::for_cpus(1)) == "");
    CHECK(first_violation<eevdf>(eevdf::config::linux_6_12(2)) == "");
    CHECK(first_violation<eevdf>({.run_to_parity = false, .preempt_short = false}) == "");
    CHECK(first_violation<round_robin>({.quantum = 10us}) == "");
    CHECK(first_violation<mlfq>({.level_count = 1, .quantum = 1ms, .boost_period = 7ms}) == "");
    CHECK(first_violation<mlfq>({.level_count = 3, .quantum = 100us, .boost_period = unlimited}) == "");
}

TEST_CASE("fluid_class: the conformance suite finds nothing wrong with processor_sharing") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto const found = testing::check_fluid_class<processor_sharing>(
            {}, {.seed = seed, .cpu_count_max = seed % 2 == 0 ? 4U : 40U, .alive_max = seed % 3 == 0 ? 3U : 30U});
        CAPTURE(seed);
        CHECK((found.empty() ? "" : found.front()) == "");
    }
}

// --- the suite finds what is wrong -----------------------------------------------------------------------------

namespace {

struct miscounts : fcfs {
    using fcfs::fcfs;
    std::size_t waiting_count() const noexcept { return fcfs::waiting_count() / 2; }
};

struct loses_tasks : fcfs {
    using fcfs::fcfs;
    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
        fcfs::enqueue(e, why, now);
        if (why == enqueue_reason::woke) {
            fcfs::dequeue(e, dequeue_reason::exited, now);
        }
    }
};

struct ignores_affinity : fcfs {
    using fcfs::fcfs;
    pick<entity> pick_next(cpu_id, time_point now) noexcept {
        pick<entity> picked;
        for (std::uint32_t i = 0; i < 64 && picked.next == nullptr; ++i) {
            picked = fcfs::pick_next(cpu_id{i}, now);
        }
        return picked;
    }
};

struct idles : fcfs {
    using fcfs::fcfs;
    pick<entity> pick_next(cpu_id cpu, time_point now) noexcept {
        return ++asked % 7 == 0 ? pick<entity>{} : fcfs::pick_next(cpu, now);
    }
    int asked = 0;
};

struct gives_nothing : fcfs {
    using fcfs::fcfs;
    pick<entity> pick_next(cpu_id cpu, time_point now) noexcept {
        auto picked = fcfs::pick_next(cpu, now);
        picked.slice = duration{0};
        return picked;
    }
};

struct preempts_in_vain : fcfs {
    using fcfs::fcfs;
    bool preempts(entity const&, entity const&, time_point) const noexcept { return true; }
};

struct preempts_by_mood : round_robin {
    using round_robin::round_robin;
    bool preempts(entity const&, entity const&, time_point) const noexcept { return ++asked % 5 == 0; }
    mutable int asked = 0;
};

struct orders_by_address : srpt {
    using srpt::srpt;
    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
        srpt::enqueue(e, why, now);
        least = std::less<entity const*>{}(&e, least) || least == nullptr ? &e : least;
    }
    bool preempts(entity const& a, entity const& b, time_point now) const noexcept {
        return &a == least && srpt::preempts(a, b, now);
    }
    entity const* least = nullptr;
};

struct remembers_the_last_task : srpt {
    using srpt::srpt;
    struct entity : srpt::entity {
        int enqueued = 0;
    };
    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
        srpt::enqueue(e, why, now);
        ++e.enqueued;
    }
    void dequeue(entity& e, dequeue_reason why, time_point now) noexcept { srpt::dequeue(e, why, now); }
    pick<entity> pick_next(cpu_id cpu, time_point now) noexcept {
        auto const picked = srpt::pick_next(cpu, now);
        auto* const e = static_cast<entity*>(picked.next);
        return {.next = e, .slice = duration{e == nullptr ? 1 : e->enqueued}};
    }
    bool preempts(entity const& a, entity const& b, time_point now) const noexcept { return srpt::preempts(a, b, now); }
    void account(entity& e, cpu_id cpu, duration ran, time_point now) noexcept { srpt::account(e, cpu, ran, now); }
};

struct offers_anyone : cfs {
    using cfs::cfs;
    entity* migration_candidate(cpu_id) noexcept {
        entity* found = nullptr;
        for (std::uint32_t i = 0; i < 64 && found == nullptr; ++i) {
            found = cfs::migration_candidate(cpu_id{i});
        }
        return found;
    }
};

struct gives_too_much : processor_sharing {
    using processor_sharing::processor_sharing;
    void set_capacity(std::size_t cpus, time_point now) noexcept { processor_sharing::set_capacity(2 * cpus, now); }
};

struct foretells_too_early : processor_sharing {
    using processor_sharing::processor_sharing;
    time_point next_completion() const noexcept {
        time_point const next = processor_sharing::next_completion();
        return next == never ? never : time_point{next.time_since_epoch() / 10 * 9};
    }
};

struct forgets_the_idle_capacity : processor_sharing {
    using processor_sharing::processor_sharing;
    void set_capacity(std::size_t cpus, time_point now) noexcept {
        processor_sharing::set_capacity(cpus - (cpus > 1 ? 1 : 0), now);
    }
};

} // namespace

TEST_CASE("conformance of classes: finds a wrong count") {
    CHECK(contains(first_violation<miscounts>(), "waiting_count is "));
}

TEST_CASE("conformance of classes: finds a lost task") {
    CHECK(contains(first_violation<loses_tasks>(), "returns null though a task waits"));
}

TEST_CASE("conformance of classes: finds a task where it may not run") {
    CHECK(contains(first_violation<ignores_affinity>(), "may not run there"));
}

TEST_CASE("conformance of classes: finds a CPU left idle") {
    CHECK(contains(first_violation<idles>(), "returns null though a task waits"));
}

TEST_CASE("conformance of classes: finds a slice of nothing") {
    CHECK(contains(first_violation<gives_nothing>(), "a slice of 0 ns"));
}

TEST_CASE("conformance of classes: finds a preemption that changes nothing") {
    CHECK(contains(first_violation<preempts_in_vain>(), "which is picked again in the same moment"));
}

TEST_CASE("conformance of classes: finds an answer that depends on how often it was asked") {
    CHECK(contains(first_violation<preempts_by_mood>(), "preempt"));
}

TEST_CASE("conformance of classes: finds an order by address") {
    CHECK(contains(first_violation<orders_by_address>(), "with other addresses"));
}

TEST_CASE("conformance of classes: finds an entity that remembers the task before") {
    CHECK(contains(first_violation<remembers_the_last_task>(), "fresh entities"));
}

TEST_CASE("conformance of classes: finds a candidate that may not move there") {
    CHECK(contains(first_violation<offers_anyone>(), "migration_candidate names"));
}

TEST_CASE("conformance of fluid classes: finds CPU time from nowhere, work not done, and CPU time lost") {
    auto const first = [](std::vector<std::string> const& found) { return found.empty() ? "" : found.front(); };
    CHECK(contains(first(testing::check_fluid_class<gives_too_much>()), "work is not conserved"));
    CHECK(contains(first(testing::check_fluid_class<foretells_too_early>()), "foretells a completion in the past"));
    CHECK(contains(first(testing::check_fluid_class<forgets_the_idle_capacity>()), "work is not conserved"));
}

} // namespace hpcsched::cpu

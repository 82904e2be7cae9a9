// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/experiment/perfetto_trace.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/random/exponential_distribution.hpp>
#include <doctest/doctest.h>

#include "synthetic_cells.hpp"
#include "trace_event_format.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::int64_t first_cpu_track = 10;

/// Microseconds as the format writes them, in nanoseconds.
std::int64_t nanoseconds(json::value const& from) {
    return std::llround(from.to_number<double>() * 1000);
}

/// The events of a trace, which must keep to the format.
json::array events_of(std::string const& trace) {
    json::value const parsed = json::parse(trace);
    for (std::string const& fault : test::trace_event_judge::faults_in(parsed)) {
        FAIL_CHECK(fault);
    }
    return parsed.at("traceEvents").as_array();
}

std::vector<json::object> with_phase(json::array const& events, std::string const& phase) {
    std::vector<json::object> found;
    for (json::value const& event : events) {
        if (event.at("ph").as_string() == phase) {
            found.push_back(event.as_object());
        }
    }
    return found;
}

struct slice {
    std::int64_t from = 0, to = 0;
};

/// By CPU, in order of time.
std::map<std::int64_t, std::vector<slice>> slices_of(json::array const& events) {
    std::map<std::int64_t, std::vector<slice>> by_cpu;
    for (json::object const& event : with_phase(events, "X")) {
        std::int64_t const from = nanoseconds(event.at("ts"));
        by_cpu[event.at("tid").as_int64() - first_cpu_track].push_back({from, from + nanoseconds(event.at("dur"))});
    }
    for (auto& [cpu, slices] : by_cpu) {
        std::sort(slices.begin(), slices.end(), [](slice a, slice b) { return a.from < b.from; });
    }
    return by_cpu;
}

/// What the machine itself says of each task.
struct bookkeeper : cpu_sim::silent {
    std::map<std::uint64_t, duration> cpu_time; ///< by sequence
    std::uint64_t switches = 0;

    void on_exit(cpu_sim::task_record const& record, time_point) {
        cpu_time[record.sequence] = record.cpu_time;
        switches += record.context_switches;
    }
};

/// Invocations of some functions, some of which block, as many as keep `cpus` CPUs busy.
std::vector<workload::invocation> invocations(std::size_t count, double cpus) {
    random_stream bits{7, "perfetto test"};
    boost::random::exponential_distribution<double> draw;
    std::vector<workload::invocation> made(count);
    double at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        at += draw(bits) * 0.02 / cpus;
        made[i].arrival = time_point{from_seconds(at)};
        made[i].function = function_id{static_cast<std::uint32_t>(i % 7)};
        made[i].service = from_seconds(0.0001 + draw(bits) * 0.02);
        if (i % 5 == 0) {
            made[i].blocking.push_back({made[i].service / 2, from_seconds(draw(bits) * 0.01 + 0.001)});
        }
    }
    return made;
}

} // namespace

TEST_CASE("perfetto: what happened stands in the trace, to the nanosecond") {
    std::ostringstream out;
    perfetto_trace trace{out, {.cpu_count = 2, .title = "a test", .function_names = {"resize", "mail"}}};
    task_id const first{0, 0};
    task_id const second{1, 0};
    trace.on_arrival(first, function_id{0}, time_point{1'000ns});
    trace.on_run(cpu_id{0}, first, time_point{1'500ns});
    trace.on_arrival(second, function_id{2}, time_point{2'001ns});
    trace.on_run(cpu_id{1}, second, time_point{2'001ns});
    trace.on_stop(cpu_id{0}, first, cpu_sim::switch_reason::blocked, time_point{3'000'007ns});
    trace.on_stop(cpu_id{1}, second, cpu_sim::switch_reason::preempted, time_point{4'000'000ns});
    trace.on_run(cpu_id{1}, first, time_point{4'000'000ns});
    trace.on_stop(cpu_id{1}, first, cpu_sim::switch_reason::exited, time_point{5'000'000ns});
    trace.on_exit({.task = first,
                   .sequence = 0,
                   .function = function_id{0},
                   .arrival = time_point{1'000ns},
                   .first_run = time_point{1'500ns},
                   .exit = time_point{5'000'000ns},
                   .service = 3'998'507ns,
                   .cpu_time = 3'998'507ns,
                   .blocked = 999'993ns,
                   .context_switches = 1},
                  time_point{5'000'000ns});
    trace.on_run(cpu_id{0}, second, time_point{5'000'000ns});
    REQUIRE(trace.finish().has_value());
    CHECK(!trace.cut());

    json::array const events = events_of(out.str());
    auto const slices = with_phase(events, "X");
    REQUIRE(slices.size() == 4);
    CHECK(slices[0] == json::parse(R"({"ph":"X","pid":1,"tid":10,"ts":1.5,"dur":2998.507,"name":"resize",
        "args":{"stopped":"blocked","task":0,"slice":1}})"));
    CHECK(slices[1].at("name").as_string() == "f2");
    CHECK(slices[2].at("tid").as_int64() == 11);
    CHECK(slices[2].at("args").at("slice").as_int64() == 2);
    CHECK(slices[3].at("args").at("stopped").as_string() == "still running");
    CHECK(nanoseconds(slices[3].at("dur")) == 0);

    auto const instants = with_phase(events, "i");
    REQUIRE(instants.size() == 3); // two arrivals, one exit
    CHECK(instants[2].at("args") == json::parse(R"({"task":0,"turnaround_us":4999,"service_us":3998.507,
        "waited_us":0.5,"blocked_us":999.993,"queueing_delay_us":0.5,"context_switches":1,"migrations":0})"));

    std::vector<std::int64_t> runnable;
    std::vector<std::int64_t> in_system;
    for (json::object const& counter : with_phase(events, "C")) {
        auto& track = counter.at("name").as_string() == "runnable" ? runnable : in_system;
        track.push_back(counter.at("args").at("tasks").as_int64());
    }
    CHECK(runnable == std::vector<std::int64_t>{1, 2, 1, 2, 1}); // blocked, and back when it runs again
    CHECK(in_system == std::vector<std::int64_t>{1, 2, 1});

    std::vector<std::string> tracks;
    for (json::object const& name : with_phase(events, "M")) {
        if (name.at("name").as_string() == "thread_name") {
            tracks.emplace_back(name.at("args").at("name").as_string());
        }
    }
    CHECK(tracks == std::vector<std::string>{"arrivals", "exits", "CPU 0", "CPU 1"});
}

TEST_CASE("perfetto: the judge of the format finds what viewers would refuse or draw wrongly") {
    std::string const named = R"({"ph":"M","pid":1,"tid":10,"name":"thread_name","args":{"name":"CPU 0"}},)";
    auto const faults_in = [&named](std::string const& event) {
        return test::trace_event_judge::faults_in(json::parse("{\"traceEvents\":[" + named + event + "]}"));
    };
    std::string const slice = R"({"ph":"X","pid":1,"tid":10,"ts":5,"dur":10.001,"name":"f","args":{}})";
    CHECK(faults_in(slice).empty());
    CHECK(faults_in(slice + R"(,{"ph":"X","pid":1,"tid":10,"ts":15.001,"dur":1,"name":"f","args":{}})").empty());
    std::vector<std::string> const defects{
        R"({"ph":"X","pid":1,"tid":10,"ts":5,"name":"f","args":{}})",
        R"({"ph":"X","pid":1,"tid":10,"ts":-1,"dur":1,"name":"f","args":{}})",
        R"({"ph":"X","pid":1,"tid":10,"ts":"5","dur":1,"name":"f","args":{}})",
        R"({"ph":"X","pid":1,"tid":10,"ts":5,"dur":1,"args":{}})",
        R"({"ph":"X","pid":1,"tid":11,"ts":5,"dur":1,"name":"f","args":{}})",
        slice + R"(,{"ph":"X","pid":1,"tid":10,"ts":15,"dur":1,"name":"f","args":{}})",
        R"({"ph":"i","pid":1,"tid":10,"ts":5,"s":"x","name":"f","args":{}})",
        R"({"ph":"C","pid":1,"tid":10,"ts":5,"name":"f","args":{"tasks":"3"}})",
        R"({"ph":"M","pid":1,"name":"thread_name","args":{"name":"CPU 0"}})",
        R"({"ph":"M","pid":1,"name":"process_name","args":{"title":"a"}})",
        R"({"ph":"B","pid":1,"tid":10,"ts":5,"name":"f","args":{}})",
        "17",
    };
    for (std::string const& defect : defects) {
        CAPTURE(defect);
        CHECK(faults_in(defect).size() == 1);
    }
    CHECK(test::trace_event_judge::faults_in(json::parse("[]")).size() == 1);
}

TEST_CASE("perfetto: a task that wakes counts as runnable at once") {
    std::ostringstream out;
    perfetto_trace trace{out, {}};
    trace.on_arrival(task_id{}, function_id{}, time_point{1ns});
    trace.on_run(cpu_id{}, task_id{}, time_point{1ns});
    trace.on_stop(cpu_id{}, task_id{}, cpu_sim::switch_reason::blocked, time_point{5ns});
    trace.on_wake(task_id{}, time_point{9ns});
    trace.on_wake(task_id{}, time_point{10ns});
    REQUIRE(trace.finish().has_value());
    std::vector<std::pair<std::int64_t, std::int64_t>> runnable;
    for (json::object const& counter : with_phase(events_of(out.str()), "C")) {
        if (counter.at("name").as_string() == "runnable") {
            runnable.emplace_back(nanoseconds(counter.at("ts")), counter.at("args").at("tasks").as_int64());
        }
    }
    CHECK(runnable == std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {5, 0}, {9, 1}});
}

TEST_CASE("perfetto: on a simulated Linux the slices of a CPU never overlap and sum to the tasks' CPU time") {
    auto const work = invocations(3'000, 4);
    workload::in_memory source{work};
    std::ostringstream out;
    perfetto_trace trace{out, {.cpu_count = 4}};
    bookkeeper books;
    cpu_sim::both<perfetto_trace, bookkeeper> observer{trace, books};
    using machine = cpu_sim::machine<cpu::rt, cpu::eevdf>;
    auto const summary = machine{{cpu_sim::machine_config::with_cpus(4), {}}}.run(source, observer);
    REQUIRE(summary.has_value());
    REQUIRE(trace.finish().has_value());
    CHECK(!trace.cut());

    json::array const events = events_of(out.str());
    std::map<std::uint64_t, std::int64_t> by_task;
    for (json::object const& event : with_phase(events, "X")) {
        by_task[event.at("args").at("task").to_number<std::uint64_t>()] += nanoseconds(event.at("dur"));
    }
    REQUIRE(by_task.size() == work.size());
    REQUIRE(books.cpu_time.size() == work.size());
    for (auto const& [sequence, cpu_time] : books.cpu_time) {
        CHECK(by_task.at(sequence) == cpu_time.count());
    }
    std::int64_t total = 0;
    std::uint64_t count = 0;
    for (auto const& [cpu, slices] : slices_of(events)) {
        CHECK(cpu >= 0);
        CHECK(cpu < 4);
        for (std::size_t i = 0; i < slices.size(); ++i) {
            total += slices[i].to - slices[i].from;
            ++count;
            if (i > 0) {
                CHECK(slices[i].from >= slices[i - 1].to);
            }
        }
    }
    CHECK(total == summary->busy.count());
    CHECK(count == work.size() + books.switches); // every slice ends with a switch or with the exit
    CHECK(with_phase(events, "i").size() == 2 * work.size());
}

TEST_CASE("perfetto: tasks of a fluid class arrive and exit and run on no CPU") {
    auto const work = invocations(100, 2);
    workload::in_memory source{work};
    std::ostringstream out;
    perfetto_trace trace{out, {.cpu_count = 2}};
    using machine = cpu_sim::machine<cpu::processor_sharing>;
    REQUIRE(machine{{cpu_sim::machine_config::ideal(2), {}}}.run(source, trace).has_value());
    REQUIRE(trace.finish().has_value());
    json::array const events = events_of(out.str());
    CHECK(with_phase(events, "X").empty());
    CHECK(with_phase(events, "i").size() == 200);
}

TEST_CASE("perfetto: a trace is cut at the number of events asked for, says so, and still opens") {
    auto const work = invocations(1'000, 2);
    workload::in_memory source{work};
    std::ostringstream out;
    perfetto_trace trace{out, {.cpu_count = 2, .event_count_max = 500}};
    using machine = cpu_sim::machine<cpu::rt, cpu::eevdf>;
    REQUIRE(machine{{cpu_sim::machine_config::with_cpus(2), {}}}.run(source, trace).has_value());
    REQUIRE(trace.finish().has_value());
    CHECK(trace.cut());
    json::value const parsed = json::parse(out.str());
    CHECK(parsed.at("otherData").at("note").as_string().starts_with("cut after 500 events"));
    json::array const events = events_of(out.str());
    std::size_t const written = events.size() - with_phase(events, "M").size();
    CHECK(written >= 500);
    CHECK(written <= 500 + 2 + 2 + 1); // what one step writes at most, the slices still open, the note
    CHECK(trace.event_count() == written);
    CHECK(events.back().at("s").as_string() == "g");
    for (auto const& [cpu, slices] : slices_of(events)) {
        for (std::size_t i = 1; i < slices.size(); ++i) {
            CHECK(slices[i].from >= slices[i - 1].to);
        }
    }
}

TEST_CASE("perfetto: names of functions may hold anything, and a trace that is dropped is whole") {
    std::ostringstream out;
    {
        perfetto_trace trace{out, {.title = test::hostile_names()[3], .function_names = test::hostile_names()}};
        for (std::uint32_t i = 0; i < 7; ++i) {
            trace.on_arrival(task_id{i, 0}, function_id{i}, time_point{1ns});
        }
        trace.on_run(cpu_id{3}, task_id{1, 0}, time_point{2ns}); // a CPU that was not announced
    }
    json::array const events = events_of(out.str());
    auto const instants = with_phase(events, "i");
    REQUIRE(instants.size() == 7);
    CHECK(instants[0].at("name").as_string() == "f0 </script><sc…");
    CHECK(instants[5].at("name").as_string() == "__proto__");
    json::value const parsed = json::parse(out.str());
    json::object const& whole = parsed.at("otherData").at("long names").as_object();
    CHECK(whole.size() == 5);
    CHECK(whole.at("f0").as_string() == test::hostile_names()[0]);
    CHECK(instants[6].at("name").as_string() == "f6");
    REQUIRE(with_phase(events, "X").size() == 1);
    CHECK(with_phase(events, "X")[0].at("tid").as_int64() == 13);
}

TEST_CASE("perfetto: a stream that fails is an error") {
    std::ostringstream out;
    perfetto_trace trace{out, {}};
    out.setstate(std::ios::badbit);
    CHECK(trace.finish().has_error());
    CHECK(trace.finish().has_error());
}

} // namespace hpcsched::experiment

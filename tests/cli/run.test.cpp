// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "experiment/trace_event_format.hpp"
#include "program.hpp"
#include "skip.hpp"

#include <string>
#include <vector>

namespace hpcsched::test {

namespace {

namespace json = boost::json;

constexpr char const* not_built = "steering real processes was not built (libbpf-dev and clang-19 are needed)";

} // namespace

TEST_CASE("run: --check says what works on this machine, and which backends do") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"run", "--check"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    for (std::string const what :
         {"Linux ", "real time", "BPF sensor", "sched_ext", "realtime_bands", "cgroup_weights"}) {
        CHECK(ended.out.find(what) != std::string::npos);
    }
}

TEST_CASE("run: live cells and their predictions come out in one table, and a second run has nothing left to do") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    if (HPCSCHED_IS_SANITIZED != 0) {
        HPCSCHED_SKIP("a sanitizer makes a process use more CPU time than it is told to");
    }
    program hpcsched;
    std::vector<std::string> const words{"run",        "sfs-table1",  "--count",     "12", "--loads", "0.5",
                                         "--policies", "eevdf,serpt", "--disturbed", "1",  "--out",   "here"};
    finished_program first = hpcsched.hpcsched(words);
    auto const is_disturbed = [&] { return first.status == 1 && first.err.find("run it again") != std::string::npos; };
    for (int again = 0; again < 20 && is_disturbed(); ++again) { // the same command goes on
        first = hpcsched.hpcsched(words);
    }
    if (is_disturbed()) {
        HPCSCHED_SKIP("this machine changes its speed all the time");
    }
    if (first.status == 1 && first.err.find("realtime_bands: ") != std::string::npos) {
        HPCSCHED_SKIP("real-time priorities are not allowed here (run as root)");
    }
    CHECK(first.status == 0);
    for (std::string const policy : {"eevdf ", "eevdf-live ", "serpt ", "serpt-live "}) {
        CHECK(first.out.find("\n  " + policy) != std::string::npos);
    }
    CHECK(read_text(hpcsched / "here/report.html").find("serpt-live") != std::string::npos);
    finished_program const second = hpcsched.hpcsched(words);
    CHECK(second.status == 0);
    CHECK(second.err.find("4 of 4 cells were finished before") != std::string::npos);
    CHECK(second.out == first.out);
}

TEST_CASE("run: the Perfetto trace is of the first live cell, and shows who ran where and when each was done") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program hpcsched;
    std::vector<std::string> const words{"run",        "sfs-table1", "--count",     "12", "--loads",    "0.5",
                                         "--policies", "serpt",      "--disturbed", "1",  "--perfetto", "trace.json"};
    finished_program ended = hpcsched.hpcsched(words);
    for (int again = 0; again < 20 && ended.err.find("run it again") != std::string::npos; ++again) {
        ended = hpcsched.hpcsched(words);
    }
    if (ended.status == 1 && ended.err.find("realtime_bands: ") != std::string::npos) {
        HPCSCHED_SKIP("real-time priorities are not allowed here (run as root)");
    }
    if (ended.err.find("only BPF tells") != std::string::npos) {
        HPCSCHED_SKIP("the kernel does not let this user watch by BPF");
    }
    std::string const trace = read_text(hpcsched / "trace.json"); // also of a run that does not count
    CHECK(trace.find("serpt-live on sfs-table1") != std::string::npos);
    json::value const document = json::parse(trace);
    CHECK(trace_event_judge::faults_in(document).empty());
    int runs = 0;
    int exits = 0;
    for (json::value const& event : document.at("traceEvents").as_array()) {
        runs += event.at("ph") == "X" ? 1 : 0;
        exits += event.at("ph") == "i" && event.as_object().contains("args") &&
                         event.at("args").as_object().contains("turnaround_us")
                     ? 1
                     : 0;
    }
    CHECK(runs >= 12);
    CHECK(exits == 12);
}

TEST_CASE("run: what cannot be run live is named, with what can") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program hpcsched;
    finished_program const policy = hpcsched.hpcsched({"run", "--policies", "srtp"});
    CHECK(policy.status == 2);
    CHECK(policy.err == "hpcsched run: policy 'srtp' cannot be run live; did you mean 'srpt'?\n");
    finished_program const cores = hpcsched.hpcsched({"run", "--cores", "1024"});
    CHECK(cores.status == 2);
    CHECK(cores.err.starts_with("hpcsched run: --cores: 1024 is more than the "));
    finished_program const share = hpcsched.hpcsched({"run", "--disturbed", "2"});
    CHECK(share.status == 2);
    CHECK(share.err.starts_with("hpcsched run: --disturbed: "));
}

TEST_CASE("run: functions that are commands are measured once, and each invocation runs one") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program hpcsched;
    std::vector<std::string> const words{
        "run",        "--command", "count=seq 200000", "--command", "nap=sleep 0.02", "--out", "here",
        "--policies", "eevdf",     "--loads",          "0.5",       "--count",        "20",    "--disturbed",
        "1"};
    finished_program first = hpcsched.hpcsched(words);
    if (first.status == 1 && first.err.find("realtime_bands: ") != std::string::npos) {
        HPCSCHED_SKIP("real-time priorities are not allowed here (run as root)");
    }
    CHECK(first.status == 0);
    CHECK(first.err.find("hpcsched run: measuring 'count' ... ") != std::string::npos);
    CHECK(first.out.find("commands, ") != std::string::npos); // then the CPUs that this machine has
    CHECK(first.out.find(", load 0.5: 20 invocations") != std::string::npos);
    CHECK(first.out.find("\n  eevdf-live ") != std::string::npos);
    finished_program const second = hpcsched.hpcsched(words);
    CHECK(second.status == 0);
    CHECK(second.err.find("measuring") == std::string::npos);
    CHECK(second.err.find("2 of 2 cells were finished before") != std::string::npos);
}

TEST_CASE("run: what is wrong with a command is said before anything runs") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program hpcsched;
    auto const why = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "run");
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.status != 0);
        return ended.err.substr(ended.err.rfind("hpcsched run: "));
    };
    if (why({"--command", "a"}).find("realtime_bands: ") != std::string::npos) {
        HPCSCHED_SKIP("real-time priorities are not allowed here (run as root)");
    }
    CHECK(why({"--command", "a"}).starts_with("hpcsched run: --command: 'a' is not NAME=COMMAND"));
    CHECK(why({"--command", "a=true", "--command", "a=false"}) ==
          "hpcsched run: --command: function 'a' has two commands\n");
    CHECK(why({"--command", "a=false"}) == "hpcsched run: the command of 'a' fails (exit status 1): false\n");
    CHECK(why({"--command", "a=true", "--variation", "0.2"})
              .starts_with("hpcsched run: --variation is for presets or traces, and the commands are the workload"));
    CHECK(why({"sfs-table1", "--command", "fib-2=true"})
              .starts_with("hpcsched run: --command: no workload has a function 'fib-2'; did you mean 'fib-2"));
}

} // namespace hpcsched::test

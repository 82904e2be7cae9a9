// SPDX-License-Identifier: Apache-2.0
#include "launcher.hpp"

#include <doctest/doctest.h>

#include <poll.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using namespace hpcsched::experiment_linux::detail;

/// Some more than are forked ahead, one each millisecond.
std::vector<workload::invocation> a_hundred() {
    std::vector<workload::invocation> rows;
    for (std::uint32_t i = 0; i < 100; ++i) {
        rows.push_back({.arrival = time_point{i * 1ms}, .service = 100us});
    }
    return rows;
}

/// All that a launcher tells, to its end.
std::vector<launch_note> notes_of(launcher& launched) {
    std::vector<launch_note> notes;
    for (bool ended = false; !ended;) {
        pollfd ready{.fd = launched.descriptor(), .events = POLLIN, .revents = 0};
        (void)poll(&ready, 1, -1);
        while (auto const note = launched.next(ended)) {
            notes.push_back(*note);
        }
    }
    return notes;
}

/// Whether a process lives; one that nobody has waited for yet does not.
bool is_alive(cpu_linux::process_id process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
    std::string line;
    return std::getline(file, line) && line.find(") Z") == std::string::npos;
}

std::vector<cpu_linux::process_id> children_of(cpu_linux::process_id process) {
    std::string const id = std::to_string(process);
    std::ifstream file{"/proc/" + id + "/task/" + id + "/children"};
    std::vector<cpu_linux::process_id> children;
    for (cpu_linux::process_id child = 0; file >> child;) {
        children.push_back(child);
    }
    return children;
}

TEST_CASE("launcher: each process begins once, in turn and not before its time, and ends once") {
    auto const rows = a_hundred();
    time_point const start = cpu_linux::now() + 50ms;
    auto launched = launcher::start(rows, start, {.cpu_count = 2}).value();
    std::vector<launch_note> begun;
    std::vector<int> ends(rows.size());
    for (launch_note const& note : notes_of(launched)) {
        REQUIRE(note.what != launch_note::kind::refused);
        if (note.what == launch_note::kind::began) {
            begun.push_back(note);
        } else {
            CHECK(note.status == 0);
            CHECK(note.cpu_time >= 100'000);
            ++ends.at(note.row);
        }
    }
    CHECK(ends == std::vector<int>(rows.size(), 1));
    REQUIRE(begun.size() == rows.size());
    for (std::uint64_t row = 0; row < rows.size(); ++row) {
        CHECK(begun[row].row == row);
        CHECK(begun[row].at >= start + rows[row].arrival.time_since_epoch());
    }
}

TEST_CASE("launcher: one that is gone leaves none of those that wait for their time") {
    std::vector<workload::invocation> rows(3, {.arrival = time_point{1h}, .service = 1ms});
    std::vector<cpu_linux::process_id> waiting;
    {
        auto const launched = launcher::start(rows, cpu_linux::now(), {}).value();
        for (time_point const end = cpu_linux::now() + 10s; waiting.size() < rows.size() && cpu_linux::now() < end;) {
            for (cpu_linux::process_id const forking : children_of(launched.process())) {
                waiting = children_of(forking);
            }
        }
    }
    REQUIRE(waiting.size() == rows.size());
    for (time_point const end = cpu_linux::now() + 10s; cpu_linux::now() < end;) {
        if (std::erase_if(waiting, [](auto process) { return !is_alive(process); }); waiting.empty()) {
            break;
        }
        std::this_thread::yield();
    }
    CHECK(waiting.empty());
}

} // namespace

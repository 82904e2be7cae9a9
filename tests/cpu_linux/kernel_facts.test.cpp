// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <doctest/doctest.h>

#include "cgroup.hpp"
#include "small_file.hpp"
#include <skip.hpp>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

using namespace hpcsched;

TEST_CASE("kernel facts: what does not work is told with its reason, what works without one") {
    cpu_linux::kernel_facts const facts = cpu_linux::probe_kernel();
    std::string release;
    std::getline(std::ifstream{"/proc/sys/kernel/osrelease"}, release);
    CHECK(facts.release == release);
    CHECK(facts.cpu_count >= 1);
    CHECK(facts.tick >= std::chrono::milliseconds{1});
    CHECK(facts.tick <= std::chrono::milliseconds{10});
    for (auto const& each : {facts.real_time, facts.raise_nice, facts.custom_slice, facts.fair_across_sessions,
                             facts.bpf_sensor, facts.cpu_clock_overflow, facts.sched_ext, facts.real_time_unhindered}) {
        CHECK(each.works == each.why_not.empty());
    }
}

TEST_CASE("kernel facts: trying things out leaves this process as it was") {
    auto const before = cpu_linux::get_scheduling(getpid()).value();
    (void)cpu_linux::probe_kernel();
    CHECK(cpu_linux::get_scheduling(getpid()).value() == before);
}

TEST_CASE("kernel facts: whether a container may be real-time is tried in a group of its own, of which none is left") {
    std::string const own = cpu_linux::probe_kernel().cgroup_path;
    std::string const mount = cpu_linux::detail::cpu_controller().folder;
    auto const groups = [&] {
        std::filesystem::directory_iterator const all{own.empty() ? "/" : own};
        return std::distance(begin(all), end(all));
    };
    auto const before = groups();
    cpu_linux::ability const there = cpu_linux::probe_real_time_below(own.empty() ? "/" : own.substr(mount.size()));
    CHECK(groups() == before);
    CHECK(there.works == there.why_not.empty());
    if (cpu_linux::detail::read_small_file(own + "/cpu.rt_runtime_us").empty()) {
        HPCSCHED_SKIP("groups here have no real-time budgets of their own (version 1 has)");
    }
    CHECK_FALSE(there.works); // a new group has none
}

TEST_CASE("kernel facts: the table names every backend and why the others do not work") {
    cpu_linux::kernel_facts facts;
    facts.release = "6.18.0";
    facts.real_time.why_not = "no budget";
    facts.raise_nice.works = true;
    auto const rows = cpu_linux::backend_table(facts);
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].name == "realtime_bands");
    CHECK_FALSE(rows[0].works);
    CHECK(rows[0].remark == "realtime_bands: no budget");
    CHECK_FALSE(rows[1].works);
    CHECK(rows[2].works);
    std::string const text = to_text(facts);
    CHECK(text.find("Linux 6.18.0") != std::string::npos);
    CHECK(text.find("no   no budget") != std::string::npos);
    CHECK(text.find("nice_and_slice      yes") != std::string::npos);
}

} // namespace

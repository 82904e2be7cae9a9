// SPDX-License-Identifier: Apache-2.0
#include "cgroup.hpp"

#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/steering.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include "small_file.hpp"
#include <skip.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using namespace hpcsched::cpu_linux;
using namespace hpcsched::cpu_linux::detail;

bool every_root_has_cpu(std::string const&, std::string_view) {
    return true;
}
bool no_root_has_cpu(std::string const&, std::string_view) {
    return false;
}

TEST_CASE("cgroup: the CPU controller is found in both versions, and the first goes before the second") {
    std::string const v1 = "31 24 0:27 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
    std::string const v2 = "42 24 0:39 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw\n";
    std::string const set = "33 24 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
    CHECK(find_cgroup_mount(set + v2 + v1, &every_root_has_cpu).version == cgroup_version::v1);
    CHECK(find_cgroup_mount(set + v2 + v1, &every_root_has_cpu).folder == "/sys/fs/cgroup/cpu");
    CHECK(find_cgroup_mount(set + v2, &every_root_has_cpu).version == cgroup_version::v2);
    CHECK(find_cgroup_mount(set + v2, &every_root_has_cpu).folder == "/sys/fs/cgroup/unified");
    CHECK(find_cgroup_mount(set + v2, &no_root_has_cpu).version == cgroup_version::none);
    CHECK(find_cgroup_mount(v1 + set, &no_root_has_cpu, "cpuset").folder == "/sys/fs/cgroup/cpuset");
    CHECK(find_cgroup_mount("", &every_root_has_cpu).version == cgroup_version::none);
    CHECK(find_cgroup_mount("one two\n - - -\n", &every_root_has_cpu).version == cgroup_version::none);
}

TEST_CASE("cgroup: the group of a process is that of the CPU controller's hierarchy") {
    std::string const file = "9:name=systemd:/a\n3:cpuset:/b\n2:cpuacct,cpu:/functions/f:1\n0::/unified/x\n";
    CHECK(group_in(file, cgroup_version::v1) == "/functions/f:1");
    CHECK(group_in(file, cgroup_version::v2) == "/unified/x");
    CHECK(group_in(file, cgroup_version::v1, "cpuset") == "/b");
    CHECK(group_in("no colon\n", cgroup_version::v2).empty());
    CHECK(group_in("", cgroup_version::v1).empty());
}

TEST_CASE("cgroup: the weight of a task becomes that of its group, as a share of what was found, which is put back") {
    cgroup_mount const& mount = cpu_controller();
    std::string const folder = mount.folder + "/hpcsched-test-" + std::to_string(getpid());
    std::error_code failed;
    if (mount.version == cgroup_version::none || !std::filesystem::create_directory(folder, failed)) {
        HPCSCHED_SKIP("no control group can be made here");
    }
    bool const is_v1 = mount.version == cgroup_version::v1;
    {
        test::child const subject{&test::idle_for_ever};
        test::child const other{&test::idle_for_ever};
        std::ofstream{folder + "/cgroup.procs"} << subject.get() << std::flush;
        std::ofstream{folder + "/cgroup.procs"} << other.get() << std::flush;
        REQUIRE(group_folder(subject.get()) == folder);
        std::int64_t const found = is_v1 ? 2048 : 200;
        REQUIRE(set_group_weight(folder, found) == outcome::done);
        cgroup_weights backend;
        CHECK(backend.apply(subject.get(), {}) == outcome::not_possible); // not admitted
        REQUIRE(backend.admit(subject.get()) == outcome::done);
        REQUIRE(backend.admit(other.get()) == outcome::done);
        CHECK(weight_of_group(folder) == found);
        CHECK(backend.apply(subject.get(), {.nice = 19}) == outcome::done);
        CHECK(weight_of_group(folder) == (is_v1 ? 30 : 2)); // the weights of nice 19 and 0 are 15 and 1024
        CHECK(backend.apply(subject.get(), {.policy = cpu::sched_policy::fifo, .rt_priority = 1}) == outcome::done);
        CHECK(weight_of_group(folder) == (is_v1 ? 262'144 : 10'000));
        CHECK(backend.apply(subject.get(), {}) == outcome::done);
        CHECK(weight_of_group(folder) == found);
        CHECK(backend.apply(subject.get(), {.nice = 5}) == outcome::done);
        CHECK(backend.release(subject.get(), {}) == outcome::done);
        CHECK(weight_of_group(folder) != found); // the other is still there
        CHECK(backend.release(other.get(), {}) == outcome::done);
        CHECK(weight_of_group(folder) == found);
        CHECK_FALSE(weight_of_group(mount.folder).has_value());
    }
    std::filesystem::remove(folder, failed);
    CHECK_FALSE(failed);
    CHECK(set_group_weight(folder, 100) == outcome::gone);
}

/// Is in a hurry with everybody.
struct urgent_all : cpu::hands_off {
    using cpu::hands_off::handle;
    void handle(cpu::task_arrived const& e, time_point, cpu::command_sink& out) noexcept {
        out.append(cpu::set_policy{e.task, cpu::sched_policy::fifo, 1});
    }
};

TEST_CASE("cgroup: a steering process that is killed leaves each group the weight that it found") {
    cgroup_mount const& mount = cpu_controller();
    std::string const folder = mount.folder + "/hpcsched-test-" + std::to_string(getpid());
    std::error_code failed;
    if (mount.version == cgroup_version::none || !std::filesystem::create_directory(folder, failed)) {
        HPCSCHED_SKIP("no control group can be made here");
    }
    {
        test::child subject{&test::idle_for_ever};
        std::ofstream{folder + "/cgroup.procs"} << subject.get() << std::flush;
        std::int64_t const found = mount.version == cgroup_version::v1 ? 2048 : 200;
        REQUIRE(set_group_weight(folder, found) == outcome::done);
        test::signpost ready;
        test::child steering_one{[&] {
            auto weighed = steering<urgent_all, cgroup_weights>::start(urgent_all{});
            (void)weighed->admit(subject.get(), function_id{0});
            ready.raise();
            test::idle_for_ever();
        }};
        (void)ready.await();
        CHECK(weight_of_group(folder) > found);
        steering_one.kill();
        CHECK(test::eventually([&] { return weight_of_group(folder) == found; }));
    }
    std::filesystem::remove(folder, failed);
    CHECK_FALSE(failed);
}

TEST_CASE("cgroup: of two groups on one CPU each gets what the backend gave its task by nice") {
    cgroup_mount const& mount = cpu_controller();
    std::string const folder = mount.folder + "/hpcsched-test-" + std::to_string(getpid());
    std::error_code failed;
    if (mount.version == cgroup_version::none || !std::filesystem::create_directory(folder + "-a", failed) ||
        !std::filesystem::create_directory(folder + "-b", failed)) {
        HPCSCHED_SKIP("no control group can be made here");
    }
    {
        test::child const plain{&test::burn_for_ever};
        test::child const nicer{&test::burn_for_ever};
        std::ofstream{folder + "-a/cgroup.procs"} << plain.get() << std::flush;
        std::ofstream{folder + "-b/cgroup.procs"} << nicer.get() << std::flush;
        cgroup_weights backend;
        REQUIRE(backend.admit(plain.get()) == outcome::done);
        REQUIRE(backend.admit(nicer.get()) == outcome::done);
        CHECK(backend.apply(plain.get(), {}) == outcome::done);
        CHECK(backend.apply(nicer.get(), {.nice = 5}) == outcome::done);
        for (process_id const process : {plain.get(), nicer.get()}) {
            REQUIRE(set_affinity(process, cpu::cpu_mask::range(cpu_id{0}, 1)) == outcome::done);
        }
        REQUIRE(test::has_run_for(nicer.get(), 20ms)); // both are there
        duration const before = cpu_time_of(plain.get());
        duration const before_nicer = cpu_time_of(nicer.get());
        REQUIRE(test::has_run_for(plain.get(), 700ms));
        double const share =
            to_seconds(cpu_time_of(nicer.get()) - before_nicer) / to_seconds(cpu_time_of(plain.get()) - before);
        CHECK(share == doctest::Approx(335.0 / 1024).epsilon(0.3)); // the weights of nice 5 and 0
    }
    CHECK(std::filesystem::remove(folder + "-a", failed));
    CHECK(std::filesystem::remove(folder + "-b", failed));
}

} // namespace

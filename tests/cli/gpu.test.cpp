// SPDX-License-Identifier: Apache-2.0
// `hpcsched gpu` on libraries that stand in for NVIDIA's (tests/gpu_cuda/stand_in): two devices that are not there.
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"
#include "skip.hpp"

#include <string>
#include <vector>

namespace hpcsched::test {
namespace {

bool says(std::string const& whole, std::string const& part) {
    return whole.find(part) != std::string::npos;
}

/// Devices that are so, as the stand-in's control.hpp says.
finished_program on_devices(std::string const& state, std::vector<std::string> words) {
    std::vector<std::string> all{"env", "HPCSCHED_STAND_IN=" + state, HPCSCHED_PROGRAM};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {"--nvml-library", HPCSCHED_STAND_IN_NVML, "--cuda-library", HPCSCHED_STAND_IN_CUDA});
    return program{}.run(std::move(all));
}

boost::json::object parsed(finished_program const& ended) {
    return boost::json::parse(ended.out).as_object();
}

std::string const first = "GPU-a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0";

} // namespace

TEST_CASE("gpu list: a table of the devices, with their instances, and the same for programs") {
    if (!HPCSCHED_HAS_GPU_CUDA) {
        HPCSCHED_SKIP("hpcsched gpu is not built");
    }
    finished_program const table = on_devices("mig=1,linked=1", {"gpu", "list"});
    CHECK(table.status == 0);
    CHECK(table.err == "");
    CHECK(table.out.starts_with("driver 580.65.06, CUDA 13.0\n"));
    CHECK(says(table.out, "\ngpu  name      memory    link  numa  processes  bus id            uuid\n"));
    CHECK(says(table.out, "\n0    Stand-in  1024 MiB  0     1     "));
    CHECK(says(table.out, "  00000000:3B:00.0  " + first + "\n"));
    CHECK(says(table.out, "\n     MIG "));
    CHECK(says(table.out, "MIG-first\n"));
    CHECK(says(table.out, "\n1    Stand-in  1024 MiB  0     65    "));

    finished_program const told = on_devices("", {"gpu", "list", "--json"});
    CHECK(told.status == 0);
    auto const all = parsed(told);
    auto const& gpus = all.at("gpus").as_array();
    REQUIRE(gpus.size() == 2);
    CHECK((gpus[0].at("uuid") == boost::json::string{first}));
    CHECK(gpus[0].at("memory_mib").as_int64() == 1024);
    CHECK_FALSE(gpus[0].at("mig").as_bool());
    CHECK(gpus[0].at("link_group").as_int64() == 0);
    CHECK(gpus[1].at("link_group").as_int64() == 1);
    CHECK(gpus[1].at("number").as_int64() == 1);
}

TEST_CASE("gpu check: it says of each device how it is, and fails where one is not well or not there") {
    if (!HPCSCHED_HAS_GPU_CUDA) {
        HPCSCHED_SKIP("hpcsched gpu is not built");
    }
    finished_program const well = on_devices("temperature=40", {"gpu", "check"});
    CHECK(well.status == 0);
    CHECK(says(well.out, "0    Stand-in  0 of 1024 MiB  40 C         5 corrected, 0 not  well\n"));
    CHECK(says(well.out, "\n2 of 2 devices are well\n"));
    CHECK(on_devices("", {"gpu", "check", "--expect", "2"}).status == 0);

    finished_program const missing = on_devices("", {"gpu", "check", "--expect", "3"});
    CHECK(missing.status == 1);
    CHECK(says(missing.out, "2 of 2 devices are well, and 3 should be there\n"));

    finished_program const hot = on_devices("temperature=91", {"gpu", "check"});
    CHECK(hot.status == 1);
    CHECK(says(hot.out, "draining: it has 91 degrees C, more than the 90 allowed\n"));
    CHECK(on_devices("temperature=91", {"gpu", "check", "--temperature-max", "95"}).status == 0);

    finished_program const lost = on_devices("lost=2", {"gpu", "check", "--expect", "2", "--json"});
    CHECK(lost.status == 1); // it cannot even be counted
    CHECK_FALSE(parsed(lost).at("well").as_bool());
    CHECK(parsed(lost).at("gpus").as_array().size() == 1);
    CHECK((parsed(lost).at("gpus").as_array()[0].at("health") == "well"));
}

TEST_CASE("gpu: without a driver it says what is missing and what brings it, and so does notebook serve --gpus auto") {
    if (!HPCSCHED_HAS_GPU_CUDA) {
        HPCSCHED_SKIP("hpcsched gpu is not built");
    }
    std::vector<std::vector<std::string>> commands{{"gpu", "list"}, {"gpu", "check", "--json"}};
    if (HPCSCHED_HAS_NOTEBOOK_HOST) {
        commands.push_back({"notebook", "serve", "--id", "1", "--nodes", "1=127.0.0.1:1", "--listen", "127.0.0.1:0",
                            "--run-as", "self", "--gpus", "auto"});
    }
    for (std::vector<std::string> words : commands) {
        words.insert(words.end(), {"--nvml-library", "no-such-nvml.so"});
        finished_program const ended = program{}.hpcsched(words);
        CHECK(ended.status == 1);
        CHECK(ended.out == "");
        CHECK(says(ended.err, "NVML cannot be loaded: no-such-nvml.so"));
        CHECK(says(ended.err, "it comes with NVIDIA's driver: on Debian the packages libcuda1 and libnvidia-ml1"));
    }
}

TEST_CASE("gpu: notebook serve leaves out what is not well, and tells of the rest by its UUIDs") {
    if (!HPCSCHED_HAS_GPU_CUDA || !HPCSCHED_HAS_NOTEBOOK_HOST) {
        HPCSCHED_SKIP("hpcsched gpu, or hpcsched notebook serve, is not built");
    }
    program p;
    p.start({"env",
             "HPCSCHED_STAND_IN=temperature=95",
             HPCSCHED_PROGRAM,
             "notebook",
             "serve",
             "--id",
             "1",
             "--nodes",
             "1=127.0.0.1:1",
             "--listen",
             "127.0.0.1:0",
             "--run-as",
             "self",
             "--gpus",
             "auto",
             "--warm",
             "0",
             "--nvml-library",
             HPCSCHED_STAND_IN_NVML,
             "--cuda-library",
             HPCSCHED_STAND_IN_CUDA});
    for (int i = 0; i < 1'000 && read_text(p / ".out").empty(); ++i) {
        wait_for_the_program(10);
    }
    p.send(SIGTERM);
    finished_program const ended = p.wait();
    CHECK(ended.status == 0);
    CHECK(says(ended.err, "GPU 0 (" + first + ") is left out: it has 95 degrees C, more than the 90 allowed\n"));
}

} // namespace hpcsched::test

// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "program.hpp"

#include <string>
#include <vector>

namespace hpcsched::test {

namespace {

/// What bash offers for the last of the words: the function that it would call is called.
std::string completed(program& p, std::string const& words) {
    finished_program const ended = p.run({"bash", "-c",
                                          "source <(" HPCSCHED_PROGRAM " completion bash)\n"
                                          "COMP_WORDS=(" +
                                              words +
                                              ")\n"
                                              "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                                              "_hpcsched\n"
                                              "echo \"${COMPREPLY[*]}\"\n"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    return ended.out;
}

} // namespace

TEST_CASE("completion: bash completes commands, options, and the values that are known") {
    program p;
    write_text(p / "trace.csv", "");
    std::filesystem::create_directory(p / "results");
    struct step {
        std::string words, offered;
    };
    for (step const& s : std::vector<step>{
             {"hpcsched ''", "simulate " + std::string{HPCSCHED_HAS_LIVE ? "run attach top " : ""} +
                                 (HPCSCHED_HAS_FAAS_HOST ? "serve " : "") + "workload notebook " +
                                 (HPCSCHED_HAS_GPU_CUDA ? "gpu " : "") + "predict raft " +
                                 (HPCSCHED_HAS_FUSE_TORCH ? "fuse " : "") + "policies completion"},
             {"hpcsched si", "simulate"},
             {"hpcsched --v", "--version"},
             {"hpcsched completion ''", "bash"},
             {"hpcsched raft ''", std::string{HPCSCHED_HAS_RAFT_ASIO ? "serve kv bench " : ""} + "torture" +
                                      (HPCSCHED_HAS_RAFT_LOG ? " inspect" : "")},
             {"hpcsched raft torture --se", "--seeds"},
             {"hpcsched workload ''", "describe generate convert"},
             {"hpcsched simulate --th", "--threads"},
             {"hpcsched workload generate --io", "--io-share"},
             {"hpcsched workload generate --dri", "--drift --drift-length"},
             {"hpcsched simulate --bur", "--burst-length"},
             {"hpcsched simulate --policies alps-n", "alps-nice"},
             {"hpcsched simulate --policies sfs,srp", "sfs,srpt"},
             {"hpcsched simulate -p eevdf,sfs,fc", "eevdf,sfs,fcfs"},
             {"hpcsched simulate --policies = ser", "serpt serpt-mean serpt-fair"},
             {"hpcsched simulate --idle-stealing ''", "on off"},
             {"hpcsched simulate --arrivals ev", "even"},
             {"hpcsched simulate alps-h", "alps-huawei"},
             {"hpcsched simulate --loads 0.5 -q alps-h", "alps-huawei"},
             {"hpcsched simulate --workload tra", "trace.csv"},
             {"hpcsched simulate --out res", "results"},
             {"hpcsched simulate --out tra", ""}, // a file is no folder
             {"hpcsched simulate --count 1", ""},
             {"hpcsched workload convert --format huawei", "huawei2023 huawei2025"},
             {"hpcsched workload describe tr", "trace.csv"},
             {"hpcsched workload generate bur", "bursty-cv2.33"},
         }) {
        CAPTURE(s.words);
        CHECK(completed(p, s.words) == s.offered + "\n");
    }
}

TEST_CASE("completion: every option that help names is offered") {
    program p;
    std::string const help = p.hpcsched({"simulate", "--help"}).out;
    std::string const offered = completed(p, "hpcsched simulate --");
    std::size_t count = 0;
    for (auto at = help.find("--"); at != std::string::npos; at = help.find("--", at + 1)) {
        bool const begins_option = at >= 2 && (help[at - 1] == ',' || help.compare(at - 3, 3, "\n  ") == 0);
        if (begins_option) {
            std::string const name = help.substr(at, help.find_first_of(" \n", at) - at);
            CAPTURE(name);
            CHECK((" " + offered).find(" " + name) != std::string::npos);
            ++count;
        }
    }
    CHECK(count > 25);
}

TEST_CASE("completion: the script has no mistake that bash sees") {
    program p;
    finished_program const ended = p.run({"bash", "-c", "bash -n <(" HPCSCHED_PROGRAM " completion bash)"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
}

} // namespace hpcsched::test

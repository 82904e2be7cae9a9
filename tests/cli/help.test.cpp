// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "program.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace hpcsched::test {

TEST_CASE("help: every command explains itself, within 120 columns, on standard output") {
    std::vector<std::vector<std::string>> commands{{},
                                                   {"simulate"},
                                                   {"workload"},
                                                   {"workload", "describe"},
                                                   {"workload", "generate"},
                                                   {"workload", "convert"},
                                                   {"notebook"},
                                                   {"notebook", "simulate"},
                                                   {"raft"},
                                                   {"raft", "torture"},
                                                   {"policies"},
                                                   {"completion"},
                                                   {"completion", "bash"}};
    if (HPCSCHED_HAS_RAFT_LOG) {
        commands.push_back({"raft", "inspect"});
    }
    if (HPCSCHED_HAS_LIVE) {
        commands.push_back({"run"});
    }
    if (HPCSCHED_HAS_FAAS_HOST) {
        commands.push_back({"serve"});
    }
    if (HPCSCHED_HAS_NOTEBOOK_HOST) {
        for (char const* const name : {"install", "kernel", "serve", "status", "drain", "certificates"}) {
            commands.push_back({"notebook", name});
        }
    }
    if (HPCSCHED_HAS_GPU_CUDA) {
        for (char const* const name : {"list", "check"}) {
            commands.push_back({"gpu", name});
        }
        commands.push_back({"gpu"});
    }
    if (HPCSCHED_HAS_RAFT_ASIO) {
        for (char const* const name : {"serve", "kv", "bench"}) {
            commands.push_back({"raft", name});
        }
    }
    for (std::vector<std::string> const& command : commands) {
        std::string name = "hpcsched";
        for (std::string const& word : command) {
            name += " " + word;
        }
        CAPTURE(name);
        auto words = command;
        words.emplace_back("--help");
        program hpcsched;
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.status == 0);
        CHECK(ended.err == "");
        CHECK(ended.out.find("\nUsage: " + name + " ") != std::string::npos);
        CHECK(ended.out.find("\n\n\n") == std::string::npos);
        std::size_t longest = 0;
        for (std::size_t at = 0; at < ended.out.size();) {
            std::size_t const end = ended.out.find('\n', at);
            longest = std::max(longest, end - at);
            at = end + 1;
        }
        CHECK(longest <= 120);
    }
}

TEST_CASE("help: the exit codes are documented") {
    program hpcsched;
    for (std::vector<std::string> const& words :
         std::vector<std::vector<std::string>>{{"--help"}, {"simulate", "--help"}}) {
        CHECK(hpcsched.hpcsched(words).out.find("Exit status: 0 success, 1 failure, 2 wrong command line") !=
              std::string::npos);
    }
}

TEST_CASE("help: the version is the project's") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"--version"});
    CHECK(ended.status == 0);
    CHECK(ended.out == "hpcsched " HPCSCHED_PROJECT_VERSION "\n");
}

TEST_CASE("help: a pipe that is closed early does no harm") {
    program hpcsched;
    finished_program const ended =
        hpcsched.run({"bash", "-c", HPCSCHED_PROGRAM " workload generate sfs-table1 -n 100k | head -n 1"});
    CHECK(ended.status == 0);
    CHECK(ended.out == "# hpcsched workload 1\n");
    CHECK(ended.err == "");
}

TEST_CASE("help: a full disk is an error") {
    program hpcsched;
    finished_program const ended = hpcsched.run({"bash", "-c", HPCSCHED_PROGRAM " policies > /dev/full"});
    CHECK(ended.status == 1);
    CHECK(ended.err == "hpcsched policies: cannot write to standard output\n");
}

} // namespace hpcsched::test

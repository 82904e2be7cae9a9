// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"
#include "skip.hpp"
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace hpcsched::test {

namespace {

namespace json = boost::json;

/// `script` is what each rank runs first: a line of sh that is to end in `exec "$@"`.
std::vector<std::string> on_ranks(int count, std::vector<std::string> const& arguments, char const* script = nullptr) {
    std::vector<std::string> words{"mpirun", "-n", std::to_string(count), "--oversubscribe", "--allow-run-as-root"};
    if (script != nullptr) {
        words.insert(words.end(), {"sh", "-c", script, "sh"});
    }
    auto const program_words = program::hpcsched_words(arguments);
    words.insert(words.end(), program_words.begin(), program_words.end());
    return words;
}

std::string comparable(std::string const& path) {
    json::value document = json::parse(read_text(path));
    for (json::value& cell : document.at("cells").as_array()) {
        cell.as_object().erase("run_seconds");
    }
    return json::serialize(document);
}

std::size_t line_count(std::string const& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// A process that computes for the launcher: not the first, which writes the journal.
pid_t find_rank(pid_t launcher, std::string const& rank) {
    for (auto const& entry : std::filesystem::directory_iterator{"/proc"}) {
        std::string const name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) {
            continue;
        }
        std::string const environment = read_text(entry.path() / "environ");
        std::string const status = read_text(entry.path() / "status");
        bool const is_child = status.find("PPid:\t" + std::to_string(launcher) + "\n") != std::string::npos;
        if (is_child && environment.find("OMPI_COMM_WORLD_RANK=" + rank + '\0') != std::string::npos) {
            return static_cast<pid_t>(std::stoi(name));
        }
    }
    return -1;
}

} // namespace

TEST_CASE("mpi: three ranks come to what one process comes to") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    program p;
    std::vector<std::string> const grid{"simulate", "-n", "2000", "--seeds", "2", "-q", "-o"};
    auto ranks = grid, alone = grid;
    ranks.emplace_back("ranks");
    alone.emplace_back("alone");
    finished_program const spread = p.run(on_ranks(3, ranks));
    CHECK(spread.err == "");
    REQUIRE(spread.status == 0);
    REQUIRE(p.hpcsched(alone).status == 0);
    CHECK(comparable(p / "ranks/results.json") == comparable(p / "alone/results.json"));
    CHECK(line_count(read_text(p / "ranks/cells.jsonl")) == 20);
}

TEST_CASE("mpi: two cells at once on each of two ranks") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    program p;
    finished_program const ended =
        p.run(on_ranks(2, {"simulate", "-n", "500", "-j", "2", "-o", "out", "-p", "ps,sfs"}));
    CHECK(ended.status == 0);
    CHECK(ended.out.ends_with("In out: report.html, results.csv, results.json\n")); // one rank speaks
    CHECK(line_count(read_text(p / "out/results.csv")) == 5);
}

TEST_CASE("mpi: when a rank dies what was finished is kept, and a second run goes on") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    program p;
    std::vector<std::string> const grid{"simulate", "-n", "60000", "--seeds", "4", "-o", "out", "-q"};
    p.start(on_ranks(3, grid));
    struct stat journal{};
    for (int i = 0; i < 60'000 && (::stat((p / "out/cells.jsonl").c_str(), &journal) != 0 || journal.st_size == 0);
         ++i) {
        wait_for_the_program(1);
    }
    pid_t const rank = find_rank(p.process(), "2");
    REQUIRE(rank > 0);
    ::kill(rank, SIGKILL);
    CHECK(p.wait().status != 0);
    std::size_t const kept = line_count(read_text(p / "out/cells.jsonl"));
    CHECK(kept >= 1);
    CHECK(kept < 40);
    std::vector<std::string> loud = grid;
    loud.pop_back();
    finished_program const resumed = p.run(on_ranks(3, loud));
    CHECK(resumed.status == 0);
    CHECK(resumed.err.find(" of 40 cells were finished before (--force runs them again)\n") != std::string::npos);
    CHECK(json::parse(read_text(p / "out/results.json")).at("cells").as_array().size() == 40);
}

TEST_CASE("mpi: interrupted, the ranks stop together and keep what is finished") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    program p;
    p.start(on_ranks(2, {"simulate", "-n", "60000", "--seeds", "4", "-o", "out", "-q"}));
    struct stat journal{};
    for (int i = 0; i < 60'000 && (::stat((p / "out/cells.jsonl").c_str(), &journal) != 0 || journal.st_size == 0);
         ++i) {
        wait_for_the_program(1);
    }
    p.send(SIGTERM); // mpirun passes it on
    CHECK(p.wait().status != 0);
    std::size_t const kept = line_count(read_text(p / "out/cells.jsonl"));
    CHECK(kept >= 1);
    CHECK(kept < 40);
}

TEST_CASE("mpi: a mistake is told once, by one rank") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    program p;
    for (std::vector<std::string> const& mistake :
         std::vector<std::vector<std::string>>{{"simulate", "--loads", "x"}, {"simulate", "nonsense"}}) {
        finished_program const ended = p.run(on_ranks(3, mistake));
        CHECK(ended.status == 2);
        std::size_t const first = ended.err.find("hpcsched simulate: ");
        REQUIRE(first != std::string::npos);
        CHECK(ended.err.find("hpcsched simulate: ", first + 1) == std::string::npos);
    }
}

TEST_CASE("mpi: the first rank tells a mistake, however late it comes to it") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    // Who ends first with an error has the launcher end the others: it must not be one that said nothing.
    program p;
    finished_program const ended =
        p.run(on_ranks(2, {"simulate", "--loads", "x"}, R"([ "$OMPI_COMM_WORLD_RANK" != 0 ] || sleep 0.5; exec "$@")"));
    CHECK(ended.status == 2);
    CHECK(ended.err.find("hpcsched simulate: ") != std::string::npos);
}

TEST_CASE("mpi: a mistake that one rank alone meets is told by that rank") {
    if (HPCSCHED_HAS_MPI == 0) {
        HPCSCHED_SKIP("built without MPI (HPCSCHED_WITH_MPI)");
    }
    program p;
    finished_program const ended = p.run(
        on_ranks(2, {"simulate", "--loads", "x"}, R"([ "$OMPI_COMM_WORLD_RANK" != 0 ] || exec sleep 60; exec "$@")"));
    CHECK(ended.status == 2);
    CHECK(ended.err.find("hpcsched simulate: rank 1: ") != std::string::npos);
}

} // namespace hpcsched::test

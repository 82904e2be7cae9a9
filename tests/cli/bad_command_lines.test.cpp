// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/presets.hpp>

#include <doctest/doctest.h>

#include "program.hpp"

#include <string>
#include <vector>

namespace hpcsched::test {

namespace {

struct bad_command_line {
    std::vector<std::string> words;
    int status;
    std::string message; ///< all of standard error, without the line end
};

std::string const see = " (see hpcsched simulate --help)";
std::string all_presets() {
    std::string all;
    for (workload::preset_info const& preset : workload::presets) {
        all.append(all.empty() ? "" : ", ").append(preset.name);
    }
    return all;
}

std::string const presets = all_presets();
std::string const all_commands = "simulate, " + std::string{HPCSCHED_HAS_LIVE ? "run, attach, top, " : ""} +
                                 (HPCSCHED_HAS_FAAS_HOST ? "serve, " : "") + "workload, notebook, " +
                                 (HPCSCHED_HAS_GPU_CUDA ? "gpu, " : "") + "predict, raft, " +
                                 (HPCSCHED_HAS_FUSE_TORCH ? "fuse, " : "") + "policies, completion";

void check_all(std::vector<bad_command_line> const& table) {
    for (bad_command_line const& bad : table) {
        program hpcsched;
        finished_program const ended = hpcsched.hpcsched(bad.words);
        CAPTURE(bad.message);
        CHECK(ended.err == bad.message + "\n");
        CHECK(ended.status == bad.status);
        CHECK(ended.out.empty());
        CHECK(!std::filesystem::exists(hpcsched / "hpcsched-results"));
    }
}

} // namespace

TEST_CASE("bad command line: commands and options that do not exist") {
    check_all({
        {{}, 2, "hpcsched: no command is given: the commands are " + all_commands + " (see hpcsched --help)"},
        {{"simluate"}, 2, "hpcsched: unknown command 'simluate': did you mean 'simulate'? (see hpcsched --help)"},
        {{"frobnicate"},
         2,
         "hpcsched: unknown command 'frobnicate': the commands are " + all_commands + " (see hpcsched --help)"},
        {{"--verison"}, 2, "hpcsched: unknown option '--verison': did you mean '--version'? (see hpcsched --help)"},
        {{"no-such", "simulate"},
         2,
         "hpcsched: unknown command 'no-such': the commands are " + all_commands + " (see hpcsched --help)"},
        {{"--frobnicate", "simulate"}, 2, "hpcsched: unknown option '--frobnicate' (see hpcsched --help)"},
        {{"simulate", "--polices", "sfs"},
         2,
         "hpcsched simulate: unknown option '--polices': did you mean '--policies'?" + see},
        {{"simulate", "--frobnicate=3"}, 2, "hpcsched simulate: unknown option '--frobnicate'" + see},
        {{"simulate", "-x"}, 2, "hpcsched simulate: unknown option '-x'" + see},
        {{"workload"},
         2,
         "hpcsched workload: no command is given: the commands are describe, generate, convert (see hpcsched workload "
         "--help)"},
        {{"workload", "descirbe"},
         2,
         "hpcsched workload: unknown command 'descirbe': did you mean 'describe'? (see hpcsched workload --help)"},
        {{"completion", "zsh"},
         2,
         "hpcsched completion: unknown command 'zsh': the commands are bash (see hpcsched completion --help)"},
        {{"raft"},
         2,
         std::string{"hpcsched raft: no command is given: the commands are "} +
             (HPCSCHED_HAS_RAFT_ASIO ? "serve, kv, bench, " : "") + "torture" +
             (HPCSCHED_HAS_RAFT_LOG ? ", inspect" : "") + " (see hpcsched raft --help)"},
        {{"raft", "torture", "--seeds", "0"},
         2,
         "hpcsched raft torture: --seeds: '0' is out of range: give 1 to 1000000000"},
        {{"policies", "sfs"}, 2, "hpcsched policies: one argument too many: 'sfs' (see hpcsched policies --help)"},
    });
}

TEST_CASE("bad command line: options without their value, twice, or with a value too many") {
    check_all({
        {{"simulate", "--loads"}, 2, "hpcsched simulate: --loads needs a value: --loads LIST" + see},
        {{"simulate", "--out", "--quiet"}, 2, "hpcsched simulate: --out needs a value: --out DIR" + see},
        {{"simulate", "--loads", "0.5", "--loads", "0.8"},
         2,
         "hpcsched simulate: --loads is given twice: give it once, with commas between its values" + see},
        {{"simulate", "-n", "10", "--count", "20"}, 2, "hpcsched simulate: --count is given twice: give it once" + see},
        {{"workload", "generate"},
         2,
         "hpcsched workload generate: PRESET is missing (see hpcsched workload generate --help)"},
        {{"workload", "generate", "sfs-table1", "alps-huawei"},
         2,
         "hpcsched workload generate: one argument too many: 'alps-huawei' (see hpcsched workload generate --help)"},
        {{"workload", "convert"},
         2,
         "hpcsched workload convert: FILE is missing (see hpcsched workload convert --help)"},
    });
}

TEST_CASE("bad command line: values that are not what they should be") {
    check_all({
        {{"simulate", "--loads", "0.8,high"},
         2,
         "hpcsched simulate: --loads: 'high' is not a load: give a fraction such as 0.8, a percentage such as 80%, or "
         "'recorded' for arrivals as they are"},
        {{"simulate", "--loads", "80"},
         2,
         "hpcsched simulate: --loads: '80' is out of range: give a load above 0 and at most 10; 0.8 means 80 %, "
         "'recorded' leaves the arrivals as they are"},
        {{"simulate", "--loads", "-0.5"},
         2,
         "hpcsched simulate: --loads: '-0.5' is out of range: give a load above 0 and at most 10; 0.8 means 80 %, "
         "'recorded' leaves the arrivals as they are"},
        {{"simulate", "--loads", "nan"},
         2,
         "hpcsched simulate: --loads: 'nan' is not a load: give a fraction such as 0.8, a percentage such as 80%, or "
         "'recorded' for arrivals as they are"},
        {{"simulate", "--cores", "0"}, 2, "hpcsched simulate: --cores: '0' is out of range: give 1 to 1024"},
        {{"simulate", "--cores", "12.5"},
         2,
         "hpcsched simulate: --cores: '12.5' is not a whole number: give 1 to 1024"},
        {{"simulate", "--count", "many"},
         2,
         "hpcsched simulate: --count: 'many' is not a whole number: give 1 to 1000000000"},
        {{"simulate", "--seeds", "1,,3"},
         2,
         "hpcsched simulate: --seeds: '' is not a whole number: give 0 to 18446744073709551615"},
        {{"simulate", "--cv", "bursty"},
         2,
         "hpcsched simulate: --cv: 'bursty' is not a coefficient of variation: give a number such as 0.2, 1 or 2.33, "
         "or 'own' for the workload's"},
        {{"simulate", "--cv", "0"},
         2,
         "hpcsched simulate: --cv: '0' is out of range: give 0.01 to 100; for evenly spaced arrivals say --arrivals "
         "even"},
    });
}

TEST_CASE("bad command line: times, switches and shares that are not what they should be") {
    check_all({
        {{"simulate", "--context-switch", "3500"},
         2,
         "hpcsched simulate: --context-switch: '3500' has no unit: write 3500ns, us, ms, s, min, h or d"},
        {{"simulate", "--context-switch", "3 fortnights"},
         2,
         "hpcsched simulate: --context-switch: '3 fortnights' has the unknown unit 'fortnights': the units are ns, us, "
         "ms, s, min, h and d"},
        {{"simulate", "--migration", "-1us"},
         2,
         "hpcsched simulate: --migration: '-1us' is negative: give a time of 0 or more"},
        {{"simulate", "--tick", "soon"},
         2,
         "hpcsched simulate: --tick: 'soon' is not a time: give a number with its unit, such as 4ms or 3.5us"},
        {{"simulate", "--tick", "0"},
         2,
         "hpcsched simulate: tick must be longer than 0: Linux uses 1, 3.3, 4 or 10 ms"},
        {{"simulate", "--balance-period", "1e30s"},
         2,
         "hpcsched simulate: --balance-period: '1e30s' is longer than 292 years: give a shorter time"},
        {{"simulate", "--idle-stealing", "maybe"},
         2,
         "hpcsched simulate: --idle-stealing: 'maybe' is neither on nor off: give one of them"},
        {{"simulate", "--threads", "0"}, 2, "hpcsched simulate: --threads: '0' is out of range: give 1 to 4096"},
        {{"simulate", "--arrivals", "regular"},
         2,
         "hpcsched simulate: --arrivals: unknown arrivals 'regular'; valid: exponential, uniform, even, bursty, "
         "poisson25, recorded"},
        {{"simulate", "--arrivals", "uniform", "--cv", "2"},
         2,
         "hpcsched simulate: --cv is for bursty arrivals, and --arrivals asks for uniform: leave one of them out"},
        {{"simulate", "--io-share", "75"}, 2, "hpcsched simulate: --io-share: '75' is out of range: give 0 to 1"},
        {{"simulate", "--burst-length", "0.5"},
         2,
         "hpcsched simulate: --burst-length: '0.5' is out of range: give 1 to 1000000"},
        {{"simulate", "--drift", "0.7"}, 2, "hpcsched simulate: --drift: '0.7' is out of range: give 0 to 0.5"},
        {{"simulate", "--drift-length", "long"},
         2,
         "hpcsched simulate: --drift-length: 'long' is not a number: give 1 to 1000000"},
    });
}

TEST_CASE("bad command line: bursts and drift where there are none") {
    std::string const no_bursts =
        "burst length is for bursty arrivals with a cv above 1, these are exponential; choose "
        "arrivals bursty and a cv such as 2.33, or leave burst length out";
    check_all({
        {{"simulate", "--burst-length", "50"}, 2, "hpcsched simulate: sfs-table1: " + no_bursts},
        {{"workload", "generate", "sfs-table1", "--burst-length", "50"}, 2, "hpcsched workload generate: " + no_bursts},
        {{"simulate", "--drift-length", "100"},
         2,
         "hpcsched simulate: --drift-length: the functions of sfs-table1 do not drift: give --drift too, such as "
         "0.035, or leave it out"},
        {{"workload", "generate", "azure2019", "--drift", "0.1"},
         2,
         "hpcsched workload generate: drift is for functions that share one arrival process, those of azure2019 have "
         "one each; name an arrival kind, or leave drift out"},
    });
}

TEST_CASE("bad command line: policies and workloads that do not exist") {
    check_all({
        {{"simulate", "--policies", "eevdf,sprt"}, 2, "hpcsched simulate: unknown policy 'sprt': did you mean 'srpt'?"},
        {{"simulate", "--policies", "eevdf,"},
         2,
         "hpcsched simulate: --policies: a name in the list is empty: take out the comma too many"},
        {{"simulate", "--policies", "sfs,sfs"}, 2, "hpcsched simulate: a value of policies is given twice"},
        {{"simulate", "--workload", "sfs-tabel1"},
         2,
         "hpcsched simulate: unknown workload 'sfs-tabel1': there is no such file, and no such preset; did you mean "
         "'sfs-table1'?"},
        {{"simulate", "nonsense"},
         2,
         "hpcsched simulate: unknown workload 'nonsense': there is no such file, and no such preset; the presets are " +
             presets},
        {{"simulate", "missing.csv"}, 3, "hpcsched simulate: cannot open 'missing.csv': there is no such file"},
        {{"simulate", "-"},
         2,
         "hpcsched simulate: a grid reads its workload once per cell, and standard input only once: write it to a file "
         "(hpcsched workload convert - -o trace.csv)"},
        {{"simulate", "sfs-table1", "--functions", "3"},
         2,
         "hpcsched simulate: function count 3 does not suit preset sfs-table1, which has 14 functions; leave it out "
         "for "
         "14"},
        {{"simulate", "--arrivals", "recorded"},
         2,
         "hpcsched simulate: preset sfs-table1 is generated, it has no recorded arrivals; name another kind, or read a "
         "trace"},
        {{"simulate", "--config", "missing.toml"},
         2,
         "hpcsched simulate: cannot read 'missing.toml': No such file or directory"},
        {{"simulate", "missing.csv", "--count", "100"},
         2,
         "hpcsched simulate: --count is for presets, and none is named: leave it out; --limit reads fewer invocations "
         "of a file"},
        {{"simulate", "sfs-table1", "--limit", "100"},
         2,
         "hpcsched simulate: --limit is for trace files, and none is named: leave it out; --count says how many "
         "invocations of a preset"},
        {{"workload", "describe", "missing.csv", "--load", "0.8"},
         2,
         "hpcsched workload describe: --load is for presets, and none is named: leave it out; --limit reads fewer "
         "invocations of a file"},
        {{"workload", "describe", "missing.csv"},
         3,
         "hpcsched workload describe: cannot open 'missing.csv': there is no such file"},
        {{"workload", "describe", "alps-huwaei"},
         3,
         "hpcsched workload describe: cannot open 'alps-huwaei': there is no such file; did you mean the preset "
         "'alps-huawei'?"},
        {{"workload", "generate", "sfs"}, 2, "hpcsched workload generate: unknown preset 'sfs'; valid: " + presets},
        {{"workload", "generate", "azure2019", "--load", "0.8"},
         2,
         "hpcsched workload generate: preset azure2019 has no machine of its own: give the cpu count that the load is "
         "for"},
    });
}

TEST_CASE("bad command line: places that cannot be written") {
    program hpcsched;
    write_text(hpcsched / "file", "");
    finished_program const folder = hpcsched.hpcsched({"simulate", "-n", "10", "--out", "file"});
    CHECK(folder.status == 1);
    CHECK(folder.err == "hpcsched simulate: cannot make the folder 'file': Not a directory\n");
    finished_program const trace = hpcsched.hpcsched({"simulate", "-n", "10", "--perfetto", "no/trace.json"});
    CHECK(trace.status == 1);
    CHECK(trace.err == "hpcsched simulate: cannot write 'no/trace.json': No such file or directory\n");
    finished_program const workload = hpcsched.hpcsched({"workload", "generate", "sfs-table1", "-o", "no/w.csv"});
    CHECK(workload.status == 1);
    CHECK(workload.err.starts_with("hpcsched workload generate: "));
    CHECK(workload.err.find("no/w.csv") != std::string::npos);
}

TEST_CASE("bad command line: a process among several without MPI says how to mend it") {
    if (HPCSCHED_HAS_MPI != 0) {
        return; // then it is no mistake
    }
    program hpcsched;
    finished_program const ended =
        hpcsched.run({"env", "OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=2", HPCSCHED_PROGRAM, "simulate"});
    CHECK(ended.status == 1);
    CHECK(ended.err == "hpcsched simulate: started as several processes, but built without MPI: start it once, or "
                       "build it with -DHPCSCHED_WITH_MPI=ON\n");
}

} // namespace hpcsched::test

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/save_workload.hpp>
#include <hpcsched/experiment/trace_file.hpp>

#include <doctest/doctest.h>

#include "temporary_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::experiment;
using test::read_text;
using test::temporary_folder;
using test::write_text;

namespace {

std::string const csv = "# hpcsched workload 1\n"
                        "arrival_ns,function,service_ns,memory_mb,blocking\n"
                        "5,f,7,0,\n"
                        "6,\"g,h\",8,128,1:2;3:4\n";

/// Reads `from` and saves it as `to`.
result<std::uint64_t> convert(std::string const& from, std::string const& to) {
    auto stream = open_trace(std::filesystem::path{from});
    REQUIRE(stream.has_value());
    return save_workload(to, **stream, (*stream)->names());
}

} // namespace

TEST_CASE("save_workload: what it writes is what was read, compressed where the name says so") {
    temporary_folder const folder;
    write_text(folder / "in.csv", csv);
    CHECK(convert(folder / "in.csv", folder / "out.csv").value() == 2);
    CHECK(read_text(folder / "out.csv") == csv);
    CHECK(convert(folder / "in.csv", folder / "out.csv.gz").value() == 2);
    CHECK(read_text(folder / "out.csv.gz").starts_with("\x1f\x8b"));
    CHECK(convert(folder / "out.csv.gz", folder / "again.csv").value() == 2);
    CHECK(read_text(folder / "again.csv") == csv);
}

TEST_CASE("save_workload: a large file survives compression") {
    temporary_folder const folder;
    std::string text = "# hpcsched workload 1\narrival_ns,function,service_ns,memory_mb,blocking\n";
    for (int i = 0; i < 100'000; ++i) {
        text += std::to_string(i * 997LL) + ",f" + std::to_string(i % 1'009) + ',' + std::to_string(1 + i % 7'919) +
                ",0,\n";
    }
    write_text(folder / "in.csv", text);
    CHECK(convert(folder / "in.csv", folder / "out.csv.gz").value() == 100'000);
    CHECK(convert(folder / "out.csv.gz", folder / "again.csv").value() == 100'000);
    bool const same = read_text(folder / "again.csv") == text;
    CHECK(same);
}

TEST_CASE("save_workload: where the stream fails, an older file stays as it was and nothing half-written is left") {
    temporary_folder const folder;
    write_text(folder / "in.csv", csv + "7,f,0,0,\n");
    write_text(folder / "out.csv", "older");
    auto const saved = convert(folder / "in.csv", folder / "out.csv");
    REQUIRE_FALSE(saved.has_value());
    CHECK(saved.error().message == (folder / "in.csv") +
                                       ":5:5: service_ns is 0, and an invocation needs some CPU time; "
                                       "mend this row, or skip bad rows");
    CHECK(read_text(folder / "out.csv") == "older");
    CHECK_FALSE(std::filesystem::exists(folder / "out.csv.part"));
}

TEST_CASE("save_workload: a file may be saved over the one it is read from") {
    temporary_folder const folder;
    write_text(folder / "same.csv", "arrival_ns,function,service_ns\n5,f,7\n");
    CHECK(convert(folder / "same.csv", folder / "same.csv").value() == 1);
    CHECK(read_text(folder / "same.csv") ==
          "# hpcsched workload 1\narrival_ns,function,service_ns,memory_mb,blocking\n5,f,7,0,\n");
}

TEST_CASE("save_workload: a folder that is not there, and a full device, are errors") {
    temporary_folder const folder;
    write_text(folder / "in.csv", csv);
    CHECK(convert(folder / "in.csv", folder / "nowhere/out.csv").error().message ==
          (folder / "nowhere/out.csv") + ": cannot be written: No such file or directory; check the folder");
    if (!std::filesystem::exists("/dev/full")) {
        return;
    }
    // By way of links, so that the name says how to write; a device is never replaced by a file.
    for (std::string const name : {"full.csv", "full.csv.gz"}) {
        std::filesystem::create_symlink("/dev/full", folder / name);
        CHECK(convert(folder / "in.csv", folder / name).error().message ==
              (folder / name) + ": cannot be written: No space left on device");
        CHECK(std::filesystem::is_symlink(folder / name));
        CHECK_FALSE(std::filesystem::exists(folder / (name + ".part")));
    }
}

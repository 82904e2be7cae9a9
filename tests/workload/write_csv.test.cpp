// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/write_csv.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::read_all;
using test::text_file;

namespace {

std::string written(std::vector<invocation> const& invocations, function_names const& names) {
    std::string text;
    in_memory source{invocations};
    auto const count = write_csv(source, names, text_sink{text});
    REQUIRE(count.has_value());
    CHECK(*count == invocations.size());
    return text;
}

} // namespace

TEST_CASE("write_csv: writes the example of the format, to the letter") {
    function_names names;
    names.intern("fib-27");
    names.intern("thumbnail, large");
    std::vector<invocation> const invocations{
        {time_point{}, function_id{0}, 60ms, 128, {}},
        {time_point{1'250us}, function_id{1}, 42ms, 512, {{0ms, 30ms}, {1ms, 2'500ns}}}};
    CHECK(written(invocations, names) == "# hpcsched workload 1\n"
                                         "arrival_ns,function,service_ns,memory_mb,blocking\n"
                                         "0,fib-27,60000000,128,\n"
                                         "1250000,\"thumbnail, large\",42000000,512,0:30000000;1000000:2500\n");
    CHECK(written({}, names) == "# hpcsched workload 1\narrival_ns,function,service_ns,memory_mb,blocking\n");
}

TEST_CASE("write_csv: what it writes, csv_reader reads back exactly, odd names and large numbers included") {
    std::vector<std::string> const odd{"a,b",        "\"",    "say \"hi\"",           " blank ",  "tab\t",
                                       "cr\rinside", "\r",    "#no comment",          "\xc3\xbc", "''",
                                       ",",          "a;b:c", std::string(3'000, 'x')};
    random_stream draws{1, "write_csv"};
    for (int round = 0; round < 30; ++round) {
        function_names names;
        std::vector<invocation> invocations;
        time_point at{};
        for (int i = 0; i < 300; ++i) {
            at += duration{static_cast<std::int64_t>(draws() >> (1 + draws() % 50))} / 1'000;
            invocation made{at, {}, {}, 0, {}};
            made.function =
                names.intern(draws() % 2 == 0 ? odd[draws() % odd.size()] : "f" + std::to_string(draws() % 20));
            made.service = duration{static_cast<std::int64_t>((draws() >> (1 + draws() % 62)) | 1U)};
            made.memory_mb = static_cast<std::uint32_t>(draws() >> (32 + draws() % 32));
            duration after{};
            for (std::uint64_t segments = draws() % 4; segments > 0; --segments) {
                after += duration{static_cast<std::int64_t>(
                    draws() % static_cast<std::uint64_t>((made.service - after).count() + 1))};
                made.blocking.push_back({after, duration{static_cast<std::int64_t>(draws() >> 1U) | 1}});
            }
            invocations.push_back(made);
        }
        function_names names_again;
        std::string const text = written(invocations, names);
        csv_reader reader{text_file(text), names_again};
        auto const read = read_all(reader);
        REQUIRE(read.failure == "");
        REQUIRE(read.invocations == invocations);
        REQUIRE(names_again == names);
        REQUIRE(written(read.invocations, names_again) == text);
    }
}

TEST_CASE("write_csv: a name that no line can hold is an error") {
    for (std::string const& name : {std::string{"two\nlines"}, std::string{"nul\0", 4}, std::string{}}) {
        function_names names;
        names.intern(name);
        std::vector<invocation> const invocations{{time_point{}, function_id{0}, 1ms, 0, {}}};
        in_memory source{invocations};
        std::string text;
        auto const count = write_csv(source, names, text_sink{text});
        REQUIRE_FALSE(count.has_value());
        CHECK(count.error().message == (name.empty() ? "the function name '' is empty; rename the function"
                                                     : "the function name " + excerpt(name) +
                                                           " has a line end or a NUL byte in it; rename the function"));
    }
}

TEST_CASE("write_csv: a sink that fails ends the writing with its error, and so does a source") {
    struct full_sink {
        std::size_t room;
        result<void> write(std::span<char const> bytes) {
            if (bytes.size() > room) {
                return error{"the disk is full; make room"};
            }
            room -= bytes.size();
            return {};
        }
    };
    function_names names;
    names.intern("f");
    std::vector<invocation> const invocations(20'000, {time_point{}, function_id{0}, 1ms, 0, {}});
    for (std::size_t const room : {std::size_t{0}, std::size_t{100'000}, std::size_t{300'000}}) {
        in_memory source{invocations};
        auto const count = write_csv(source, names, full_sink{room});
        REQUIRE_FALSE(count.has_value());
        CHECK(count.error().message == "the disk is full; make room");
    }
    csv_reader broken{text_file("nonsense"), names};
    std::string text;
    auto const count = write_csv(broken, names, text_sink{text});
    REQUIRE_FALSE(count.has_value());
    CHECK(count.error().message.starts_with("trace.csv:1:1: no column 'arrival_ns'"));
}

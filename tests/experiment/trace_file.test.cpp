// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/trace_file.hpp>

#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/device/array.hpp>
#include <boost/iostreams/device/back_inserter.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <doctest/doctest.h>

#include "temporary_folder.hpp"
#include <skip.hpp>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::experiment;
using namespace std::chrono_literals;
using namespace std::string_literals;
using test::temporary_folder;
using test::write_text;

namespace {

using paths = std::vector<std::filesystem::path>;

std::string compressed(std::string const& text) {
    std::string out;
    boost::iostreams::filtering_ostream stream;
    stream.push(boost::iostreams::gzip_compressor{});
    stream.push(boost::iostreams::back_inserter(out));
    stream << text;
    stream.reset();
    return out;
}

struct opened {
    std::vector<workload::invocation> invocations;
    std::vector<std::string> names;
    workload::read_counts counts;
    trace_format format = trace_format::automatic;
    std::string failure;
};

opened open_all(paths const& files, trace_options const& options = {}) {
    opened out;
    auto stream = open_trace(files, options);
    if (!stream) {
        out.failure = stream.error().message;
        return out;
    }
    workload::invocation i;
    for (;;) {
        auto const more = (*stream)->next(i);
        if (!more) {
            out.failure = more.error().message;
            CHECK((*stream)->next(i).value() == false);
        }
        if (!more || !*more) {
            break;
        }
        out.invocations.push_back(i);
    }
    for (std::uint32_t id = 0; id < (*stream)->names().size(); ++id) {
        out.names.emplace_back((*stream)->names().name(function_id{id}));
    }
    out.counts = (*stream)->counts();
    out.format = (*stream)->format();
    return out;
}

std::string const azure2021 = "app,func,end_timestamp,duration\na,f,1.0,0.5\na,g,2.0,0.25\n";
std::string const durations = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,"
                              "percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,"
                              "percentile_Average_99,percentile_Average_100\no,a,f,4,5,1,7,1,2,3,4,5,6,7\n";
std::string const invocations = "HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,1,2\n";
std::string const memory = "HashOwner,HashApp,SampleCount,AverageAllocatedMb\no,a,1,64\n";
std::string const requests = "day,time,0,1\n5,432000,1,0\n5,432060,0,2\n";
std::string const delays = "day,time,0,1\n5,432000,10,20\n5,432060,10,20\n";
std::string const huawei2025 = "time_worker,time_frontend,funcName,podID,userID,totalCost_worker,runtimeCost,"
                               "totalCost_frontend,cpu_usage,memory_usage\n9,9,7,p-1,8,0.1,0.1,0.1,0,1\n";
std::string const csv = "# hpcsched workload 1\narrival_ns,function,service_ns,memory_mb,blocking\n5,f,7,0,\n";

} // namespace

TEST_CASE("open_trace: tells every format of one file by its first line") {
    struct sample {
        std::string text;
        trace_format format;
        std::size_t count;
    };
    std::vector<sample> const samples{
        {csv, trace_format::csv, 1},
        {"arrival_ns,function,service_ns\n5,f,7\n", trace_format::csv, 1},
        {azure2021, trace_format::azure2021, 2},
        {huawei2025, trace_format::huawei2025, 1},
        {"fib1 fib.py 27 5 1\n", trace_format::sfs, 1},
        {"1 27 fib 5 5009\n2 27 st 2 5058\n", trace_format::sfs_openlambda, 2},
        {"1 28 fib 28 5006\r\n2 9 graphMst 21 5009\r\n", trace_format::alps, 2},
    };
    temporary_folder const folder;
    for (sample const& s : samples) {
        for (std::string const before : {"", "\xef\xbb\xbf", "\n\r\n", "\xef\xbb\xbf\n"}) {
            for (bool const gzip : {false, true}) {
                std::string const file = folder / "a trace.bin"; // the name tells nothing
                write_text(file, gzip ? compressed(before + s.text) : before + s.text);
                opened const read = open_all({file});
                CAPTURE(s.text);
                CHECK(read.failure == "");
                CHECK(name_of(read.format) == name_of(s.format));
                CHECK(read.invocations.size() == s.count);
                CHECK(read.counts.taken_count == s.count);
            }
        }
    }
}

TEST_CASE("open_trace: the tables of Azure 2019 are told apart by their headers, in any order or as a folder") {
    temporary_folder const folder;
    write_text(folder / "1.csv", invocations);
    write_text(folder / "2.csv", memory);
    write_text(folder / "3.csv", compressed(durations));
    opened const named = open_all({folder / "3.csv", folder / "1.csv", folder / "2.csv"});
    CHECK(named.failure == "");
    CHECK(named.format == trace_format::azure2019);
    CHECK(named.invocations.size() == 3);
    CHECK(named.invocations.at(0).memory_mb == 64);
    CHECK(named.names == std::vector<std::string>{"o/a/f"});
    write_text(folder / ".hidden", "not a trace");
    std::filesystem::create_directory(folder / "inside");
    bool const same = open_all({folder.path()}).invocations == named.invocations;
    CHECK(same);
    CHECK(open_all({folder / "1.csv", folder / "3.csv"}).invocations.at(0).memory_mb == 0);
}

TEST_CASE("open_trace: days of Azure 2019 follow each other, each with draws of its own") {
    temporary_folder const folder;
    for (std::string const day : {"1", "2"}) {
        write_text(folder / ("i" + day), invocations);
        write_text(folder / ("d" + day), durations);
    }
    opened const both = open_all({folder / "i1", folder / "i2", folder / "d1", folder / "d2"});
    REQUIRE(both.failure == "");
    REQUIRE(both.invocations.size() == 6);
    CHECK(both.counts.taken_count == 4);
    CHECK(both.names.size() == 1);
    for (std::size_t i = 0; i < 3; ++i) {
        duration const distance = both.invocations[i + 3].arrival - both.invocations[i].arrival;
        CHECK(distance > 24h - 60s);
        CHECK(distance < 24h + 60s);
        CHECK(distance != duration{24h});
    }
    CHECK(
        open_all({folder / "i1", folder / "i2", folder / "d1"}).failure ==
        "2 tables of invocations beside 1 table of durations; give both for each day, and the table of memory for all "
        "days or none");
    write_text(folder / "m", memory);
    CHECK(open_all({folder / "i1", folder / "i2", folder / "d1", folder / "d2", folder / "m"}).failure ==
          "2 tables of invocations beside 1 table of memory; give both for each day, and the table of memory for all "
          "days "
          "or none");
    // A fault in the first day ends the stream there.
    write_text(folder / "i1", invocations + "o,a,f,http,x,2\n");
    opened const broken = open_all({folder / "i1", folder / "i2", folder / "d1", folder / "d2"});
    CHECK(broken.failure == (folder / "i1") +
                                ":3:12: the count of minute 1 is 'x', not a whole number; mend this row, or "
                                "skip bad rows");
    CHECK(broken.invocations.empty());
}

TEST_CASE("open_trace: the tables of Huawei 2023 are told apart by their path, and days keep one clock") {
    temporary_folder const folder;
    for (std::string const table : {"requests_minute", "function_delay_minute"}) {
        std::filesystem::create_directory(folder / table);
        write_text(folder / (table + "/day_005.csv"), table == "requests_minute" ? requests : delays);
        write_text(folder / (table + "/day_006.csv"), table == "requests_minute"
                                                          ? "day,time,0,1\n6,518400,1,0\n6,518460,0,2\n"
                                                          : "day,time,0,1\n6,518400,30,40\n6,518460,30,40\n");
    }
    opened const read = open_all({folder / "requests_minute", folder / "function_delay_minute"});
    REQUIRE(read.failure == "");
    CHECK(read.format == trace_format::huawei2023);
    REQUIRE(read.invocations.size() == 6);
    CHECK(read.invocations[0].arrival < time_point{60s});
    CHECK(read.invocations[0].service == 10ms);
    CHECK(read.invocations[3].arrival >= time_point{24h});
    CHECK(read.invocations[3].arrival < time_point{24h + 60s});
    CHECK(read.invocations[5].service == 40ms);
    CHECK(read.names == std::vector<std::string>{"0", "1"});
    CHECK(
        open_all({folder / "requests_minute", folder / "function_delay_minute/day_005.csv"}).failure ==
        "2 tables of requests beside 1 table of function_delay; give the requests of each day, and function_delay for "
        "all days or none");
    trace_options options;
    options.huawei2023.service_if_unknown = 1ms;
    CHECK(open_all({folder / "requests_minute"}, options).invocations.size() == 6);
}

TEST_CASE("open_trace: the parts of Huawei 2025 are one trace") {
    temporary_folder const folder;
    write_text(folder / "R1_00000.csv", huawei2025);
    write_text(folder / "R1_00001.csv", huawei2025 + "7,7,7,p-1,8,0.1,0.2,0.1,0,1\n");
    opened const read = open_all({folder.path()});
    REQUIRE(read.failure == "");
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].service == 200ms);
}

TEST_CASE("open_trace: a format that is named is taken at its word, and the options of a format reach its reader") {
    temporary_folder const folder;
    std::string const file = folder / "trace";
    write_text(file, "1 27 fib 10 5009\n");
    CHECK(open_all({file}).failure == file +
                                          ": the rows may be SFS's or ALPS's, which count time differently; say which: "
                                          "sfs-openlambda or alps");
    trace_options options;
    options.format = trace_format::sfs_openlambda;
    CHECK(open_all({file}, options).invocations.at(0).arrival == time_point{10ms});
    options.format = trace_format::alps;
    CHECK(open_all({file}, options).invocations.at(0).arrival == time_point{2ms});
    options.alps.interarrival_factor = {3, 1};
    CHECK(open_all({file}, options).invocations.at(0).arrival == time_point{30ms});
    options.format = trace_format::azure2021;
    CHECK(open_all({file}, options).failure.starts_with(file + ":1:1: no column 'app' in the header"));
    write_text(file, azure2021 + "bad\n");
    options = {};
    options.rows.on_bad_row = workload::bad_rows::skip;
    opened const read = open_all({file}, options);
    CHECK(read.invocations.size() == 2);
    CHECK(read.counts.skipped_count == 1);
    CHECK(read.counts.first_skipped == file + ":4:4: 1 column where the header has 4; mend this row, or skip bad rows");
}

TEST_CASE("open_trace: the seed decides what a trace does not tell") {
    temporary_folder const folder;
    write_text(folder / "i", invocations);
    write_text(folder / "d", durations);
    auto const with_seed = [&](std::uint64_t seed) {
        trace_options options;
        options.seed = seed;
        return open_all({folder / "i", folder / "d"}, options).invocations;
    };
    bool const repeats = with_seed(1) == with_seed(1);
    bool const differs = with_seed(1) != with_seed(2);
    CHECK(repeats);
    CHECK(differs);
}

TEST_CASE("open_trace: gzip that was cut off anywhere, or damaged, is an error") {
    temporary_folder const folder;
    std::string const file = folder / "trace.csv.gz";
    std::string text = "app,func,end_timestamp,duration\n";
    for (int i = 0; i < 20'000; ++i) {
        text += "app" + std::to_string(i % 91) + ",f" + std::to_string(i % 1'013) + ',' + std::to_string(i) +
                ".125,0.125\n";
    }
    std::string const whole = compressed(text);
    std::string const early = file + ": the compressed file ends early, it was cut off; get it again";
    std::string const header = file + ": the compressed file is cut off, or other bytes follow it; get it again";
    std::string const damaged = file + ": the compressed file is damaged; get it again";
    write_text(file, whole);
    CHECK(open_all({file}).invocations.size() == 20'000);
    write_text(file, whole + compressed("app,f,9,1\n")); // two members, as `cat a.gz b.gz` makes
    CHECK(open_all({file}).invocations.size() == 20'001);

    struct broken {
        std::string what, content, message;
    };
    std::string flipped = whole;
    flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1); // in the checksum
    std::string torn = whole;
    std::fill_n(torn.begin() + static_cast<std::ptrdiff_t>(torn.size() / 2), 16, '\0');
    std::vector<broken> const cases{
        {"the last byte", whole.substr(0, whole.size() - 1), early},
        {"the checksum and the length", whole.substr(0, whole.size() - 8), early},
        {"half", whole.substr(0, whole.size() / 2), early},
        {"all but the header", whole.substr(0, 10), early},
        {"within the header", whole.substr(0, 5), header},
        {"bytes behind", whole + "garbage", header},
        {"a second member cut off", whole + compressed(text).substr(0, 400), early},
        {"checksum", flipped, damaged},
    };
    for (broken const& b : cases) {
        write_text(file, b.content);
        CAPTURE(b.what);
        CHECK(open_all({file}).failure == b.message);
    }
    write_text(file, torn);
    std::string const failure = open_all({file}).failure;
    CHECK((failure == damaged || failure.find("skip bad rows") != std::string::npos));
}

TEST_CASE("open_trace: what cannot be opened, and what is packed in another way, gets one line with the fix") {
    temporary_folder const folder;
    std::string const file = folder / "trace";
    CHECK(open_all({file}).failure == file + ": cannot be opened: No such file or directory; check the path");
    CHECK(open_all({}).failure == "no file of a trace is named; name one");
    CHECK(open_all({folder.path()}).failure ==
          folder.path() + ": there is no file in this folder; name the files of a trace");
    struct packed {
        std::string first_bytes, message;
    };
    std::vector<packed> const cases{
        {"", ": the file is empty; name one with a trace in it"},
        {"Rar!\x1a\x07\0..."s, ": is a RAR archive; unpack it first: unrar x"},
        {"PK\x03\x04...", ": is a ZIP archive; unpack it first: unzip"},
        {"7z\xbc\xaf\x27\x1c...", ": is a 7-Zip archive; unpack it first: 7z x"},
        {"\xfd"
         "7zXZ\0..."s,
         ": is compressed with xz; decompress it first: xz -d"},
        {"\x28\xb5\x2f\xfd...", ": is compressed with Zstandard; decompress it first: zstd -d"},
        {"BZh91AY", ": is compressed with bzip2; decompress it first: bzip2 -d"},
        {"PAR1....", ": is a Parquet file; convert it to CSV first"},
        {"job_id,num_gpu\n", ":1:1: 'job_id,num_gpu' begins no trace that is known; name its format, or convert it to "
                             "hpcsched's own, which "
                             "begins with the header arrival_ns,function,service_ns,memory_mb,blocking"},
    };
    for (packed const& p : cases) {
        write_text(file, p.first_bytes);
        CHECK(open_all({file}).failure == file + p.message);
    }
}

TEST_CASE("open_trace: files that do not belong together are refused") {
    temporary_folder const folder;
    write_text(folder / "a", azure2021);
    write_text(folder / "b", csv);
    CHECK(open_all({folder / "a", folder / "b"}).failure == (folder / "b") +
                                                                ": is of the format csv, not azure2021 as " +
                                                                (folder / "a") + "; name the files of one trace");
    CHECK(open_all({folder / "a", folder / "a"}).failure ==
          (folder / "a") + ": a trace of the format azure2021 is one file; name one at a time");
}

TEST_CASE("open_trace: a pipe can be read, though it cannot be read twice") {
    temporary_folder const folder;
    std::string const large = [] {
        std::string text = "arrival_ns,function,service_ns\n";
        for (int i = 0; i < 2'000; ++i) {
            text += std::to_string(i) + ",f,7\n";
        }
        return text;
    }();
    REQUIRE(large.size() < 65'536); // a pipe takes as much without a reader
    for (std::string const& content : {large, compressed(large)}) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        REQUIRE(::write(ends[1], content.data(), content.size()) == static_cast<ssize_t>(content.size()));
        ::close(ends[1]);
        opened const read = open_all({"/dev/fd/" + std::to_string(ends[0])});
        CHECK(read.failure == "");
        CHECK(read.invocations.size() == 2'000);
        ::close(ends[0]);
    }
}

TEST_CASE("trace formats: have names that lead back to them") {
    for (trace_format const format : trace_formats()) {
        auto const found = find_trace_format(name_of(format));
        REQUIRE(found.has_value());
        CHECK(*found == format);
    }
    CHECK(find_trace_format("parquet").error().message ==
          "unknown trace format 'parquet'; valid: auto, csv, azure2019, azure2021, huawei2023, huawei2025, sfs, "
          "sfs-openlambda, alps");
}

TEST_CASE("open_trace: the real traces, a file and a folder") {
    auto const one = test::shared_data("azure2021_200.csv");
    auto const three = test::shared_data("azure2019");
    if (!one || !std::filesystem::exists(*one) || !std::filesystem::exists(*three)) {
        HPCSCHED_SKIP("HPCSCHED_DATA names no folder with the real traces");
    }
    CHECK(open_all({*one}).invocations.size() == 199);
    CHECK(open_all({*three}).invocations.size() == 4'525);
}

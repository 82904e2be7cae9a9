// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_azure2019.hpp>
#include <hpcsched/workload/read_azure2021.hpp>
#include <hpcsched/workload/read_client_trace.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/read_huawei2023.hpp>
#include <hpcsched/workload/read_huawei2025.hpp>
#include <hpcsched/workload/read_sfs.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::string_literals;
using test::read_all;
using test::text_file;

namespace {

/// A bad file, and the message it gets.
struct bad_file {
    std::string what;
    std::string text;
    std::string message;
};

std::string const mend = "; mend this row, or skip bad rows";
std::string const cut_off = "; the file ends inside this row: if it was cut off, get it again; else mend the row, or "
                            "skip bad rows";

/// Checks the message of every file, and that nothing but the message comes of the bad row: the stream ends, stays
/// ended, and does not depend on how the bytes come in.
///
/// \param read  reads a text through one byte source, all at once (0) or a byte at a time (1)
void check_all(std::vector<bad_file> const& files,
               std::function<test::read_result(std::string_view text, int way)> const& read) {
    for (bad_file const& file : files) {
        CAPTURE(file.what);
        CHECK(read(file.text, 0).failure == file.message);
        CHECK(read(file.text, 1).failure == file.message);
    }
}

/// Reads with a reader of one file, made by `make` from a named source.
template <template <class> class Reader, class... Options>
test::read_result read_single(std::string_view text, int way, Options const&... options) {
    function_names names;
    if (way == 0) {
        return read_all(Reader<text_source>{text_file(text), names, options...});
    }
    return read_all(Reader<test::trickle>{{test::trickle{text}, "trace.csv"}, names, options...});
}

} // namespace

TEST_CASE("bad files: those of Azure 2021 get their messages") {
    std::string const header = "app,func,end_timestamp,duration\n";
    std::string const expected = "an Azure Functions 2021 trace begins with a header that names "
                                 "app,func,end_timestamp,duration";
    check_all(
        {
            {"empty", "", "trace.csv:1:1: the file is empty; " + expected},
            {"only empty lines", "\n\r\n\n", "trace.csv:1:1: the file is empty; " + expected},
            {"a header of something else", "time,job,size\n1,2,3\n",
             "trace.csv:1:1: no column 'app' in the header 'time,job,size'; " + expected},
            {"no header", "a,f,1.0,0.5\n", "trace.csv:1:1: no column 'app' in the header 'a,f,1.0,0.5'; " + expected},
            {"a column missing in the header", "app,func,end_timestamp\na,f,1\n",
             "trace.csv:1:1: no column 'duration' in the header 'app,func,end_timestamp'; " + expected},
            {"a column twice in the header", "app,func,app,end_timestamp,duration\n",
             "trace.csv:1:10: the column 'app' stands twice in the header; " + expected},
            {"cut off in the header", "app,func,end_ti",
             "trace.csv:1:1: no column 'end_timestamp' in the header "
             "'app,func,end_ti'; " +
                 expected},
            {"too few columns", header + "a,f,1.0,0.5\na,f,1.0\n",
             "trace.csv:3:8: 3 columns where the header has 4" + mend},
            {"too many columns", header + "a,f,1.0,0.5,9\n", "trace.csv:2:1: 5 columns where the header has 4" + mend},
            {"cut off in a row", header + "a,f,1.0,0.5\na,f,1",
             "trace.csv:3:6: 3 columns where the header has 4" + cut_off},
            {"cut off in the last number", header + "a,f,1.0,0.", "" /* a number all the same */},
            {"cut off before the last number", header + "a,f,1.0,", "trace.csv:2:9: duration is missing" + cut_off},
            {"an empty application", header + ",f,1.0,0.5\n", "trace.csv:2:1: app is missing" + mend},
            {"an empty function", header + "a,,1.0,0.5\n", "trace.csv:2:3: func is missing" + mend},
            {"NaN", header + "a,f,NaN,0.5\n", "trace.csv:2:5: end_timestamp is missing" + mend},
            {"a negative number", header + "a,f,1.0,-0.5\n", "trace.csv:2:9: duration is '-0.5', below zero" + mend},
            {"a number beyond 64 bits", header + "a,f,1e10,0.5\n",
             "trace.csv:2:5: end_timestamp is '1e10', too large" + mend},
            {"a number beyond every bound", header + "a,f,1e400,0.5\n",
             "trace.csv:2:5: end_timestamp is '1e400', too large" + mend},
            {"infinity", header + "a,f,inf,0.5\n", "trace.csv:2:5: end_timestamp is 'inf', too large" + mend},
            {"text in place of a number", header + "a,f,soon,0.5\n",
             "trace.csv:2:5: end_timestamp is 'soon', not a number" + mend},
            {"a decimal comma", header + "a,f,1,5,0.5\n", "trace.csv:2:1: 5 columns where the header has 4" + mend},
            {"a number and more", header + "a,f,1.0s,0.5\n",
             "trace.csv:2:5: end_timestamp is '1.0s', not a number" + mend},
            {"a start before time 0", header + "a,f,1.0,1.5\n",
             "trace.csv:2:9: the invocation starts before time 0: duration '1.5' is longer than end_timestamp '1.0'; "
             "count time from the first arrival, mend this row, or skip bad rows"},
            {"a quote that is not closed", header + "a,\"f,1.0,0.5\n",
             "trace.csv:2:3: a quote that is not closed" + mend},
            {"text behind a quote", header + "\"a\"b,f,1.0,0.5\n", "trace.csv:2:4: text after a closing quote" + mend},
            {"a NUL byte", header + "a,f,1.0\0,0.5\n"s,
             "trace.csv:2:8: a NUL byte: this is not plain text; get the file again, or convert it to UTF-8 text"},
            {"UTF-16",
             "\xff\xfe"
             "a\0p\0p\0"s,
             "trace.csv:1:1: this is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8"},
            {"a row without end", header + std::string((std::size_t{1} << 20U) + 1, 'a'),
             "trace.csv:2:1048577: the row is longer than 1048576 bytes; check that this is a trace with one record "
             "per "
             "line, or raise the limit"},
            {"tricks on the terminal", header + "a,f,\x1b[2J\x07,0.5\n",
             "trace.csv:2:5: end_timestamp is '\\x1b[2J\\x07', not a number" + mend},
            {"separated by semicolons", "app;func;end_timestamp;duration\n",
             "trace.csv:1:1: no column 'app' in the header 'app;func;end_timestamp;duration'; " + expected},
            {"Mac line ends", "app,func,end_timestamp,duration\ra,f,1,0.5\r",
             "trace.csv:1:1: no column 'duration' in the header 'app,func,end_timestamp,duration\\x0da,f,1,0....'; " +
                 expected},
        },
        [](std::string_view text, int way) { return read_single<azure2021_reader>(text, way); });
}

TEST_CASE("bad files: those of Azure 2019 get their messages") {
    std::string const rows_header = "HashOwner,HashApp,HashFunction,Trigger,1,2\n";
    std::string const expected = "an Azure Functions 2019 table of invocations begins with a header "
                                 "HashOwner,HashApp,HashFunction,Trigger,1,2 and so on, one column per minute";
    std::string const durations_header =
        "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,"
        "percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_"
        "100\n";
    std::string const good_rows = rows_header + "o,a,f,http,1,1\n";
    std::string const good_durations = durations_header + "o,a,f,4,5,1,7,1,2,3,4,5,6,7\n";
    auto const read = [](std::string_view rows, std::string_view durations, std::string_view memory, int way) {
        function_names names;
        random_stream const draws{1, "azure2019"};
        if (way == 0) {
            return read_all(azure2019_reader<text_source>{
                {text_file(rows, "invocations.csv"), text_file(durations, "durations.csv"),
                 memory.empty() ? std::nullopt : std::optional{text_file(memory, "memory.csv")}},
                names,
                draws});
        }
        using test::trickle;
        return read_all(azure2019_reader<trickle>{
            {{trickle{rows}, "invocations.csv"},
             {trickle{durations}, "durations.csv"},
             memory.empty() ? std::nullopt : std::optional{named_source<trickle>{trickle{memory}, "memory.csv"}}},
            names,
            draws});
    };
    check_all(
        {
            {"no header", "o,a,f,http,1,1\n",
             "invocations.csv:1:1: the header has 'o' in place of 'HashOwner'; " + expected},
            {"empty", "", "invocations.csv:1:1: the file is empty; " + expected},
            {"no minutes", "HashOwner,HashApp,HashFunction,Trigger\n",
             "invocations.csv:1:39: no column for a minute in the header; " + expected},
            {"a minute left out", "HashOwner,HashApp,HashFunction,Trigger,1,3\n",
             "invocations.csv:1:42: the header has '3' where a minute's number should follow; " + expected},
            {"a minute that is none", "HashOwner,HashApp,HashFunction,Trigger,one\n",
             "invocations.csv:1:40: the header has 'one' where a minute's number should follow; " + expected},
            {"too few minutes", rows_header + "o,a,f,http,1\n",
             "invocations.csv:2:13: 5 columns where the header has 6" + mend},
            {"half an invocation", rows_header + "o,a,f,http,1,0.5\n",
             "invocations.csv:2:14: the count of minute 2 is '0.5', not a whole number" + mend},
            {"NaN", rows_header + "o,a,f,http,NaN,1\n",
             "invocations.csv:2:12: the count of minute 1 is missing" + mend},
            {"too many invocations", rows_header + "o,a,f,http,1,1000000001\n",
             "invocations.csv:2:14: the count of minute 2 is '1000000001', too large" + mend},
            {"cut off", rows_header + "o,a,f,ht", "invocations.csv:2:9: 4 columns where the header has 6" + cut_off},
        },
        [&](std::string_view text, int way) { return read(text, good_durations, {}, way); });
    check_all(
        {
            {"the invocations again", good_rows,
             "durations.csv:1:1: no column 'Average' in the header 'HashOwner,HashApp,HashFunction,Trigger,1...'; an "
             "Azure Functions 2019 table of durations begins with a header that names HashOwner,HashApp,HashFunction,"
             "Average,Minimum,Maximum,percentile_Average_0,percentile_Average_1,percentile_Average_25,"
             "percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100"},
            {"percentiles that descend", durations_header + "o,a,f,4,5,1,7,1,2,3,2.5,5,6,7\n",
             "durations.csv:2:21: percentile_Average_50 is below the percentile before it" + mend},
            {"a negative average", durations_header + "o,a,f,-4,5,1,7,1,2,3,4,5,6,7\n",
             "durations.csv:2:7: Average is '-4', below zero" + mend},
            {"a missing maximum", durations_header + "o,a,f,4,5,1,,1,2,3,4,5,6,7\n",
             "durations.csv:2:13: Maximum is missing" + mend},
            {"a function without name", durations_header + "o,a,,4,5,1,7,1,2,3,4,5,6,7\n",
             "durations.csv:2:5: HashFunction is missing" + mend},
        },
        [&](std::string_view text, int way) { return read(good_rows, text, {}, way); });
    check_all(
        {
            {"not a table of memory", "HashOwner,HashApp,SampleCount\n",
             "memory.csv:1:1: no column 'AverageAllocatedMb' in the header 'HashOwner,HashApp,SampleCount'; an Azure "
             "Functions 2019 table of memory begins with a header that names HashOwner,HashApp,AverageAllocatedMb"},
            {"negative memory", "HashOwner,HashApp,AverageAllocatedMb\no,a,-1\n",
             "memory.csv:2:5: AverageAllocatedMb is '-1', below zero" + mend},
            {"more memory than there is", "HashOwner,HashApp,AverageAllocatedMb\no,a,4294967296\n",
             "memory.csv:2:5: AverageAllocatedMb is '4294967296', too large" + mend},
        },
        [&](std::string_view text, int way) { return read(good_rows, good_durations, text, way); });
}

TEST_CASE("bad files: those of Huawei 2023 get their messages") {
    std::string const expected = "a Huawei 2023 table begins with a header day,time and then one column per function";
    auto const read = [](std::string_view rows, std::string_view delays, int way) {
        function_names names;
        random_stream const draws{1, "huawei2023"};
        if (way == 0) {
            return read_all(huawei2023_reader<text_source>{
                {text_file(rows, "requests.csv"), text_file(delays, "delay.csv")}, names, draws});
        }
        using test::trickle;
        return read_all(huawei2023_reader<trickle>{
            {{trickle{rows}, "requests.csv"}, named_source<trickle>{trickle{delays}, "delay.csv"}}, names, draws});
    };
    std::string const good = "day,time,0,1\n0,0,1,1\n0,60,1,1\n";
    check_all(
        {
            {"empty", "", "requests.csv:1:1: the file is empty; " + expected},
            {"another header", "time,day,0\n",
             "requests.csv:1:1: the header has 'time' in place of 'day'; " + expected},
            {"another second column", "day,second,0\n",
             "requests.csv:1:5: the header has 'second' in place of 'time'; " + expected},
            {"no function", "day,time\n", "requests.csv:1:9: no column for a function in the header; " + expected},
            {"a function twice", "day,time,0,1,0\n",
             "requests.csv:1:14: the column '0' stands twice in the header; " + expected},
            {"a function without name", "day,time,0,,1\n", "requests.csv:1:12: a column has no name; " + expected},
            {"too many columns", "day,time,0\n0,0,1,1\n", "requests.csv:2:1: 4 columns where the header has 3" + mend},
            {"time goes back", "day,time,0\n0,60,1\n0,0,1\n",
             "requests.csv:3:3: time is '0', not later than in the row before" + mend},
            {"no time", "day,time,0\n0,,1\n", "requests.csv:2:3: time is missing" + mend},
            {"a day that is none", "day,time,0\nMonday,0,1\n",
             "requests.csv:2:1: day is 'Monday', not a whole number" + mend},
            {"half a request", "day,time,0\n0,0,1.5\n",
             "requests.csv:2:5: the count of function '0' is '1.5', not a whole number" + mend},
            {"tricks in the name of a function", "day,time,\x1b[2J\n0,0,x\n",
             "requests.csv:2:5: the count of function '\\x1b[2J' is 'x', not a whole number" + mend},
            {"a negative count", "day,time,0\n0,0,-1\n",
             "requests.csv:2:5: the count of function '0' is '-1', below zero" + mend},
            {"one row", "day,time,0\n0,0,1\n",
             "requests.csv:2:1: one row does not tell how long an interval is; give the interval, 1 s or 60 s"},
            {"cut off", "day,time,0,1\n0,0,1,1\n0,60,1",
             "requests.csv:3:7: 3 columns where the header has 4" + cut_off},
        },
        [&](std::string_view text, int way) { return read(text, good, way); });
    check_all(
        {
            {"a negative delay", "day,time,0,1\n0,0,1,-1\n",
             "delay.csv:2:7: the delay of function '1' is '-1', below zero" + mend},
            {"an infinite delay", "day,time,0,1\n0,0,1,inf\n",
             "delay.csv:2:7: the delay of function '1' is 'inf', too large" + mend},
            {"no table of delays", "x\n", "delay.csv:1:1: the header has 'x' in place of 'day'; " + expected},
        },
        [&](std::string_view text, int way) { return read(good, text, way); });
}

TEST_CASE("bad files: those of Huawei 2025 get their messages") {
    std::string const header = "time_worker,time_frontend,funcName,podID,userID,totalCost_worker,runtimeCost,"
                               "totalCost_frontend,cpu_usage,memory_usage\n";
    auto const read = [](std::string_view text, int way) {
        function_names names;
        huawei2025_options options;
        options.from_first_arrival = false;
        if (way == 0) {
            return read_all(huawei2025_reader<text_source>{{text_file(text)}, names, options});
        }
        std::vector<named_source<test::trickle>> files;
        files.push_back({test::trickle{text}, "trace.csv"});
        return read_all(huawei2025_reader<test::trickle>{std::move(files), names, options});
    };
    check_all(
        {
            {"the table of cold starts", "day,time,clusterName,funcName,userID,requestID,totalCost_cold_start,podID\n",
             "trace.csv:1:1: no column 'time_frontend' in the header 'day,time,clusterName,funcName,userID,req...'; a "
             "Huawei 2025 request table begins with a header that names time_frontend,totalCost_frontend,time_worker,"
             "totalCost_worker,runtimeCost,funcName,userID,podID,memory_usage,cpu_usage"},
            {"no time at all", header + ",,7,p-1,8,,0.1,,0,1\n", "trace.csv:2:1: time_worker is missing" + mend},
            {"no runtime", header + "9,9,7,p-1,8,0.1,,0.1,0,1\n", "trace.csv:2:17: runtimeCost is missing" + mend},
            {"negative memory", header + "9,9,7,p-1,8,0.1,0.1,0.1,0,-1\n",
             "trace.csv:2:27: memory_usage is '-1', below zero" + mend},
            {"no pod", header + "9,9,7,,8,0.1,0.1,0.1,0,1\n", "trace.csv:2:7: podID is missing" + mend},
            {"a start before time 0", header + "9,9,7,p-1,8,0.1,0.1,10,0,1\n",
             "trace.csv:2:21: the request starts before time 0: totalCost_frontend '10' is longer than time_frontend "
             "'9'; count time from the first arrival, mend this row, or skip bad rows"},
        },
        read);
}

TEST_CASE("bad files: those of SFS get their messages") {
    check_all(
        {
            {"too few words", "fib1 fib.py 27 5\n",
             "trace.csv:1:17: 4 words where a row has 5: name exec N start_ms id" + mend},
            {"too many words", "fib1 fib.py 27 5 1 x\n",
             "trace.csv:1:1: 6 words where a row has 5: name exec N start_ms id" + mend},
            {"commas", "fib1,fib.py,27,5,1\n",
             "trace.csv:1:19: 1 word where a row has 5: name exec N start_ms id" + mend},
            {"N is no number", "fib1 fib.py x 5 1\n", "trace.csv:1:13: N is 'x', not a whole number" + mend},
            {"a negative start", "fib1 fib.py 27 -5 1\n", "trace.csv:1:16: start_ms is '-5', below zero" + mend},
            {"a start with a fraction", "fib1 fib.py 27 5.5 1\n",
             "trace.csv:1:16: start_ms is '5.5', not a whole number" + mend},
            {"an id that is none", "fib1 fib.py 27 5 one\n", "trace.csv:1:18: id is 'one', not a whole number" + mend},
            {"an N beyond the table", "fib1 fib.py 40 5 1\n",
             "trace.csv:1:6: the service time of 'fib' with argument 40 is not known: only fib(20) to fib(36) are "
             "calibrated; give this job a service time, mend this row, or skip bad rows"},
            {"time goes back", "fib1 fib.py 27 5 1\nfib2 fib.py 27 4 2\n",
             "trace.csv:2:16: start_ms is '4', before the row above; sort the rows by start_ms, or skip bad rows"},
            {"cut off", "fib1 fib.py 27 5 1\nfib2 fib.py 2",
             "trace.csv:2:14: 3 words where a row has 5: name exec N start_ms id" + cut_off},
        },
        [](std::string_view text, int way) { return read_single<sfs_reader>(text, way); });
}

TEST_CASE("bad files: those of the clients of SFS on OpenLambda and of ALPS get their messages") {
    check_all(
        {
            {"too few words", "1 9 graphMst 20\n",
             "trace.csv:1:16: 4 words where a row has 5: id N job iat_ms port" + mend},
            {"an id that is none", "a 9 graphMst 20 5010\n", "trace.csv:1:1: id is 'a', not a whole number" + mend},
            {"a time that is none", "1 9 graphMst NaN 5010\n", "trace.csv:1:14: iat_ms is missing" + mend},
            {"a negative time", "1 9 graphMst -1 5010\n", "trace.csv:1:14: iat_ms is '-1', below zero" + mend},
            {"a time beyond 64 bits", "1 9 graphMst 99999999999999999999 5010\n",
             "trace.csv:1:14: iat_ms is '99999999999999999999', too large" + mend},
            {"a port beyond all ports", "1 9 graphMst 20 65536\n", "trace.csv:1:17: port is '65536', too large" + mend},
            {"a job that is not known", "1 9 videoResize 20 5010\n",
             "trace.csv:1:5: the service time of 'videoResize' with argument 9 is not known: only fib(20) to fib(36) "
             "are "
             "calibrated; give this job a service time, mend this row, or skip bad rows"},
        },
        [](std::string_view text, int way) {
            return read_single<client_trace_reader>(text, way, client_trace_options::alps_client());
        });
}

TEST_CASE("bad files: those of hpcsched's own format get their messages") {
    std::string const header = "arrival_ns,function,service_ns,memory_mb,blocking\n";
    std::string const expected = "a workload file of hpcsched begins with a header that names "
                                 "arrival_ns,function,service_ns";
    check_all(
        {
            {"empty", "",
             "trace.csv:1:1: the file is empty; a workload file begins with a header that names "
             "arrival_ns,function,service_ns"},
            {"only the version", "# hpcsched workload 1\n",
             "trace.csv:1:1: the file has comments only; a workload file begins with a header that names "
             "arrival_ns,function,service_ns"},
            {"a later version", "# hpcsched workload 10\n",
             "trace.csv:1:21: the file has version '10' of the format; this hpcsched reads version 1; read it with the "
             "one that wrote it"},
            {"no service", "arrival_ns,function\n",
             "trace.csv:1:1: no column 'service_ns' in the header 'arrival_ns,function'; " + expected},
            {"seconds in place of nanoseconds", header + "1.5,f,1,0,\n",
             "trace.csv:2:1: arrival_ns is '1.5', not a whole number" + mend},
            {"a negative arrival", header + "-1,f,1,0,\n", "trace.csv:2:1: arrival_ns is '-1', below zero" + mend},
            {"arrivals go back", header + "2,f,1,0,\n1,f,1,0,\n",
             "trace.csv:3:1: arrival_ns is '1', before the row above; sort the rows by arrival_ns, or skip bad rows"},
            {"no service time", header + "1,f,0,0,\n",
             "trace.csv:2:5: service_ns is 0, and an invocation needs some CPU time" + mend},
            {"no name", header + "1,,1,0,\n", "trace.csv:2:3: function is missing" + mend},
            {"blocking that is none", header + "1,f,5,0,yes\n",
             "trace.csv:2:9: the blocking segment 'yes' is not of the form after_cpu_ns:length_ns" + mend},
            {"blocking without length", header + "1,f,5,0,1:\n",
             "trace.csv:2:11: length_ns of a blocking segment is missing" + mend},
            {"blocking of length 0", header + "1,f,5,0,1:0\n", "trace.csv:2:9: a blocking segment has length 0" + mend},
            {"blocking after the end", header + "1,f,5,0,6:1\n",
             "trace.csv:2:9: a blocking segment begins after the service time" + mend},
            {"blocking that goes back", header + "1,f,5,0,3:1;2:1\n",
             "trace.csv:2:13: a blocking segment begins before the one before it" + mend},
            {"blocking that ends with a semicolon", header + "1,f,5,0,3:1;\n",
             "trace.csv:2:12: a blocking segment is missing after the last semicolon" + mend},
            {"negative blocking", header + "1,f,5,0,-3:1\n",
             "trace.csv:2:9: after_cpu_ns of a blocking segment is '-3', below zero" + mend},
            {"cut off", header + "1,f,5,0,3:1\n2,f", "trace.csv:3:4: 2 columns where the header has 5" + cut_off},
        },
        [](std::string_view text, int way) { return read_single<csv_reader>(text, way); });
}

// SPDX-License-Identifier: Apache-2.0
// How fast traces are read, beside what any reader of such a text has to do at least: find the commas and line ends,
// and copy the bytes. Texts are in memory, so no disk is measured; a reader gets its bytes through the same interface
// as from a file, one copy included.

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/read_azure2021.hpp>
#include <hpcsched/workload/read_client_trace.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/read_huawei2023.hpp>
#include <hpcsched/workload/read_sfs.hpp>
#include <hpcsched/workload/write_csv.hpp>

#include <benchmark/benchmark.h>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/lognormal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <figure.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::workload;

void append(std::string& text, double number, std::chars_format format) {
    std::array<char, 64> digits;
    text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number, format).ptr);
}

/// A text of the shape of the Azure 2021 trace: 424 functions of 119 applications, all hashes of 64 letters; a few
/// functions have most invocations; rows are sorted by their end, with 16 to 17 significant digits; durations have
/// three decimals and a median of about 0.1 s.
std::string make_azure2021(std::size_t row_count) {
    random_stream draws{1, "read_bench"};
    constexpr std::string_view hex = "0123456789abcdef";
    auto const hash_text = [&] {
        std::string text;
        for (int i = 0; i < 64; ++i) {
            text += hex[draws() % 16];
        }
        return text;
    };
    std::vector<std::string> apps;
    std::vector<std::string> functions;
    for (int i = 0; i < 119; ++i) {
        apps.push_back(hash_text());
    }
    for (std::size_t i = 0; i < 424; ++i) {
        functions.push_back(apps[i % apps.size()] + ',' + hash_text());
    }
    boost::random::exponential_distribution<double> gap{1.6};
    boost::random::lognormal_distribution<double> length{-2.3, 1.8};
    std::string text = "app,func,end_timestamp,duration\n";
    text.reserve(row_count * 160);
    double end = 0;
    for (std::size_t i = 0; i < row_count; ++i) {
        end += gap(draws);
        double const u = boost::random::uniform_01<double>{}(draws);
        text += functions[static_cast<std::size_t>(424 * u * u * u)];
        text += ',';
        append(text, end, std::chars_format::general);
        text += ',';
        append(text, std::floor(std::min(length(draws), end) * 1'000) / 1'000, std::chars_format::fixed);
        text += '\n';
    }
    return text;
}

/// The text of a benchmark, made once.
std::string const& azure2021_text(std::size_t row_count) {
    static std::map<std::size_t, std::string> texts;
    std::string& text = texts[row_count];
    if (text.empty()) {
        text = make_azure2021(row_count);
    }
    return text;
}

/// The low 53 bits of what came out, which a counter of Google Benchmark can show.
template <class Reader>
double drain(Reader& reader) {
    sequence_hash hash;
    invocation i;
    while (reader.next(i).value()) {
        hash.add(static_cast<std::uint64_t>(i.arrival.time_since_epoch().count()));
        hash.add(static_cast<std::uint64_t>(i.service.count()) + i.function.value);
    }
    return static_cast<double>(hash.value() & ((std::uint64_t{1} << 53U) - 1));
}

double read_azure2021(std::string const& text) {
    function_names names;
    azure2021_reader reader{named_source{text_source{text}, "memory"}, names};
    return drain(reader);
}

/// The baseline: finds every line and every field, and looks at one byte of each.
double split(std::string const& text) {
    std::uint64_t sum = 0;
    char const* row = text.data();
    char const* const end = row + text.size();
    while (row != end) {
        auto const* const row_end =
            static_cast<char const*>(std::memchr(row, '\n', static_cast<std::size_t>(end - row)));
        for (char const* field = row;;) {
            sum += static_cast<unsigned char>(*field);
            auto const* const comma =
                static_cast<char const*>(std::memchr(field, ',', static_cast<std::size_t>(row_end - field)));
            if (comma == nullptr) {
                break;
            }
            field = comma + 1;
        }
        row = row_end + 1;
    }
    return static_cast<double>(sum);
}

double copy(std::string const& text, std::vector<char>& into) {
    std::memcpy(into.data(), text.data(), text.size());
    benchmark::ClobberMemory();
    return into.front();
}

constexpr std::size_t benchmark_rows = 100'000; // 15 MB

template <class Read>
void measure(benchmark::State& state, std::string const& text, Read read) {
    double last = 0;
    for ([[maybe_unused]] auto _ : state) {
        last = read(text);
        benchmark::DoNotOptimize(last);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
    state.counters["hash"] = last;
}

void bm_read_azure2021(benchmark::State& state) {
    measure(state, azure2021_text(benchmark_rows), read_azure2021);
}
BENCHMARK(bm_read_azure2021);

void bm_split(benchmark::State& state) {
    measure(state, azure2021_text(benchmark_rows), split);
}
BENCHMARK(bm_split);

void bm_memcpy(benchmark::State& state) {
    std::string const& text = azure2021_text(benchmark_rows);
    std::vector<char> into(text.size());
    measure(state, text, [&into](std::string const& from) { return copy(from, into); });
}
BENCHMARK(bm_memcpy);

/// The Azure 2021 text in hpcsched's own format.
std::string const& csv_text() {
    static std::string const text = [] {
        function_names names;
        azure2021_reader reader{named_source{text_source{azure2021_text(benchmark_rows)}, "memory"}, names};
        std::string out;
        static_cast<void>(write_csv(reader, names, text_sink{out}).value());
        return out;
    }();
    return text;
}

void bm_read_csv(benchmark::State& state) {
    measure(state, csv_text(), [](std::string const& text) {
        function_names names;
        csv_reader reader{named_source{text_source{text}, "memory"}, names};
        return drain(reader);
    });
}
BENCHMARK(bm_read_csv);

void bm_write_csv(benchmark::State& state) {
    std::string out;
    measure(state, csv_text(), [&out](std::string const& text) {
        function_names names;
        csv_reader reader{named_source{text_source{text}, "memory"}, names};
        out.clear();
        return static_cast<double>(write_csv(reader, names, text_sink{out}).value());
    });
}
BENCHMARK(bm_write_csv);

void bm_read_sfs(benchmark::State& state) {
    std::string text;
    for (std::size_t i = 0; i < benchmark_rows; ++i) {
        std::string const id = std::to_string(i);
        text +=
            "fib" + id + " fib.py " + std::to_string(20 + i * 7 % 17) + ' ' + std::to_string(3 * i) + ' ' + id + '\n';
    }
    measure(state, text, [](std::string const& rows) {
        function_names names;
        sfs_reader reader{named_source{text_source{rows}, "memory"}, names};
        return drain(reader);
    });
}
BENCHMARK(bm_read_sfs);

/// 200 functions, of which one in ten is invoked in a second: most of the text is cells without an invocation.
void bm_read_huawei2023(benchmark::State& state) {
    std::string text = "day,time";
    for (int function = 0; function < 200; ++function) {
        text += ',' + std::to_string(function);
    }
    text += '\n';
    random_stream draws{1, "read_bench"};
    for (int second = 0; second < 3'600; ++second) {
        text += "0," + std::to_string(second);
        for (int function = 0; function < 200; ++function) {
            std::uint64_t const draw = draws() % 20;
            text += draw < 2    ? ',' + std::to_string(draw + 1) + ".0"
                    : draw < 12 ? std::string{",0.0"}
                                : std::string{","};
        }
        text += '\n';
    }
    measure(state, text, [](std::string const& rows) {
        function_names names;
        huawei2023_options options;
        options.service_if_unknown = std::chrono::milliseconds{10};
        huawei2023_reader<text_source> reader{
            {{text_source{rows}, "memory"}, std::nullopt}, names, random_stream{1, "read_bench"}, options};
        return drain(reader);
    });
}
BENCHMARK(bm_read_huawei2023);

/// Processor time of this thread in seconds: what one core has done, also where others keep it busy.
double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Megabytes per second of processor time.
template <class Work>
double speed_of(std::size_t bytes, Work&& work) {
    double const begin = cpu_seconds();
    benchmark::DoNotOptimize(work());
    return static_cast<double>(bytes) / 1e6 / (cpu_seconds() - begin);
}

bench::figure_case const reading{
    "workload.read_azure2021", 2,
    "reading a text like the Azure 2021 trace, sorting included, beside finding its commas and line ends",
    [](bench::effort how_much) {
        bool const is_full = how_much == bench::effort::full;
        std::string const text = make_azure2021(is_full ? 1'000'000 : 5'000);
        std::vector<char> room(text.size());
        double ours = 0;
        double bare = 0;
        double copying = 0;
        for (int round = 0; round < (is_full ? 7 : 1); ++round) {
            ours = std::max(ours, speed_of(text.size(), [&] { return read_azure2021(text); }));
            bare = std::max(bare, speed_of(text.size(), [&] { return split(text); }));
            copying = std::max(copying, speed_of(text.size(), [&] { return copy(text, room); }));
        }
        std::printf("%.0f MB of rows like Azure 2021's; copying them alone: %.0f MB/s\n",
                    static_cast<double>(text.size()) / 1e6, copying);
        bench::report({.name = "workload.read_azure2021",
                       .value = ours,
                       .unit = "MB/s",
                       .beside = bare,
                       .goal = "at least 200 MB/s on one core; beside: memchr for commas and line ends only",
                       .holds = ours >= 200});
    }};

} // namespace

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FUZZ_FUZZ_HPP
#define HPCSCHED_TESTS_FUZZ_FUZZ_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What the fuzz targets of the readers share. A target reads the same input in two ways, and whatever the input is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * the invocations keep the rules of `workload::invocation_source`;
/// * an error has one line of printable text, names the file, and ends the stream;
/// * both ways give the same, and bytes that come in one by one the same as bytes that come at once.
namespace hpcsched::fuzz {

/// Gives at most so many bytes at a time.
class stepwise {
  public:
    stepwise(std::string_view text, std::size_t step) noexcept : rest_{text}, step_{step} {}

    [[nodiscard]] result<std::size_t> read(std::span<char> room) noexcept {
        std::size_t const size = std::min({step_, room.size(), rest_.size()});
        if (size != 0) {
            std::memcpy(room.data(), rest_.data(), size);
        }
        rest_.remove_prefix(size);
        return size;
    }

  private:
    std::string_view rest_;
    std::size_t step_;
};

/// The input of a target: what its first byte chooses, and the texts of the files, which the byte 0x1e separates.
struct input {
    bool skips_bad_rows = false;
    bool has_short_rows = false;
    unsigned choice = 0; ///< 0 .. 63, for what the target has to choose
    std::vector<std::string_view> files;

    input(std::uint8_t const* data, std::size_t size, std::size_t file_count) : files(file_count) {
        std::string_view rest{reinterpret_cast<char const*>(data), size};
        if (!rest.empty()) {
            auto const first = static_cast<unsigned char>(rest.front());
            skips_bad_rows = (first & 1U) != 0;
            has_short_rows = (first & 2U) != 0;
            choice = first >> 2U;
            rest.remove_prefix(1);
        }
        for (std::size_t i = 0; i < file_count; ++i) {
            std::size_t const end = i + 1 == file_count ? rest.size() : std::min(rest.find('\x1e'), rest.size());
            files[i] = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }

    [[nodiscard]] workload::row_policy rows() const noexcept {
        return {skips_bad_rows ? workload::bad_rows::skip : workload::bad_rows::stop,
                has_short_rows ? std::size_t{64} : std::size_t{1} << 20U};
    }
};

inline workload::named_source<stepwise> file(std::string_view text, std::size_t step) {
    return {stepwise{text, step}, "trace"};
}

/// What came out of a reader.
struct outcome {
    std::vector<workload::invocation> invocations;
    std::string failure;
    workload::read_counts counts;

    friend bool operator==(outcome const&, outcome const&) = default;
};

inline void check_message(std::string const& message) {
    HPCSCHED_ASSERT(message.find("trace") != std::string::npos);
    HPCSCHED_ASSERT(message.find("; ") != std::string::npos); // what to do
    HPCSCHED_ASSERT(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    HPCSCHED_ASSERT(message.size() < 1'000);
}

inline void check_invocation(workload::invocation const& i, time_point previous, workload::function_names const& names,
                             std::uint32_t& function_count) {
    HPCSCHED_ASSERT(i.arrival >= previous);
    HPCSCHED_ASSERT(i.service > duration::zero());
    HPCSCHED_ASSERT(i.function.value <= function_count); // in order of first appearance
    function_count += i.function.value == function_count ? 1U : 0U;
    HPCSCHED_ASSERT(i.function.value < names.size());
    HPCSCHED_ASSERT(!names.name(i.function).empty());
    duration after{};
    for (workload::blocking_segment const& segment : i.blocking) {
        HPCSCHED_ASSERT(segment.after_cpu >= after);
        HPCSCHED_ASSERT(segment.after_cpu <= i.service);
        HPCSCHED_ASSERT(segment.length > duration::zero());
        after = segment.after_cpu;
    }
}

/// Reads a source to its end, or its first invocations, and checks them.
template <class Reader>
outcome drain(Reader& reader, workload::function_names const& names) {
    constexpr std::size_t enough = 3'000; // a table of counts is short and yields millions
    outcome out;
    workload::invocation i;
    time_point previous{};
    std::uint32_t function_count = 0;
    while (out.invocations.size() < enough) {
        auto const more = reader.next(i);
        if (!more) {
            out.failure = more.error().message;
            check_message(out.failure);
        }
        if (!more || !*more) {
            HPCSCHED_ASSERT(reader.next(i).value() == false);
            break;
        }
        check_invocation(i, previous, names, function_count);
        previous = i.arrival;
        out.invocations.push_back(i);
    }
    out.counts = reader.counts();
    HPCSCHED_ASSERT((out.counts.skipped_count == 0) == out.counts.first_skipped.empty());
    if (!out.counts.first_skipped.empty()) {
        check_message(out.counts.first_skipped);
    }
    return out;
}

/// Reads with bytes at once and with bytes one by one, and compares.
/// \param make  makes the reader, given the names to fill and how many bytes come at a time
template <class Make>
outcome read_in_both_ways(Make&& make) {
    workload::function_names names;
    auto at_once = make(names, std::size_t{1} << 20U);
    outcome const one = drain(at_once, names);
    workload::function_names other_names;
    auto one_by_one = make(other_names, 1);
    outcome const other = drain(one_by_one, other_names);
    HPCSCHED_ASSERT(one == other);
    HPCSCHED_ASSERT(names == other_names);
    return one;
}

} // namespace hpcsched::fuzz

#endif

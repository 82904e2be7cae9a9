// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_WRITE_NOTEBOOK_CSV_HPP
#define HPCSCHED_WORKLOAD_WRITE_NOTEBOOK_CSV_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/notebook_csv_format.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

namespace hpcsched::workload {

/// Writes hpcsched's own file of notebooks, which notebook_csv_format.hpp describes.
///
/// What it writes, `notebook_csv_reader` reads back exactly, provided that sessions are numbered in order of first
/// appearance.
/// \thread_safety none
template <byte_sink Sink>
class notebook_csv_writer {
  public:
    explicit notebook_csv_writer(Sink sink) : sink_{std::move(sink)} {
        text_ = notebook_csv_format::version_line;
        text_ += '\n';
        text_ += notebook_csv_format::header;
        text_ += '\n';
    }

    /// Appends one cell.
    /// \pre it is not submitted before the one written last; run > 0, gpus >= 1
    /// \error a time or a number of devices that the format does not hold, or the sink took no more; write no further
    ///        then
    /// \complexity O(length of the row)
    [[nodiscard]] result<void> write(notebook_cell const& c) {
        HPCSCHED_ASSERT(c.submit >= last_submit_);
        HPCSCHED_ASSERT(c.run > duration::zero());
        HPCSCHED_ASSERT(c.gpus >= 1);
        last_submit_ = c.submit;
        if (std::max(c.submit.time_since_epoch(), c.run).count() > trace_time_max) {
            return error{"a cell that is submitted at " + std::to_string(c.submit.time_since_epoch().count()) +
                         " ns and runs for " + std::to_string(c.run.count()) +
                         " ns: a notebook file has times of up to 73 years; cut the trace, or its runs, shorter"};
        }
        if (c.gpus > cell_gpus_max) {
            return error{"a cell that needs " + std::to_string(c.gpus) + " devices: a notebook file has at most " +
                         std::to_string(cell_gpus_max) + "; divide it into several"};
        }
        put_seconds(c.submit.time_since_epoch());
        text_ += ',';
        put(c.session.value);
        text_ += ',';
        put(c.gpus);
        text_ += ',';
        put_seconds(c.run);
        text_ += '\n';
        return text_.size() < flush_bytes ? result<void>{} : flush();
    }

    /// Hands all that was written to the sink. Nothing is handed over by the destructor, which could not say that
    /// it failed.
    [[nodiscard]] result<void> flush() {
        result<void> const written = sink_.write({text_.data(), text_.size()});
        text_.clear();
        return written;
    }

    /// The sink, for what it has to do at the end.
    [[nodiscard]] Sink& sink() noexcept { return sink_; }

  private:
    static constexpr std::size_t flush_bytes = std::size_t{64} << 10U;

    void put(std::int64_t number) {
        std::array<char, 20> digits; // "-9223372036854775808"
        auto const [end, status] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
        HPCSCHED_ASSERT(status == std::errc{});
        text_.append(digits.data(), end);
    }

    /// \pre length >= 0
    void put_seconds(duration length) {
        constexpr std::int64_t ns_of_second = 1'000'000'000;
        put(length.count() / ns_of_second);
        std::size_t const point = text_.size();
        put(ns_of_second + length.count() % ns_of_second); // 1 and nine digits
        text_[point] = '.';
    }

    Sink sink_;
    std::string text_;
    time_point last_submit_{};
};

/// Writes a whole source.
/// \return how many cells were written
/// \error what the source or the sink has to say, or a cell that the format does not hold
template <cell_source Source, byte_sink Sink>
[[nodiscard]] result<std::uint64_t> write_notebook_csv(Source& source, Sink sink) {
    notebook_csv_writer<Sink> writer{std::move(sink)};
    notebook_cell c;
    std::uint64_t count = 0;
    for (;; ++count) {
        result<bool> const more = source.next(c);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            break;
        }
        if (result<void> const written = writer.write(c); !written) {
            return written.error();
        }
    }
    if (result<void> const written = writer.flush(); !written) {
        return written.error();
    }
    return count;
}

/// Writes the cells of a trace.
/// \return how many cells were written
/// \error what the sink has to say, or a cell that the format does not hold
template <byte_sink Sink>
[[nodiscard]] result<std::uint64_t> write_notebook_csv(notebook_trace const& trace, Sink sink) {
    in_memory_cells source{trace.cells};
    return write_notebook_csv(source, std::move(sink));
}

} // namespace hpcsched::workload

#endif

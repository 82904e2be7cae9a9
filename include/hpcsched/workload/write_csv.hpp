// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_WRITE_CSV_HPP
#define HPCSCHED_WORKLOAD_WRITE_CSV_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/csv_format.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// Writes hpcsched's own file of invocations, which csv_format.hpp describes.
///
/// What it writes, `csv_reader` reads back exactly, with the same function ids provided that they were given in order
/// of first appearance.
/// \thread_safety none
template <byte_sink Sink>
class csv_writer {
  public:
    /// \param names  of the functions; borrowed, must outlive the writer. It may grow meanwhile.
    csv_writer(Sink sink, function_names const& names) : sink_{std::move(sink)}, names_{&names} {
        text_ = csv_format::version_line;
        text_ += '\n';
        text_ += csv_format::header;
        text_ += '\n';
    }

    /// Appends one invocation.
    /// \pre its function is in the table of names, its arrival not before the one written last
    /// \error the function's name cannot stand in a file of lines, or the sink took no more; write no further then
    /// \complexity O(length of the row)
    [[nodiscard]] result<void> write(invocation const& i) {
        HPCSCHED_ASSERT(i.arrival >= last_arrival_);
        HPCSCHED_ASSERT(i.service > duration::zero());
        last_arrival_ = i.arrival;
        put(i.arrival.time_since_epoch().count());
        text_ += ',';
        if (result<void> const named = put_name(i.function); !named) {
            return named;
        }
        text_ += ',';
        put(i.service.count());
        text_ += ',';
        put(i.memory_mb);
        text_ += ',';
        char separator = 0;
        for (blocking_segment const& segment : i.blocking) {
            if (separator != 0) {
                text_ += separator;
            }
            separator = ';';
            put(segment.after_cpu.count());
            text_ += ':';
            put(segment.length.count());
        }
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

    /// Names are looked at once: those of the published traces are long.
    [[nodiscard]] result<void> put_name(function_id function) {
        if (function.value >= written_names_.size()) {
            written_names_.resize(function.value + std::size_t{1});
        }
        std::string& written = written_names_[function.value];
        if (written.empty()) {
            if (result<void> const named = write_name(names_->name(function), written); !named) {
                return named;
            }
        }
        text_ += written;
        return {};
    }

    /// A name as it stands in a row.
    [[nodiscard]] static result<void> write_name(std::string_view name, std::string& written) {
        using namespace std::string_view_literals;
        if (name.empty() || name.find_first_of("\n\0"sv) != std::string_view::npos) {
            return error{"the function name " + excerpt(name) +
                         (name.empty() ? " is empty" : " has a line end or a NUL byte in it") +
                         "; rename the function"};
        }
        if (name.find_first_of(",\"\r") == std::string_view::npos) {
            written = name;
            return {};
        }
        written = '"';
        for (char const c : name) {
            written.append(c == '"' ? 2 : 1, c);
        }
        written += '"';
        return {};
    }

    Sink sink_;
    function_names const* names_;
    std::string text_;
    std::vector<std::string> written_names_; // by function; empty: not written yet
    time_point last_arrival_{};
};

/// Writes a whole source.
/// \param names  of the source's functions; borrowed. It may grow while the source is read.
/// \return how many invocations were written
/// \error what the source, a name or the sink has to say
template <invocation_source Source, byte_sink Sink>
[[nodiscard]] result<std::uint64_t> write_csv(Source& source, function_names const& names, Sink sink) {
    csv_writer<Sink> writer{std::move(sink), names};
    invocation i;
    std::uint64_t count = 0;
    for (;; ++count) {
        result<bool> const more = source.next(i);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            break;
        }
        if (result<void> const written = writer.write(i); !written) {
            return written.error();
        }
    }
    if (result<void> const written = writer.flush(); !written) {
        return written.error();
    }
    return count;
}

} // namespace hpcsched::workload

#endif

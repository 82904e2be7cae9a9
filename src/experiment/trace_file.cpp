// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/read_csv.hpp>

#include "byte_file.hpp"
#include "trace_kind.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hpcsched::experiment {
namespace {

using detail::input_file;
using detail::trace_kind;
using detail::trace_part;
using workload::function_names;
using workload::invocation;
using workload::read_counts;

using path_list = std::vector<std::filesystem::path>;
using source = workload::named_source<input_file>;

/// One file of a trace, open.
struct part_file {
    trace_kind kind;
    source input;
};

/// One reader with the names that it fills.
template <class Reader>
class reader_stream final : public trace_stream {
  public:
    /// \param make  makes the reader, given the table of names
    template <class Make>
    reader_stream(trace_format format, Make&& make) : format_{format}, reader_{make(names_)} {}

    [[nodiscard]] result<bool> next(invocation& out) override { return reader_.next(out); }
    [[nodiscard]] function_names const& names() const noexcept override { return names_; }
    [[nodiscard]] read_counts counts() const override { return reader_.counts(); }
    [[nodiscard]] trace_format format() const noexcept override { return format_; }

  private:
    trace_format format_;
    function_names names_; // before the reader, which refers to it
    Reader reader_;
};

template <class Reader, class Make>
std::unique_ptr<trace_stream> make_stream_of(trace_format format, Make&& make) {
    return std::make_unique<reader_stream<Reader>>(format, std::forward<Make>(make));
}

/// The readers of several days, one after the other; each is made when the one before has ended.
template <class Reader, class Files>
class days_stream final : public trace_stream {
  public:
    /// Makes the reader of a day. \param before  the reader of the day before, or null
    using day_maker = std::function<Reader(Files files, std::size_t day, Reader const* before, function_names& names)>;

    days_stream(trace_format format, std::vector<Files> days, day_maker make)
        : format_{format}, days_{std::move(days)}, make_{std::move(make)} {
        begin_day();
    }

    [[nodiscard]] result<bool> next(invocation& out) override {
        for (;;) {
            result<bool> const more = reader_->next(out);
            if (!more) {
                day_ = days_.size(); // an error ends the stream, not only the day
                return more;
            }
            if (*more || day_ == days_.size()) {
                return more;
            }
            counts_of_past_ += reader_->counts();
            begin_day();
        }
    }

    [[nodiscard]] function_names const& names() const noexcept override { return names_; }
    [[nodiscard]] read_counts counts() const override {
        read_counts sum = counts_of_past_;
        sum += reader_->counts();
        return sum;
    }
    [[nodiscard]] trace_format format() const noexcept override { return format_; }

  private:
    void begin_day() {
        std::unique_ptr<Reader> const before = std::move(reader_);
        reader_ = std::make_unique<Reader>(make_(std::move(days_[day_]), day_, before.get(), names_));
        ++day_;
    }

    trace_format format_;
    function_names names_; // before the readers, which refer to it
    std::vector<Files> days_;
    day_maker make_;
    std::unique_ptr<Reader> reader_;
    std::size_t day_ = 0; // the next one
    read_counts counts_of_past_;
};

// --- finding and opening files -----------------------------------------------------------------------------------

result<path_list> files_in(std::filesystem::path const& folder) {
    path_list files;
    std::error_code failure;
    for (std::filesystem::directory_iterator entry{folder, failure}, end; !failure && entry != end;
         entry.increment(failure)) {
        bool const is_hidden = entry->path().filename().string().starts_with('.');
        if (!is_hidden && !entry->is_directory(failure)) {
            files.push_back(entry->path());
        }
    }
    if (failure) {
        return error{folder.string() + ": cannot be listed: " + failure.message()};
    }
    if (files.empty()) {
        return error{folder.string() + ": there is no file in this folder; name the files of a trace"};
    }
    std::sort(files.begin(), files.end());
    return files;
}

result<path_list> with_folders_opened(std::span<std::filesystem::path const> paths) {
    path_list files;
    for (std::filesystem::path const& path : paths) {
        std::error_code ignored; // a path that is none is found out when it is opened
        if (path == "-" || !std::filesystem::is_directory(path, ignored)) {
            files.push_back(path);
            continue;
        }
        auto const inside = files_in(path);
        if (!inside) {
            return inside.error();
        }
        files.insert(files.end(), inside->begin(), inside->end());
    }
    return files;
}

result<part_file> open_part(std::filesystem::path const& path, trace_format wanted) {
    constexpr std::size_t enough_to_tell = std::size_t{64} << 10U;
    auto file = input_file::open(path);
    if (!file) {
        return file.error();
    }
    auto const start = file->peek(enough_to_tell);
    if (!start) {
        return start.error();
    }
    auto const kind = detail::classify_trace(*start, path, file->name(), wanted);
    if (!kind) {
        return kind.error();
    }
    std::string name = file->name();
    return part_file{*kind, {std::move(*file), std::move(name)}};
}

// --- putting parts together --------------------------------------------------------------------------------------

/// The parts of one role, in the order given.
std::vector<source> take_parts(std::vector<part_file>& files, trace_part part) {
    std::vector<source> taken;
    for (part_file& file : files) {
        if (file.kind.part == part) {
            taken.push_back(std::move(file.input));
        }
    }
    return taken;
}

error unequal_parts(std::string_view what, std::size_t count, std::string_view beside, std::size_t beside_count,
                    std::string_view advice) {
    auto const tables = [](std::size_t n) { return std::to_string(n) + (n == 1 ? " table of " : " tables of "); };
    return error{tables(count) + std::string{what} + " beside " + tables(beside_count) + std::string{beside} + "; " +
                 std::string{advice}};
}

result<std::unique_ptr<trace_stream>> open_azure2019(std::vector<part_file> files, trace_options const& options) {
    using reader = workload::azure2019_reader<input_file>;
    using day_files = workload::azure2019_files<input_file>;
    constexpr std::string_view advice = "give both for each day, and the table of memory for all days or none";
    std::vector<source> invocations = take_parts(files, trace_part::counts);
    std::vector<source> durations = take_parts(files, trace_part::durations);
    std::vector<source> memory = take_parts(files, trace_part::memory);
    if (invocations.empty() || durations.size() != invocations.size()) {
        return unequal_parts("invocations", invocations.size(), "durations", durations.size(), advice);
    }
    if (!memory.empty() && memory.size() != invocations.size()) {
        return unequal_parts("invocations", invocations.size(), "memory", memory.size(), advice);
    }
    std::vector<day_files> days;
    for (std::size_t day = 0; day < invocations.size(); ++day) {
        days.push_back({std::move(invocations[day]), std::move(durations[day]),
                        memory.empty() ? std::nullopt : std::optional{std::move(memory[day])}});
    }
    auto make = [chosen = options](day_files day, std::size_t index, reader const*, function_names& names) {
        workload::azure2019_options o = chosen.azure2019;
        o.rows = chosen.rows;
        o.start += std::chrono::hours{24} * static_cast<std::int64_t>(index);
        random_stream const draws{chosen.seed, "azure2019 day " + std::to_string(index)};
        return reader{std::move(day), names, draws, o};
    };
    return std::make_unique<days_stream<reader, day_files>>(trace_format::azure2019, std::move(days), std::move(make));
}

result<std::unique_ptr<trace_stream>> open_huawei2023(std::vector<part_file> files, trace_options const& options) {
    using reader = workload::huawei2023_reader<input_file>;
    using day_files = workload::huawei2023_files<input_file>;
    std::vector<source> requests = take_parts(files, trace_part::counts);
    std::vector<source> delays = take_parts(files, trace_part::durations);
    if (requests.empty() || (!delays.empty() && delays.size() != requests.size())) {
        return unequal_parts("requests", requests.size(), "function_delay", delays.size(),
                             "give the requests of each day, and function_delay for all days or none");
    }
    std::vector<day_files> days;
    for (std::size_t day = 0; day < requests.size(); ++day) {
        days.push_back(
            {std::move(requests[day]), delays.empty() ? std::nullopt : std::optional{std::move(delays[day])}});
    }
    auto make = [chosen = options](day_files day, std::size_t index, reader const* before, function_names& names) {
        workload::huawei2023_options o = chosen.huawei2023;
        o.rows = chosen.rows;
        if (before != nullptr && !o.origin) {
            o.origin = before->origin();
        }
        random_stream const draws{chosen.seed, "huawei2023 day " + std::to_string(index)};
        return reader{std::move(day), names, draws, o};
    };
    return std::make_unique<days_stream<reader, day_files>>(trace_format::huawei2023, std::move(days), std::move(make));
}

result<std::unique_ptr<trace_stream>> open_huawei2025(std::vector<part_file> files, trace_options const& options) {
    workload::huawei2025_options o = options.huawei2025;
    o.rows = options.rows;
    return make_stream_of<workload::huawei2025_reader<input_file>>(
        trace_format::huawei2025, [&](function_names& names) {
            return workload::huawei2025_reader<input_file>{take_parts(files, trace_part::whole), names, o};
        });
}

/// A format whose trace is one file.
template <template <class> class Reader, class Options>
std::unique_ptr<trace_stream> open_single(part_file file, Options options, workload::row_policy rows) {
    options.rows = rows;
    return make_stream_of<Reader<input_file>>(file.kind.format, [&](function_names& names) {
        return Reader<input_file>{std::move(file.input), names, std::move(options)};
    });
}

result<std::unique_ptr<trace_stream>> open_single_file(std::vector<part_file> files, trace_options const& options) {
    if (files.size() > 1) {
        return error{files[1].input.name + ": a trace of the format " + std::string{name_of(files[1].kind.format)} +
                     " is one file; name one at a time"};
    }
    part_file& file = files.front();
    switch (file.kind.format) {
    case trace_format::csv:
        return open_single<workload::csv_reader>(std::move(file), workload::csv_options{}, options.rows);
    case trace_format::azure2021:
        return open_single<workload::azure2021_reader>(std::move(file), options.azure2021, options.rows);
    case trace_format::sfs:
        return open_single<workload::sfs_reader>(std::move(file), options.sfs, options.rows);
    case trace_format::sfs_openlambda:
        return open_single<workload::client_trace_reader>(std::move(file), options.sfs_openlambda, options.rows);
    case trace_format::alps:
        return open_single<workload::client_trace_reader>(std::move(file), options.alps, options.rows);
    case trace_format::automatic:
    case trace_format::azure2019:
    case trace_format::huawei2023:
    case trace_format::huawei2025:
        break;
    }
    HPCSCHED_ASSERT(false);
    return error{};
}

constexpr std::array<trace_format, 9> all_formats{
    trace_format::automatic,  trace_format::csv,        trace_format::azure2019, trace_format::azure2021,
    trace_format::huawei2023, trace_format::huawei2025, trace_format::sfs,       trace_format::sfs_openlambda,
    trace_format::alps};

} // namespace

std::string_view name_of(trace_format format) noexcept {
    switch (format) {
    case trace_format::automatic:
        return "auto";
    case trace_format::csv:
        return "csv";
    case trace_format::azure2019:
        return "azure2019";
    case trace_format::azure2021:
        return "azure2021";
    case trace_format::huawei2023:
        return "huawei2023";
    case trace_format::huawei2025:
        return "huawei2025";
    case trace_format::sfs:
        return "sfs";
    case trace_format::sfs_openlambda:
        return "sfs-openlambda";
    case trace_format::alps:
        return "alps";
    }
    HPCSCHED_ASSERT(false);
    return {};
}

std::span<trace_format const> trace_formats() noexcept {
    return all_formats;
}

result<trace_format> find_trace_format(std::string_view name) {
    std::string valid;
    for (trace_format const format : all_formats) {
        if (name_of(format) == name) {
            return format;
        }
        valid += valid.empty() ? "" : ", ";
        valid += name_of(format);
    }
    return error{"unknown trace format " + workload::excerpt(name) + "; valid: " + valid};
}

result<std::unique_ptr<trace_stream>> open_trace(std::span<std::filesystem::path const> files,
                                                 trace_options const& options) {
    auto const paths = with_folders_opened(files);
    if (!paths) {
        return paths.error();
    }
    if (paths->empty()) {
        return error{"no file of a trace is named; name one"};
    }
    std::vector<part_file> parts;
    for (std::filesystem::path const& path : *paths) {
        auto part = open_part(path, options.format);
        if (!part) {
            return part.error();
        }
        if (!parts.empty() && part->kind.format != parts.front().kind.format) {
            return error{part->input.name + ": is of the format " + std::string{name_of(part->kind.format)} + ", not " +
                         std::string{name_of(parts.front().kind.format)} + " as " + parts.front().input.name +
                         "; name the files of one trace"};
        }
        parts.push_back(std::move(*part));
    }
    switch (parts.front().kind.format) {
    case trace_format::azure2019:
        return open_azure2019(std::move(parts), options);
    case trace_format::huawei2023:
        return open_huawei2023(std::move(parts), options);
    case trace_format::huawei2025:
        return open_huawei2025(std::move(parts), options);
    default:
        return open_single_file(std::move(parts), options);
    }
}

result<std::unique_ptr<trace_stream>> open_trace(std::filesystem::path const& file, trace_options const& options) {
    return open_trace(std::span{&file, 1}, options);
}

} // namespace hpcsched::experiment

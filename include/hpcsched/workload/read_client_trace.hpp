// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_CLIENT_TRACE_HPP
#define HPCSCHED_WORKLOAD_READ_CLIENT_TRACE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/job_services.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

/// What makes two invocations of a client trace ones of the same function.
enum class client_function : std::uint8_t {
    job_and_argument, ///< "fib-27": the program with its argument
    job_and_port,     ///< "fib:5002": the program behind one port, whatever its argument
};

/// How a trace of an HTTP load generator becomes a workload; `sfs_openlambda` and `alps_client` are the two that are
/// published.
struct client_trace_options {
    row_policy rows;

    /// What every inter-arrival time is multiplied by; > 0.
    ratio interarrival_factor{1, 1};

    /// Whether the product is cut to whole milliseconds, row by row, as a client does that sleeps for so many.
    bool whole_milliseconds = false;

    client_function function_is = client_function::job_and_argument;

    /// How long the programs run.
    job_services services{};

    /// The client of SFS's port to OpenLambda. Its jobs are fib, st and mk; N is a copy of the stand-alone trace's and
    /// stands for the same size with all three, so all are taken by the table of fib(N). The ports are 64 workers that
    /// requests are spread over.
    [[nodiscard]] static client_trace_options sfs_openlambda() { return {}; }

    /// The client of ALPS, for its traces `exp` (Huawei) and `azure`. It multiplies times by 0.21 and cuts them to
    /// whole milliseconds. A port is a function there, with an argument that varies within it. fib(N) is taken by
    /// SFS's table. Of the other jobs the paper tells only that graphMst takes 20 to 40 ms; but the shares of the
    /// groups in its Table 1 are those of the two traces exactly if floatOperation is in G2 (50 to 200 ms) and the
    /// other four in G1 (below 50 ms). So they are taken to be 100 ms and 30 ms.
    [[nodiscard]] static client_trace_options alps_client() {
        constexpr duration in_g1 = std::chrono::milliseconds{30};
        constexpr duration in_g2 = std::chrono::milliseconds{100};
        client_trace_options options;
        options.interarrival_factor = {21, 100};
        options.whole_milliseconds = true;
        options.function_is = client_function::job_and_port;
        options.services.jobs = {{"featureExtractor", in_g1},
                                 {"floatOperation", in_g2},
                                 {"graphBfs", in_g1},
                                 {"graphMst", in_g1},
                                 {"graphPagerank", in_g1}};
        return options;
    }
};

/// Reads the trace of an HTTP load generator, as SFS's port to OpenLambda and ALPS have it: one invocation per row,
/// five words, no header.
///
/// | word     | meaning                                                                             |
/// |----------|-------------------------------------------------------------------------------------|
/// | `id`     | of the invocation, a whole number; not used                                         |
/// | `N`      | the program's argument                                                              |
/// | `job`    | the program, "fib"                                                                  |
/// | `iat_ms` | time since the row above (the first: since the start), before the factor            |
/// | `port`   | where the client sends it; a whole number                                           |
///
/// \source SFS repository, `SFS-port-OpenLambda/http_clent`; ALPS repository, `http_client`. Deviation: the clients
/// multiply in floating point, this reader in whole numbers; the products of the published traces are the same. A bad
/// row that is skipped takes its time with it.
/// \thread_safety none
template <byte_source Source>
class client_trace_reader {
  public:
    /// \param names  receives the functions, in order of their first arrival; borrowed, must outlive the reader
    client_trace_reader(named_source<Source> input, function_names& names, client_trace_options options)
        : rows_{std::move(input), options.rows}, names_{&names}, options_{std::move(options)} {
        HPCSCHED_ASSERT(options_.interarrival_factor.numerator > 0);
        HPCSCHED_ASSERT(options_.interarrival_factor.denominator > 0);
    }

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity O(length of the row)
    [[nodiscard]] result<bool> next(invocation& out) {
        while (rows_.next()) {
            if (parse(out)) {
                ++rows_.counts().taken_count;
                return true;
            }
        }
        return rows_.finish();
    }

    /// Of the rows so far.
    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { id, argument, job, interarrival, port, slot_count };

    [[nodiscard]] bool parse(invocation& out) {
        std::array<field, slot_count> f;
        std::int64_t n = 0;
        std::int64_t ignored = 0;
        duration step{};
        if (!take_words(rows_, f, "id N job iat_ms port") || !take_whole(rows_, f[id], "id", trace_time_max, ignored) ||
            !take_whole(rows_, f[argument], "N", job_services::largest_argument, n) || !take_step(f, step) ||
            !take_whole(rows_, f[port], "port", 65'535, ignored)) {
            return false;
        }
        std::optional<duration> const service = options_.services.find(f[job].text, n);
        if (!service) {
            rows_.reject(f[job].column, job_services::describe_unknown(f[job].text, n), job_services::advice);
            return false;
        }
        out.arrival = arrival_ += step;
        out.service = *service;
        out.function = names_->intern(name_of(f));
        out.memory_mb = 0;
        out.blocking.clear();
        return true;
    }

    [[nodiscard]] bool take_step(std::array<field, slot_count> const& f, duration& out) {
        std::int64_t iat_ms = 0;
        if (!take_whole(rows_, f[interarrival], "iat_ms", trace_time_max / 1'000'000, iat_ms)) {
            return false;
        }
        std::optional<duration> const scaled =
            scale_time(std::chrono::milliseconds{iat_ms}, options_.interarrival_factor);
        if (!scaled || *scaled > duration{trace_time_max} - arrival_.time_since_epoch()) {
            return detail::reject_number(rows_, f[interarrival], "iat_ms", number_fault::too_large, {});
        }
        out = options_.whole_milliseconds ? std::chrono::floor<std::chrono::milliseconds>(*scaled) : *scaled;
        return true;
    }

    [[nodiscard]] std::string_view name_of(std::array<field, slot_count> const& f) {
        if (options_.function_is == client_function::job_and_argument) {
            return job_services::function_name(name_, f[job].text, f[argument].text);
        }
        name_ = f[job].text;
        name_ += ':';
        name_ += f[port].text;
        return name_;
    }

    row_reader<Source> rows_;
    function_names* names_;
    client_trace_options options_;
    time_point arrival_{};
    std::string name_;
};

} // namespace hpcsched::workload

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_GENERATOR_HPP
#define HPCSCHED_WORKLOAD_GENERATOR_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/arrival_streams.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/detail/demand_sampler.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/function_profile.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/presets.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// Generates the invocations of a `generator_config`; made by `make_generator`.
///
/// The stream is a function of the config: equal configs give equal streams, with every standard library (a C library
/// that rounds exp, log, pow or tan otherwise may move single times by a nanosecond). Functions are numbered in order
/// of first appearance, as in a trace; `rank` leads back to the population.
///
/// Arrivals, functions, their drift, service times, blocking and memory are drawn from streams of their own, so that
/// configs that differ in one thing share the rest: another load or coefficient of variation moves the arrivals and
/// leaves the function and the demand of the k-th invocation as they were. (Where each function has its own arrival
/// process the arrivals decide which function is next, so there this holds for the load only.)
///
/// \tparam Arrivals  merged_arrivals<D>, function_arrivals, or any_arrivals
/// \thread_safety none; one generator per thread
template <class Arrivals>
class basic_generator {
  public:
    /// \param config   what is generated; its count, length and demand are looked at here
    /// \param made     the functions and the mean inter-arrival time that `arrivals` was made of
    /// \param names    receives the name of each function as it first appears; borrowed, may be null
    /// \pre validate(config)
    basic_generator(generator_config const& config, preset_population made, Arrivals arrivals, function_names* names)
        : functions_{std::move(made.functions)}, arrivals_{std::move(arrivals)}, demand_{config}, names_{names},
          id_of_rank_(functions_.size(), no_id),
          left_{config.count == 0 ? std::numeric_limits<std::uint64_t>::max() : config.count},
          end_{config.length == duration::zero() ? never : time_point{config.length}},
          mean_service_ns_{mean_service_ns(functions_)}, mean_interarrival_ns_{made.mean_interarrival_ns} {}

    /// \error only an arrival beyond the end of time, which `make_generator` leaves no likelihood
    /// \complexity O(1); O(log functions) where each function has its own arrival process
    [[nodiscard]] result<bool> next(invocation& out) {
        if (left_ == 0) {
            return false;
        }
        arrival const a = arrivals_.next();
        if (a.at > end_ || a.at == never) {
            left_ = 0;
            if (a.at == never) {
                return error{"an arrival lies more than 292 years after the start; raise the load"};
            }
            return false;
        }
        --left_;
        out.arrival = a.at;
        out.function = id_of(a.rank);
        demand_.sample(functions_[a.rank].mean_service, out);
        return true;
    }

    /// The functions that can be drawn, by rank.
    [[nodiscard]] population const& functions() const noexcept { return functions_; }

    /// The rank of a function that has appeared.
    /// \pre id came out of this generator
    [[nodiscard]] std::uint32_t rank(function_id id) const noexcept {
        HPCSCHED_ASSERT(id.value < rank_of_id_.size());
        return rank_of_id_[id.value];
    }

    /// The expected service time, in nanoseconds. Exact: it follows from the shares and the means.
    [[nodiscard]] double mean_service() const noexcept { return mean_service_ns_; }

    /// The expected inter-arrival time, in nanoseconds.
    [[nodiscard]] double mean_interarrival() const noexcept { return mean_interarrival_ns_; }

    /// The expected load of a machine with `cpu_count` CPUs.
    /// \pre cpu_count >= 1
    [[nodiscard]] double expected_load(std::uint32_t cpu_count) const noexcept {
        HPCSCHED_ASSERT(cpu_count >= 1);
        return mean_service_ns_ / (mean_interarrival_ns_ * cpu_count);
    }

  private:
    static constexpr std::uint32_t no_id = std::numeric_limits<std::uint32_t>::max();

    function_id id_of(std::uint32_t rank) {
        if (id_of_rank_[rank] == no_id) [[unlikely]] {
            id_of_rank_[rank] = static_cast<std::uint32_t>(rank_of_id_.size());
            rank_of_id_.push_back(rank);
            if (names_ != nullptr) {
                function_id const interned = names_->intern(functions_[rank].name);
                HPCSCHED_ASSERT(interned.value == id_of_rank_[rank]);
            }
        }
        return function_id{id_of_rank_[rank]};
    }

    population functions_;
    Arrivals arrivals_;
    detail::demand_sampler demand_;
    function_names* names_;
    std::vector<std::uint32_t> id_of_rank_;
    std::vector<std::uint32_t> rank_of_id_;
    std::uint64_t left_;
    time_point end_;
    double mean_service_ns_;
    double mean_interarrival_ns_;
};

/// The generator whose every choice is made at run time.
using generator = basic_generator<any_arrivals>;
static_assert(invocation_source<generator>);

/// The generator whose merged arrivals follow a distribution chosen at compile time.
template <interarrival_distribution D>
using generator_with = basic_generator<merged_arrivals<D>>;
static_assert(invocation_source<generator_with<exponential_interarrivals>>);

namespace detail {

/// The functions of a valid config, and the mean inter-arrival time that gives its load.
[[nodiscard]] inline result<preset_population> resolve(generator_config const& config) {
    if (auto const valid = validate(config); !valid) {
        return valid.error();
    }
    preset_info const& info = info_of(config.from);
    preset_population made =
        make_population(config.from, config.function_count == 0 ? info.function_count : config.function_count);
    if (config.load) {
        std::uint32_t const cpus = config.cpu_count == 0 ? info.cpu_count : config.cpu_count;
        made.mean_interarrival_ns = mean_service_ns(made.functions) / (*config.load * cpus);
    }
    if (made.mean_interarrival_ns < 1.0) {
        return error{"that load on so many CPUs is an arrival every " + number_text(made.mean_interarrival_ns) +
                     " ns, and time is kept in whole ones; lower the load or the cpu count"};
    }
    double const span_ns = made.mean_interarrival_ns * static_cast<double>(config.count);
    if (config.length == duration::zero() && span_ns > generator_limits::max_span_ns) {
        return error{std::to_string(config.count) + " invocations at that rate take " +
                     number_text(span_ns / 1e9 / 86'400 / 365) +
                     " years, more than 50; raise the load, lower the count, or set a length"};
    }
    return made;
}

} // namespace detail

/// \param names  receives the name of each function as it first appears; borrowed, must outlive the generator; null:
/// none
/// \pre names is null or empty
/// \error what `validate` says; a rate that whole nanoseconds or 50 years cannot hold
/// \complexity O(functions)
[[nodiscard]] inline result<generator> make_generator(generator_config const& config, function_names* names = nullptr) {
    auto made = detail::resolve(config);
    if (!made) {
        return made.error();
    }
    preset_info const& info = info_of(config.from);
    double const mean = made->mean_interarrival_ns;
    if (info.has_function_arrivals && !config.arrivals) {
        any_arrivals arrivals{function_arrivals{made->functions, mean, config.seed}};
        return generator{config, std::move(*made), std::move(arrivals), names};
    }
    arrival_process const process{config.arrivals.value_or(info.arrivals), config.cv.value_or(info.cv),
                                  config.burst_length.value_or(info.burst_length)};
    any_arrivals arrivals{
        merged_arrivals<>{made->functions, process, mean, config.seed, config.drift.value_or(info.drift)}};
    return generator{config, std::move(*made), std::move(arrivals), names};
}

/// The same with an inter-arrival distribution of the caller's own, in place of the config's `arrivals`, `cv` and
/// `burst_length`.
template <interarrival_distribution D>
[[nodiscard]] result<generator_with<D>> make_generator_with(generator_config const& config, D interarrivals,
                                                            function_names* names = nullptr) {
    auto made = detail::resolve(config);
    if (!made) {
        return made.error();
    }
    merged_arrivals<D> arrivals{made->functions, std::move(interarrivals), made->mean_interarrival_ns, config.seed,
                                config.drift.value_or(info_of(config.from).drift)};
    return generator_with<D>{config, std::move(*made), std::move(arrivals), names};
}

} // namespace hpcsched::workload

#endif

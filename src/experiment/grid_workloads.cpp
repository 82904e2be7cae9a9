// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/hash.hpp>
#include <hpcsched/experiment/grid_workloads.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/rearrived.hpp>
#include <hpcsched/workload/scale_to_load.hpp>

#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment {
namespace {

using workload::arrival_kind;
using workload::generator_config;

generator_config for_cell(generator_config config, cell_key const& key) {
    config.seed = key.seed;
    config.cpu_count = key.cpu_count;
    if (key.load > 0) {
        config.load = key.load;
    }
    if (key.arrival_cv > 0) {
        config.arrivals = arrival_kind::bursty;
        config.cv = key.arrival_cv;
    }
    return config;
}

std::vector<std::string> texts(workload::function_names const& names) {
    std::vector<std::string> all;
    for (std::uint32_t id = 0; id < names.size(); ++id) {
        all.emplace_back(names.name(function_id{id}));
    }
    return all;
}

/// Everything but what each cell sets.
std::uint64_t identity_of(generator_config const& config) {
    auto const bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
    sequence_hash hash;
    hash.add(name_of(config.from));
    hash.add(config.count);
    hash.add(static_cast<std::uint64_t>(config.length.count()));
    hash.add(bits(config.load.value_or(0)));
    hash.add(config.arrivals ? name_of(*config.arrivals) : "own");
    hash.add(bits(config.cv.value_or(-1)));
    hash.add(bits(config.burst_length.value_or(-1)));
    hash.add(bits(config.drift ? config.drift->correlation : -1));
    hash.add(bits(config.drift ? config.drift->length : -1));
    hash.add(bits(config.variation.value_or(-1)));
    hash.add(std::uint64_t{config.function_count});
    hash.add(bits(config.io_share));
    hash.add(static_cast<std::uint64_t>(config.io_min.count()));
    hash.add(static_cast<std::uint64_t>(config.io_max.count()));
    hash.add(config.has_memory ? 1U : 0U);
    return hash.value();
}

result<std::vector<std::string>> names_in(generator_config const& config) {
    workload::function_names names;
    auto made = workload::make_generator(config, &names);
    if (made.has_error()) {
        return made.error();
    }
    workload::invocation ignored;
    for (auto more = made->next(ignored); more.has_error() || *more; more = made->next(ignored)) {
        if (more.has_error()) {
            return more.error();
        }
    }
    return texts(names);
}

} // namespace

result<grid_workload> generated_workload(generator_config const& config) {
    generator_config alone = config;
    if (!alone.cv) {
        alone.burst_length.reset(); // with the CV of a cell it may have bursts to be the length of: judged there
    }
    if (auto const valid = workload::validate(alone); valid.has_error()) {
        return valid.error();
    }
    return grid_workload{.name = std::string{name_of(config.from)},
                         .identity = identity_of(config),
                         .expected_tasks = config.count,
                         .open = [config](cell_key const& key) -> result<std::unique_ptr<invocation_stream>> {
                             auto made = workload::make_generator(for_cell(config, key));
                             if (made.has_error()) {
                                 return made.error();
                             }
                             return make_stream(std::move(*made));
                         },
                         .function_names = [config](cell_key const& key) { return names_in(for_cell(config, key)); }};
}

// --- traces ------------------------------------------------------------------------------------------------

namespace {

/// A stream that is held by value, as the adaptors of workload want their sources.
struct held_stream {
    std::unique_ptr<invocation_stream> stream;

    [[nodiscard]] result<bool> next(workload::invocation& out) { return stream->next(out); }
};

class limited final : public invocation_stream {
  public:
    limited(std::unique_ptr<invocation_stream> stream, std::uint64_t limit)
        : stream_{std::move(stream)}, left_{limit} {}

    [[nodiscard]] result<bool> next(workload::invocation& out) override {
        if (left_ == 0) {
            return false;
        }
        --left_;
        return stream_->next(out);
    }

  private:
    std::unique_ptr<invocation_stream> stream_;
    std::uint64_t left_;
};

/// Measures a workload and hashes what is in it.
struct measured {
    workload::offered_work work;
    std::uint64_t contents = 0;
};

class hashing_source {
  public:
    explicit hashing_source(invocation_stream& inner) : inner_{inner} {}

    [[nodiscard]] result<bool> next(workload::invocation& out) {
        auto const more = inner_.next(out);
        if (more.has_value() && *more) {
            hash_.add(static_cast<std::uint64_t>(out.arrival.time_since_epoch().count()));
            hash_.add(std::uint64_t{out.function.value});
            hash_.add(static_cast<std::uint64_t>(out.service.count()));
            hash_.add(std::uint64_t{out.memory_mb});
            for (workload::blocking_segment const& segment : out.blocking) {
                hash_.add(static_cast<std::uint64_t>(segment.after_cpu.count()));
                hash_.add(static_cast<std::uint64_t>(segment.length.count()));
            }
        }
        return more;
    }

    [[nodiscard]] std::uint64_t contents() const noexcept { return hash_.value(); }

  private:
    invocation_stream& inner_;
    sequence_hash hash_;
};

result<measured> measure(invocation_stream& stream) {
    hashing_source source{stream};
    auto const work = workload::measure_work(source);
    if (work.has_error()) {
        return work.error();
    }
    return measured{*work, source.contents()};
}

/// Formats whose reader draws what the trace does not tell: each seed gives another workload.
bool depends_on_seed(trace_format format) {
    return format == trace_format::azure2019 || format == trace_format::huawei2023;
}

/// A trace that cells open, from any thread.
class replayed_trace {
  public:
    explicit replayed_trace(recorded_config config) : config_{std::move(config)} {}

    /// Reads the trace once, for its measure and its counts.
    [[nodiscard]] result<recorded_trace> examine() {
        auto stream = open_trace(config_.files, config_.options);
        if (stream.has_error()) {
            return stream.error();
        }
        trace_stream& trace = **stream;
        limited whole{std::move(*stream), config_.limit == 0 ? ~std::uint64_t{0} : config_.limit};
        auto const seen = measure(whole);
        if (seen.has_error()) {
            return seen.error();
        }
        if (seen->work.count == 0) {
            return error{config_.name + ": there is no invocation in it"};
        }
        by_seed_[config_.options.seed] = seen->work;
        depends_on_seed_ = depends_on_seed(trace.format());
        sequence_hash identity;
        identity.add(seen->contents);
        identity.add(name_of(trace.format()));
        identity.add(config_.arrivals ? name_of(*config_.arrivals) : "recorded");
        recorded_trace examined;
        examined.format = trace.format();
        examined.counts = trace.counts();
        examined.work = seen->work;
        examined.workload.name = config_.name;
        examined.workload.identity = identity.value();
        examined.workload.expected_tasks = seen->work.count;
        return examined;
    }

    [[nodiscard]] result<std::unique_ptr<invocation_stream>> open(cell_key const& key) {
        auto const work = work_for(key.seed);
        if (work.has_error()) {
            return work.error();
        }
        auto stream = open_limited(key.seed);
        if (stream.has_error()) {
            return stream.error();
        }
        held_stream source{std::move(*stream)};
        if (key.arrival_cv > 0) {
            return spaced_anew(std::move(source), workload::arrival_process{arrival_kind::bursty, key.arrival_cv},
                               *work, key);
        }
        if (config_.arrivals && *config_.arrivals != arrival_kind::recorded) {
            return spaced_anew(std::move(source), workload::arrival_process{*config_.arrivals}, *work, key);
        }
        workload::time_scale scale{.origin = work->first};
        if (key.load > 0) {
            auto const to_load = workload::scale_to_load(*work, key.cpu_count, key.load);
            if (to_load.has_error()) {
                return to_load.error();
            }
            scale = *to_load;
        } else {
            scale.to = scale.from;
        }
        return make_stream(workload::rescaled<held_stream>{std::move(source), scale});
    }

    [[nodiscard]] result<std::vector<std::string>> names(cell_key const& key) const {
        auto stream = open_trace(config_.files, options_for(key.seed));
        if (stream.has_error()) {
            return stream.error();
        }
        trace_stream& trace = **stream;
        workload::invocation ignored;
        for (std::uint64_t read = 0; config_.limit == 0 || read < config_.limit; ++read) {
            auto const more = trace.next(ignored);
            if (more.has_error()) {
                return more.error();
            }
            if (!*more) {
                break;
            }
        }
        return texts(trace.names());
    }

  private:
    [[nodiscard]] trace_options options_for(std::uint64_t seed) const {
        trace_options options = config_.options;
        options.seed = seed;
        return options;
    }

    [[nodiscard]] result<std::unique_ptr<invocation_stream>> open_limited(std::uint64_t seed) const {
        auto stream = open_trace(config_.files, options_for(seed));
        if (stream.has_error()) {
            return stream.error();
        }
        return limited_stream(std::move(*stream), config_.limit);
    }

    [[nodiscard]] result<workload::offered_work> work_for(std::uint64_t seed) {
        std::uint64_t const wanted = depends_on_seed_ ? seed : config_.options.seed;
        std::lock_guard const lock{mutex_};
        if (auto const found = by_seed_.find(wanted); found != by_seed_.end()) {
            return found->second;
        }
        auto const stream = open_limited(wanted);
        if (stream.has_error()) {
            return stream.error();
        }
        auto const seen = measure(**stream);
        if (seen.has_error()) {
            return seen.error();
        }
        return by_seed_[wanted] = seen->work;
    }

    [[nodiscard]] static result<std::unique_ptr<invocation_stream>> spaced_anew(held_stream source,
                                                                                workload::arrival_process process,
                                                                                workload::offered_work const& work,
                                                                                cell_key const& key) {
        double mean_ns = static_cast<double>(work.span().count()) / static_cast<double>(work.count);
        if (key.load > 0) {
            auto const for_load = workload::mean_interarrival_for_load(work, key.cpu_count, key.load);
            if (for_load.has_error()) {
                return for_load.error();
            }
            mean_ns = *for_load;
        } else if (mean_ns <= 0) {
            return error{"the workload has all invocations at one instant, and so no rate to keep: give a load"};
        }
        return make_stream(workload::rearrived<held_stream>{std::move(source), std::move(process), mean_ns, key.seed});
    }

    recorded_config config_;
    bool depends_on_seed_ = false;
    std::mutex mutex_;
    std::map<std::uint64_t, workload::offered_work> by_seed_;
};

} // namespace

std::unique_ptr<invocation_stream> limited_stream(std::unique_ptr<invocation_stream> stream, std::uint64_t limit) {
    if (limit == 0) {
        return stream;
    }
    return std::make_unique<limited>(std::move(stream), limit);
}

result<recorded_trace> recorded_workload(recorded_config config) {
    auto const replayed = std::make_shared<replayed_trace>(std::move(config));
    auto examined = replayed->examine();
    if (examined.has_value()) {
        examined->workload.open = [replayed](cell_key const& key) { return replayed->open(key); };
        examined->workload.function_names = [replayed](cell_key const& key) { return replayed->names(key); };
    }
    return examined;
}

} // namespace hpcsched::experiment

// SPDX-License-Identifier: Apache-2.0
// How fast invocations are generated and described, beside a loop that does no more than the draws of one preset.

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/describe.hpp>
#include <hpcsched/workload/generator.hpp>

#include <benchmark/benchmark.h>
#include <boost/random/discrete_distribution.hpp>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::workload;

constexpr std::uint64_t invocation_count = 200'000;

/// The low 53 bits, which a counter of Google Benchmark can show.
double shown(sequence_hash const& hash) {
    return static_cast<double>(hash.value() & ((std::uint64_t{1} << 53U) - 1));
}

template <class Make>
void generate(benchmark::State& state, Make make) {
    double last = 0;
    for ([[maybe_unused]] auto _ : state) {
        auto source = make().value();
        sequence_hash hash;
        invocation i;
        while (source.next(i).value()) {
            hash.add(static_cast<std::uint64_t>(i.service.count()));
        }
        hash.add(static_cast<std::uint64_t>(i.arrival.time_since_epoch().count()));
        last = shown(hash);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(invocation_count) * state.iterations());
    state.counters["hash"] = last;
}

void bm_generate(benchmark::State& state) {
    preset_info const& info = presets[static_cast<std::size_t>(state.range(0))];
    state.SetLabel(std::string{info.name});
    generate(state, [&info] { return make_generator({.from = info.value, .count = invocation_count}); });
}
BENCHMARK(bm_generate)->ArgName("preset")->DenseRange(0, static_cast<int>(presets.size()) - 1);

void bm_generate_cv(benchmark::State& state) {
    double const cv = static_cast<double>(state.range(0)) / 100;
    generate(state, [cv] {
        return make_generator(
            {.from = preset::alps_huawei, .count = invocation_count, .arrivals = arrival_kind::bursty, .cv = cv});
    });
}
BENCHMARK(bm_generate_cv)->ArgName("cv_percent")->Arg(0)->Arg(20)->Arg(100)->Arg(233);

/// The distribution known at compile time.
void bm_generate_with(benchmark::State& state) {
    generate(state, [] {
        return make_generator_with({.from = preset::alps_huawei, .count = invocation_count},
                                   exponential_interarrivals{});
    });
}
BENCHMARK(bm_generate_with);

/// The baseline: the four draws of an invocation of alps-huawei, and nothing around them.
void bm_bare_draws(benchmark::State& state) {
    std::vector<double> shares;
    for (function_profile const& f : make_population(preset::alps_huawei, 50).functions) {
        shares.push_back(f.share);
    }
    std::vector<double> const memory{0.117, 0.831, 0.038, 0.0136};
    double last = 0;
    for ([[maybe_unused]] auto _ : state) {
        random_stream arrival_bits{1, "arrivals"};
        random_stream function_bits{1, "functions"};
        random_stream service_bits{1, "service"};
        random_stream memory_bits{1, "memory"};
        boost::random::exponential_distribution<double> gap;
        boost::random::discrete_distribution<std::uint32_t> function{shares};
        boost::random::discrete_distribution<std::uint32_t> size{memory};
        double sum = 0;
        for (std::uint64_t k = 0; k < invocation_count; ++k) {
            sum += gap(arrival_bits) + function(function_bits) + boost::random::uniform_01<double>{}(service_bits) +
                   size(memory_bits);
        }
        last = sum;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(invocation_count) * state.iterations());
    state.counters["sum"] = last;
}
BENCHMARK(bm_bare_draws);

void bm_describe(benchmark::State& state) {
    double last = 0;
    for ([[maybe_unused]] auto _ : state) {
        auto source = make_generator({.from = preset::alps_huawei, .count = invocation_count}).value();
        last = describe(source).value().service_mean_ns;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(invocation_count) * state.iterations());
    state.counters["mean_service_ns"] = last;
}
BENCHMARK(bm_describe);

} // namespace

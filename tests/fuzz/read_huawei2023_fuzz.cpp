// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_huawei2023.hpp>

#include "fuzz.hpp"

#include <chrono>
#include <optional>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 2};
    workload::huawei2023_options options;
    options.rows = in.rows();
    options.within_interval = static_cast<workload::spread>(in.choice % 3);
    options.delay_unit = static_cast<workload::time_unit>(in.choice / 3 % 5);
    options.service_if_unknown = in.choice / 15 % 2 == 0 ? duration::zero() : duration{1'000};
    bool const has_delays = in.choice / 30 % 2 == 0;
    if (in.choice > 40) {
        options.interval = std::chrono::seconds{1};
    }
    fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        return workload::huawei2023_reader<fuzz::stepwise>{
            {fuzz::file(in.files[0], step), has_delays ? std::optional{fuzz::file(in.files[1], step)} : std::nullopt},
            names,
            random_stream{1, "fuzz"},
            options};
    });
    return 0;
}

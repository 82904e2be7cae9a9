// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_azure2019.hpp>

#include "fuzz.hpp"

#include <optional>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 3};
    workload::azure2019_options options;
    options.rows = in.rows();
    options.within_minute = static_cast<workload::spread>(in.choice % 3);
    options.service = static_cast<workload::azure2019_service>(in.choice / 3 % 2);
    bool const has_memory = in.choice / 6 % 2 == 0;
    fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        return workload::azure2019_reader<fuzz::stepwise>{
            {fuzz::file(in.files[0], step), fuzz::file(in.files[1], step),
             has_memory ? std::optional{fuzz::file(in.files[2], step)} : std::nullopt},
            names,
            random_stream{1, "fuzz"},
            options};
    });
    return 0;
}

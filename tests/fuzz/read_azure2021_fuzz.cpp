// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_azure2021.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 1};
    workload::azure2021_options options;
    options.rows = in.rows();
    options.from_first_arrival = in.choice % 2 == 1;
    fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        return workload::azure2021_reader{fuzz::file(in.files[0], step), names, options};
    });
    return 0;
}

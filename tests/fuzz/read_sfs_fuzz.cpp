// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_sfs.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 1};
    workload::sfs_options options;
    options.rows = in.rows();
    options.interarrival_factor = in.choice % 2 == 0 ? ratio{9, 1} : ratio{~std::uint64_t{0}, 3};
    fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        return workload::sfs_reader{fuzz::file(in.files[0], step), names, options};
    });
    return 0;
}

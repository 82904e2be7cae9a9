// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_client_trace.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 1};
    workload::client_trace_options options = in.choice % 2 == 0 ? workload::client_trace_options::alps_client()
                                                                : workload::client_trace_options::sfs_openlambda();
    options.rows = in.rows();
    if (in.choice / 2 % 2 == 1) {
        options.interarrival_factor = {~std::uint64_t{0}, 3};
    }
    fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        return workload::client_trace_reader{fuzz::file(in.files[0], step), names, options};
    });
    return 0;
}

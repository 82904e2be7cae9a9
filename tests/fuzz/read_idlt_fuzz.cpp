// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_idlt.hpp>

#include "cells.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 1};
    workload::idlt_options options;
    options.rows = in.rows();
    auto const read = [&](std::size_t step) {
        workload::idlt_reader reader{fuzz::file(in.files[0], step), options};
        auto const trace = reader.read();
        return fuzz::outcome_of(trace, reader.counts());
    };
    HPCSCHED_ASSERT(read(size + 1) == read(1));
    return 0;
}

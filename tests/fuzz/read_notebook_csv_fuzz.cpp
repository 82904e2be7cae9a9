// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_notebook_csv.hpp>
#include <hpcsched/workload/write_notebook_csv.hpp>

#include "cells.hpp"

/// Beside what all targets check: what was read, written and read again is what it was.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 1};
    workload::notebook_csv_options options;
    options.rows = in.rows();
    auto const read = [&](std::string_view text, std::size_t step) {
        workload::notebook_csv_reader reader{fuzz::file(text, step), options};
        auto const trace = workload::collect_cells(reader);
        workload::notebook_cell c;
        HPCSCHED_ASSERT(reader.next(c).value() == false);
        return fuzz::outcome_of(trace, reader.counts());
    };
    fuzz::notebook_outcome const first = read(in.files[0], size + 1);
    HPCSCHED_ASSERT(first == read(in.files[0], 1));

    std::string text;
    HPCSCHED_ASSERT(workload::write_notebook_csv(first.trace, workload::text_sink{text}).has_value());
    options = {};
    HPCSCHED_ASSERT(read(text, text.size()).trace == first.trace);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/write_csv.hpp>

#include "fuzz.hpp"

/// Beside what all targets check: what was read, written and read again is what it was.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 1};
    workload::csv_options options;
    options.rows = in.rows();
    fuzz::outcome const read = fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        return workload::csv_reader{fuzz::file(in.files[0], step), names, options};
    });

    workload::function_names names;
    workload::csv_reader again{fuzz::file(in.files[0], size + 1), names, options};
    fuzz::drain(again, names);
    std::string text;
    workload::in_memory source{read.invocations};
    auto const written = workload::write_csv(source, names, workload::text_sink{text});
    HPCSCHED_ASSERT(written.has_value());
    workload::function_names names_again;
    workload::csv_reader back{fuzz::file(text, text.size()), names_again};
    fuzz::outcome const second = fuzz::drain(back, names_again);
    HPCSCHED_ASSERT(second.failure.empty());
    HPCSCHED_ASSERT(second.invocations == read.invocations);
    for (std::uint32_t id = 0; id < names_again.size(); ++id) {
        HPCSCHED_ASSERT(names_again.name(function_id{id}) == names.name(function_id{id}));
    }
    return 0;
}

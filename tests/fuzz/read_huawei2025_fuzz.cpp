// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_huawei2025.hpp>

#include "fuzz.hpp"

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    fuzz::input const in{data, size, 2};
    workload::huawei2025_options options;
    options.rows = in.rows();
    options.service = static_cast<workload::huawei2025_service>(in.choice % 2);
    options.from_first_arrival = in.choice / 2 % 2 == 0;
    fuzz::read_in_both_ways([&](workload::function_names& names, std::size_t step) {
        std::vector<workload::named_source<fuzz::stepwise>> parts;
        parts.push_back(fuzz::file(in.files[0], step));
        if (!in.files[1].empty()) {
            parts.push_back(fuzz::file(in.files[1], step));
        }
        return workload::huawei2025_reader<fuzz::stepwise>{std::move(parts), names, options};
    });
    return 0;
}

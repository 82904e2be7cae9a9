// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/presets.hpp>

#include <doctest/doctest.h>

#include <cstddef>

namespace hpcsched::workload {

// faas.md 10.5 names seven presets; `sfs-test1`, `sfs-trace` and `sfs-trace-bursty` are for section 9.
TEST_CASE("presets: names lead to their presets and back") {
    for (std::size_t i = 0; i < presets.size(); ++i) {
        CAPTURE(i);
        CHECK(static_cast<std::size_t>(presets[i].value) == i);
        CHECK(parse_preset(presets[i].name).value() == presets[i].value);
        CHECK_FALSE(presets[i].description.empty());
        CHECK_FALSE(presets[i].source.empty());
        CHECK(presets[i].function_count >= presets[i].min_function_count);
        CHECK(presets[i].function_count <= presets[i].max_function_count);
    }
    for (auto const name : {"sfs-table1", "alps-huawei", "alps-azure-paper", "alps-azure-shipped", "azure2019",
                            "poisson25-quirk", "bursty-cv2.33"}) {
        CHECK(parse_preset(name).has_value());
    }
}

TEST_CASE("presets: an unknown name is an error that lists the valid ones") {
    CHECK(parse_preset("azure").error().message ==
          "unknown preset 'azure'; valid: sfs-table1, sfs-test1, alps-huawei, alps-azure-paper, alps-azure-shipped, "
          "azure2019, poisson25-quirk, bursty-cv2.33, sfs-trace, sfs-trace-bursty");
}

TEST_CASE("presets: the shares of a population add up to one and every function does something") {
    for (preset_info const& info : presets) {
        CAPTURE(info.name);
        preset_population const made = make_population(info.value, info.function_count);
        CHECK(made.functions.size() == info.function_count);
        CHECK(made.mean_interarrival_ns > 0);
        double sum = 0;
        for (function_profile const& f : made.functions) {
            CHECK(f.share > 0);
            CHECK(f.mean_service > duration::zero());
            sum += f.share;
        }
        CHECK(sum == doctest::Approx(1).epsilon(1e-9));
    }
}

TEST_CASE("presets: published rates are kept") {
    // faas.md 3.4: 190 and 133 requests per second; 4.5: 4.755 ms; 2.1: 2.969 ms, times 9 in the reader
    CHECK(make_population(preset::alps_huawei, 50).mean_interarrival_ns == doctest::Approx(1e9 / 190));
    CHECK(make_population(preset::alps_azure_shipped, 50).mean_interarrival_ns == doctest::Approx(1e9 / 133));
    CHECK(make_population(preset::poisson25_quirk, 50).mean_interarrival_ns == doctest::Approx(4.755e6));
    CHECK(make_population(preset::bursty_cv2_33, 14).mean_interarrival_ns == doctest::Approx(2.969e6 * 9));
}

} // namespace hpcsched::workload

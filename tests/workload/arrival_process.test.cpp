// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/arrival_process.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace hpcsched::workload {
namespace {

template <class Distribution>
std::vector<double> drawn(Distribution draw) {
    random_stream bits{4, "drawn"};
    std::vector<double> values(200);
    for (double& each : values) {
        each = draw(bits);
    }
    return values;
}

} // namespace

TEST_CASE("arrival_process: names lead to their kinds and back") {
    for (std::size_t i = 0; i < arrival_kinds.size(); ++i) {
        CHECK(static_cast<std::size_t>(arrival_kinds[i].value) == i);
        CHECK(parse_arrival_kind(name_of(arrival_kinds[i].value)).value() == arrival_kinds[i].value);
    }
}

TEST_CASE("arrival_process: an unknown name is an error that lists the valid ones") {
    CHECK(parse_arrival_kind("poisson").error().message ==
          "unknown arrivals 'poisson'; valid: exponential, uniform, even, bursty, poisson25, recorded");
    CHECK_FALSE(parse_arrival_kind("").has_value());
    CHECK_FALSE(parse_arrival_kind("Bursty").has_value());
}

TEST_CASE("arrival_process: a kind chosen at run time draws as the type chosen at compile time") {
    CHECK(drawn(arrival_process{arrival_kind::exponential}) == drawn(exponential_interarrivals{}));
    CHECK(drawn(arrival_process{arrival_kind::uniform}) == drawn(uniform_interarrivals{}));
    CHECK(drawn(arrival_process{arrival_kind::even}) == drawn(even_interarrivals{}));
    CHECK(drawn(arrival_process{arrival_kind::bursty, 0.2}) == drawn(bursty_interarrivals{0.2}));
    CHECK(drawn(arrival_process{arrival_kind::bursty, 2.33}) == drawn(bursty_interarrivals{2.33}));
    CHECK(drawn(arrival_process{arrival_kind::bursty, 2.33, 50}) == drawn(clustered_interarrivals{2.33, 50}));
    CHECK(drawn(arrival_process{arrival_kind::bursty, 0.2, 50}) == drawn(bursty_interarrivals{0.2}));
    CHECK(drawn(arrival_process{arrival_kind::poisson25}) == drawn(poisson25_interarrivals{}));
}

} // namespace hpcsched::workload

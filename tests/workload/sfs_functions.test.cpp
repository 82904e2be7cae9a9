// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/sfs_functions.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace hpcsched::workload {

using namespace std::chrono_literals;

// faas.md 1.6: "20:13 21:14 22:15 23:18 24:23 25:30 26:42 27:60 28:90 29:140 30:220 31:346 ... 34:1425 35:2344 36:3708"
TEST_CASE("sfs_functions: fib(N) takes what the repository calibrates") {
    CHECK(fib_service(20) == 13ms);
    CHECK(fib_service(26) == 42ms);
    CHECK(fib_service(29) == 140ms);
    CHECK(fib_service(31) == 346ms);
    CHECK(fib_service(34) == 1425ms);
    CHECK(fib_service(36) == 3708ms);
}

TEST_CASE("sfs_functions: the shares of Table I are renormalised and split evenly within a bucket") {
    population const functions = sfs_table1_functions();
    REQUIRE(functions.size() == 14);
    double sum = 0;
    for (function_profile const& f : functions) {
        sum += f.share;
    }
    CHECK(sum == doctest::Approx(1).epsilon(1e-12));
    CHECK(functions[0].name == "fib-20");
    CHECK(functions[0].share == doctest::Approx(0.406 / 0.956 / 7));
    CHECK(functions[9].name == "fib-29");
    CHECK(functions[9].share == doctest::Approx(0.068 / 0.956));
    CHECK(functions[13].name == "fib-35");
    CHECK(functions[13].share == doctest::Approx(0.157 / 0.956 / 2));
    CHECK(functions[13].mean_service == 2344ms);
    CHECK(mean_service_ns(functions) == doctest::Approx(403.73e6).epsilon(1e-4));
}

// faas.md 2.1: mean service 370 ms, so that a mean inter-arrival time of 2.969 * 10.39 ms is 100 % on 12 cores.
TEST_CASE("sfs_functions: the mix of the shipped trace has its published buckets and mean") {
    population const functions = sfs_test1_functions();
    std::size_t rank = 0;
    for (fib_bucket const& bucket : sfs_test1_mix) {
        double share = 0;
        for (std::uint32_t n = bucket.first; n <= bucket.last; ++n) {
            CHECK(functions[rank].name == "fib-" + std::to_string(n));
            share += functions[rank++].share;
        }
        CHECK(share == doctest::Approx(bucket.share).epsilon(0.005));
    }
    CHECK(rank == functions.size());
    CHECK(mean_service_ns(functions) == doctest::Approx(370e6).epsilon(0.001));
    CHECK(mean_service_ns(functions) / (2.969e6 * 10.39 * 12) == doctest::Approx(1).epsilon(0.001));
}

} // namespace hpcsched::workload

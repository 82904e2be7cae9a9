// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/device_vitals.hpp>

#include <doctest/doctest.h>

using namespace hpcsched;
using gpu::device_health;
using gpu::device_vitals;

TEST_CASE("vitals: what each of them makes of a device, and why") {
    struct row {
        device_vitals vitals;
        device_health health;
        char const* part_of_why;
    };
    device_vitals unreachable;
    unreachable.reachable = false;
    for (row const& r : {
             row{{}, device_health::healthy, ""},
             row{{.temperature_c = 90}, device_health::healthy, ""},
             row{{.temperature_c = 91}, device_health::draining, "91 degrees"},
             row{{.corrected_errors = 1'000}, device_health::healthy, ""},
             row{{.uncorrected_errors = 1}, device_health::failed, "1 uncorrectable"},
             row{{.last_xid = 31}, device_health::healthy, ""},
             row{{.last_xid = 63}, device_health::draining, "Xid 63"},
             row{{.last_xid = 79}, device_health::failed, "Xid 79"},
             row{{.last_xid = 999}, device_health::failed, "Xid 999"},
             row{{.repair_pending = true}, device_health::draining, "reset"},
             row{{.repair_failed = true}, device_health::failed, "replace it"},
             row{unreachable, device_health::failed, "fell off the bus"},
         }) {
        CAPTURE(r.part_of_why);
        CHECK(gpu::judge(r.vitals) == r.health);
        CHECK(gpu::why(r.vitals).find(r.part_of_why) != std::string::npos);
        CHECK(gpu::why(r.vitals).empty() == (r.health == device_health::healthy));
    }
}

TEST_CASE("vitals: limits move the judgement") {
    CHECK(gpu::judge({.uncorrected_errors = 3}, {.uncorrected_max = 3}) == device_health::healthy);
    CHECK(gpu::judge({.temperature_c = 80}, {.temperature_max_c = 79}) == device_health::draining);
}

TEST_CASE("vitals: the worse of two Xids is kept, and the later of two equally bad") {
    CHECK(gpu::worse_xid(0, 13) == 13);
    CHECK(gpu::worse_xid(79, 13) == 79);
    CHECK(gpu::worse_xid(63, 79) == 79);
    CHECK(gpu::worse_xid(48, 79) == 79);
}

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/gpu/inventory.hpp>
#include <hpcsched/gpu/ledger.hpp>

#include <doctest/doctest.h>

#include <string>
#include <tuple>
#include <vector>

using namespace hpcsched;
using gpu::inventory_fault;

namespace {

using short_finding = std::tuple<inventory_fault, std::uint32_t, std::uint32_t>;

std::vector<short_finding> in_short(std::vector<gpu::inventory_finding> const& all) {
    std::vector<short_finding> found;
    for (auto const& f : all) {
        CHECK_FALSE(f.text.empty());
        found.emplace_back(f.what, f.declared, f.seen);
    }
    return found;
}

std::vector<gpu::device_facts> three() {
    gpu::fake_driver d{gpu::fake_devices(3)};
    return *d.devices();
}

std::vector<gpu::declared_device> declared_as(std::vector<gpu::device_facts> const& seen) {
    std::vector<gpu::declared_device> all;
    for (auto const& d : seen) {
        all.push_back({d.uuid, d.info});
    }
    return all;
}

} // namespace

TEST_CASE("inventory: what a driver shows becomes a host of the ledger, whose declaration then holds") {
    auto const seen = three();
    gpu::host_info const host = gpu::host_info_of(seen, 64'000, 128'000);
    gpu::ledger l;
    CHECK(l.add_host(gpu::host_id{0}, host) == gpu::ledger_code::done);
    CHECK(l.host(gpu::host_id{0}).devices.size() == 3);
    CHECK(gpu::compare_inventory(gpu::declared_by(host), seen).empty());
    CHECK(gpu::compare_inventory(declared_as(seen), seen).empty());
}

TEST_CASE("inventory: a host that declares what it has not is found, by UUIDs and by numbers") {
    auto const seen = three();
    for (bool const by_uuid : {true, false}) {
        CAPTURE(by_uuid);
        auto said = declared_as(seen);
        said.push_back({"GPU-none", seen[0].info});
        said[1].info.memory_mib += 1;
        said[2].info.sliced = true;
        for (auto& s : said) {
            s.uuid = by_uuid ? s.uuid : std::string{};
        }
        CHECK(in_short(gpu::compare_inventory(said, seen)) ==
              std::vector<short_finding>{{inventory_fault::missing, 3, 3},
                                         {inventory_fault::less_memory, 1, 1},
                                         {inventory_fault::other_mode, 2, 2}});
    }
}

TEST_CASE("inventory: with UUIDs the order does not matter, and what was not declared is named") {
    auto const seen = three();
    auto said = declared_as(seen);
    std::swap(said[0], said[2]);
    CHECK(gpu::compare_inventory(said, seen).empty());
    said.erase(said.begin() + 1);
    CHECK(in_short(gpu::compare_inventory(said, seen)) == std::vector<short_finding>{{inventory_fault::extra, 2, 1}});
    said.push_back(said[0]);
    CHECK(in_short(gpu::compare_inventory(said, seen)) ==
          std::vector<short_finding>{{inventory_fault::ambiguous, 2, 3}, {inventory_fault::extra, 3, 1}});
}

TEST_CASE("inventory: links that are not there are a fault, links that were not declared are none") {
    auto seen = three();
    auto said = declared_as(seen);
    seen[1].info.link_group = 7;
    CHECK(in_short(gpu::compare_inventory(said, seen)) ==
          std::vector<short_finding>{{inventory_fault::no_link, 1, 1}, {inventory_fault::no_link, 2, 2}});
    said[1].info.link_group = 3;
    CHECK(gpu::compare_inventory(said, seen).empty());
    seen[1].info.link_group = seen[0].info.link_group;
    CHECK(gpu::compare_inventory(said, seen).empty());
}

TEST_CASE("inventory: more memory is no fault, and less is none within the tolerance") {
    auto const seen = three();
    auto said = declared_as(seen);
    said[0].info.memory_mib -= 100;
    said[1].info.memory_mib += 100;
    CHECK(gpu::compare_inventory(said, seen, {}, {.memory_mib = 100}).empty());
    CHECK(in_short(gpu::compare_inventory(said, seen, {}, {.memory_mib = 99})) ==
          std::vector<short_finding>{{inventory_fault::less_memory, 1, 1}});
}

TEST_CASE("inventory: a driver that lies, devices that fail and one that is lost are found with a fake one") {
    gpu::fake_driver d{gpu::fake_devices(4)};
    auto const said = declared_as(*d.devices());
    gpu::device_facts smaller = (*d.devices())[0];
    smaller.info.memory_mib = 40'960;
    d.show(0, smaller);
    d.report_xid(1, 94);
    d.report_xid(2, 48);
    d.report_xid(2, 13); // does not make it well again
    d.lose(3);
    std::vector<gpu::device_vitals> vitals;
    for (std::uint32_t i = 0; i < 4; ++i) {
        vitals.push_back(*d.vitals(i));
    }
    CHECK(in_short(gpu::compare_inventory(said, *d.devices(), vitals)) ==
          std::vector<short_finding>{{inventory_fault::less_memory, 0, 0},
                                     {inventory_fault::draining, 1, 1},
                                     {inventory_fault::failed, 2, 2},
                                     {inventory_fault::failed, 3, 3}});
}

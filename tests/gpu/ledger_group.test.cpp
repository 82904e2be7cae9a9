// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/ledger_machine.hpp>

#include <doctest/doctest.h>

#include "crashing_group.hpp"
#include "site.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace hpcsched::gpu {
namespace {

using namespace test;
using ledger_group = hpcsched::test::crashing_group<ledger_machine>;

/// Owners that come and go, each of which asks until it is answered.
class owners {
  public:
    explicit owners(ledger_group& g) : group_{g} {}

    void begin() {
        for (std::uint32_t host = 0; host < 3; ++host) {
            byte_buffer command;
            ledger_machine::add_host(host_id{host}, uniform_host(4), command);
            CHECK(group_.carry_out(command).code == ledger_code::done);
        }
    }

    void act() {
        std::uint64_t const owner = 1 + group_.dice().below(6);
        bool const gives_back = held_.contains(owner) && group_.dice().below(2) == 0;
        byte_buffer command;
        if (gives_back) {
            ledger_machine::release(held_.at(owner).token, command);
            // A copy of it may have been carried out by a leader that died.
            auto const a = group_.carry_out(command);
            CHECK((a.code == ledger_code::done || a.code == ledger_code::unknown_lease));
            held_.erase(owner);
            return;
        }
        std::uint64_t const sequence = ++asked_[owner];
        auto const count = static_cast<std::uint16_t>(1 + group_.dice().below(3));
        host_id const host{static_cast<std::uint32_t>(group_.dice().below(3))};
        ledger_machine::acquire(owner, sequence, host, whole(count), 0, 0, group_.now(), unlimited, command);
        auto const a = group_.carry_out(command);
        if (a.code == ledger_code::no_room) {
            return; // and it has what it had
        }
        REQUIRE(a.code == ledger_code::done);
        CHECK(a.granted->owner == owner);
        CHECK(a.granted->sequence == sequence);
        CHECK(tokens_.insert(a.granted->token).second); // no other lease had it
        held_[owner] = *a.granted;
    }

    [[nodiscard]] std::map<std::uint64_t, lease> const& held() const { return held_; }

  private:
    ledger_group& group_;
    std::map<std::uint64_t, std::uint64_t> asked_;
    std::map<std::uint64_t, lease> held_;
    std::set<lease_token> tokens_;
};

} // namespace

TEST_CASE("ledger_machine: what a group has granted is held after its leader crashed, and nothing is granted twice") {
    std::size_t crashes = 0;
    for (std::uint64_t seed = 1; seed <= 15; ++seed) {
        CAPTURE(seed);
        ledger_group group{seed, ledger_machine{}};
        owners all{group};
        all.begin();
        for (int step = 0; step < 60; ++step) {
            all.act();
        }
        group.gather();
        crashes += group.crashes();
        byte_buffer state;
        group.machine(0).save(state);
        for (std::size_t i = 0; i < 3; ++i) {
            ledger const& l = group.machine(i).state();
            CHECK(l.check() == std::string{});
            CHECK(l.leases().size() == all.held().size());
            std::map<std::pair<host_id, std::uint32_t>, std::uint64_t> of;
            for (auto const& [owner, held] : all.held()) {
                REQUIRE(l.of_owner(owner) != nullptr);
                CHECK(*l.of_owner(owner) == held);
                for_each_device(held.devices, [&](std::uint32_t d) {
                    bool const first = of.emplace(std::pair{held.host, d}, owner).second;
                    CHECK(first);
                });
            }
            byte_buffer other;
            group.machine(i).save(other);
            CHECK(other == state);
        }
    }
    CHECK(crashes > 100);
}

} // namespace hpcsched::gpu

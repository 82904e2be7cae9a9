// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/scheduler_machine.hpp>

#include <doctest/doctest.h>

#include "crashing_group.hpp"
#include "scheduler_examples.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace hpcsched::notebook {
namespace {

using enum scheduler_outcome;
using group = hpcsched::test::crashing_group<standing_machine>;

/// Users and hosts, each of whom asks until it is answered: a copy may have been carried out by a leader that died.
class site {
  public:
    explicit site(group& g) : group_{g} {
        for (std::uint32_t h = 0; h < 5; ++h) {
            CHECK(happens(joins(h, gpu::uniform_host(4), group_.now())));
        }
    }

    void act() {
        std::string const name = "kernel " + std::to_string(group_.dice().below(5));
        auto const held = open_.find(name);
        switch (group_.dice().below(6)) {
        case 0:
            break_host();
            break;
        case 1:
            if (held != open_.end()) {
                (void)happens(closes(held->second.kernel.value, held->second.serial, group_.now()));
                open_.erase(held);
            }
            break;
        default:
            if (held == open_.end()) {
                open(name);
            } else {
                use(held->second);
            }
        }
    }

    struct session {
        kernel_id kernel{};
        std::uint64_t serial = 0;
        cell_number submitted = 0;
        cell_number finished = 0;
    };
    [[nodiscard]] std::map<std::string, session> const& open_sessions() const { return open_; }
    [[nodiscard]] std::size_t finished_count() const { return finished_; }

  private:
    /// \return whether it is so now, by this copy or by one before
    bool happens(byte_buffer const& command) {
        auto const outcome = group_.carry_out(command).outcome;
        CHECK(outcome != malformed);
        return outcome == done || outcome == repeated;
    }

    void open(std::string const& name) {
        auto const a =
            group_.carry_out(opens(name, 1 + static_cast<std::uint32_t>(group_.dice().below(4)), group_.now()));
        CHECK((a.outcome == done || a.outcome == repeated));
        CHECK(serials_.insert(a.serial).second); // no other had it
        open_[name] = {a.kernel, a.serial, 0, 0};
    }

    // What a user and the hosts do with a kernel next.
    void use(session& s) {
        std::uint32_t const k = s.kernel.value;
        kernel_view const v = group_.leading().view(s.kernel);
        for (replica const& r : v.replicas) {
            if (!r.ready) {
                (void)happens(readies(k, s.serial, r.id.value, group_.now()));
            }
        }
        if (s.submitted == s.finished) {
            auto const gpus = 1 + static_cast<std::uint32_t>(group_.dice().below(4));
            CHECK(happens(submits(k, s.serial, ++s.submitted, gpus, group_.now())));
        } else if (v.running) {
            auto const outcome = group_.carry_out(finishes(k, s.serial, s.submitted, group_.now())).outcome;
            CHECK((outcome == done || outcome == stale));
            s.finished = s.submitted;
            ++finished_;
        }
    }

    void break_host() {
        auto const h = static_cast<std::uint32_t>(group_.dice().below(5));
        CHECK(happens(loses(h, group_.now())));
        CHECK(happens(joins(h, gpu::uniform_host(4), group_.now())));
    }

    group& group_;
    std::map<std::string, session> open_;
    std::set<std::uint64_t> serials_;
    std::size_t finished_ = 0;
};

} // namespace

TEST_CASE("scheduler_machine: what a group has decided stands after its leader crashed, the same on every server") {
    std::size_t crashes = 0;
    std::size_t finished = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        group servers{seed, new_machine()};
        site all{servers};
        for (int step = 0; step < 60; ++step) {
            all.act();
        }
        servers.gather();
        crashes += servers.crashes();
        finished += all.finished_count();
        byte_buffer state;
        servers.machine(0).save(state);
        for (std::size_t i = 0; i < 3; ++i) {
            standing_machine const& m = servers.machine(i);
            check_rules(m);
            CHECK(m.open_kernels().size() == all.open_sessions().size());
            for (auto const& [name, session] : all.open_sessions()) {
                REQUIRE(m.find(name) == session.kernel);
                kernel_view const v = m.view(session.kernel);
                CHECK(v.serial == session.serial);
                CHECK(v.last_cell == session.submitted);
                CHECK(v.cell == (session.submitted == session.finished ? 0 : session.submitted));
            }
            byte_buffer other;
            m.save(other);
            CHECK(other == state);
        }
    }
    CHECK(crashes > 100);
    CHECK(finished > 50);
}

} // namespace hpcsched::notebook

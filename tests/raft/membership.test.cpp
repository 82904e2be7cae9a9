// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/raft/membership.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::raft {
namespace {

using action = membership_change::action;

membership group(std::initializer_list<std::uint32_t> voters) {
    std::vector<node_id> ids;
    for (std::uint32_t const v : voters) {
        ids.push_back(node_id{v});
    }
    return membership{ids};
}

result<membership, errc> change(membership const& from, std::initializer_list<membership_change> changes,
                                bool joint = false) {
    std::vector<membership_change> const all(changes);
    return from.changed(all, joint);
}

// Every way to choose servers, counted one by one.
bool plain_quorum(membership const& m, std::vector<bool> const& agree) {
    for (bool member::* const counts : {&member::votes, &member::voted}) {
        std::size_t all = 0;
        std::size_t yes = 0;
        for (std::size_t i = 0; i < m.members().size(); ++i) {
            if (m.members()[i].*counts) {
                ++all;
                yes += agree[i] ? 1U : 0U;
            }
        }
        if (yes * 2 <= all && (counts == &member::votes || all > 0)) {
            return false;
        }
    }
    return true;
}

} // namespace

TEST_CASE("membership: members ascend by id, whatever the order they are named in") {
    membership const m = group({3, 1, 2});
    REQUIRE(m.members().size() == 3);
    CHECK(m.members()[0].id == node_id{1});
    CHECK(m.members()[2].id == node_id{3});
    CHECK(m.is_voter(node_id{2}));
    CHECK_FALSE(m.is_voter(node_id{4}));
    CHECK(m.find(node_id{4}) == nullptr);
}

TEST_CASE("membership: one voter more or less needs no joint configuration") {
    // Raft thesis, section 4.1
    auto const four = change(group({1, 2, 3}), {{action::add_voter, node_id{4}}});
    REQUIRE(four.has_value());
    CHECK_FALSE(four->joint());
    CHECK(*four == group({1, 2, 3, 4}));
    auto const two = change(group({1, 2, 3}), {{action::remove, node_id{2}}});
    REQUIRE(two.has_value());
    CHECK(*two == group({1, 3}));
}

TEST_CASE("membership: two votes that move make a joint configuration, in which both majorities count") {
    // Raft paper, section 6
    auto const joint = change(group({1, 2, 3}), {{action::add_voter, node_id{4}}, {action::remove, node_id{1}}});
    REQUIRE(joint.has_value());
    CHECK(joint->joint());
    auto const agree = [&](std::initializer_list<std::uint32_t> ids) {
        return joint->is_quorum(
            [&](std::size_t i) { return std::ranges::find(ids, joint->members()[i].id.value) != ids.end(); });
    };
    CHECK(agree({2, 3}));
    CHECK_FALSE(agree({1, 2})); // no majority of 2, 3, 4
    CHECK_FALSE(agree({3, 4})); // no majority of 1, 2, 3
    CHECK(agree({1, 3, 4}));
    CHECK(joint->without_old() == group({2, 3, 4}));
    CHECK(change(*joint, {{action::add_voter, node_id{9}}}).error() == errc::change_in_progress);
}

TEST_CASE("membership: a learner counts for nothing until it is made a voter") {
    // Raft thesis, section 4.2.1
    auto const m = change(group({1, 2, 3}), {{action::add_learner, node_id{4}}});
    REQUIRE(m.has_value());
    CHECK_FALSE(m->joint());
    CHECK_FALSE(m->is_voter(node_id{4}));
    CHECK_FALSE(m->is_quorum([](std::size_t i) { return i == 0 || i == 3; }));
    auto const promoted = change(*m, {{action::add_voter, node_id{4}}});
    REQUIRE(promoted.has_value());
    CHECK(*promoted == group({1, 2, 3, 4}));
}

TEST_CASE("membership: a voter that becomes a learner stays in the group, by way of a joint configuration too") {
    auto const at_once = change(group({1, 2, 3}), {{action::add_learner, node_id{3}}});
    REQUIRE(at_once.has_value());
    CHECK_FALSE(at_once->joint());
    REQUIRE(at_once->find(node_id{3}) != nullptr);
    CHECK_FALSE(at_once->is_voter(node_id{3}));
    auto const joint = change(group({1, 2, 3}), {{action::add_learner, node_id{3}}}, true);
    REQUIRE(joint.has_value());
    CHECK(joint->joint());
    CHECK(joint->is_voter(node_id{3}));
    CHECK(joint->without_old() == *at_once);
}

TEST_CASE("membership: what makes no sense is refused") {
    membership const m = group({1, 2});
    CHECK(change(m, {{action::remove, node_id{7}}}).error() == errc::invalid_change);
    CHECK(change(m, {{action::add_voter, no_node}}).error() == errc::invalid_change);
    CHECK(change(m, {{action::add_voter, node_id{3}}, {action::remove, node_id{3}}}).error() == errc::invalid_change);
    CHECK(change(group({1}), {{action::remove, node_id{1}}}).error() == errc::invalid_change);
    CHECK(change(group({1}), {{action::add_witness, node_id{2}}, {action::remove, node_id{1}}}).error() ==
          errc::invalid_change); // none may lead
    CHECK(change(m, {{action::add_witness, node_id{2}}}).error() == errc::invalid_change);
    std::vector<node_id> all;
    for (std::uint32_t id = 1; id <= members_max; ++id) {
        all.emplace_back(id);
    }
    CHECK(change(membership{all}, {{action::add_learner, node_id{members_max + 1}}}).error() == errc::invalid_change);
}

TEST_CASE("membership: the largest is written down whole, and half of it and one more are a majority") {
    std::vector<node_id> all;
    for (std::uint32_t id = 1; id <= members_max; ++id) {
        all.emplace_back(id);
    }
    membership const full{all};
    auto const bytes = membership_codec::encode(full);
    CHECK(membership_codec::decode({bytes.data(), bytes.size()}) == full);
    CHECK_FALSE(full.is_quorum([](std::size_t i) { return i < members_max / 2; }));
    CHECK(full.is_quorum([](std::size_t i) { return i <= members_max / 2; }));
    CHECK(full.quorum_value([](std::size_t i) { return i; }) == members_max / 2 - 1);
}

TEST_CASE("membership: quorums agree with counting one by one over random memberships") {
    random_stream bits{1, "membership"};
    auto const draw = [&](std::uint64_t most) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits);
    };
    for (int round = 0; round < 2000; ++round) {
        membership m = group({1});
        for (int step = 0; step < 4; ++step) {
            std::vector<membership_change> changes;
            for (std::uint64_t i = 0; i <= draw(2); ++i) {
                changes.push_back({static_cast<action>(draw(3)), node_id{static_cast<std::uint32_t>(1 + draw(7))}});
            }
            if (auto const next = m.changed(changes, draw(3) == 0)) {
                m = *next;
            }
            m = draw(1) == 0 ? m.without_old() : m;
        }
        std::vector<bool> agree(m.members().size());
        std::vector<std::uint64_t> reached(m.members().size());
        for (std::size_t i = 0; i < agree.size(); ++i) {
            agree[i] = draw(1) == 0;
            reached[i] = draw(9);
        }
        REQUIRE(m.is_quorum([&](std::size_t i) { return agree[i]; }) == plain_quorum(m, agree));
        std::uint64_t best = 0;
        for (std::uint64_t value = 0; value <= 9; ++value) {
            std::vector<bool> at_least;
            for (std::uint64_t const r : reached) {
                at_least.push_back(r >= value);
            }
            best = plain_quorum(m, at_least) ? value : best;
        }
        REQUIRE(m.quorum_value([&](std::size_t i) { return reached[i]; }) == best);
        auto const bytes = membership_codec::encode(m);
        auto const back = membership_codec::decode({bytes.data(), bytes.size()});
        REQUIRE(back.has_value());
        REQUIRE(*back == m);
    }
}

TEST_CASE("membership: any two quorums of neighbouring configurations meet") {
    // Raft thesis, section 4.1: what makes a change safe
    random_stream bits{2, "membership"};
    auto const draw = [&](std::uint64_t most) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits);
    };
    for (int round = 0; round < 300; ++round) {
        membership const before = group({1, 2, 3});
        std::vector<membership_change> changes;
        for (std::uint64_t i = 0; i <= draw(2); ++i) {
            changes.push_back({static_cast<action>(draw(3)), node_id{static_cast<std::uint32_t>(1 + draw(4))}});
        }
        auto const after = before.changed(changes);
        if (!after) {
            continue;
        }
        for (unsigned a = 0; a < 32; ++a) {
            for (unsigned b = 0; b < 32; ++b) {
                auto const holds = [](membership const& m, unsigned set) {
                    return m.is_quorum(
                        [&](std::size_t i) { return ((set >> (m.members()[i].id.value - 1)) & 1U) != 0; });
                };
                REQUIRE_FALSE(((a & b) == 0 && holds(before, a) && holds(*after, b)));
                REQUIRE_FALSE(((a & b) == 0 && holds(*after, a) && holds(after->without_old(), b)));
            }
        }
    }
}

TEST_CASE("membership: bytes that encode none are told so") {
    auto bytes = membership_codec::encode(group({1, 2}));
    auto const decodes = [&] { return membership_codec::decode({bytes.data(), bytes.size()}).has_value(); };
    REQUIRE(decodes());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        CHECK_FALSE(membership_codec::decode({bytes.data(), cut}).has_value());
    }
    bytes[0] = std::byte{2}; // a version to come
    CHECK_FALSE(decodes());
    bytes[0] = std::byte{1};
    bytes[2] = std::byte{2}; // two of the same id
    CHECK_FALSE(decodes());
    bytes[2] = std::byte{1};
    bytes[6] = std::byte{16}; // an unknown flag
    CHECK_FALSE(decodes());
}

} // namespace hpcsched::raft

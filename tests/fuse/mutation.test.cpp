// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/adapter_mutations.hpp>
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/gmorph_mutation.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/reattachment.hpp>
#include <hpcsched/fuse/restoring_mutations.hpp>
#include <hpcsched/testing/conformance/mutation_policy.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hpcsched::fuse {
namespace {

using namespace test;
using everything = mutation_mix<reattach_across, reattach_within, move_subtree, unshare_blocks, swap_donor,
                                insert_adapter, remove_adapter>;

std::string first_of(std::vector<std::string> const& broken) {
    return broken.empty() ? "" : broken.front();
}

struct nothing_before {
    void enumerate(teacher_set const&, model_graph const&, sink<mutation>&) const {}
    std::optional<mutation> draw(teacher_set const&, model_graph const&, draws&) const { return std::nullopt; }
    std::optional<model_graph> apply(teacher_set const&, model_graph const&, mutation const&) { return std::nullopt; }
};

template <class Policy>
std::string check() {
    mutation_mix<reattach_across, reattach_within, swap_donor> before;
    return first_of(testing::check_mutation_policy<Policy>([] { return Policy{}; }, before, {}));
}

std::string after(auto policy, teacher_set const& teachers, model_graph const& graph, mutation const& what) {
    auto const made = policy.apply(teachers, graph, what);
    return made ? text_of(*made) : "not legal";
}

std::vector<std::string> all_of(auto const& policy, teacher_set const& teachers, model_graph const& graph) {
    buffer<mutation> all;
    policy.enumerate(teachers, graph, all);
    std::vector<std::string> texts;
    for (mutation const& m : all.items()) {
        texts.push_back(to_string(m));
    }
    return texts;
}

} // namespace

TEST_CASE("mutation: every policy keeps the rules of its concept on drawn forests") {
    CHECK(check<reattach_across>() == "");
    CHECK(check<reattach_within>() == "");
    CHECK(check<move_subtree>() == "");
    CHECK(check<unshare_blocks>() == "");
    CHECK(check<swap_donor>() == "");
    CHECK(check<insert_adapter>() == "");
    CHECK(check<remove_adapter>() == "");
    CHECK(check<everything>() == "");
    // GMorph's adapters have numbers of their own, which a canonical form would take away.
    nothing_before none;
    auto const plain = [] { return gmorph_mutation{}; };
    auto const tidy = [] { return gmorph_mutation{gmorph_quirks::none()}; };
    CHECK(first_of(testing::check_mutation_policy<gmorph_mutation>(plain, none, {})) == "");
    CHECK(first_of(testing::check_mutation_policy<gmorph_mutation>(tidy, none, {})) == "");
}

TEST_CASE("mutation: thousands of steps at random leave a valid, canonical graph, of each kind some") {
    std::array<std::size_t, mutation_kind_count> of_kind{};
    for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
        auto const teachers = testing::drawn_teachers(seed);
        everything policy;
        draws d{seed, "steps"};
        auto graph = model_graph::forest(teachers);
        for (int step = 0; step < 15; ++step) {
            auto const m = policy.draw(teachers, graph, d);
            if (!m) {
                continue;
            }
            ++of_kind[static_cast<std::size_t>(m->kind)];
            graph = policy.apply(teachers, graph, *m).value();
            auto const sound = validate(teachers, graph);
            INFO("seed " << seed << ": " << to_string(*m) << ": " << (sound ? "" : sound.error().message));
            REQUIRE(sound.has_value());
            REQUIRE(canonical(teachers, graph) == graph);
            REQUIRE(graph[0].tasks == (1U << teachers.task_count()) - 1);
        }
    }
    for (std::size_t k = 0; k < of_kind.size(); ++k) {
        INFO("kind " << k);
        CHECK(of_kind[k] > 300);
    }
}

// gmorph.md 2: the host side is untouched; the guest's private prefix goes.
TEST_CASE("reattachment: across branches the guest's prefix goes, and below it all is kept") {
    auto const teachers = two_chains();
    auto const forest = model_graph::forest(teachers);
    mutation const m{.kind = mutation_kind::reattach_across, .guest = {2, 4}, .host = {1, 4}};
    CHECK(after(reattach_across{}, teachers, forest, m) == "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    CHECK(after(gmorph_mutation{}, teachers, forest, m) == "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    // Between the two the branch point is found, and what stands above it stays.
    auto const shared = graph_of(teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    CHECK(after(reattach_within{}, teachers, shared,
                {.kind = mutation_kind::reattach_within, .guest = {2, 4}, .host = {1, 2}}) ==
          "1.0 1.1 [1.2 1.3 1.4 1.5 | 2.4 2.5]");
}

// gmorph.md 2: same-branch, blocks h..parent(g) are deleted.
TEST_CASE("reattachment: within a branch the blocks between go, up to the next branch point") {
    auto const teachers = two_chains();
    auto const forest = model_graph::forest(teachers);
    mutation const m{.kind = mutation_kind::reattach_within, .guest = {1, 4}, .host = {1, 2}};
    CHECK(after(reattach_within{}, teachers, forest, m) == "[1.0 1.1 1.4 1.5 | 2.0 2.1 2.2 2.3 2.4 2.5]");
    CHECK(after(gmorph_mutation{}, teachers, forest, m) == "[1.0 1.1 1.4 1.5 | 2.0 2.1 2.2 2.3 2.4 2.5]");
    auto const shared = graph_of(teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    CHECK(after(reattach_within{}, teachers, shared, m) == "1.0 1.1 [1.2 1.3 2.4 2.5 | 1.4 1.5]");
}

TEST_CASE("reattachment: where shapes differ an adapter stands between") {
    auto const teachers = two_chains(true);
    auto const forest = model_graph::forest(teachers);
    mutation const m{.kind = mutation_kind::reattach_across, .guest = {2, 4}, .host = {1, 4}};
    CHECK(after(reattach_across{}, teachers, forest, m) == "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.10:convolution 2.4 2.5]");
    gmorph_mutation gmorph;
    auto const once = gmorph.apply(teachers, forest, m).value();
    CHECK(text_of(once) == "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.6:convolution 2.4 2.5]"); // the first number that is free
    CHECK(text_of(gmorph.apply(teachers, forest, m).value()) ==
          "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.7:convolution 2.4 2.5]"); // 6.3-6: never the same again
    CHECK(graph_hash(once) != graph_hash(gmorph.apply(teachers, forest, m).value()));
    CHECK(after(gmorph_mutation{gmorph_quirks::none()}, teachers, forest, m) ==
          "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.10:convolution 2.4 2.5]");
}

// gmorph.md 6.3-6: re-scale nodes stack.
TEST_CASE("reattachment: GMorph's re-scale nodes stack, canonical ones do not") {
    auto const teachers = two_chains(true);
    auto const forest = model_graph::forest(teachers);
    mutation const first{.kind = mutation_kind::reattach_across, .guest = {2, 2}, .host = {1, 2}};
    mutation const second{.kind = mutation_kind::reattach_across, .guest = {1, 4}, .host = {2, 2}};
    gmorph_mutation gmorph;
    auto const once = gmorph.apply(teachers, forest, first).value();
    auto const twice = gmorph.apply(teachers, once, second).value();
    CHECK(text_of(twice) == "1.0 1.1 2.6:convolution [1.6:convolution 1.4 1.5 | 2.2 2.3 2.4 2.5]");
    CHECK(validate(teachers, twice).has_value());
    gmorph_mutation tidy{gmorph_quirks::none()};
    auto const plain = tidy.apply(teachers, tidy.apply(teachers, forest, first).value(), second).value();
    CHECK(text_of(plain) == "1.0 1.1 [1.4 1.5 | 2.8:convolution 2.2 2.3 2.4 2.5]");
}

// gmorph.md 2, validity.
TEST_CASE("reattachment: GMorph's validity by examples") {
    auto const teachers = three_chains();
    auto const g = graph_of(teachers, "[1.0 [1.1 1.2 | 2.1 2.2] | 3.0 3.1 3.2]");
    auto const allowed = [&](node_id host, node_id guest) {
        return gmorph_allows(g, g.find(host).value(), g.find(guest).value());
    };
    CHECK(allowed({1, 0}, {1, 2}));       // an ancestor hosts
    CHECK_FALSE(allowed({1, 2}, {1, 0})); // not the reverse
    CHECK(allowed({3, 1}, {3, 2}));
    CHECK(allowed({1, 1}, {3, 1}));       // above the guest nothing branches but the root
    CHECK(allowed({1, 1}, {2, 2}));       // the branch point 1.0 stands above the host
    CHECK(allowed({1, 0}, {2, 1}));       // it is the host
    CHECK_FALSE(allowed({3, 1}, {2, 2})); // the guest stands in a shared subtree, the host in another
    CHECK_FALSE(allowed({3, 1}, {1, 0})); // the guest is the branch point
    CHECK(can_host(g, g.find({3, 1}).value(), g.find({1, 0}).value()));
    CHECK_FALSE(can_host(g, g.find({1, 1}).value(), g.find({1, 0}).value()));
    CHECK_FALSE(can_host(g, g.find({1, 1}).value(), g.find({1, 1}).value()));
    CHECK(kind_of(g, g.find({3, 1}).value(), g.find({2, 1}).value()) == mutation_kind::move_subtree);
    // The whole subtree of 1.1 into the third branch, which GMorph cannot do.
    CHECK(after(move_subtree{}, teachers, g, {.kind = mutation_kind::move_subtree, .guest = {2, 1}, .host = {3, 1}}) ==
          "[1.0 1.1 1.2 | 3.0 [2.1 2.2 | 3.1 3.2]]");
    auto const deep = graph_of(teachers, "[1.0 1.1 [1.2 | 2.2] | 3.0 3.1 3.2]");
    CHECK(
        after(move_subtree{}, teachers, deep, {.kind = mutation_kind::move_subtree, .guest = {2, 2}, .host = {3, 2}}) ==
        "[1.0 1.1 1.2 | 3.0 3.1 [2.2 | 3.2]]");
}

// gmorph.md 2: reject if both are first layers.
TEST_CASE("gmorph_mutation: two first layers never merge, and what changes nothing is no mutation") {
    auto const teachers = three_chains();
    auto const forest = model_graph::forest(teachers);
    auto const all = all_of(gmorph_mutation{}, teachers, forest);
    CHECK(std::find(all.begin(), all.end(), "reattach_across 2.0 at 1.0") == all.end());
    CHECK(std::find(all.begin(), all.end(), "reattach_across 2.1 at 1.1") != all.end());
    // Two of equal input under one parent read the same already.
    auto const fused = graph_of(teachers, "1.0 [1.1 1.2 | 2.1 2.2 | 3.1 3.2]");
    for (auto const& m : all_of(gmorph_mutation{}, teachers, fused)) {
        CHECK(m != "reattach_across 2.1 at 1.1");
    }
}

// gmorph.md 1: grouping for sampling.
TEST_CASE("gmorph_mutation: strict groups where they hold 200 pairs, relaxed ones where not") {
    auto const small = two_chains(true);
    auto const groups = merge_groups(small, model_graph::forest(small));
    // By channels: 3 (1.0 2.0), 4 (1.2 1.4 1.5), 6 (2.2 2.4 2.5). By plane: all eight.
    REQUIRE(groups.size() == 4);
    CHECK(groups[0] == merge_group{1, 7});
    CHECK(groups[1] == merge_group{3, 5, 6});
    CHECK(groups[2] == merge_group{9, 11, 12});
    CHECK(groups[3] == merge_group{1, 3, 5, 6, 7, 9, 11, 12});

    // Of each of three teachers 21 convolutions read the same shape: 63 * 62 / 2 pairs.
    std::vector<block> blocks{conv(3, 4, 1)};
    for (int n = 0; n < 20; ++n) {
        blocks.push_back(conv(4, 4, 1));
    }
    blocks.push_back(head(4, 2, 1));
    auto const deep = teacher_set::make({{"a", blocks}, {"b", blocks}, {"c", blocks}}).value();
    auto const strict = merge_groups(deep, model_graph::forest(deep));
    REQUIRE(strict.size() == 2);
    CHECK(strict[0].size() == 3);
    CHECK(strict[1].size() == 63);

    auto const encoders = teacher_set::make({testing::transformer("large", {3, 16, 16}, 48, 3, 2),
                                             testing::transformer("base", {3, 16, 16}, 32, 2, 2)})
                              .value();
    auto const by_length = merge_groups(encoders, model_graph::forest(encoders));
    REQUIRE(by_length.size() == 2);  // 3 channels; 17 tokens, whatever their width
    CHECK(by_length[0].size() == 2); // the patch embeddings
    CHECK(by_length[1].size() == 7); // 3 + 2 layers and two heads
}

TEST_CASE("gmorph_mutation: of each pair the first drawn is host where that is allowed") {
    auto const teachers = two_chains();
    auto const forest = model_graph::forest(teachers);
    gmorph_mutation const policy;
    draws d{1, "pairs"};
    std::map<std::string, int> seen;
    for (int n = 0; n < 4'000; ++n) {
        auto const m = policy.draw(teachers, forest, d);
        REQUIRE(m.has_value());
        ++seen[to_string(*m)];
    }
    CHECK(seen.size() == all_of(policy, teachers, forest).size());
    // Both directions of a pair across branches come, as often; of one within only the one that is legal.
    CHECK(seen["reattach_across 2.2 at 1.2"] > 0);
    CHECK(seen["reattach_across 1.2 at 2.2"] > 0);
    CHECK(seen["reattach_within 1.2 at 1.4"] == 0);
    CHECK(seen["reattach_within 1.4 at 1.2"] > seen["reattach_across 2.2 at 1.2"]);
}

TEST_CASE("unshare_blocks: a branch leaves the trunk earlier, and skipped blocks come back") {
    auto const teachers = two_chains();
    auto const shared = graph_of(teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    CHECK(all_of(unshare_blocks{}, teachers, shared) ==
          std::vector<std::string>{"unshare 2.4 at 1.3 x2", "unshare 2.4 at 1.2 x2", "unshare 2.4 at 1.1 x2",
                                   "unshare 2.4 at 1.0 x2", "unshare 2.4 at 0.0 x4"});
    mutation m{.kind = mutation_kind::unshare, .guest = {2, 4}, .host = {1, 1}, .count = 2};
    CHECK(after(unshare_blocks{}, teachers, shared, m) == "1.0 1.1 [1.2 1.3 1.4 1.5 | 2.2 2.3 2.4 2.5]");
    m.host = {0, 0};
    m.count = 4;
    CHECK(after(unshare_blocks{}, teachers, shared, m) == text_of(model_graph::forest(teachers)));
    m.count = 3; // would begin with an activation
    CHECK(after(unshare_blocks{}, teachers, shared, m) == "not legal");
    m.count = 5;
    CHECK(after(unshare_blocks{}, teachers, shared, m) == "not legal");
    m.host = {2, 4};
    CHECK(after(unshare_blocks{}, teachers, shared, m) == "not legal");

    auto const pruned = graph_of(teachers, "[1.0 1.1 1.4 1.5 | 2.0 2.1 2.2 2.3 2.4 2.5]");
    CHECK(all_of(unshare_blocks{}, teachers, pruned) ==
          std::vector<std::string>{"unshare 1.4 at 1.1 x2", "unshare 1.4 at 1.0 x2"});
    CHECK(after(unshare_blocks{}, teachers, pruned,
                {.kind = mutation_kind::unshare, .guest = {1, 4}, .host = {1, 1}, .count = 2}) ==
          text_of(model_graph::forest(teachers)));
    CHECK(all_of(unshare_blocks{}, teachers, model_graph::forest(teachers)).empty());
}

TEST_CASE("swap_donor: a trunk gets another teacher's weights, or another teacher's blocks") {
    auto const teachers = two_chains();
    auto const shared = graph_of(teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    std::string listed;
    for (auto const& m : all_of(swap_donor{}, teachers, shared)) {
        listed += m + ", ";
    }
    CHECK(listed == "swap_donor 1.0 at 2.0 x4, swap_donor 1.4 at 2.2 x1, ");
    mutation m{.kind = mutation_kind::swap_donor, .guest = {1, 0}, .host = {2, 0}, .count = 4, .donated = 4};
    CHECK(after(swap_donor{}, teachers, shared, m) == "2.0 2.1 2.2 2.3 [1.4 1.5 | 2.4 2.5]");
    m.donated = 2;
    CHECK(after(swap_donor{}, teachers, shared, m) == "not legal");
    // A trunk of other structure, in shape the same at both ends.
    auto const other = teacher_set::make({two_chains().teachers()[0], {"b", {conv(3, 4, 7), head(4, 3, 1)}}}).value();
    auto const trunk = graph_of(other, "1.0 1.1 1.2 1.3 1.4 [1.5 | 2.1]");
    m = {.kind = mutation_kind::swap_donor, .guest = {1, 0}, .host = {2, 0}, .count = 5, .donated = 1};
    CHECK(after(swap_donor{}, other, trunk, m) == "2.0 [1.5 | 2.1]");
    CHECK(all_of(swap_donor{}, teachers, model_graph::forest(teachers)).empty()); // all blocks are in it
}

TEST_CASE("adapter mutations: a translation where features are another teacher's, and out again") {
    auto const teachers = two_chains();
    auto const shared = graph_of(teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]");
    CHECK(all_of(insert_adapter{}, teachers, shared) == std::vector<std::string>{"insert_adapter 2.4 at 1.3"});
    auto const with =
        insert_adapter{}
            .apply(teachers, shared, {.kind = mutation_kind::insert_adapter, .guest = {2, 4}, .host = {1, 3}})
            .value();
    CHECK(text_of(with) == "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.10:convolution 2.4 2.5]");
    CHECK(all_of(insert_adapter{}, teachers, with).empty());
    CHECK(all_of(remove_adapter{}, teachers, with) == std::vector<std::string>{"remove_adapter 2.10 at 1.3"});
    CHECK(after(remove_adapter{}, teachers, with,
                {.kind = mutation_kind::remove_adapter, .guest = {2, 10}, .host = {1, 3}}) == text_of(shared));
    CHECK(all_of(insert_adapter{}, teachers, model_graph::forest(teachers)).empty());
    CHECK(all_of(remove_adapter{}, teachers, shared).empty());
}

TEST_CASE("mutation_mix: weights decide, and another steps in for one that finds nothing") {
    auto const teachers = two_chains();
    auto const forest = model_graph::forest(teachers);
    using mix = mutation_mix<unshare_blocks, reattach_across, reattach_within>;
    draws d{7, "mix"};
    mix const only_first{{1, 0, 0}, {}, {}, {}};
    CHECK_FALSE(only_first.draw(teachers, forest, d).has_value());
    mix const mostly{{1000, 0, 1}, {}, {}, {}};
    CHECK(mostly.draw(teachers, forest, d)->kind == mutation_kind::reattach_within);
    mix const weighted{{0, 3, 1}, {}, {}, {}};
    int across = 0;
    for (int n = 0; n < 2'000; ++n) {
        across += weighted.draw(teachers, forest, d)->kind == mutation_kind::reattach_across ? 1 : 0;
    }
    CHECK(across > 1'400);
    CHECK(across < 1'600);
}

TEST_CASE("draws: numbers below a bound are even, fractions in range, normal numbers normal") {
    draws d{3, "draws"};
    std::array<int, 7> counts{};
    double sum = 0;
    double squares = 0;
    double fractions = 0;
    for (int n = 0; n < 70'000; ++n) {
        ++counts[d.below(7)];
        double const x = d.normal();
        sum += x;
        squares += x * x;
        double const f = d.fraction();
        CHECK((f >= 0 && f < 1));
        fractions += f;
    }
    for (int const c : counts) {
        CHECK(c > 9'600);
        CHECK(c < 10'400);
    }
    CHECK(sum / 70'000 == doctest::Approx(0).epsilon(0.02));
    CHECK(squares / 70'000 == doctest::Approx(1).epsilon(0.03));
    CHECK(fractions / 70'000 == doctest::Approx(0.5).epsilon(0.02));
    draws a{5, "x"};
    draws b{5, "x"};
    CHECK(a.below(1'000'000) == b.below(1'000'000));
}

} // namespace hpcsched::fuse

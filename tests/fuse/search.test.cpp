// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/reattachment.hpp>
#include <hpcsched/fuse/restoring_mutations.hpp>
#include <hpcsched/fuse/search.hpp>
#include <hpcsched/testing/fuse_networks.hpp>
#include <hpcsched/testing/synthetic_evaluator.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::fuse {
namespace {

using testing::synthetic_evaluator;

teacher_set three_vggs() {
    testing::vgg_options const options{.input = {3, 16, 16}, .stages = {2, 2}, .width = 8, .features = 16};
    return teacher_set::make({testing::vgg("a", options), testing::vgg("b", options), testing::vgg("c", options)})
        .value();
}

constexpr auto always = [](byte_buffer const&) { return true; };

template <class Search>
byte_buffer run_through(Search& s, synthetic_evaluator& with) {
    byte_buffer journal;
    run(s, with, journal, false, always);
    return journal;
}

template <class Search>
void check_same(Search const& a, Search const& b) {
    REQUIRE(a.is_finished());
    REQUIRE(b.is_finished());
    CHECK(std::equal(a.archive().members().begin(), a.archive().members().end(), b.archive().members().begin(),
                     b.archive().members().end()));
    CHECK((a.best() == nullptr) == (b.best() == nullptr));
    CHECK((a.best() == nullptr || *a.best() == *b.best()));
    CHECK(a.progress().iterations == b.progress().iterations);
    CHECK(a.progress().duplicates == b.progress().duplicates);
    CHECK(a.progress().filtered == b.progress().filtered);
    CHECK(a.progress().evaluated == b.progress().evaluated);
    CHECK(a.progress().accepted == b.progress().accepted);
    CHECK(a.progress().cut_short == b.progress().cut_short);
    CHECK(a.progress().curve.size() == b.progress().curve.size());
}

/// Kills the driver before each event in turn, and once in the middle of each record.
template <class Search>
void check_kills(teacher_set const& teachers, search_config const& config, auto const& policies) {
    Search undisturbed{teachers, config, policies()};
    synthetic_evaluator steady{teachers, 5};
    byte_buffer const whole = run_through(undisturbed, steady);
    auto const records = read_records(whole);
    REQUIRE(records.whole == whole.size());
    REQUIRE(records.records.size() > 50);
    for (std::size_t kill = 1; kill < records.records.size() - 1; kill += kill < 20 ? 1 : 7) {
        synthetic_evaluator machine{teachers, 5};
        byte_buffer journal;
        {
            Search first{teachers, config, policies()};
            std::size_t events = 0;
            run(first, machine, journal, false, [&](byte_buffer const&) { return events++ < kill; });
        }
        journal.resize(journal.size() - (kill % 3 == 0 ? 5 : 0)); // the last record half written
        Search second{teachers, config, policies()};
        auto const whole_bytes = second.replay(journal);
        REQUIRE(whole_bytes.has_value());
        journal.resize(*whole_bytes);
        run(second, machine, journal, *whole_bytes != 0, always);
        check_same(undisturbed, second);
        // The journal of both lives tells the whole.
        Search third{teachers, config, policies()};
        REQUIRE(third.replay(journal).value() == journal.size());
        CHECK(third.progress() == second.progress());
        check_same(second, third);
    }
}

/// Remembers what it is told.
struct listening_sampler : random_sampling {
    std::vector<outcome> heard{};

    void learn(search_view const& /*v*/, candidate const& /*c*/, outcome const& o) { heard.push_back(o); }
};

/// Gives a candidate up at its second check, and expects a drop of 0.3 where it is told so.
struct gives_up {
    bool expects = true;

    [[nodiscard]] training_step next(search_view const& /*v*/, candidate const& /*c*/,
                                     std::span<curve_point const> curve) const {
        if (curve.size() < 2) {
            return {training_step::kind::train, static_cast<std::uint32_t>(curve.size())};
        }
        return {training_step::kind::abandon, curve.back().epoch, expects ? std::optional{0.3} : std::nullopt};
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, std::span<curve_point const> /*curve*/,
               outcome const& /*o*/) noexcept {}
};

using listening_search = search<listening_sampler, gmorph_mutation, admit_all, gives_up, unknown_cost, elite_queue>;

} // namespace

TEST_CASE("search: GMorph's plain policy finds a faster network, and the same for the same seed") {
    auto const teachers = three_vggs();
    search_config const config{.seed = 3, .plan = {.epochs_max = 20, .check_every = 2}};
    gmorph s{teachers, config, gmorph_policies()};
    synthetic_evaluator machine{teachers, 5};
    auto const journal = run_through(s, machine);
    REQUIRE(s.is_finished());
    REQUIRE(s.best() != nullptr);
    CHECK(validate(teachers, s.best()->graph).has_value());
    CHECK(s.best()->latency < s.baseline());
    CHECK(s.best()->drop <= 0.01);
    CHECK(s.progress().iterations == 200);
    CHECK(s.progress().accepted > 5);
    CHECK(s.progress().evaluated > s.progress().accepted);
    CHECK(s.progress().epochs == machine.epochs());
    CHECK(s.in_training() == 0);

    gmorph again{teachers, config, gmorph_policies()};
    synthetic_evaluator same{teachers, 5};
    CHECK(run_through(again, same) == journal);
    CHECK(again.progress() == s.progress());

    gmorph other{teachers, {.seed = 4, .plan = config.plan}, gmorph_policies()};
    synthetic_evaluator third{teachers, 5};
    CHECK(run_through(other, third) != journal);
}

TEST_CASE("search: the anytime curve goes down, from the baseline to the best") {
    auto const teachers = three_vggs();
    gmorph_p s{teachers, {.seed = 8, .plan = {.epochs_max = 20, .check_every = 2}}, gmorph_p_policies()};
    synthetic_evaluator machine{teachers, 5};
    run_through(s, machine);
    auto const& curve = s.progress().curve;
    REQUIRE(curve.size() > 2);
    CHECK(curve.front().latency == s.baseline());
    CHECK(curve.back().latency == s.best()->latency);
    CHECK(curve.back().best == s.best()->id);
    for (std::size_t i = 2; i < curve.size(); ++i) {
        CHECK(curve[i].latency < curve[i - 1].latency);
        CHECK(curve[i].at > curve[i - 1].at);
        CHECK(curve[i].epochs >= curve[i - 1].epochs);
        CHECK(curve[i].evaluated > curve[i - 1].evaluated);
    }
}

TEST_CASE("search: killed before any event, and in the middle of a record, it ends as if it never was") {
    auto const teachers = three_vggs();
    search_config const config{.seed = 3, .iterations_max = 60, .plan = {.epochs_max = 12, .check_every = 2}};
    check_kills<gmorph_pr>(teachers, config, [] { return gmorph_pr_policies(); });
    check_kills<gmorph>(teachers, config, [] { return gmorph_policies(gmorph_quirks::none()); });
}

TEST_CASE("search: a journal of another search is refused, and says what to do") {
    auto const teachers = three_vggs();
    search_config const config{.iterations_max = 10};
    gmorph s{teachers, config, gmorph_policies()};
    synthetic_evaluator machine{teachers, 5};
    auto const journal = run_through(s, machine);
    auto const fault = [&](teacher_set const& t, search_config const& c, byte_buffer const& j) {
        gmorph fresh{t, c, gmorph_policies()};
        auto const read = fresh.replay(j);
        return read ? std::string{"none"} : read.error().message;
    };
    std::string const refused = "the journal is of a search with other teachers or another configuration; go on with "
                                "those, or begin a journal of its own";
    CHECK(fault(teachers, config, journal) == "none");
    CHECK(fault(teachers, config, {}) == "none");
    auto const others = test::two_chains();
    CHECK(fault(others, config, journal) == refused);
    CHECK(fault(teachers, {.seed = 2, .iterations_max = 10}, journal) == refused);
    // A bit turned over ends the journal there.
    auto hurt = journal;
    hurt[hurt.size() / 2] ^= std::byte{4};
    gmorph fresh{teachers, config, gmorph_policies()};
    auto const whole = fresh.replay(hurt);
    REQUIRE(whole.has_value());
    CHECK(*whole < hurt.size() / 2);
    // Whole records that do not follow.
    byte_buffer odd;
    append_record(odd, read_records(journal).records[0], 0);
    append_record(odd, read_records(journal).records[2], 1);
    CHECK(fault(teachers, config, odd).starts_with("record 1 of the journal does not follow"));
}

TEST_CASE("search: what is said of no candidate, or of an epoch that was not asked for, is left out") {
    auto const teachers = three_vggs();
    gmorph s{teachers, {.iterations_max = 50}, gmorph_policies()};
    buffer<search_command> out;
    byte_buffer journal;
    auto const at = time_point{};
    s.handle(time_passed{}, at, out, journal);
    s.handle(evaluated{0, {}, duration{5}}, at, out, journal);
    CHECK(out.empty());
    CHECK(journal.empty());
    s.handle(search_started{}, at, out, journal);
    REQUIRE(out.size() == 2);
    CHECK(std::get<evaluate_candidate>(out.items()[0]).graph == model_graph::forest(teachers));
    CHECK(std::get<conclude>(out.items()[1]) == conclude{0, 0});
    out.clear();
    s.handle(search_started{}, at, out, journal);
    s.handle(evaluated{0, {}, duration{}}, at, out, journal);
    s.handle(epoch_measured{1, 0, {0, 0, 0}}, at, out, journal);
    CHECK(out.empty());
    s.handle(evaluated{0, {}, std::chrono::milliseconds{1}}, at, out, journal);
    REQUIRE(out.size() == 2);
    auto const first = std::get<evaluate_candidate>(out.items()[0]);
    CHECK(first.id == 1);
    CHECK(first.base == 0);
    CHECK(first.origins.size() == first.graph.size());
    CHECK(std::get<train_until>(out.items()[1]) == train_until{1, 0});
    out.clear();
    auto const written = journal.size();
    s.handle(epoch_measured{1, 3, {0, 0, 0}}, at, out, journal);
    s.handle(epoch_measured{1, 0, {0, 0}}, at, out, journal);
    s.handle(evaluated{1, {0, 0, 0}, duration{7}}, at, out, journal);
    s.handle(evaluated{0, {}, duration{7}}, at, out, journal);
    CHECK(out.empty());
    CHECK(journal.size() == written);
    s.handle(epoch_measured{1, 0, {0.5, 0.5, 0.5}}, at, out, journal);
    REQUIRE(out.size() == 1);
    CHECK(std::get<train_until>(out.items()[0]) == train_until{1, 2});
    out.clear();
    s.handle(evaluation_failed{1}, at, out, journal);
    CHECK(s.progress().failed == 1);
    CHECK(std::get<evaluate_candidate>(out.items()[0]).id == 2);
}

TEST_CASE(
    "search: of what was given up the policies hear the drop that was expected, else the last that was measured") {
    auto const teachers = three_vggs();
    for (bool const expects : {true, false}) {
        listening_search s{teachers, {.iterations_max = 1}, {.stopping = {expects}}};
        buffer<search_command> out;
        byte_buffer journal;
        s.handle(search_started{}, time_point{}, out, journal);
        s.handle(evaluated{0, {}, duration{1000}}, time_point{}, out, journal);
        s.handle(epoch_measured{1, 0, {0.9, 0.1, 0.1}}, time_point{}, out, journal);
        s.handle(epoch_measured{1, 1, {0.5, 0.1, 0.1}}, time_point{}, out, journal);
        REQUIRE(s.parts().sampler.heard.size() == 1);
        CHECK(s.parts().sampler.heard[0] ==
              outcome{.how = ending::abandoned, .drop = expects ? 0.3 : 0.5, .epochs = 1});
    }
}

TEST_CASE("search: a drop that is no number is no success") {
    auto const teachers = three_vggs();
    gmorph s{teachers, {.iterations_max = 50}, gmorph_policies()};
    buffer<search_command> out;
    byte_buffer journal;
    double const none = std::numeric_limits<double>::quiet_NaN();
    s.handle(search_started{}, time_point{}, out, journal);
    s.handle(evaluated{0, {}, duration{1000}}, time_point{}, out, journal);
    out.clear();
    s.handle(epoch_measured{1, 0, {0, none, 0}}, time_point{}, out, journal);
    REQUIRE(out.size() == 1);
    CHECK(std::holds_alternative<train_until>(out.items()[0]));
}

TEST_CASE("search: lanes train several at once, and results come in any order") {
    auto const teachers = three_vggs();
    gmorph s{
        teachers, {.iterations_max = 80, .plan = {.epochs_max = 24, .check_every = 2}, .lanes = 4}, gmorph_policies()};
    synthetic_evaluator machine{teachers, 5};
    buffer<search_command> out;
    byte_buffer journal;
    draws d{9, "order"};
    std::vector<search_command> left;
    std::size_t most = 0;
    s.handle(search_started{}, machine.now(), out, journal);
    for (;;) {
        for (auto const& c : out.items()) {
            if (auto const* e = std::get_if<evaluate_candidate>(&c)) {
                REQUIRE(machine.build(*e));
            } else if (auto const* f = std::get_if<forget>(&c)) {
                machine.forget(f->id);
            } else if (!std::holds_alternative<search_finished>(c)) {
                left.push_back(c);
            }
        }
        out.clear();
        most = std::max(most, s.in_training());
        if (left.empty()) {
            break;
        }
        auto const i = static_cast<std::ptrdiff_t>(d.index(left.size()));
        auto const c = left[static_cast<std::size_t>(i)];
        left.erase(left.begin() + i);
        if (auto const* t = std::get_if<train_until>(&c)) {
            s.handle(epoch_measured{t->id, t->epoch, machine.train(t->id, t->epoch).value()}, machine.now(), out,
                     journal);
        } else {
            auto const e = std::get<conclude>(c);
            auto const m = machine.measure(e.id, e.epoch).value();
            s.handle(evaluated{e.id, m.drops, m.latency}, machine.now(), out, journal);
        }
    }
    CHECK(s.is_finished());
    CHECK(most == 4);
    CHECK(s.progress().evaluated == s.progress().started);
    REQUIRE(s.best() != nullptr);
    // Only what is kept has weights left.
    std::vector<candidate_id> kept{0};
    for (auto const& m : s.archive().members()) {
        kept.push_back(m.id);
    }
    if (std::find(kept.begin(), kept.end(), s.best()->id) == kept.end()) {
        kept.push_back(s.best()->id);
    }
    std::sort(kept.begin(), kept.end());
    CHECK(machine.networks() == kept);
}

TEST_CASE("search: budgets of epochs and of time end it") {
    auto const teachers = three_vggs();
    synthetic_evaluator machine{teachers, 5};
    gmorph by_epochs{teachers, {.plan = {.epochs_max = 10, .check_every = 2}, .epochs_budget = 100}, gmorph_policies()};
    run_through(by_epochs, machine);
    CHECK(by_epochs.is_finished());
    CHECK(by_epochs.progress().epochs >= 100);
    CHECK(by_epochs.progress().epochs < 110);
    synthetic_evaluator other{teachers, 5};
    gmorph by_time{teachers, {.time_budget = std::chrono::hours{2}}, gmorph_policies()};
    run_through(by_time, other);
    CHECK(by_time.is_finished());
    CHECK(other.now() >= time_point{std::chrono::hours{2}});
    CHECK(other.now() < time_point{std::chrono::hours{4}});
}

TEST_CASE("search: a configuration that makes no sense is named") {
    CHECK(validate(search_config{}).has_value());
    CHECK_FALSE(validate(search_config{.tolerated_drop = -0.1}).has_value());
    CHECK_FALSE(validate(search_config{.plan = {.epochs_max = 0}}).has_value());
    CHECK_FALSE(validate(search_config{.plan = {.check_every = 0}}).has_value());
    CHECK_FALSE(validate(search_config{.lanes = 0}).has_value());
    CHECK_FALSE(validate(search_config{.time_budget = duration{-1}}).has_value());
}

// gmorph.md 2: weight inheritance. 7: re-scale weights forgotten; here they are not.
TEST_CASE("inheritance: blocks from the base or the teacher, adapters from one like them") {
    auto const teachers = test::two_chains(true);
    auto const forest = model_graph::forest(teachers);
    reattach_across move;
    auto const base =
        move.apply(teachers, forest, {.kind = mutation_kind::reattach_across, .guest = {2, 4}, .host = {1, 4}}).value();
    auto const origins = weight_origins(teachers, forest, base);
    using source = weight_origin::source;
    for (node_index i = 1; i < base.size(); ++i) {
        CHECK(origins[i].from == (base[i].is_adapter() ? source::fresh : source::base));
    }
    // Back by two blocks: those are the teacher's again.
    auto const back =
        unshare_blocks{}
            .apply(teachers, base, {.kind = mutation_kind::unshare, .guest = {2, 4}, .host = {0, 0}, .count = 4})
            .value();
    CHECK(back == forest);
    auto const restored = weight_origins(teachers, base, back);
    CHECK(restored[back.find({2, 1}).value()] == weight_origin{source::teacher, {2, 1}});
    CHECK(restored[back.find({2, 4}).value()] == weight_origin{source::base, {2, 4}});
    // The same adapter under another name is found again.
    gmorph_mutation numbered;
    auto const other =
        numbered.apply(teachers, forest, {.kind = mutation_kind::reattach_across, .guest = {2, 4}, .host = {1, 4}})
            .value();
    auto const at = base.find({2, 10}).value();
    CHECK(weight_origins(teachers, other, base)[at] == weight_origin{source::base, {2, 6}});
}

TEST_CASE("inheritance: of two adapters that read the same, each is told by whom it feeds") {
    using test::conv;
    auto const wide = [](std::string name) {
        return teacher{std::move(name), {conv(3, 6, 10), conv(6, 6, 20), test::head(6, 2, 30)}};
    };
    auto const teachers =
        teacher_set::make({{"a", {conv(3, 4, 1), conv(4, 4, 2), test::head(4, 2, 3)}}, wide("b"), wide("c")}).value();
    std::vector<loose_node> nodes{
        loose_node{}, {.id = {1, 0}, .parent = 0}, {.id = {1, 1}, .parent = 1}, {.id = {1, 2}, .parent = 2}};
    for (std::uint16_t const task : {std::uint16_t{2}, std::uint16_t{3}}) {
        auto const above = static_cast<node_index>(nodes.size());
        nodes.push_back(
            {.id = {task, 3}, .adapter = adapter_kind::convolution, .parent = 1, .output = tensor_shape{6, 8, 8}});
        nodes.push_back({.id = {task, 1}, .parent = above});
        nodes.push_back({.id = {task, 2}, .parent = above + 1});
    }
    auto const base = make_graph(teachers, nodes).value();
    auto const origins = weight_origins(teachers, base, base);
    for (node_index i = 1; i < base.size(); ++i) {
        CHECK(origins[i] == weight_origin{weight_origin::source::base, base[i].id});
    }
}

TEST_CASE("journal: a record that stands in another's place ends what is whole") {
    byte_buffer journal;
    std::array<std::byte, 3> const bytes{std::byte{1}, std::byte{2}, std::byte{3}};
    append_record(journal, bytes, 0);
    std::size_t const one = journal.size();
    append_record(journal, bytes, 1);
    CHECK(read_records(journal).records.size() == 2);
    byte_buffer twice{journal.begin(), journal.begin() + static_cast<std::ptrdiff_t>(one)};
    twice.insert(twice.end(), journal.begin(), journal.begin() + static_cast<std::ptrdiff_t>(one));
    CHECK(read_records(twice).records.size() == 1);
    CHECK(read_records(twice).whole == one);
}

} // namespace hpcsched::fuse

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/fuse/cost_first.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/journal.hpp>
#include <hpcsched/fuse_torch/fusion.hpp>
#include <hpcsched/fuse_torch/runtime.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <variant>

namespace hpcsched::fuse_torch {
namespace {

double largest(std::vector<double> const& drops) {
    return drops.empty() ? 0 : *std::max_element(drops.begin(), drops.end());
}

/// An evaluator that tells who watches.
class watched_evaluator {
  public:
    watched_evaluator(network_evaluator& by, std::function<void(fusion_event const&)> const& on_event)
        : by_{by}, on_event_{on_event} {}

    bool build(fuse::evaluate_candidate const& what) {
        bool const built = by_.build(what);
        if (what.id != 0) {
            built ? tell({.what = fusion_event::kind::built, .id = what.id}) : fail(what.id);
        }
        return built;
    }
    std::optional<std::vector<double>> train(fuse::candidate_id id, std::uint32_t epoch) {
        auto drops = by_.train(id, epoch);
        if (drops) {
            tell({.what = fusion_event::kind::checked, .id = id, .epoch = epoch, .drop = largest(*drops)});
        } else {
            fail(id);
        }
        return drops;
    }
    std::optional<fuse::measurement> measure(fuse::candidate_id id, std::uint32_t epoch) {
        auto found = by_.measure(id, epoch);
        if (found) {
            tell({.what = id == 0 ? fusion_event::kind::baseline : fusion_event::kind::evaluated,
                  .id = id,
                  .epoch = epoch,
                  .drop = largest(found->drops),
                  .latency = found->latency});
        } else {
            fail(id);
        }
        return found;
    }
    void forget(fuse::candidate_id id) { by_.forget(id); }
    time_point now() const { return by_.now(); }

  private:
    void tell(fusion_event event) const {
        event.at = by_.now().time_since_epoch();
        if (on_event_) {
            on_event_(event);
        }
    }
    void fail(fuse::candidate_id id) const {
        tell({.what = fusion_event::kind::failed, .id = id, .why = by_.last_failure()});
    }

    network_evaluator& by_;
    std::function<void(fusion_event const&)> const& on_event_;
};

static_assert(fuse::evaluator<network_evaluator> && fuse::evaluator<watched_evaluator>);

/// The journal on disk.
class journal_file {
  public:
    explicit journal_file(std::filesystem::path folder) : folder_{std::move(folder)} {}
    journal_file(journal_file const&) = delete;
    journal_file& operator=(journal_file const&) = delete;
    ~journal_file() {
        if (handle_ >= 0) {
            ::close(handle_);
        }
    }

    [[nodiscard]] std::string path() const { return (folder_ / "journal").string(); }

    /// \return what is there already
    [[nodiscard]] result<byte_buffer> open() {
        if (folder_.empty()) {
            return byte_buffer{};
        }
        std::error_code failed;
        std::filesystem::create_directories(folder_, failed);
        handle_ = ::open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (handle_ < 0) {
            return error{path() + ": cannot be written: " + std::generic_category().message(errno)};
        }
        std::ifstream in{path(), std::ios::binary};
        std::vector<char> const bytes{std::istreambuf_iterator<char>{in}, {}};
        auto const seen = std::as_bytes(std::span{bytes});
        return byte_buffer{seen.begin(), seen.end()};
    }

    /// Cuts off what is behind the first bytes.
    void keep(std::size_t bytes) {
        written_ = bytes;
        if (handle_ >= 0 && ::ftruncate(handle_, static_cast<off_t>(bytes)) != 0) {
            failure_ = std::generic_category().message(errno);
        }
    }

    /// \return whether all of it is on disk
    [[nodiscard]] bool write(byte_buffer const& journal) {
        if (handle_ < 0 || journal.size() == written_) {
            return failure_.empty();
        }
        while (written_ < journal.size()) {
            auto const n =
                ::pwrite(handle_, journal.data() + written_, journal.size() - written_, static_cast<off_t>(written_));
            if (n <= 0) {
                failure_ = std::generic_category().message(errno);
                return false;
            }
            written_ += static_cast<std::size_t>(n);
        }
        if (::fdatasync(handle_) != 0) {
            failure_ = std::generic_category().message(errno);
        }
        return failure_.empty();
    }
    [[nodiscard]] std::string const& failure() const { return failure_; }

  private:
    std::filesystem::path folder_;
    int handle_ = -1;
    std::size_t written_ = 0;
    std::string failure_;
};

/// What a search of any kind leaves.
struct search_outcome {
    std::optional<fuse::archive_member> best{};
    fuse::search_progress progress{};
    std::vector<searched_candidate> candidates{};
};

/// What a journal tells of each candidate, in the order in which they were done.
std::vector<searched_candidate> candidates_of(byte_buffer const& journal) {
    std::vector<searched_candidate> done;
    std::map<fuse::candidate_id, searched_candidate> in_training;
    time_point begin{};
    auto const records = fuse::read_records(journal).records;
    for (std::size_t r = 1; r < records.size(); ++r) {
        time_point now{};
        auto const event = fuse::take_event(records[r], now);
        if (!event) {
            continue;
        }
        begin = r == 1 ? now : begin;
        if (auto const* m = std::get_if<fuse::epoch_measured>(&*event)) {
            in_training[m->id] = {.id = m->id, .at = now - begin, .epochs = m->epoch, .drop = largest(m->drops)};
        } else if (auto const* e = std::get_if<fuse::evaluated>(&*event); e != nullptr && e->id != 0) {
            auto const checked = in_training.extract(e->id);
            done.push_back({.id = e->id,
                            .at = now - begin,
                            .epochs = checked.empty() ? 0 : checked.mapped().epochs,
                            .drop = largest(e->drops),
                            .latency = e->latency});
        } else if (auto const* f = std::get_if<fuse::evaluation_failed>(&*event)) {
            in_training.erase(f->id);
        }
    }
    for (auto const& [id, given_up] : in_training) {
        done.push_back(given_up);
    }
    std::sort(done.begin(), done.end(), [](searched_candidate const& a, searched_candidate const& b) {
        return a.at != b.at ? a.at < b.at : a.id < b.id;
    });
    return done;
}

template <class Search>
result<search_outcome> run_search(Search search, network_evaluator& evaluator, fusion_settings const& settings,
                                  std::function<bool()> const& go_on) {
    journal_file file{settings.folder};
    auto journal = file.open();
    if (!journal) {
        return journal.error();
    }
    bool const resumed = !journal->empty();
    auto const whole = search.replay(*journal);
    if (!whole) {
        return error{file.path() + ": " + whole.error().message};
    }
    journal->resize(*whole);
    if (auto const records = fuse::read_records(*journal).records; records.size() > 1) {
        time_point last{};
        (void)fuse::take_event(records.back(), last);
        evaluator.go_on_from(last);
    }
    file.keep(*whole);
    watched_evaluator watched{evaluator, settings.on_event};
    fuse::run(search, watched, *journal, resumed && *whole > 0,
              [&](byte_buffer const& so_far) { return file.write(so_far) && go_on(); });
    if (!file.failure().empty()) {
        return error{file.path() + ": cannot be written: " + file.failure()};
    }
    search_outcome made{.progress = search.progress(), .candidates = candidates_of(*journal)};
    if (auto const* const best = search.best()) {
        made.best = *best;
    }
    return made;
}

using random_search = fuse::search<fuse::random_sampling, fuse::gmorph_mutation, fuse::admit_all,
                                   fuse::train_to_the_end, fuse::unknown_cost, fuse::elite_queue>;

result<std::vector<fuse::block_timing>> timings_of(teacher_networks const& networks) {
    auto const times = networks.time_blocks();
    if (!times) {
        return times.error();
    }
    std::vector<fuse::block_timing> made;
    fuse::teacher_set const& teachers = networks.teachers();
    for (std::uint16_t t = 1; t <= teachers.task_count(); ++t) {
        for (std::uint16_t layer = 0; layer < teachers.block_count(t); ++layer) {
            made.push_back({{t, layer}, (*times)[teachers.number({t, layer})]});
        }
    }
    return made;
}

result<search_outcome> run_kind(teacher_networks const& networks, network_evaluator& evaluator,
                                fusion_settings const& settings, std::function<bool()> const& go_on) {
    fuse::teacher_set const& teachers = networks.teachers();
    fuse::search_config config = settings.search;
    config.time_budget = settings.budget;
    if (auto const sound = validate(config); !sound) {
        return sound.error();
    }
    switch (settings.kind) {
    case search_kind::gmorph:
        return run_search(fuse::gmorph{teachers, config, fuse::gmorph_policies()}, evaluator, settings, go_on);
    case search_kind::gmorph_p:
        return run_search(fuse::gmorph_p{teachers, config, fuse::gmorph_p_policies()}, evaluator, settings, go_on);
    case search_kind::gmorph_pr:
        return run_search(fuse::gmorph_pr{teachers, config, fuse::gmorph_pr_policies()}, evaluator, settings, go_on);
    case search_kind::random:
        return run_search(
            random_search{teachers,
                          config,
                          {.mutation = fuse::gmorph_mutation{}, .stopping = {}, .archive = fuse::elite_queue{}}},
            evaluator, settings, go_on);
    case search_kind::cost_first:
        break;
    }
    auto policies = fuse::cost_first_policies();
    // Block times differ from run to run; a search that is to go on as it was must not depend on them.
    if (settings.folder.empty()) {
        auto const timings = timings_of(networks);
        if (!timings) {
            return timings.error();
        }
        policies.cost.profile(teachers, *timings);
    }
    return run_search(fuse::cost_first{teachers, config, std::move(policies)}, evaluator, settings, go_on);
}

/// The best network's weights, in memory or as they were kept.
result<fused_network> network_of(fuse::archive_member const& best, teacher_networks const& networks,
                                 network_evaluator& evaluator) {
    if (auto const held = evaluator.network(best.id)) {
        return *held;
    }
    bool const built = evaluator.build({.id = best.id,
                                        .base = best.id,
                                        .graph = best.graph,
                                        .origins = weight_origins(networks.teachers(), best.graph, best.graph),
                                        .epochs_max = 1});
    if (!built) {
        return error{"the best network's weights: " + evaluator.last_failure()};
    }
    return *evaluator.network(best.id);
}

result<std::vector<drop_estimate>> drops_on(fused_network const& network, teacher_networks const& networks,
                                            tensor const& samples, std::vector<task_judge> const& judges) {
    auto const wanted = networks.run(samples);
    if (!wanted) {
        return wanted.error();
    }
    auto const given = network.run(samples);
    if (!given) {
        return given.error();
    }
    return estimate_drops(*given, *wanted, judges);
}

std::string why_nothing(fuse::search_progress const& p, bool was_stopped, network_evaluator const& evaluator) {
    std::string const separate = "; the separate networks are returned, as one file";
    if (p.evaluated + p.abandoned == 0) {
        std::string const why = evaluator.last_failure();
        return was_stopped
                   ? "the budget was too short, or the search was stopped, before one candidate was trained" + separate
               : why.empty() ? "nothing of these networks can be shared" + separate
                             : "no candidate could be trained: " + why + separate;
    }
    return "none of " + std::to_string(p.evaluated + p.abandoned) +
           " candidates keeps every task within the tolerated drop and is faster" + separate;
}

/// Where there are so few samples that no candidate can show that it keeps what is tolerated.
std::string too_few(fusion_data const& data, evaluator_settings const& settings) {
    drop_estimate const best{.standard_error = 1 / static_cast<double>(data.validation.rows())};
    if (best.upper_bound(settings.confidence) <= settings.tolerated_drop) {
        return "";
    }
    return "; " + std::to_string(data.validation.rows()) +
           " samples to choose by are too few to tell so small a drop: give more inputs, tolerate more, or ask for "
           "less confidence";
}

result<void> finish(fusion_report& report, teacher_networks const& networks, fusion_data const& data,
                    latency_settings latency) {
    struct part {
        tensor const& samples;
        std::vector<task_judge> const& judges;
        std::vector<drop_estimate>& to;
    };
    for (part const& each : {part{data.validation, data.validation_judges, report.validation},
                             part{data.confirmation, data.confirmation_judges, report.confirmation},
                             part{data.test, data.test_judges, report.test}}) {
        if (each.samples.empty()) {
            continue;
        }
        auto const drops = drops_on(report.network, networks, each.samples, each.judges);
        if (!drops) {
            return drops.error();
        }
        each.to = *drops;
    }
    for (bool const frozen : {true, false}) {
        latency.frozen = frozen;
        auto const measured = compare_latency(networks, report.network, latency);
        if (!measured) {
            return measured.error();
        }
        (frozen ? report.latency : report.latency_unfrozen) = *measured;
    }
    report.peak_memory = peak_memory();
    return {};
}

} // namespace

result<fusion_report> fuse_networks(teacher_networks const& networks, fusion_data const& data,
                                    fusion_settings const& settings) {
    bool was_stopped = false;
    network_evaluator* evaluating = nullptr;
    auto const go_on = [&] {
        bool const over = settings.budget != duration{} && evaluating != nullptr &&
                          evaluating->now().time_since_epoch() >= settings.budget;
        was_stopped = was_stopped || over || (settings.stop && settings.stop());
        return !was_stopped;
    };
    evaluator_settings evaluation = settings.evaluator;
    evaluation.weights = settings.folder;
    evaluation.tolerated_drop = settings.search.tolerated_drop;
    auto evaluator = network_evaluator::make(networks, data, evaluation, go_on);
    if (!evaluator) {
        return evaluator.error();
    }
    evaluating = &*evaluator;
    auto found = run_kind(networks, *evaluator, settings, go_on);
    if (!found) {
        return found.error();
    }
    // The search's best is the fastest that keeps what is tolerated; whether that is faster than nothing shared is
    // asked here, and once more below, by the measurement that is reported.
    bool const is_shared = found->best && found->best->latency < found->progress.curve.front().latency;
    auto separate = fused_network::build(networks, fuse::model_graph::forest(networks.teachers()), 0);
    auto network = is_shared ? network_of(*found->best, networks, *evaluator) : separate;
    if (!network || !separate) {
        return network ? separate.error() : network.error();
    }
    fusion_report report{
        .network = *network,
        .found = is_shared,
        .remark = is_shared ? "" : why_nothing(found->progress, was_stopped, *evaluator) + too_few(data, evaluation),
        .was_stopped = was_stopped,
        .candidates = std::move(found->candidates),
        .progress = std::move(found->progress),
        .training_memory = evaluator->largest_training()};
    if (auto const finished = finish(report, networks, data, evaluation.latency); !finished) {
        return finished.error();
    }
    if (report.found && report.latency.fused.lower_quartile >= report.latency.separate.lower_quartile) {
        report.network = *separate;
        report.found = false;
        report.remark = "what was found is not faster, measured once more; the separate networks are returned, as one "
                        "file";
        if (auto const finished = finish(report, networks, data, evaluation.latency); !finished) {
            return finished.error();
        }
    }
    return report;
}

result<fusion_preview> preview(teacher_networks const& networks, std::size_t count) {
    auto const timings = timings_of(networks);
    if (!timings) {
        return timings.error();
    }
    fuse::teacher_set const& teachers = networks.teachers();
    fuse::block_latency_model model;
    model.profile(teachers, *timings);
    auto const forest = fuse::model_graph::forest(teachers);
    fusion_preview made{.separate = model.latency(teachers, forest),
                        .mergeable = fuse::mergeable_nodes(teachers, forest).size()};
    fuse::every_mutation mutations = fuse::cost_first_policies().mutation;
    buffer<fuse::mutation> all;
    mutations.enumerate(teachers, forest, all);
    for (fuse::mutation const& each : all.items()) {
        if (auto const graph = mutations.apply(teachers, forest, each)) {
            ++made.sites;
            made.best.push_back({each, model.latency(teachers, *graph)});
        }
    }
    auto const faster = [](predicted_gain const& a, predicted_gain const& b) {
        return a.latency != b.latency             ? a.latency < b.latency
               : a.change.guest != b.change.guest ? a.change.guest < b.change.guest
                                                  : a.change.host < b.change.host;
    };
    std::sort(made.best.begin(), made.best.end(), faster);
    made.best.resize(std::min(count, made.best.size()));
    return made;
}

} // namespace hpcsched::fuse_torch

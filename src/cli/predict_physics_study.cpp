// SPDX-License-Identifier: Apache-2.0
#include "predict_physics_study.hpp"

#include <hpcsched/predict_bullet/agreement.hpp>
#include <hpcsched/predict_bullet/generate_scene.hpp>

#include "failure.hpp"
#include "interrupt.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <iterator>
#include <optional>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cli {

namespace {

using namespace predict_bullet;
using numbers = std::vector<double>;

/// Position, push direction, collision turn, properties, random force: the others change answers hardly.
constexpr std::array<std::size_t, 5> fitted_sources{0, 2, 4, 6, 7};

void end_if_interrupted(physics_progress const& progress) {
    if (progress.interrupted()) {
        throw failure{exit_code::interrupted, "interrupted; the tables above are whole"};
    }
}

std::vector<agreement_row> agree(std::span<recorded_scene const> scenes, std::span<plain_outcome const> plain) {
    std::vector<agreement_row> rows(family_count + 1);
    for (std::size_t n = 0; n < scenes.size(); ++n) {
        recorded_scene const& s = scenes[n];
        bool const told = s.seen.candidates.empty();
        bool const right = plain[n].says_yes() == s.contact;
        bool const possible = s.contact ? plain[n].touch > 0 : plain[n].touch < plain[n].of;
        for (std::size_t const row : {static_cast<std::size_t>(s.seen.kind), family_count}) {
            rows[row].all += 1;
            rows[row].right += right ? 1U : 0U;
            rows[row].told += told ? 1U : 0U;
            rows[row].told_right += told && right ? 1U : 0U;
            rows[row].possible += possible ? 1U : 0U;
        }
    }
    for (std::size_t f = 0; f < family_count; ++f) {
        rows[f].name = name_of(static_cast<family>(f));
    }
    rows.back().name = "all";
    std::erase_if(rows, [](agreement_row const& r) { return r.all == 0; });
    return rows;
}

numbers features_of(recorded_scene const& s) {
    numbers row = scene_features(s.seen);
    for (std::size_t f = 1; f < family_count; ++f) {
        row.push_back(static_cast<std::size_t>(s.seen.kind) == f ? 1 : 0);
    }
    return row;
}

std::optional<double> correlation_of(std::span<judged const> rows, numbers const& said) {
    numbers people;
    for (judged const& j : rows) {
        people.push_back(j.people);
    }
    return correlation(said, people);
}

/// Everything that the parts of the study share.
class study {
  public:
    study(std::span<recorded_scene const> scenes, physics_study_config const& config,
          predict_threads::thread_team& team, std::ostream& out, physics_progress& progress)
        : scenes_{scenes}, config_{config}, team_{team}, out_{out}, progress_{progress} {
        for (std::size_t n = 0; n < scenes.size(); ++n) {
            if (std::find(families_.begin(), families_.end(), scenes[n].seen.kind) == families_.end()) {
                families_.push_back(scenes[n].seen.kind);
            }
            if (scenes[n].people) {
                (is_for_fitting(scenes[n].stimulus) ? fitted_on_ : tested_).push_back(n);
            }
        }
        if (fitted_on_.size() < 2 || tested_.size() < 2) {
            throw failure{exit_code::bad_input, "the study needs people's answers to two scenes or more of each half; "
                                                "in which half a scene is, its name decides"};
        }
        std::sort(families_.begin(), families_.end());
    }

    physics_report run() {
        play_plainly();
        fit_row all{.name = "The shipped noise", .found = {.noise = config_.how.noise}};
        all.found.fit.response = fitted_response();
        if (config_.fit) {
            all = fit_on(families_, "Fitted on all families");
        }
        report_.fits.push_back(all);
        write(fit_text(all));
        judge(all.found);
        if (config_.generalise && families_.size() > 1) {
            go_to_other_families(all.found);
        }
        if (config_.generalise) {
            go_to_other_question(all.found.noise);
        }
        return std::move(report_);
    }

  private:
    void write(std::string const& text) {
        out_ << text;
        out_.flush();
        end_if_interrupted(progress_);
    }

    void play_plainly() {
        std::vector<scene> all;
        for (recorded_scene const& s : scenes_) {
            all.push_back(s.seen);
        }
        constexpr std::size_t block = 64;
        for (std::size_t from = 0; from < all.size(); from += block) {
            end_if_interrupted(progress_);
            progress_.tell("scenes without noise", from, all.size());
            auto const some = std::span{all}.subspan(from, std::min(block, all.size() - from));
            auto const played = play_scenes(some, config_.how.engine, team_);
            plain_.insert(plain_.end(), played.begin(), played.end());
        }
        report_.agreement = agree(scenes_, plain_);
        write(agreement_text(report_.agreement));
    }

    /// The noise under which people's answers to the fitting half are most likely, a number of scenes of each family.
    fit_row fit_on(std::vector<family> const& use, std::string name) {
        std::vector<scene> seen;
        std::vector<predict::observed_answers> observed;
        std::array<std::size_t, family_count> taken{};
        for (std::size_t const n : fitted_on_) {
            recorded_scene const& s = scenes_[n];
            auto const f = static_cast<std::size_t>(s.seen.kind);
            if (std::find(use.begin(), use.end(), s.seen.kind) == use.end() || taken[f] == config_.fit_scenes) {
                continue;
            }
            ++taken[f];
            seen.push_back(s.seen);
            observed.push_back({.yes = s.people->yes * s.people->count, .asked = s.people->count});
        }
        if (seen.empty()) {
            throw failure{exit_code::bad_input, "no scene of these families is in the half that is fitted on"};
        }
        auto found = fit_noise(seen, observed, fit_futures(), config_.how.noise, fitted_sources,
                               search_for(name + ", " + std::to_string(seen.size()) + " scenes"), team_);
        end_if_interrupted(progress_);
        return {.name = std::move(name),
                .found = or_fail(std::move(found), exit_code::failure),
                .sources = {fitted_sources.begin(), fitted_sources.end()}};
    }

    [[nodiscard]] forecast_config fit_futures() const {
        forecast_config how = config_.how;
        how.worlds = config_.fit_worlds;
        return how;
    }

    predict_fit::fit_config search_for(std::string what) {
        return {.evaluations = config_.evaluations,
                .global_share = 0,
                .floor = 0.02,
                .measure_errors = false,
                .progress = [this, what](std::size_t evaluations, double) {
                    progress_.tell(what, evaluations, config_.evaluations);
                    return !progress_.interrupted();
                }};
    }

    /// The shares of the futures that say yes, of some stimuli.
    numbers foresee(std::vector<std::size_t> const& which, noise_fit const& with) {
        std::vector<scene> seen;
        for (std::size_t const n : which) {
            seen.push_back(scenes_[n].seen);
        }
        forecast_config how = config_.how;
        how.noise = with.noise;
        numbers out;
        for (forecast const& f : forecast_all(seen, how, team_, progress_)) {
            out.push_back(f.touch.probability);
        }
        end_if_interrupted(progress_);
        return out;
    }

    void judge(noise_fit const& with) {
        std::vector<numbers> rows;
        numbers shares;
        for (std::size_t const n : fitted_on_) {
            rows.push_back(features_of(scenes_[n]));
            shares.push_back(scenes_[n].people->yes);
        }
        auto const features = or_fail(logistic_regression::fit(rows, shares), exit_code::failure);
        numbers const futures = foresee(tested_, with);
        for (std::size_t k = 0; k < tested_.size(); ++k) {
            recorded_scene const& s = scenes_[tested_[k]];
            report_.stimuli.push_back({.stimulus = s.stimulus,
                                       .kind = s.seen.kind,
                                       .people = s.people->yes,
                                       .count = s.people->count,
                                       .futures = futures[k],
                                       .model = with.fit.response.share(futures[k]),
                                       .noiseless = plain_[tested_[k]].share(),
                                       .features = features.share(features_of(s)),
                                       .contact = s.contact});
        }
        report_.comparison = compare(report_.stimuli);
        write(comparison_text(report_.comparison));
    }

    /// Every second family to the others, and the other way round: each stimulus is foreseen with a noise that was
    /// fitted without its family.
    void go_to_other_families(noise_fit const& here) {
        std::array<std::vector<family>, 2> halves;
        for (std::size_t n = 0; n < families_.size(); ++n) {
            halves[n % 2].push_back(families_[n]);
        }
        std::vector<judged> rows;
        numbers at_home;
        numbers abroad;
        for (std::size_t h = 0; h < 2; ++h) {
            std::string names;
            for (family const f : halves[h]) {
                names += (names.empty() ? "" : ", ") + std::string{name_of(f)};
            }
            fit_row const fit = config_.fit ? fit_on(halves[h], "Fitted on " + names)
                                            : fit_row{.name = "The shipped noise", .found = here};
            report_.fits.push_back(fit);
            write(fit_text(fit));
            std::vector<std::size_t> others;
            std::vector<judged> there;
            numbers before;
            for (std::size_t k = 0; k < tested_.size(); ++k) {
                family const kind = scenes_[tested_[k]].seen.kind;
                if (std::find(halves[h].begin(), halves[h].end(), kind) == halves[h].end()) {
                    others.push_back(tested_[k]);
                    there.push_back(report_.stimuli[k]);
                    before.push_back(report_.stimuli[k].model);
                }
            }
            numbers const said = foresee(others, fit.found);
            report_.families.push_back(
                {"from " + names, others.size(), correlation_of(there, before), correlation_of(there, said)});
            rows.insert(rows.end(), there.begin(), there.end());
            at_home.insert(at_home.end(), before.begin(), before.end());
            abroad.insert(abroad.end(), said.begin(), said.end());
        }
        report_.families.push_back(
            {"all, each from the others", rows.size(), correlation_of(rows, at_home), correlation_of(rows, abroad)});
        write(transfer_text("From some families to the others:", report_.families));
    }

    /// An observer with known noise answers both questions about generated scenes.
    void go_to_other_question(physics_noise const& truth) {
        constexpr std::array quick{family::collide, family::dominoes, family::drop, family::roll, family::support};
        std::vector<scene> made;
        for (family const f : quick) {
            for (std::uint64_t n = 0; n < config_.made_scenes; ++n) {
                made.push_back(or_fail(generate_scene(f, config_.how.seed + 1000 + n), exit_code::failure));
            }
        }
        forecast_config observer = config_.how;
        observer.noise = truth;
        observer.worlds = 100;
        observer.seed = config_.how.seed + 1; // draws of its own
        auto const said = forecast_all(made, observer, team_, progress_);
        end_if_interrupted(progress_);
        std::vector<predict::observed_answers> whether;
        std::vector<observed_places> where;
        for (forecast const& f : said) {
            whether.push_back(
                {.yes = static_cast<double>(f.touch.yes), .asked = static_cast<double>(f.touch.yes + f.touch.no)});
            where.push_back(observe_places(f));
        }
        physics_noise start = truth;
        for (std::size_t const source : fitted_sources) {
            start.spread[source] *= 2;
        }
        auto by_whether = fit_noise(made, whether, fit_futures(), start, fitted_sources,
                                    search_for("fit to whether they touch, generated scenes"), team_);
        end_if_interrupted(progress_);
        auto by_where = fit_noise_to_places(made, where, fit_futures(), start, fitted_sources,
                                            search_for("fit to where they touch, generated scenes"), team_);
        end_if_interrupted(progress_);
        std::array<physics_noise, 2> const noises{or_fail(std::move(by_whether), exit_code::failure).noise,
                                                  or_fail(std::move(by_where), exit_code::failure).noise};
        compare_questions(made, said, noises);
    }

    /// \param noises  fitted to whether, and to where
    void compare_questions(std::span<scene const> made, std::span<forecast const> said,
                           std::array<physics_noise, 2> const& noises) {
        std::array<std::optional<double>, 2> whether;
        std::array<std::optional<double>, 2> where;
        std::size_t places = 0;
        for (std::size_t k = 0; k < 2; ++k) {
            forecast_config how = config_.how;
            how.noise = noises[k];
            auto const foreseen = forecast_all(made, how, team_, progress_);
            end_if_interrupted(progress_);
            std::array<numbers, 2> yes;
            std::array<numbers, 2> at;
            for (std::size_t n = 0; n < made.size(); ++n) {
                yes[0].push_back(said[n].touch.probability);
                yes[1].push_back(foreseen[n].touch.probability);
                if (!said[n].where || !foreseen[n].where) {
                    continue;
                }
                vector3 const zone = made[n].bodies[made[n].zone].position; // else it tells where zones are
                for (std::size_t axis = 0; axis < 2; ++axis) {
                    double const middle = axis == 0 ? zone.x : zone.z;
                    at[0].push_back(said[n].where->mean[axis] - middle);
                    at[1].push_back(foreseen[n].where->mean[axis] - middle);
                }
            }
            whether[k] = correlation(yes[0], yes[1]);
            where[k] = correlation(at[0], at[1]);
            places = at[0].size();
        }
        report_.questions = {{"whether; elsewhere: by where", made.size(), whether[0], whether[1]},
                             {"where; elsewhere: by whether", places, where[1], where[0]}};
        write(transfer_text("From one question to the other, generated scenes, an observer with known noise:",
                            report_.questions));
    }

    std::span<recorded_scene const> scenes_;
    physics_study_config const& config_;
    predict_threads::thread_team& team_;
    std::ostream& out_;
    physics_progress& progress_;
    std::vector<std::size_t> fitted_on_;
    std::vector<std::size_t> tested_;
    std::vector<family> families_;
    std::vector<plain_outcome> plain_;
    physics_report report_;
};

} // namespace

physics_progress::physics_progress(std::ostream& out) : out_{out}, interrupted_{catch_interrupts()} {}

void physics_progress::tell(std::string_view what, std::size_t done, std::size_t of) {
    auto const now = clock::now();
    if (now < next_) {
        return;
    }
    next_ = now + std::chrono::seconds{2};
    out_ << "hpcsched: " << what << ": " << done << " of " << of << std::endl;
}

void physics_progress::say(std::string_view line) {
    out_ << "hpcsched: " << line << std::endl;
}

std::vector<forecast> forecast_all(std::span<scene const> scenes, forecast_config const& how,
                                   predict_threads::thread_team& team, physics_progress& progress) {
    std::size_t const block = 4 * team.worker_count();
    std::vector<forecast> out;
    for (std::size_t from = 0; from < scenes.size() && !progress.interrupted(); from += block) {
        progress.tell("scenes foreseen", from, scenes.size());
        auto const some = forecast_scenes(scenes.subspan(from, std::min(block, scenes.size() - from)), how, team);
        out.insert(out.end(), some.begin(), some.end());
    }
    return out;
}

physics_report physics_study(std::span<recorded_scene const> scenes, physics_study_config const& config,
                             predict_threads::thread_team& team, std::ostream& out, physics_progress& progress) {
    return study{scenes, config, team, out, progress}.run();
}

} // namespace hpcsched::cli

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_SESSION_SAMPLER_HPP
#define HPCSCHED_WORKLOAD_DETAIL_SESSION_SAMPLER_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/notebook_generator_config.hpp>

#include <boost/random/uniform_01.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::workload::detail {

/// Draws whole sessions, each from a stream of its own.
///
/// What a session is like as a whole is drawn from shares that the sessions take one after another, so that a few
/// hundred sessions have the percentiles of their tables already: a tenth of the sessions has nine tenths of the
/// cells, and with independent draws chance would decide how many cells there are. The shares are those of an additive
/// recurrence in four dimensions, which fills them evenly: its steps are the powers of 1/g where g^5 = g + 1.
class session_sampler {
  public:
    /// \pre config is valid
    explicit session_sampler(notebook_generator_config const& config)
        : profile_{config.sessions}, seeds_{config.seed, "notebooks"}, length_{config.length},
          length_min_{to_minutes(config.length)},
          cells_factor_{to_minutes(config.length) / to_minutes(config.sessions.cells_in)} {
        random_stream bits = seeds_.split("shares");
        std::generate(first_shares_.begin(), first_shares_.end(), [&bits] { return uniform(bits); });
    }

    /// Appends the cells of a session.
    /// \complexity O(cells of the session)
    void sample(std::uint32_t session, std::vector<notebook_cell>& out) {
        random_stream bits = seeds_.split(std::to_string(session));
        double const cells = profile_.cells.quantile(share(of_cells, session));
        double const busy = share(of_busy, session);
        bool const has_few = cells < profile_.few_cells - 0.5; // rounded, whatever the length of the trace
        double const count = std::floor(cells * cells_factor_ + 0.5);
        draw_cells(static_cast<std::size_t>(std::max(count, 1.0)), busy, bits);
        std::uint32_t const gpus = gpus_of(share(of_gpus, session), has_few, bits);
        if (runs_.size() > 1 || !has_few) {
            quantile_table const& lives = has_few ? profile_.few_cells_life : profile_.life;
            stretch(lives.quantile(share(of_life, session)) * length_min_, profile_.busy.quantile(busy), bits);
        } else if (uniform(bits) < profile_.lone_long_run) {
            runs_.front() = std::min(profile_.long_run.draw(bits), length_min_);
        }
        double const slack = length_min_ - sum(runs_) - sum(gaps_);
        append(session, gpus, std::max(slack, 0.0) * uniform(bits), out);
    }

  private:
    enum shared_draw : std::uint8_t { of_cells, of_life, of_busy, of_gpus, shared_draw_count };

    static constexpr std::array<double, shared_draw_count> steps{0.8566748838545029, 0.7338918566271260,
                                                                 0.6287067210378086, 0.5385972572236101};
    static constexpr double minutes_of_long_run = 60;
    static constexpr double shortest_run = 2;

    [[nodiscard]] static double to_minutes(duration length) noexcept { return to_seconds(length) / 60; }
    [[nodiscard]] static double uniform(random_stream& bits) { return boost::random::uniform_01<double>{}(bits); }
    [[nodiscard]] static double sum(std::vector<double> const& values) noexcept {
        return std::accumulate(values.begin(), values.end(), 0.0);
    }

    [[nodiscard]] double share(shared_draw which, std::uint32_t session) const noexcept {
        double const all = first_shares_[which] + steps[which] * session;
        return all - std::floor(all);
    }

    [[nodiscard]] std::uint32_t gpus_of(double share, bool has_few_cells, random_stream& bits) const {
        bool const is_single = uniform(bits) < profile_.few_cells_single && has_few_cells;
        if (is_single) {
            return 1;
        }
        double weights = 0;
        for (gpu_share const& g : profile_.gpus) {
            weights += g.weight;
        }
        double left = share * weights;
        for (gpu_share const& g : profile_.gpus) {
            left -= g.weight;
            if (left < 0) {
                return g.gpus;
            }
        }
        return profile_.gpus.back().gpus;
    }

    /// Draws which cells are trials, and their runs and gaps as they are before any is lengthened.
    /// \param busy  the share of the sessions that are less busy
    void draw_cells(std::size_t count, double busy, random_stream& bits) {
        bool const is_by_busy = uniform(bits) < 0.5;
        double const own = uniform(bits);
        double const trials = profile_.trials.quantile(is_by_busy ? 1 - busy : own);
        is_trial_.resize(count);
        runs_.resize(count);
        gaps_.resize(count - 1);
        for (std::size_t i = 0; i < count; ++i) {
            is_trial_[i] = uniform(bits) < trials;
            runs_[i] = (is_trial_[i] ? profile_.trial_run : profile_.run).draw(bits);
        }
        std::generate(gaps_.begin(), gaps_.end(), [&] { return profile_.gap.draw(bits); });
    }

    /// Lengthens some runs and gaps so that the session lives for so many minutes and computes for that share of them.
    void stretch(double life, double busy, random_stream& bits) {
        shorten_runs(busy * life);
        double const computing = busy * life - sum(runs_);
        double const long_runs = std::min(rounded(profile_.long_runs, profile_.long_runs_max, bits),
                                          std::floor(computing / minutes_of_long_run));
        chosen_.clear();
        for (std::size_t i = 0; i < runs_.size(); ++i) {
            if (!is_trial_[i]) {
                chosen_.push_back(i);
            }
        }
        lengthen(runs_, computing, long_runs, profile_.long_run, bits);
        double const away = life - sum(runs_) - sum(gaps_);
        chosen_.clear();
        lengthen(gaps_, away, rounded(profile_.absences, profile_.absences_max, bits), profile_.absence, bits);
    }

    /// Where the runs add up to more than the session computes, those that are no trials become shorter, within bounds.
    void shorten_runs(double computing) {
        double trials = 0;
        double others = 0;
        for (std::size_t i = 0; i < runs_.size(); ++i) {
            (is_trial_[i] ? trials : others) += runs_[i];
        }
        if (!(trials + others > computing) || others == 0) {
            return;
        }
        double const factor = std::max((computing - trials) / others, profile_.shortest_runs);
        for (std::size_t i = 0; i < runs_.size(); ++i) {
            if (!is_trial_[i]) {
                runs_[i] = std::max(runs_[i] * factor, std::min(runs_[i], shortest_run));
            }
        }
    }

    /// `factor` times the square root of the number of cells, rounded up or down by chance so that the mean is right.
    [[nodiscard]] double rounded(double factor, double largest, random_stream& bits) const {
        double const exact = std::min(factor * std::sqrt(static_cast<double>(runs_.size())), largest);
        return std::floor(exact + uniform(bits));
    }

    /// Divides what is missing among `count` of the values, at least one, which are chosen by chance among those whose
    /// positions are in `chosen_`, or among all where that is empty.
    void lengthen(std::vector<double>& values, double missing, double count, quantile_table const& weights,
                  random_stream& bits) {
        if (!(missing > 0) || values.empty()) {
            return;
        }
        if (chosen_.empty()) {
            chosen_.resize(values.size());
            std::iota(chosen_.begin(), chosen_.end(), std::size_t{0});
        }
        weights_.resize(static_cast<std::size_t>(std::clamp(count, 1.0, static_cast<double>(chosen_.size()))));
        std::generate(weights_.begin(), weights_.end(), [&] { return weights.draw(bits); });
        double const all = sum(weights_);
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            auto const rest = static_cast<double>(chosen_.size() - i);
            std::swap(chosen_[i], chosen_[i + static_cast<std::size_t>(uniform(bits) * rest)]);
            values[chosen_[i]] += missing * weights_[i] / all;
        }
    }

    void append(std::uint32_t session, std::uint32_t gpus, double start_min, std::vector<notebook_cell>& out) const {
        time_point at{from_seconds(start_min * 60)};
        for (std::size_t i = 0; i < runs_.size() && at.time_since_epoch() < length_; ++i) {
            duration const run = std::max(from_seconds(runs_[i] * 60), duration{1});
            out.push_back({at, {session}, run, is_trial_[i] ? 1U : gpus});
            at += run;
            if (i < gaps_.size()) {
                at += std::max(from_seconds(gaps_[i] * 60), duration{1});
            }
        }
    }

    notebook_profile profile_;
    random_stream seeds_;
    std::array<double, shared_draw_count> first_shares_{};
    duration length_;
    double length_min_;
    double cells_factor_;
    std::vector<bool> is_trial_; // the cells of one session
    std::vector<double> runs_;   // of these, in minutes
    std::vector<double> gaps_;   // between them
    std::vector<std::size_t> chosen_;
    std::vector<double> weights_;
};

} // namespace hpcsched::workload::detail

#endif

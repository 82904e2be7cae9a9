// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_TALLY_HPP
#define HPCSCHED_PREDICT_TALLY_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/predict/answer.hpp>
#include <hpcsched/predict/confidence.hpp>
#include <hpcsched/predict/precision.hpp>
#include <hpcsched/predict/question.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hpcsched::predict {

/// Sums up outcomes of one kind, in the order of the worlds, into an answer.
///
/// `add(outcome)`, `add_unknown()`, `enough(precision)` and `answer(error)`; `add` says whether the outcome could be
/// counted: a number that is not finite cannot.
template <class Outcome>
class tally;

template <>
class tally<bool> {
  public:
    using answer_type = probability_answer;

    bool add(bool yes) noexcept {
        at_least_.add(yes);
        at_most_.add(yes);
        (yes ? yes_ : no_) += 1;
        return true;
    }
    void add_unknown() noexcept {
        at_least_.add(false);
        at_most_.add(true);
        ++unknown_;
    }
    [[nodiscard]] bool enough(precision const& p) const noexcept {
        return narrow_enough(p, within(p.error), probability());
    }
    [[nodiscard]] std::uint64_t known() const noexcept { return yes_ + no_; }
    [[nodiscard]] probability_answer answer(double error) const noexcept {
        return {.probability = probability(), .within = within(error), .yes = yes_, .no = no_, .unknown = unknown_};
    }

  private:
    [[nodiscard]] double probability() const noexcept {
        return known() == 0 ? 0 : static_cast<double>(yes_) / static_cast<double>(known());
    }
    /// What is not known may have been a no, which lowers the low end, or a yes, which raises the high one.
    [[nodiscard]] interval within(double error) const noexcept {
        return {at_least_.within(error).low, at_most_.within(error).high};
    }

    probability_sequence at_least_; ///< all that is unknown counted as no
    probability_sequence at_most_;  ///< all that is unknown counted as yes
    std::uint64_t yes_ = 0;
    std::uint64_t no_ = 0;
    std::uint64_t unknown_ = 0;
};

namespace detail {

[[nodiscard]] inline double as_number(double value) noexcept {
    return value;
}
[[nodiscard]] inline double as_number(duration value) noexcept {
    return to_seconds(value);
}
template <class Value>
[[nodiscard]] Value from_number(double number) noexcept {
    if constexpr (std::same_as<Value, duration>) {
        return from_seconds(number);
    } else {
        return number;
    }
}

/// Numbers, and times as numbers of seconds.
template <class Value, class Answer>
class number_tally {
  public:
    using answer_type = Answer;

    bool add(Value value) {
        if (!std::isfinite(as_number(value))) {
            return false;
        }
        sequence_.add(as_number(value));
        values_.push_back(value);
        return true;
    }
    void add_unknown() noexcept { ++unknown_; }
    [[nodiscard]] bool enough(precision const& p) const noexcept {
        return narrow_enough(p, sequence_.within(p.error), sequence_.mean());
    }
    [[nodiscard]] std::uint64_t known() const noexcept { return sequence_.count(); }
    [[nodiscard]] Answer answer(double error) const {
        Answer a{.mean = from_number<Value>(sequence_.mean()),
                 .within = sequence_.within(error),
                 .standard_deviation = from_number<Value>(sequence_.standard_deviation()),
                 .sorted = values_,
                 .unknown = unknown_};
        std::sort(a.sorted.begin(), a.sorted.end());
        return a;
    }

  private:
    mean_sequence sequence_;
    std::vector<Value> values_;
    std::uint64_t unknown_ = 0;
};

} // namespace detail

template <>
class tally<double> : public detail::number_tally<double, number_answer> {};
template <>
class tally<duration> : public detail::number_tally<duration, time_answer> {};

template <std::size_t Dimensions>
class tally<place<Dimensions>> {
  public:
    using answer_type = place_answer<Dimensions>;

    bool add(place<Dimensions> const& where) {
        if (!std::all_of(where.begin(), where.end(), [](double x) { return std::isfinite(x); })) {
            return false;
        }
        for (std::size_t d = 0; d < Dimensions; ++d) {
            axes_[d].add(where[d]);
        }
        places_.push_back(where);
        return true;
    }
    void add_unknown() noexcept { ++unknown_; }
    /// Enough when each axis is; `against` has no meaning for a place.
    [[nodiscard]] bool enough(precision p) const noexcept {
        p.against.reset();
        double const error = p.error / static_cast<double>(Dimensions);
        return std::all_of(axes_.begin(), axes_.end(),
                           [&](mean_sequence const& a) { return narrow_enough(p, a.within(error), a.mean()); });
    }
    [[nodiscard]] std::uint64_t known() const noexcept { return places_.size(); }
    [[nodiscard]] place_answer<Dimensions> answer(double error) const {
        place_answer<Dimensions> a{.all = places_, .unknown = unknown_};
        for (std::size_t d = 0; d < Dimensions; ++d) {
            a.mean[d] = axes_[d].mean();
            a.within[d] = axes_[d].within(error / static_cast<double>(Dimensions));
        }
        for (std::size_t i = 0; places_.size() > 1 && i < Dimensions; ++i) {
            for (std::size_t j = 0; j < Dimensions; ++j) {
                double sum = 0;
                for (place<Dimensions> const& p : places_) {
                    sum += (p[i] - a.mean[i]) * (p[j] - a.mean[j]);
                }
                a.covariance[i][j] = sum / static_cast<double>(places_.size() - 1);
            }
        }
        return a;
    }

  private:
    std::array<mean_sequence, Dimensions> axes_;
    std::vector<place<Dimensions>> places_;
    std::uint64_t unknown_ = 0;
};

/// Precise enough when the probability that it happens is; what then happens is told as precisely as that brings.
template <class Outcome>
class tally<std::optional<Outcome>> {
  public:
    using answer_type = conditional_answer<typename tally<Outcome>::answer_type>;

    bool add(std::optional<Outcome> const& what) {
        if (what && !then_.add(*what)) {
            return false;
        }
        happens_.add(what.has_value());
        return true;
    }
    void add_unknown() noexcept { happens_.add_unknown(); }
    [[nodiscard]] bool enough(precision const& p) const noexcept { return happens_.enough(p); }
    [[nodiscard]] std::uint64_t known() const noexcept { return happens_.known(); }
    [[nodiscard]] answer_type answer(double error) const {
        answer_type a{.happens = happens_.answer(error), .then = std::nullopt};
        if (then_.known() > 0) {
            a.then = then_.answer(error);
        }
        return a;
    }

  private:
    tally<bool> happens_;
    tally<Outcome> then_;
};

} // namespace hpcsched::predict

#endif

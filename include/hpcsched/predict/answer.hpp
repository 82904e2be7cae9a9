// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_ANSWER_HPP
#define HPCSCHED_PREDICT_ANSWER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/predict/confidence.hpp>
#include <hpcsched/predict/question.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hpcsched::predict {

/// How likely a yes is.
struct probability_answer {
    double probability = 0; ///< share of yes among the worlds that came to an outcome
    interval within{0, 1};  ///< whatever the worlds without an outcome would have said
    std::uint64_t yes = 0;
    std::uint64_t no = 0;
    std::uint64_t unknown = 0; ///< worlds that diverged or were cut short
};

/// How much, over the worlds that came to an outcome.
struct number_answer {
    double mean = 0;
    interval within{};
    double standard_deviation = 0;
    std::vector<double> sorted{}; ///< all outcomes, ascending; for `percentile` of core/percentiles.hpp
    std::uint64_t unknown = 0;
};

/// How long; see number_answer.
struct time_answer {
    duration mean{};
    interval within{}; ///< of the mean, in seconds
    duration standard_deviation{};
    std::vector<duration> sorted{};
    std::uint64_t unknown = 0;
};

/// Where, over the worlds that came to an outcome.
template <std::size_t Dimensions>
struct place_answer {
    place<Dimensions> mean{};
    std::array<interval, Dimensions> within{}; ///< of the mean; the error is shared out among the dimensions
    std::array<place<Dimensions>, Dimensions> covariance{};
    std::vector<place<Dimensions>> all{}; ///< in the order of the worlds
    std::uint64_t unknown = 0;
};

/// Whether it comes about, and if so, what.
template <class Answer>
struct conditional_answer {
    probability_answer happens;
    std::optional<Answer> then; ///< empty where it never did
};

} // namespace hpcsched::predict

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_FIT_FIT_HPP
#define HPCSCHED_PREDICT_FIT_FIT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict/response.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::predict_fit {

/// A number that is looked for, such as the spread of one source of noise.
struct parameter {
    std::string name{};
    double low = 0;
    double high = 1;
    double start = 0.5;
    bool logarithmic = false; ///< searched by ratios; `low` must be above 0
};

/// What a model with these values says of each question: probabilities of a yes, in [0, 1].
///
/// It should draw the same random numbers for all values, so that close values give close answers.
using model = std::function<std::vector<double>(std::span<double const> values)>;

struct fit_config {
    std::size_t evaluations = 200; ///< of the model, at most; the errors of the fit take 2 n^2 + 1 more
    std::size_t global_share = 3;  ///< one of that many goes to a search of the whole box before the local one; 0: none
    double floor = 1e-3;           ///< see predict::log_likelihood
    bool fit_response = true;      ///< else no lapses
    double lapse_max = 0.5;
    bool measure_errors = true; ///< else the errors of the fit are left infinite, which saves their evaluations
    std::function<bool(std::size_t evaluations, double log_likelihood)>
        progress{}; ///< false: stop with the best so far
};

/// The most likely values.
struct fitted {
    std::vector<double> values{}; ///< in the order of the parameters
    std::vector<double>
        standard_errors{}; ///< of the values, by the curvature of the likelihood; infinite where it has none
    predict::response_model response{};
    double log_likelihood = 0;
    std::size_t evaluations = 0;
    std::vector<double> probabilities{}; ///< what the fitted model says of each question, before the response
};

/// Looks for the values under which the observed answers are most likely.
///
/// First DIRECT-L over the box, then Subplex from the best of its points and from `start`; the response's lapse and
/// bias are found anew for each set of values, which costs nothing beside the simulations.
/// \error parameters that make no box, answers that are not counts, a model that does not answer every question
/// \complexity `evaluations` calls of the model
/// \source Gablonsky, Kelley 2001 (DIRECT-L); Rowan 1990 (Subplex); both as NLopt has them
[[nodiscard]] result<fitted> fit(std::span<parameter const> parameters, model const& shares,
                                 std::span<predict::observed_answers const> observed, fit_config const& config = {});

/// The response under which given probabilities explain the answers best.
[[nodiscard]] predict::response_model fit_response(std::span<double const> probabilities,
                                                   std::span<predict::observed_answers const> observed,
                                                   double floor = 1e-3, double lapse_max = 0.5);

} // namespace hpcsched::predict_fit

#endif

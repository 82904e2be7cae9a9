// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_fit/fit.hpp>

#include <Eigen/Dense>

#include <nlopt.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::predict_fit {

namespace {

/// Where the search moves: every parameter from 0 to 1.
class unit_box {
  public:
    explicit unit_box(std::span<parameter const> parameters) : parameters_{parameters} {}

    [[nodiscard]] double value(std::size_t n, double u) const {
        parameter const& p = parameters_[n];
        return p.logarithmic ? p.low * std::pow(p.high / p.low, u) : p.low + (p.high - p.low) * u;
    }
    [[nodiscard]] double unit(std::size_t n, double value) const {
        parameter const& p = parameters_[n];
        return p.logarithmic ? std::log(value / p.low) / std::log(p.high / p.low) : (value - p.low) / (p.high - p.low);
    }
    /// How much the value changes with its place in the box.
    [[nodiscard]] double slope(std::size_t n, double u) const {
        parameter const& p = parameters_[n];
        return p.logarithmic ? value(n, u) * std::log(p.high / p.low) : p.high - p.low;
    }
    [[nodiscard]] std::vector<double> values(std::vector<double> const& units) const {
        std::vector<double> out(units.size());
        for (std::size_t n = 0; n < units.size(); ++n) {
            out[n] = value(n, std::clamp(units[n], 0.0, 1.0));
        }
        return out;
    }
    [[nodiscard]] std::vector<double> start() const {
        std::vector<double> out(parameters_.size());
        for (std::size_t n = 0; n < out.size(); ++n) {
            out[n] = unit(n, parameters_[n].start);
        }
        return out;
    }

  private:
    std::span<parameter const> parameters_;
};

std::optional<error> wrong_parameter(parameter const& p) {
    if (!(p.low < p.high) || !std::isfinite(p.low) || !std::isfinite(p.high)) {
        return error{"fit: parameter " + p.name + " needs low below high, both finite"};
    }
    if (!(p.start >= p.low && p.start <= p.high)) {
        return error{"fit: parameter " + p.name + " must start between its low and its high"};
    }
    if (p.logarithmic && p.low <= 0) {
        return error{"fit: parameter " + p.name + " is searched by ratios, so its low must be above 0"};
    }
    return std::nullopt;
}

/// The search's state: what was tried, the best of it, and whether to go on.
class search {
  public:
    search(unit_box const& box, model const& shares, std::span<predict::observed_answers const> observed,
           fit_config const& config)
        : box_{box}, shares_{shares}, observed_{observed}, config_{config} {
        best_.log_likelihood = -std::numeric_limits<double>::infinity();
    }

    /// The likelihood at a place of the box, the best response included.
    double at(std::vector<double> const& units) {
        std::vector<double> values = box_.values(units);
        std::vector<double> probabilities = shares_(values);
        ++best_.evaluations;
        if (probabilities.size() != observed_.size()) {
            failure_ = error{"fit: the model answered " + std::to_string(probabilities.size()) + " questions of " +
                             std::to_string(observed_.size())};
            throw nlopt::forced_stop{};
        }
        for (double& p : probabilities) {
            p = std::isfinite(p) ? std::clamp(p, 0.0, 1.0) : 0.5;
        }
        predict::response_model const response =
            config_.fit_response ? fit_response(probabilities, observed_, config_.floor, config_.lapse_max)
                                 : predict::response_model{};
        double const likelihood = predict::log_likelihood(probabilities, observed_, response, config_.floor);
        if (likelihood > best_.log_likelihood) {
            best_.log_likelihood = likelihood;
            best_.values = std::move(values);
            best_.response = response;
            best_.probabilities = std::move(probabilities);
            best_units_ = units;
        }
        if (config_.progress && !config_.progress(best_.evaluations, best_.log_likelihood)) {
            stopped_ = true;
            throw nlopt::forced_stop{};
        }
        return likelihood;
    }

    void look(nlopt::algorithm how, std::vector<double> from, std::size_t evaluations) {
        if (failure_ || stopped_ || evaluations == 0) {
            return;
        }
        nlopt::opt optimizer{how, static_cast<unsigned>(from.size())};
        optimizer.set_lower_bounds(0);
        optimizer.set_upper_bounds(1);
        optimizer.set_maxeval(static_cast<int>(evaluations));
        optimizer.set_xtol_abs(1e-4);
        optimizer.set_initial_step(std::vector<double>(from.size(), 0.15));
        optimizer.set_max_objective([](std::vector<double> const& x, std::vector<double>&,
                                       void* self) { return static_cast<search*>(self)->at(x); },
                                    this);
        double value = 0;
        try {
            optimizer.optimize(from, value);
        } catch (nlopt::forced_stop const&) {      // said so itself
        } catch (nlopt::roundoff_limited const&) { // as close as numbers allow
        }
    }

    /// The curvature of the likelihood around the best, by differences wide enough to see past the grain of counted
    /// worlds.
    void measure_errors(bool wanted) {
        std::size_t const n = best_units_.size();
        best_.standard_errors.assign(n, std::numeric_limits<double>::infinity());
        if (!wanted || failure_ || stopped_) {
            return;
        }
        std::vector<double> const centre = best_units_;
        constexpr double h = 0.05;
        std::vector<double> middle = centre; // moved inwards, so that all differences stay in the box
        for (double& u : middle) {
            u = std::clamp(u, 2 * h, 1 - 2 * h);
        }
        auto const probe = [&](std::size_t i, double di, std::size_t j, double dj) {
            std::vector<double> x = middle;
            x[i] += di;
            x[j] += dj;
            return at(x);
        };
        Eigen::MatrixXd information(n, n);
        try {
            double const level = at(middle);
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t j = 0; j <= i; ++j) {
                    double const bend =
                        i == j ? probe(i, 2 * h, i, 0) - 2 * level + probe(i, -2 * h, i, 0)
                               : probe(i, h, j, h) - probe(i, h, j, -h) - probe(i, -h, j, h) + probe(i, -h, j, -h);
                    auto const row = static_cast<Eigen::Index>(i);
                    auto const column = static_cast<Eigen::Index>(j);
                    information(row, column) = information(column, row) = -bend / (4 * h * h);
                }
            }
        } catch (nlopt::forced_stop const&) {
            return;
        }
        Eigen::LLT<Eigen::MatrixXd> const root{information};
        if (root.info() != Eigen::Success) {
            return;
        }
        Eigen::MatrixXd const covariance =
            root.solve(Eigen::MatrixXd::Identity(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n)));
        for (std::size_t i = 0; i < n; ++i) {
            auto const at = static_cast<Eigen::Index>(i);
            best_.standard_errors[i] = std::sqrt(covariance(at, at)) * box_.slope(i, centre[i]);
        }
    }

    [[nodiscard]] std::vector<double> const& best_units() const { return best_units_; }
    [[nodiscard]] std::optional<error> const& failure() const { return failure_; }
    [[nodiscard]] fitted take() { return std::move(best_); }
    [[nodiscard]] std::size_t evaluations() const { return best_.evaluations; }

  private:
    unit_box const& box_;
    model const& shares_;
    std::span<predict::observed_answers const> observed_;
    fit_config const& config_;
    fitted best_;
    std::vector<double> best_units_;
    std::optional<error> failure_;
    bool stopped_ = false;
};

} // namespace

predict::response_model fit_response(std::span<double const> probabilities,
                                     std::span<predict::observed_answers const> observed, double floor,
                                     double lapse_max) {
    struct question {
        std::span<double const> probabilities;
        std::span<predict::observed_answers const> observed;
        double floor;
    } asked{probabilities, observed, floor};
    nlopt::opt optimizer{nlopt::LN_BOBYQA, 2};
    optimizer.set_lower_bounds(std::vector<double>{0, 0});
    optimizer.set_upper_bounds(std::vector<double>{lapse_max, 1});
    optimizer.set_maxeval(120);
    optimizer.set_xtol_abs(1e-4);
    optimizer.set_max_objective(
        [](std::vector<double> const& x, std::vector<double>&, void* what) {
            auto const& q = *static_cast<question const*>(what);
            return predict::log_likelihood(q.probabilities, q.observed, {.lapse = x[0], .bias = x[1]}, q.floor);
        },
        &asked);
    std::vector<double> x{0.05 * lapse_max, 0.5};
    double value = 0;
    try {
        optimizer.optimize(x, value);
    } catch (nlopt::roundoff_limited const&) { // as close as numbers allow
    }
    return {.lapse = x[0], .bias = x[1]};
}

result<fitted> fit(std::span<parameter const> parameters, model const& shares,
                   std::span<predict::observed_answers const> observed, fit_config const& config) {
    if (parameters.empty() || observed.empty()) {
        return error{"fit: there must be a parameter to fit and an answer to fit it to"};
    }
    for (parameter const& p : parameters) {
        if (auto wrong = wrong_parameter(p)) {
            return *wrong;
        }
    }
    for (predict::observed_answers const& o : observed) {
        if (!(o.asked >= 0 && o.yes >= 0 && o.yes <= o.asked && std::isfinite(o.asked))) {
            return error{"fit: of those asked, between none and all can have said yes"};
        }
    }
    unit_box const box{parameters};
    search looking{box, shares, observed, config};
    std::size_t const global = config.global_share == 0 ? 0 : config.evaluations / config.global_share;
    try {
        looking.at(box.start());
        looking.look(nlopt::GN_DIRECT_L, box.start(), global);
        looking.look(nlopt::LN_SBPLX, looking.best_units(), config.evaluations - std::min(config.evaluations, global));
    } catch (nlopt::forced_stop const&) { // the model answered wrongly at the start, or the caller stopped it
    }
    if (looking.failure()) {
        return *looking.failure();
    }
    looking.measure_errors(config.measure_errors);
    return looking.take();
}

} // namespace hpcsched::predict_fit

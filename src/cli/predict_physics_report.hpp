// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_PREDICT_PHYSICS_REPORT_HPP
#define HPCSCHED_CLI_PREDICT_PHYSICS_REPORT_HPP

#include <hpcsched/predict/confidence.hpp>
#include <hpcsched/predict_bullet/forecast.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::cli {

/// How often the engine without noise ends as the film did.
struct agreement_row {
    std::string name{};
    std::size_t all = 0;
    std::size_t right = 0;
    std::size_t told = 0; ///< scenes whose file says which body is the target
    std::size_t told_right = 0;
    std::size_t possible = 0; ///< scenes in which at least one body that may be the target does what the target did
};

/// What is said of one stimulus, and what people said. Shares of yes.
struct judged {
    std::string stimulus{};
    predict_bullet::family kind{};
    double people = 0;
    double count = 0;   ///< of people
    double futures = 0; ///< of the model's futures
    double model = 0;   ///< of those, with the lapses of whoever answers
    double noiseless = 0;
    double features = 0;
    bool contact = false;
};

/// A correlation with people's shares over stimuli, and its 95 % bootstrap interval.
struct correlation_with_people {
    std::optional<double> r{};
    predict::interval within{0, 0};
};

/// Models held against people, over some stimuli.
struct comparison_row {
    std::string name{};
    std::size_t count = 0;
    correlation_with_people model{};
    correlation_with_people noiseless{};
    correlation_with_people features{};
    double reliability = 0; ///< of people's shares
    double people_right = 0;
    double futures_right = 0; ///< the share of the futures that end as the film did
    double model_right = 0;   ///< how often somebody who answers yes as often as the model is right
};

/// A fit, in words and numbers.
struct fit_row {
    std::string name{};
    predict_bullet::noise_fit found{};
    std::vector<std::size_t> sources{}; ///< that were fitted
};

/// The same stimuli or scenes, foreseen with a noise that was fitted on the like and one that was fitted elsewhere.
struct transfer_row {
    std::string name{};
    std::size_t count = 0;
    std::optional<double> here{};
    std::optional<double> elsewhere{};

    [[nodiscard]] std::optional<double> loss() const {
        return here && elsewhere ? std::optional{*here - *elsewhere} : std::nullopt;
    }
};

/// All that the study found.
struct physics_report {
    std::vector<agreement_row> agreement{};
    std::vector<fit_row> fits{};
    std::vector<comparison_row> comparison{};
    std::vector<transfer_row> families{};
    std::vector<transfer_row> questions{};
    std::vector<judged> stimuli{}; ///< of the tested half
};

/// A row for each family that is there, and one for all.
[[nodiscard]] std::vector<comparison_row> compare(std::span<judged const> stimuli);

// Tables for people to read, each line ended.
[[nodiscard]] std::string agreement_text(std::span<agreement_row const> rows);
[[nodiscard]] std::string fit_text(fit_row const& row);
[[nodiscard]] std::string comparison_text(std::span<comparison_row const> rows);
[[nodiscard]] std::string transfer_text(std::string_view title, std::span<transfer_row const> rows);

[[nodiscard]] std::string report_json(physics_report const& report, std::string_view command);
/// A page with the tables, and a picture of the model's shares over people's.
[[nodiscard]] std::string report_page(physics_report const& report);

} // namespace hpcsched::cli

#endif

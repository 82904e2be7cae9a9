// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse_torch/fusion_data.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::fuse_torch {
namespace {

std::vector<task_judge> judges_of(std::vector<task_judge> const& all, std::size_t tasks,
                                  std::span<std::int64_t const> rows) {
    std::vector<task_judge> made;
    for (std::size_t t = 0; t < tasks; ++t) {
        task_judge const judge = all.empty() ? task_judge{} : all[t];
        made.push_back({judge.metric, judge.labels.empty() ? tensor{} : judge.labels.select(rows)});
    }
    return made;
}

} // namespace

result<fusion_data> fusion_data::split(tensor const& inputs, std::vector<task_judge> const& judges, std::size_t tasks,
                                       std::uint64_t seed, double validation, double test, double confirmation) {
    if (inputs.empty()) {
        return error{"there are no inputs; give some that the networks are used on, labels are not needed"};
    }
    if (!inputs.is_finite()) {
        return error{"there is a NaN or an infinity among the inputs"};
    }
    if (!judges.empty() && judges.size() != tasks) {
        return error{"labels for " + std::to_string(judges.size()) + " networks, but there are " +
                     std::to_string(tasks)};
    }
    for (std::size_t t = 0; t < judges.size(); ++t) {
        bool const needs = judges[t].metric != metric::agreement;
        if (needs && judges[t].labels.rows() != inputs.rows()) {
            return error{"network " + std::to_string(t + 1) + ": " + std::to_string(judges[t].labels.rows()) +
                         " labels for " + std::to_string(inputs.rows()) + " inputs"};
        }
    }
    auto const total = static_cast<double>(inputs.rows());
    auto const of_validation = static_cast<std::int64_t>(std::llround(total * validation));
    auto const of_test = static_cast<std::int64_t>(std::llround(total * test));
    auto const of_confirmation = static_cast<std::int64_t>(std::llround(total * confirmation));
    std::int64_t const of_training = inputs.rows() - of_validation - of_test - of_confirmation;
    if (of_validation < 1 || of_test < 1 || of_training < 2) {
        return error{std::to_string(inputs.rows()) + " inputs are too few to train on some, choose by some and test "
                                                     "on others; give at least 10"};
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(inputs.rows()));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    fuse::draws d{seed, "fuse_torch::split"};
    for (std::size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[d.index(i)]);
    }
    std::span<std::int64_t const> const all{order};
    auto const train = all.first(static_cast<std::size_t>(of_training));
    auto const choose = all.subspan(train.size(), static_cast<std::size_t>(of_validation));
    auto const confirm = all.subspan(train.size() + choose.size(), static_cast<std::size_t>(of_confirmation));
    auto const report = all.last(static_cast<std::size_t>(of_test));
    return fusion_data{.training = inputs.select(train),
                       .validation = inputs.select(choose),
                       .confirmation = confirm.empty() ? tensor{} : inputs.select(confirm),
                       .test = inputs.select(report),
                       .validation_judges = judges_of(judges, tasks, choose),
                       .confirmation_judges = judges_of(judges, tasks, confirm),
                       .test_judges = judges_of(judges, tasks, report)};
}

result<std::vector<double>> scores_of(std::vector<tensor> const& outputs, std::vector<tensor> const& teacher_outputs,
                                      std::vector<task_judge> const& judges) {
    std::vector<double> scores;
    for (std::size_t t = 0; t < outputs.size(); ++t) {
        bool const by_teacher = judges[t].metric == metric::agreement;
        auto const reached = score(judges[t].metric, outputs[t], by_teacher ? teacher_outputs[t] : judges[t].labels);
        if (!reached) {
            return error{"network " + std::to_string(t + 1) + ": " + reached.error().message};
        }
        scores.push_back(*reached);
    }
    return scores;
}

} // namespace hpcsched::fuse_torch

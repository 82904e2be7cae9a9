// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse_torch/drop_estimate.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>

namespace hpcsched::fuse_torch {
namespace {

/// Where the normal distribution function is `share`. Halving an interval 60 times is exact enough, and plain.
double normal_quantile(double share) {
    double low = -10;
    double high = 10;
    for (int i = 0; i < 60; ++i) {
        double const middle = (low + high) / 2;
        (0.5 * std::erfc(-middle / std::numbers::sqrt2) < share ? low : high) = middle;
    }
    return (low + high) / 2;
}

tensor labels_of(task_judge const& judge, tensor const& teacher) {
    return judge.metric == metric::agreement ? teacher : judge.labels;
}

result<double> drop_on(task_judge const& judge, tensor const& given, tensor const& teacher, tensor const& labels,
                       double* of_teacher = nullptr) {
    auto const wanted = score(judge.metric, teacher, labels);
    auto const reached = score(judge.metric, given, labels);
    if (!wanted || !reached) {
        return wanted ? reached.error() : wanted.error();
    }
    if (of_teacher != nullptr) {
        *of_teacher = *wanted;
    }
    return *wanted - *reached;
}

/// The variance of the drop, by leaving out each group of rows in turn.
result<double> variance_of(task_judge const& judge, tensor const& given, tensor const& teacher, tensor const& labels) {
    std::int64_t const rows = given.rows();
    std::int64_t const groups = std::min<std::int64_t>(20, rows);
    std::vector<double> without;
    for (std::int64_t g = 0; groups > 1 && g < groups; ++g) {
        std::vector<std::int64_t> kept;
        for (std::int64_t r = 0; r < rows; ++r) {
            if (r % groups != g) {
                kept.push_back(r);
            }
        }
        auto const drop = drop_on(judge, given.select(kept), teacher.select(kept), labels.select(kept));
        if (!drop) {
            return drop.error();
        }
        without.push_back(*drop);
    }
    double mean = 0;
    for (double const each : without) {
        mean += each / static_cast<double>(without.size());
    }
    double sum = 0;
    for (double const each : without) {
        sum += (each - mean) * (each - mean);
    }
    return groups > 1 ? sum * static_cast<double>(groups - 1) / static_cast<double>(groups) : 1.0;
}

/// The same where the score is a mean over samples: their differences are -1, 0 or 1, and known one by one.
result<double> variance_of_share(task_judge const& judge, tensor const& given, tensor const& teacher,
                                 tensor const& labels, double drop) {
    auto const right = right_samples(judge.metric, given, labels);
    auto const was_right = right_samples(judge.metric, teacher, labels);
    if (!right || !was_right) {
        return right ? was_right.error() : right.error();
    }
    double differ = 0;
    for (std::size_t i = 0; i < right->size(); ++i) {
        differ += (*right)[i] != (*was_right)[i] ? 1 : 0;
    }
    auto const n = static_cast<double>(right->size());
    return std::max(0.0, differ / n - drop * drop) / n;
}

} // namespace

double drop_estimate::upper_bound(double confidence) const {
    HPCSCHED_ASSERT(confidence > 0 && confidence < 1);
    return drop + (confidence == 0.5 ? 0 : normal_quantile(confidence) * standard_error);
}

double drop_estimate::half_width_95() const {
    return normal_quantile(0.975) * standard_error;
}

result<std::vector<drop_estimate>> estimate_drops(std::vector<tensor> const& outputs,
                                                  std::vector<tensor> const& teacher_outputs,
                                                  std::vector<task_judge> const& judges) {
    std::vector<drop_estimate> made;
    for (std::size_t t = 0; t < outputs.size(); ++t) {
        tensor const labels = labels_of(judges[t], teacher_outputs[t]);
        drop_estimate each;
        auto const drop = drop_on(judges[t], outputs[t], teacher_outputs[t], labels, &each.teacher);
        if (!drop) {
            return error{"network " + std::to_string(t + 1) + ": " + drop.error().message};
        }
        bool const is_share = judges[t].metric == metric::agreement || judges[t].metric == metric::accuracy;
        auto const variance = is_share ? variance_of_share(judges[t], outputs[t], teacher_outputs[t], labels, *drop)
                                       : variance_of(judges[t], outputs[t], teacher_outputs[t], labels);
        if (!variance) {
            return error{"network " + std::to_string(t + 1) + ": " + variance.error().message};
        }
        double const unseen = 1 / static_cast<double>(outputs[t].rows());
        each.drop = *drop;
        each.standard_error = std::sqrt(*variance + unseen * unseen);
        made.push_back(each);
    }
    return made;
}

} // namespace hpcsched::fuse_torch

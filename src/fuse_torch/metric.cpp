// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse_torch/metric.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace hpcsched::fuse_torch {
namespace {

constexpr std::array<std::string_view, 5> names{"agreement", "accuracy", "matthews", "micro_precision",
                                                "macro_precision"};

/// Scores by rows.
struct table {
    std::vector<float> values{};
    std::size_t rows = 0;
    std::size_t columns = 1;
};

table table_of(tensor const& t) {
    table made{.values = t.reals(), .rows = static_cast<std::size_t>(t.rows())};
    made.columns = made.rows == 0 ? 1 : made.values.size() / made.rows;
    return made;
}

/// What is no number is no class.
std::vector<std::int64_t> classes_of(table const& scores) {
    std::vector<std::int64_t> classes(scores.rows, -1);
    for (std::size_t r = 0; r < scores.rows; ++r) {
        float const* const row = scores.values.data() + r * scores.columns;
        if (scores.columns == 1) {
            classes[r] = row[0] > 0 ? 1 : row[0] <= 0 ? 0 : -1;
            continue;
        }
        float most = -INFINITY;
        for (std::size_t c = 0; c < scores.columns; ++c) {
            if (row[c] > most) {
                most = row[c];
                classes[r] = static_cast<std::int64_t>(c);
            }
        }
    }
    return classes;
}

std::vector<bool> equal_classes(std::vector<std::int64_t> const& a, std::vector<std::int64_t> const& b) {
    std::vector<bool> equal(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        equal[i] = a[i] == b[i] && a[i] >= 0;
    }
    return equal;
}

double matthews(std::vector<std::int64_t> const& given, std::vector<std::int64_t> const& right) {
    double counts[2][2] = {};
    for (std::size_t i = 0; i < given.size(); ++i) {
        counts[right[i] == 1 ? 1 : 0][given[i] == 1 ? 1 : 0] += 1;
    }
    auto const& [none, some] = counts;
    double const under = (none[0] + none[1]) * (some[0] + some[1]) * (none[0] + some[0]) * (none[1] + some[1]);
    return under == 0 ? 0 : (some[1] * none[0] - none[1] * some[0]) / std::sqrt(under);
}

/// The mean of the precisions at each that is right, by falling score; equal scores by their place.
double average_precision(std::vector<float> const& scores, std::vector<std::int64_t> const& right) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        bool const a_is_number = !std::isnan(scores[a]);
        bool const b_is_number = !std::isnan(scores[b]);
        if (a_is_number != b_is_number) {
            return a_is_number;
        }
        return a_is_number && scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    double sum = 0;
    double found = 0;
    for (std::size_t place = 0; place < order.size(); ++place) {
        if (right[order[place]] == 1) {
            found += 1;
            sum += found / static_cast<double>(place + 1);
        }
    }
    return found == 0 ? 0 : sum / found;
}

double macro(table const& scores, std::vector<std::int64_t> const& right) {
    double sum = 0;
    std::size_t counted = 0;
    for (std::size_t c = 0; c < scores.columns; ++c) {
        std::vector<float> column;
        std::vector<std::int64_t> truth;
        for (std::size_t r = 0; r < scores.rows; ++r) {
            column.push_back(scores.values[r * scores.columns + c]);
            truth.push_back(right[r * scores.columns + c]);
        }
        if (std::find(truth.begin(), truth.end(), 1) != truth.end()) {
            sum += average_precision(column, truth);
            ++counted;
        }
    }
    return counted == 0 ? 0 : sum / static_cast<double>(counted);
}

result<void> rows_fit(table const& scores, tensor const& labels) {
    if (scores.rows == 0 || labels.rows() != static_cast<std::int64_t>(scores.rows)) {
        return error{"labels: " + std::to_string(labels.rows()) + " rows for " + std::to_string(scores.rows) +
                     " samples"};
    }
    return {};
}

result<void> labels_fit(metric m, table const& scores, std::vector<std::int64_t> const& right) {
    bool const by_class = m == metric::micro_precision || m == metric::macro_precision;
    if (right.size() != (by_class ? scores.values.size() : scores.rows)) {
        return error{std::string{name_of(m)} + " wants " +
                     (by_class ? "0 or 1 for each of the " + std::to_string(scores.columns) + " classes"
                               : std::string{"the number of a class"}) +
                     " for each sample"};
    }
    std::int64_t const most =
        m != metric::accuracy || scores.columns == 1 ? 1 : static_cast<std::int64_t>(scores.columns) - 1;
    for (std::int64_t const label : right) {
        if (label < 0 || label > most) {
            return error{"label " + std::to_string(label) + " is none of 0 to " + std::to_string(most)};
        }
    }
    return {};
}

} // namespace

std::string_view name_of(metric m) noexcept {
    return names[static_cast<std::size_t>(m)];
}

std::optional<metric> metric_of(std::string_view name) noexcept {
    auto const found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt : std::optional{static_cast<metric>(found - names.begin())};
}

result<std::vector<bool>> right_samples(metric m, tensor const& outputs, tensor const& labels) {
    HPCSCHED_ASSERT(m == metric::agreement || m == metric::accuracy);
    table const scores = table_of(outputs);
    if (auto const same = rows_fit(scores, labels); !same) {
        return same.error();
    }
    auto const classes = classes_of(scores);
    if (m == metric::agreement) {
        table const teacher = table_of(labels);
        if (teacher.columns != scores.columns) {
            return error{"outputs of " + std::to_string(scores.columns) + " scores are compared with " +
                         std::to_string(teacher.columns)};
        }
        return equal_classes(classes, classes_of(teacher));
    }
    auto const right = labels.integers();
    if (auto const fit = labels_fit(m, scores, right); !fit) {
        return fit.error();
    }
    return equal_classes(classes, right);
}

result<double> score(metric m, tensor const& outputs, tensor const& labels) {
    if (m == metric::agreement || m == metric::accuracy) {
        auto const right = right_samples(m, outputs, labels);
        if (!right) {
            return right.error();
        }
        return static_cast<double>(std::count(right->begin(), right->end(), true)) / static_cast<double>(right->size());
    }
    table const scores = table_of(outputs);
    if (auto const same = rows_fit(scores, labels); !same) {
        return same.error();
    }
    auto const right = labels.integers();
    if (auto const fit = labels_fit(m, scores, right); !fit) {
        return fit.error();
    }
    return m == metric::matthews          ? matthews(classes_of(scores), right)
           : m == metric::micro_precision ? average_precision(scores.values, right)
                                          : macro(scores, right);
}

} // namespace hpcsched::fuse_torch

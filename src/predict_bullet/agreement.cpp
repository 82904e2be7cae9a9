// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/predict_bullet/agreement.hpp>

#include <Eigen/Dense>
#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::predict_bullet {

std::optional<double> correlation(std::span<double const> one, std::span<double const> other) {
    HPCSCHED_ASSERT(one.size() == other.size());
    auto const n = static_cast<double>(one.size());
    double a = 0;
    double b = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        a += one[i] / n;
        b += other[i] / n;
    }
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        ab += (one[i] - a) * (other[i] - b);
        aa += (one[i] - a) * (one[i] - a);
        bb += (other[i] - b) * (other[i] - b);
    }
    constexpr double nothing = 1e-12; // what rounding leaves of equal numbers
    if (one.size() < 2 || aa < nothing || bb < nothing) {
        return std::nullopt;
    }
    return ab / std::sqrt(aa * bb);
}

predict::interval bootstrap_correlation(std::span<double const> one, std::span<double const> other, std::uint64_t seed,
                                        std::size_t rounds) {
    std::vector<double> found;
    std::vector<double> a(one.size());
    std::vector<double> b(one.size());
    if (one.empty()) {
        return {};
    }
    light_stream draws{seed, one.size()};
    boost::random::uniform_int_distribution<std::size_t> which{0, one.size() - 1};
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < one.size(); ++i) {
            std::size_t const k = which(draws);
            a[i] = one[k];
            b[i] = other[k];
        }
        if (auto const r = correlation(a, b)) {
            found.push_back(*r);
        }
    }
    if (found.size() < 40) {
        return {};
    }
    std::sort(found.begin(), found.end());
    return {found[found.size() / 40], found[found.size() - 1 - found.size() / 40]};
}

double reliability(std::span<double const> shares, std::span<double const> counts) {
    HPCSCHED_ASSERT(shares.size() == counts.size());
    auto const n = static_cast<double>(shares.size());
    double mean = 0;
    double noise = 0;
    double squares = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        mean += shares[i] / n;
        noise += shares[i] * (1 - shares[i]) / std::max(1.0, counts[i] - 1) / n;
    }
    for (double const s : shares) {
        squares += (s - mean) * (s - mean) / n;
    }
    return squares > 0 ? std::max(0.0, 1 - noise / squares) : 0;
}

bool is_for_fitting(std::string_view stimulus) noexcept {
    sequence_hash hash;
    hash.add(stimulus);
    return (hash.value() >> 63U) == 0;
}

std::vector<double> scene_features(scene const& s) {
    auto const flat = [](vector3 a, vector3 b) { return std::hypot(a.x - b.x, a.z - b.z); };
    body const& zone = s.bodies[s.zone];
    body const& target = s.bodies[s.target];
    double speed = 0;
    double angle = 0;
    double away = 0;
    double mass = target.mass;
    if (!s.pushes.empty()) {
        push const& p = s.pushes.front();
        body const& probe = s.bodies[p.body];
        mass = std::max(probe.mass, 1e-3);
        speed = std::hypot(p.impulse.x, p.impulse.y, p.impulse.z) / mass;
        away = flat(probe.position, target.position);
        double const ahead = std::atan2(target.position.z - probe.position.z, target.position.x - probe.position.x);
        angle = std::abs(std::remainder(std::atan2(p.impulse.z, p.impulse.x) - ahead, 2 * 3.14159265358979323846));
    }
    double there = 0;
    double moving = 0;
    for (body const& b : s.bodies) {
        there += 1;
        moving += b.immovable ? 0 : 1;
    }
    return {1,
            flat(zone.position, target.position),
            away,
            speed,
            angle,
            std::log(std::max(mass, 1e-3)),
            there,
            std::log(std::max(target.mass, 1e-3)),
            moving,
            target.position.y,
            target.scale.y};
}

result<logistic_regression> logistic_regression::fit(std::span<std::vector<double> const> rows,
                                                     std::span<double const> shares, double ridge) {
    if (rows.empty() || rows.size() != shares.size()) {
        return error{"logistic regression: there must be as many shares as rows, and one at least"};
    }
    std::size_t const width = rows.front().size();
    auto const n = static_cast<Eigen::Index>(rows.size());
    auto const m = static_cast<Eigen::Index>(width);
    Eigen::MatrixXd x(n, m);
    Eigen::VectorXd y(n);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].size() != width) {
            return error{"logistic regression: row " + std::to_string(i) + " has another length than the first"};
        }
        for (std::size_t k = 0; k < width; ++k) {
            if (!std::isfinite(rows[i][k]) || !(shares[i] >= 0 && shares[i] <= 1)) {
                return error{"logistic regression: row " + std::to_string(i) + " is not finite"};
            }
            x(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) = rows[i][k];
        }
        y(static_cast<Eigen::Index>(i)) = shares[i];
    }
    logistic_regression out;
    for (Eigen::Index k = 0; k < m; ++k) {
        double const mean = k == 0 ? 0 : x.col(k).mean();
        double const deviation = std::sqrt((x.col(k).array() - mean).square().mean());
        out.mean_.push_back(mean);
        out.deviation_.push_back(k == 0 || deviation < 1e-9 ? 1 : deviation);
        x.col(k) = ((x.col(k).array() - mean) / out.deviation_.back()).matrix();
    }
    Eigen::VectorXd w = Eigen::VectorXd::Zero(m);
    for (int step = 0; step < 50; ++step) {
        Eigen::VectorXd const p = (1 / (1 + (-(x * w)).array().exp())).matrix();
        Eigen::VectorXd const gradient = x.transpose() * (y - p) - ridge * w;
        Eigen::MatrixXd bend = x.transpose() * (p.array() * (1 - p.array())).matrix().asDiagonal() * x;
        bend.diagonal().array() += ridge;
        Eigen::VectorXd const change = bend.ldlt().solve(gradient);
        w += change;
        if (change.norm() < 1e-9) {
            break;
        }
    }
    out.weights_.assign(w.data(), w.data() + m);
    return out;
}

double logistic_regression::share(std::vector<double> const& row) const {
    HPCSCHED_ASSERT(row.size() == weights_.size());
    double sum = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
        sum += weights_[k] * (row[k] - mean_[k]) / deviation_[k];
    }
    return 1 / (1 + std::exp(-sum));
}

} // namespace hpcsched::predict_bullet

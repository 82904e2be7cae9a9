// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FUSE_TORCH_PICTURES_HPP
#define HPCSCHED_TESTS_FUSE_TORCH_PICTURES_HPP

#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::fuse_torch::test {

/// Pictures 3x16x16 of one thing each, and what it is in two ways.
struct pictures {
    tensor images{};
    std::vector<std::int64_t> shapes{}; ///< 0 square, 1 cross, 2 ring
    std::vector<std::int64_t> hues{};   ///< which of the colours is strongest
};

inline bool is_inside(std::int64_t shape, double x, double y, double radius) {
    double const far = std::max(std::abs(x), std::abs(y));
    double const near = std::min(std::abs(x), std::abs(y));
    double const r = std::hypot(x, y);
    return shape == 0   ? far < radius * 0.8
           : shape == 1 ? far < radius && near < radius * 0.3
                        : r < radius && r > radius * 0.55;
}

inline pictures draw_pictures(std::size_t count, std::uint64_t seed) {
    constexpr std::size_t side = 16;
    pictures made;
    std::vector<float> values;
    fuse::draws d{seed, "pictures"};
    for (std::size_t i = 0; i < count; ++i) {
        auto const shape = static_cast<std::int64_t>(d.index(3));
        auto const hue = d.index(3);
        double const x0 = 6 + 4 * d.fraction();
        double const y0 = 6 + 4 * d.fraction();
        double const radius = 3.5 + 1.5 * d.fraction();
        double const strength = 0.6 + 0.4 * d.fraction();
        for (std::size_t c = 0; c < 3; ++c) {
            for (std::size_t y = 0; y < side; ++y) {
                for (std::size_t x = 0; x < side; ++x) {
                    bool const inside =
                        is_inside(shape, static_cast<double>(x) - x0, static_cast<double>(y) - y0, radius);
                    double const colour = c == hue ? strength : 0.35 * strength;
                    values.push_back(static_cast<float>((inside ? colour : 0.1) + 0.16 * (d.fraction() - 0.5)));
                }
            }
        }
        made.shapes.push_back(shape);
        made.hues.push_back(static_cast<std::int64_t>(hue));
    }
    made.images = tensor::of({static_cast<std::int64_t>(count), 3, side, side}, std::span<float const>{values});
    return made;
}

} // namespace hpcsched::fuse_torch::test

#endif

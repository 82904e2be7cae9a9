// SPDX-License-Identifier: Apache-2.0
#include "samples.hpp"

#include <hpcsched/fuse/draws.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <utility>

namespace hpcsched::bench {
namespace {

constexpr double hues[4][3] = {{1, 0.25, 0.2}, {0.2, 0.9, 0.3}, {0.25, 0.35, 1}, {0.95, 0.85, 0.2}};

/// A thing in a picture.
struct thing {
    std::int64_t shape = 0;
    std::int64_t texture = 0;
    std::int64_t hue = 0;
    double x = 0, y = 0, radius = 0, angle = 0, strength = 1;
};

/// How far inside the shape a point is, in parts of its radius; below 0 outside.
double depth(std::int64_t shape, double x, double y) {
    double const r = std::hypot(x, y);
    double const far = std::max(std::abs(x), std::abs(y));
    double const near = std::min(std::abs(x), std::abs(y));
    switch (shape) {
    case 0:
        return 0.9 - r;
    case 1:
        return 0.8 - far;
    case 2:
        return std::min(1.05 - far, 0.34 - near);
    default:
        return std::min(1.0 - r, r - 0.55);
    }
}

double textured(thing const& t, double u, double v) {
    if (t.texture == 0) {
        return 1;
    }
    double const period = 1.1;
    double const one = std::sin(2 * std::numbers::pi * u / period);
    double const two = std::sin(2 * std::numbers::pi * v / period);
    return (t.texture == 1 ? one : one * two) > 0 ? 1 : 0.35;
}

/// Adds things to a picture of a plain ground, then noise.
void paint(std::vector<float>& to, std::vector<thing> const& things, picture_style const& style, fuse::draws& d) {
    double const ground = 0.05 + 0.15 * d.fraction();
    std::vector<double> values(std::size_t{style.channels} * style.side * style.side, ground);
    for (thing const& t : things) {
        double const c = std::cos(t.angle);
        double const s = std::sin(t.angle);
        for (std::uint32_t y = 0; y < style.side; ++y) {
            for (std::uint32_t x = 0; x < style.side; ++x) {
                double const dx = (x - t.x) / t.radius;
                double const dy = (y - t.y) / t.radius;
                double const u = c * dx + s * dy;
                double const v = c * dy - s * dx;
                double const cover = std::clamp(depth(t.shape, u, v) * t.radius + 0.5, 0.0, 1.0);
                if (cover == 0) {
                    continue;
                }
                double const light = t.strength * textured(t, u, v);
                for (std::uint32_t channel = 0; channel < style.channels; ++channel) {
                    double const colour = style.channels == 1 ? 0.9 : hues[t.hue][channel];
                    double& at = values[(std::size_t{channel} * style.side + y) * style.side + x];
                    at += cover * (light * colour - at);
                }
            }
        }
    }
    for (double const value : values) {
        to.push_back(static_cast<float>(value + style.noise * d.normal()));
    }
}

/// A class drawn by itself, or what follows from another.
std::int64_t drawn(std::size_t classes, std::int64_t other, double correlation, fuse::draws& d) {
    bool const follows = d.fraction() < correlation;
    auto const own = static_cast<std::int64_t>(d.index(classes));
    return follows ? other % static_cast<std::int64_t>(classes) : own;
}

fuse_torch::tensor images_of(std::size_t count, picture_style const& style, std::vector<float> const& values) {
    return fuse_torch::tensor::of({static_cast<std::int64_t>(count), style.channels, style.side, style.side},
                                  std::span<float const>{values});
}

} // namespace

labelled_samples draw_pictures(std::size_t count, picture_style const& style, std::uint64_t seed) {
    labelled_samples made;
    std::vector<float> values;
    fuse::draws d{seed, "bench::pictures"};
    for (std::size_t i = 0; i < count; ++i) {
        thing t{.shape = static_cast<std::int64_t>(d.index(4))};
        t.texture = drawn(3, t.shape, style.correlation, d);
        t.hue = drawn(4, t.shape, style.correlation, d);
        auto const size = drawn(3, t.texture, style.correlation, d);
        double const side = style.side;
        t.radius = side * (0.2 + 0.07 * static_cast<double>(size) + 0.03 * d.fraction());
        t.x = side / 2 + (side / 2 - t.radius) * (2 * d.fraction() - 1) * 0.8 - 0.5;
        t.y = side / 2 + (side / 2 - t.radius) * (2 * d.fraction() - 1) * 0.8 - 0.5;
        t.angle = (d.fraction() - 0.5) * 0.5;
        t.strength = 0.75 + 0.25 * d.fraction();
        paint(values, {t}, style, d);
        made.labels["shape"].push_back(t.shape);
        made.labels["texture"].push_back(t.texture);
        made.labels["hue"].push_back(t.hue);
        made.labels["size"].push_back(size);
    }
    made.inputs = images_of(count, style, values);
    return made;
}

labelled_samples draw_scenes(std::size_t count, picture_style const& style, std::uint64_t seed) {
    labelled_samples made;
    std::vector<float> values;
    fuse::draws d{seed, "bench::scenes"};
    for (std::size_t i = 0; i < count; ++i) {
        std::size_t const number = d.index(4);
        std::vector<thing> things;
        std::int64_t present[4] = {};
        double const half = style.side / 2.0;
        std::size_t const corner = d.index(4); // each in a quarter of its own, so that they can be counted
        for (std::size_t n = 0; n < number; ++n) {
            std::size_t const quarter = (corner + n) % 4;
            thing t{.shape = static_cast<std::int64_t>(d.index(4)), .hue = static_cast<std::int64_t>(d.index(4))};
            t.radius = half * (0.34 + 0.1 * d.fraction());
            t.x = half * (static_cast<double>(quarter % 2) + 0.5 + 0.15 * (d.fraction() - 0.5)) - 0.5;
            t.y = half * (static_cast<double>(quarter / 2) + 0.5 + 0.15 * (d.fraction() - 0.5)) - 0.5;
            t.angle = (d.fraction() - 0.5) * 0.4;
            t.strength = 0.75 + 0.25 * d.fraction();
            present[t.shape] = 1;
            things.push_back(t);
        }
        paint(values, things, style, d);
        for (std::size_t c = 0; c < 4; ++c) {
            made.labels["presence"].push_back(present[c]);
            made.labels["count"].push_back(c == number ? 1 : 0);
        }
        made.labels["count_class"].push_back(static_cast<std::int64_t>(number));
    }
    made.inputs = images_of(count, style, values);
    return made;
}

labelled_samples draw_sentences(std::size_t count, std::size_t length, double correlation, std::uint64_t seed) {
    labelled_samples made;
    std::vector<std::int64_t> words;
    fuse::draws d{seed, "bench::sentences"};
    for (std::size_t i = 0; i < count; ++i) {
        auto const agrees = static_cast<std::int64_t>(d.index(2));
        auto const mood = drawn(2, agrees, correlation, d);
        std::vector<std::int64_t> sentence(length);
        // 8 to 15 are good words, 16 to 23 bad ones, 24 to 31 neither; 0 to 3 open, and 4 to 7 close.
        std::size_t const more = 4 + d.index(3);
        std::size_t const fewer = d.index(more - 1);
        for (std::size_t w = 1; w + 1 < length; ++w) {
            std::int64_t const kind = w <= more ? mood : w <= more + fewer ? 1 - mood : 2;
            sentence[w] = 8 + 8 * kind + static_cast<std::int64_t>(d.index(8));
        }
        for (std::size_t w = length - 2; w > 1; --w) {
            std::swap(sentence[w], sentence[1 + d.index(w)]);
        }
        auto const opens = static_cast<std::int64_t>(d.index(4));
        sentence[0] = opens;
        sentence[length - 1] = 4 + (agrees == 1 ? opens : (opens + 1 + static_cast<std::int64_t>(d.index(3))) % 4);
        words.insert(words.end(), sentence.begin(), sentence.end());
        made.labels["agreement"].push_back(agrees);
        made.labels["sentiment"].push_back(mood);
    }
    made.inputs = fuse_torch::tensor::of({static_cast<std::int64_t>(count), static_cast<std::int64_t>(length)},
                                         std::span<std::int64_t const>{words});
    return made;
}

} // namespace hpcsched::bench

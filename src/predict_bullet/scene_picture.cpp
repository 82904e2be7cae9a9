// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict_bullet/contact_questions.hpp>
#include <hpcsched/predict_bullet/scene_picture.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

constexpr double pixels = 120; ///< to a metre
constexpr double left = -2;    ///< metres: what is drawn
constexpr double right = 3.5;
constexpr double top = 2.6;
constexpr double aside = 1.4;
constexpr double side_height = (top + 0.15) * pixels;

std::string escaped(std::string_view text) {
    std::string out;
    for (char const c : text) {
        out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string{c};
    }
    return out;
}

struct future_path {
    std::vector<vector3> places;
    bool touched = false;
    vector3 where{};
};

std::vector<future_path> paths_of(scene const& s, forecast_config const& config) {
    physics_world const world{config.engine};
    physics_run run = world.make_run();
    std::vector<future_path> out;
    scene seen;
    for (std::uint64_t n = 0; n < config.worlds; ++n) {
        predict::noise_streams<physics_noise::source_count> streams{config.seed, n};
        future_path path;
        seen = s;
        if (!s.candidates.empty()) {
            seen.target = s.candidates[n % s.candidates.size()];
        }
        std::size_t const target = seen.target;
        std::uint64_t step = 0;
        (void)predict::play(world, config.noise, will_touch{}, seen, run, streams, s.steps + 1,
                            [&](physics_run const& r) {
                                if (step++ % 4 == 0 || r.first_contact_step()) {
                                    path.places.push_back(r.pose_of(target).position);
                                }
                            });
        path.touched = run.first_contact_step().has_value();
        path.where = run.first_contact_place().value_or(vector3{});
        out.push_back(std::move(path));
    }
    return out;
}

class canvas {
  public:
    canvas() { svg_ << std::fixed << std::setprecision(1); }

    static double x(double metres) { return (metres - left) * pixels; }
    static double y(vector3 p, bool above) {
        return above ? side_height + (p.z + aside) * pixels : (top - p.y) * pixels;
    }

    void begin(std::string_view title) {
        double const wide = (right - left) * pixels;
        double const high = side_height + 2 * aside * pixels;
        svg_ << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << wide << ' ' << high << "\" width=\""
             << wide << "\" role=\"img\"><title>" << escaped(title) << "</title><style>"
             << "svg{background:#fff;font:13px sans-serif}text{fill:#222}.b{fill:#bbb;fill-opacity:.5;stroke:#666}"
             << ".z{fill:#e8c200;fill-opacity:.6;stroke:#a80}.t{fill:#d33;fill-opacity:.6;stroke:#900}"
             << ".y{fill:none;stroke:#d33;stroke-opacity:.45}.n{fill:none;stroke:#36c;stroke-opacity:.35}"
             << "@media(prefers-color-scheme:dark){svg{background:#181818}text{fill:#ddd}}</style>"
             << "<text x=\"8\" y=\"18\">" << escaped(title) << "</text><line x1=\"0\" x2=\"" << wide << "\" y1=\""
             << top * pixels << "\" y2=\"" << top * pixels << "\" stroke=\"#888\"/>";
    }

    void draw(body const& b, char const* kind, bool above) {
        // The box of its scale around the turned body, which stands on its origin.
        vector3 low{1e9, 1e9, 1e9};
        vector3 high{-1e9, -1e9, -1e9};
        for (int n = 0; n < 8; ++n) {
            vector3 const corner{((n & 1) != 0 ? 0.5 : -0.5) * b.scale.x, ((n & 2) != 0 ? 1.0 : 0.0) * b.scale.y,
                                 ((n & 4) != 0 ? 0.5 : -0.5) * b.scale.z};
            vector3 const p = b.position + rotate(b.orientation, corner);
            low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
            high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
        }
        double const y0 = above ? y(low, true) : y(high, false);
        double const y1 = above ? y(high, true) : y(low, false);
        bool const round = b.shape == primitive::sphere || (above && b.shape != primitive::cube);
        svg_ << "<rect class=\"" << kind << "\" x=\"" << x(low.x) << "\" y=\"" << y0 << "\" width=\""
             << x(high.x) - x(low.x) << "\" height=\"" << std::max(1.5, y1 - y0) << "\" rx=\"" << (round ? 999 : 0)
             << "\"/>";
    }

    void draw(future_path const& path, bool above) {
        svg_ << "<polyline class=\"" << (path.touched ? 'y' : 'n') << "\" points=\"";
        for (vector3 const& p : path.places) {
            svg_ << x(p.x) << ',' << y(p, above) << ' ';
        }
        svg_ << "\"/>";
        if (path.touched) {
            svg_ << "<circle cx=\"" << x(path.where.x) << "\" cy=\"" << y(path.where, above)
                 << "\" r=\"3\" fill=\"#d33\"/>";
        }
    }

    std::string end() {
        svg_ << "</svg>";
        return svg_.str();
    }

  private:
    std::ostringstream svg_;
};

} // namespace

std::string scene_svg(scene const& seen, forecast_config const& config, std::string_view title) {
    std::vector<future_path> const paths = paths_of(seen, config);
    auto const touched = std::count_if(paths.begin(), paths.end(), [](future_path const& p) { return p.touched; });
    canvas out;
    out.begin(std::string{title} + ": " + std::to_string(touched) + " of " + std::to_string(paths.size()) +
              " futures touch");
    for (bool const above : {false, true}) {
        for (std::size_t n = 0; n < seen.bodies.size(); ++n) {
            body const& b = seen.bodies[n];
            if (b.shape != primitive::other && std::min({b.scale.x, b.scale.y, b.scale.z}) > 0) {
                out.draw(b, n == seen.zone ? "z" : n == seen.target ? "t" : "b", above);
            }
        }
        for (future_path const& p : paths) {
            out.draw(p, above);
        }
    }
    return out.end();
}

} // namespace hpcsched::predict_bullet

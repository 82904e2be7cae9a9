// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/predict_bullet/scene_file.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What may stand in a file of scenes. Nothing crashes, overflows or leaks; a scene that is read can be played:
/// whatever it names is there, its numbers are finite, and it ends; an error says something.
namespace {

using namespace hpcsched::predict_bullet;

bool finite(vector3 v) {
    return std::isfinite(v.x) && std::isfinite(v.y) && std::isfinite(v.z);
}

void check(recorded_scene const& r) {
    scene const& s = r.seen;
    std::size_t const count = s.bodies.size();
    HPCSCHED_ASSERT(count >= 2 && s.zone < count && s.target < count && s.steps >= 1 && s.steps <= 100'000);
    HPCSCHED_ASSERT(std::all_of(s.candidates.begin(), s.candidates.end(), [&](std::size_t n) { return n < count; }));
    HPCSCHED_ASSERT(s.candidates.empty() ||
                    std::find(s.candidates.begin(), s.candidates.end(), s.target) != s.candidates.end());
    for (body const& b : s.bodies) {
        HPCSCHED_ASSERT(finite(b.position) && finite(b.scale) && std::isfinite(b.orientation.w) && b.mass >= 0);
        bool const there = b.shape != primitive::other && std::min({b.scale.x, b.scale.y, b.scale.z}) > 0;
        HPCSCHED_ASSERT(!there || b.immovable || b.mass > 0);
    }
    for (push const& p : s.pushes) {
        HPCSCHED_ASSERT(p.body < count && finite(p.impulse) && (!p.at || finite(*p.at)));
    }
    for (fixed_joint const& j : s.joints) {
        HPCSCHED_ASSERT(j.parent < count && j.child < count);
    }
    HPCSCHED_ASSERT(!r.people || (r.people->yes >= 0 && r.people->yes <= 1 && r.people->count >= 1));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    auto const scenes = read_scenes(text);
    if (scenes.has_error()) {
        HPCSCHED_ASSERT(scenes.error().message.starts_with("line "));
        return 0;
    }
    for (recorded_scene const& r : *scenes) {
        check(r);
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_PALETTE_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_PALETTE_HPP

#include "report/model.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::experiment::detail {

/// How a policy is drawn, in every picture alike.
struct line_style {
    std::string_view light;   ///< colour on white, "#rrggbb"; contrast at least 3.9 : 1
    std::string_view dark;    ///< colour on the dark ground; contrast at least 4.4 : 1
    std::string_view marker;  ///< "circle", "rect", "triangle", "rectRot" (a diamond)
    std::vector<double> dash; ///< lengths of strokes and gaps in pixels; empty: a solid line
};

/// One style per policy, in their order; no two are equal for up to 40 policies.
///
/// The well-known policies keep their colour in every report, variants ("sfs-repo") share their family's colour
/// and differ in dashes and marker. Idealised policies are never solid. The first six colours stay at least 17 units of
/// CIE76 apart for readers with protan, deutan and tritan vision (simulated with the matrices of Machado, Oliveira and
/// Fernandes, IEEE TVCG 15(6), 2009, at full severity); dashes and markers carry the rest.
[[nodiscard]] std::vector<line_style> style_policies(std::span<policy_entry const> policies);

/// One line on a policy this library ships; empty for others.
[[nodiscard]] std::string_view built_in_description(std::string_view policy);

} // namespace hpcsched::experiment::detail

#endif

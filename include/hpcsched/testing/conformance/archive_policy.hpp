// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_ARCHIVE_POLICY_HPP
#define HPCSCHED_TESTING_CONFORMANCE_ARCHIVE_POLICY_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/archive.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/draws.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Offers an archive what comes, equal latencies and drops among it, and checks the rules of `fuse::archive_policy`:
/// the best is the first of the fastest that were tolerated, whatever becomes of the members; members were offered, are
/// unchanged, and there once; equal offers leave equal members.
///
/// \return the first rule that was broken, with the seed; empty: none
template <fuse::archive_policy Archive>
[[nodiscard]] std::vector<std::string> check_archive_policy(std::function<Archive()> const& make,
                                                            std::uint64_t seeds = 40) {
    constexpr double tolerated = 0.01;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::string const place = "seed " + std::to_string(seed) + ": ";
        fuse::draws bits{seed, "archive_policy"};
        Archive archive = make();
        Archive twin = make();
        std::map<fuse::candidate_id, fuse::archive_member> offered;
        std::optional<fuse::archive_member> best;
        for (fuse::candidate_id id = 1; id <= 120; ++id) {
            fuse::archive_member const m{.id = id,
                                         .drop = static_cast<double>(bits.below(40)) * 0.001,
                                         .latency = duration{static_cast<std::int64_t>(1 + bits.below(60))}};
            offered.emplace(id, m);
            if (m.drop <= tolerated && (!best || m.latency < best->latency)) {
                best = m;
            }
            archive.offer(m, tolerated);
            twin.offer(m, tolerated);
            if ((archive.best() == nullptr) != !best || (best && *archive.best() != *best)) {
                return {place + "the best was lost, or is another"};
            }
            std::set<fuse::candidate_id> ids;
            for (fuse::archive_member const& kept : archive.members()) {
                if (!ids.insert(kept.id).second || !offered.contains(kept.id) || offered.at(kept.id) != kept) {
                    return {place + "a member is there twice, or is not what was offered"};
                }
            }
            if (!std::equal(archive.members().begin(), archive.members().end(), twin.members().begin(),
                            twin.members().end())) {
                return {place + "equal offers leave different members"};
            }
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_RECOVERY_HPP
#define HPCSCHED_RAFT_LOG_RECOVERY_HPP

#include <hpcsched/core/result.hpp>

#include "files.hpp"
#include "format.hpp"
#include "group.hpp"
#include "snapshot_files.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace hpcsched::raft_log::detail {

using group_table = std::unordered_map<std::uint32_t, std::unique_ptr<group>>;

/// A segment as it was found.
struct found_segment {
    segment_key key{};
    std::uint64_t file_bytes = 0;
    std::uint64_t end = header_bytes; ///< behind its last batch
    std::uint64_t batch_count = 0;
    std::uint64_t record_count = 0;
    std::uint32_t block = 0;
    bool clean = false;  ///< there is nothing but zeros behind `end`
    bool usable = false; ///< has a good header; without one, it holds nothing and is to be made anew
};

/// What a directory holds.
struct recovered {
    std::vector<found_segment> segments; ///< by number, without a gap; the last may be empty ones
    owner whose{};
    std::size_t last = 0;              ///< in `segments`: the one with the newest batch; 0 where there is no batch
    std::uint64_t next_sequence = 1;   ///< of a batch
    std::uint64_t oldest = 1;          ///< the lowest segment that is needed
    bool sealed = true;                ///< whether the log ends with an empty batch, or has none
    std::vector<std::byte> last_batch; ///< the newest one as it is, to be written again
    std::uint64_t last_batch_at = 0;
    group_table groups;
    std::vector<std::string> snapshots_replaced; ///< files that a newer snapshot, or a removal, made useless
    std::vector<std::string> incoming;           ///< files of snapshots that have come in part
    std::vector<std::string> abandoned;          ///< files that were being made
    std::vector<std::string> remarks;
};

/// Reads all that is in a directory, and changes nothing.
/// \param expected  whose it must be; nothing: whoever's the first file says
/// \error damage (file and offset), a foreign or newer file, a missing segment
[[nodiscard]] result<recovered> recover(file_system& files, owner const* expected);

} // namespace hpcsched::raft_log::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_INSPECT_HPP
#define HPCSCHED_RAFT_LOG_INSPECT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/types.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::raft_log {

/// A file of the log.
struct segment_facts {
    std::string name{};
    std::uint64_t bytes = 0;   ///< of the file
    std::uint64_t used = 0;    ///< of it: up to the end of its last batch
    std::uint64_t batches = 0; ///< writes to the disk
    std::uint64_t records = 0;
};

/// The log of one group.
struct group_facts {
    raft::group_id id{};
    raft::hard_state state{};
    raft::log_index commit = 0;
    raft::log_index first_index = 1; ///< of the entries that are there
    raft::log_index last_index = 0;  ///< first_index - 1: there are none
    raft::log_index snapshot_index = 0;
    raft::log_term snapshot_term = 0;
    std::uint64_t snapshot_bytes = 0;
    raft::membership members{};
    raft::log_index incoming_index = 0; ///< of a snapshot that has come in part; 0: none
};

/// An entry, and where it is.
struct entry_facts {
    raft::group_id group{};
    raft::entry entry{}; ///< its payload is borrowed for the call
    std::string file{};
    std::uint64_t offset = 0;
};

/// A directory of a journal.
struct journal_facts {
    std::uint64_t cluster_id = 0;
    raft::node_id node{};
    std::uint32_t format_version = 0;
    std::vector<segment_facts> segments{};
    std::vector<group_facts> groups{};  ///< by id
    std::vector<std::string> remarks{}; ///< what the next start would cut away
};

struct inspect_options {
    bool verify_snapshots = false;                      ///< read them whole; of the log, all is read in any case
    std::optional<raft::group_id> only{};               ///< entries of this group alone
    std::function<void(entry_facts const&)> on_entry{}; ///< called for each entry, by group and index
};

/// Reads the directory of a journal that nobody has open, and changes nothing. Every checksum of the log is verified.
/// \error it is open; a file is damaged (file and offset), missing, or of a newer format; there is no log
/// \complexity O(bytes of the log), and of the snapshots where they are verified
[[nodiscard]] result<journal_facts> inspect(std::filesystem::path const& directory,
                                            inspect_options const& options = {});

} // namespace hpcsched::raft_log

#endif

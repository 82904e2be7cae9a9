// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_SNAPSHOT_FILES_HPP
#define HPCSCHED_RAFT_LOG_SNAPSHOT_FILES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/message.hpp>

#include "files.hpp"
#include "group.hpp"
#include "snapshot_format.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_log::detail {

/// Whose files these are.
struct owner {
    std::uint64_t cluster = 0;
    raft::node_id node{};
};

/// \error the file belongs to another cluster or node
[[nodiscard]] result<void> check_owner(owner const& expected, std::uint64_t cluster, raft::node_id node,
                                       std::string const& path);

/// Reads a snapshot of which every byte that it returns has been checked.
class snapshot_reader {
  public:
    /// Reads header and trailer.
    /// \error the file is missing, damaged (where), a newer format's or another owner's
    [[nodiscard]] static result<snapshot_reader> open(file_system& files, std::string const& name,
                                                      owner const& expected);

    [[nodiscard]] snapshot_header const& header() const noexcept { return header_; }
    [[nodiscard]] snapshot_trailer const& trailer() const noexcept { return trailer_; }

    /// Finds the frames, and reads all of them where `whole`.
    /// \error damage, and where
    [[nodiscard]] result<void> check(bool whole);

    /// Appends `size` bytes from `offset` on to `out`.
    /// \pre `check` has succeeded; offset + size <= trailer().size
    [[nodiscard]] result<void> read(std::uint64_t offset, std::size_t size, std::vector<std::byte>& out);

  private:
    struct frame {
        std::uint64_t offset = 0; // in the snapshot
        std::uint64_t place = 0;  // in the file
        std::uint32_t length = 0;
    };

    [[nodiscard]] result<void> load(frame const& f);
    [[nodiscard]] error damaged(std::uint64_t place, char const* what) const;

    std::string path_;
    std::unique_ptr<file> file_;
    snapshot_header header_;
    snapshot_trailer trailer_;
    std::uint64_t end_ = 0; // where the trailer begins
    std::vector<frame> frames_;
    std::vector<std::byte> loaded_; // one frame
    std::uint64_t loaded_place_ = 0;
};

/// Stores a snapshot durably under its name, which is not there before it is whole.
[[nodiscard]] result<void> store_snapshot(file_system& files, snapshot_header header, snapshot_trailer const& trailer,
                                          std::span<std::byte const> bytes);

/// Begins an incoming snapshot anew.
[[nodiscard]] result<void> begin_incoming(file_system& files, snapshot_header const& header,
                                          incoming_snapshot& incoming);
/// Stores a piece of it durably.
[[nodiscard]] result<void> append_incoming(file_system& files, raft::group_id group, std::span<std::byte const> bytes,
                                           incoming_snapshot& incoming);
/// Ends it, and puts it in its place.
[[nodiscard]] result<void> finish_incoming(file_system& files, raft::group_id group, snapshot_trailer const& trailer,
                                           incoming_snapshot& incoming);
/// What came before the process ended; nothing where no piece of it can be used. Cuts off what is not good.
[[nodiscard]] result<std::unique_ptr<incoming_snapshot>> resume_incoming(file_system& files, raft::group_id group,
                                                                         owner const& expected);

} // namespace hpcsched::raft_log::detail

#endif

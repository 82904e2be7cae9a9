// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_FILES_HPP
#define HPCSCHED_RAFT_LOG_FILES_HPP

#include <hpcsched/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_log::detail {

/// One file. Errors name it.
class file {
  public:
    file() = default;
    file(file const&) = delete;
    file& operator=(file const&) = delete;
    virtual ~file() = default;

    /// Reserves the disk's blocks for `size` bytes, which read as zeros.
    [[nodiscard]] virtual result<void> allocate(std::uint64_t size) = 0;
    [[nodiscard]] virtual result<void> write(std::uint64_t offset, std::span<std::byte const> bytes) = 0;
    /// \return how many bytes there were before the end of the file
    [[nodiscard]] virtual result<std::size_t> read(std::uint64_t offset, std::span<std::byte> bytes) const = 0;
    [[nodiscard]] virtual result<void> truncate(std::uint64_t size) = 0;
    [[nodiscard]] virtual result<void> sync() = 0;
    [[nodiscard]] virtual result<std::uint64_t> size() const = 0;
    /// For io_uring; -1: none.
    [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
    /// What an error of an operation on it says.
    [[nodiscard]] virtual error failed(char const* what, int number) const = 0;
};

enum class open_mode : std::uint8_t {
    read,
    write,  ///< and read; it must exist
    create, ///< and read; empty
};

/// The directory of a journal. The seam at which tests put a disk that fails. Names are without a path.
class file_system {
  public:
    file_system() = default;
    file_system(file_system const&) = delete;
    file_system& operator=(file_system const&) = delete;
    virtual ~file_system() = default;

    /// \param direct  past the page cache
    [[nodiscard]] virtual result<std::unique_ptr<file>> open(std::string const& name, open_mode mode,
                                                             bool direct = false) = 0;
    [[nodiscard]] virtual result<std::vector<std::string>> list() const = 0;
    [[nodiscard]] virtual result<void> rename(std::string const& from, std::string const& to) = 0;
    [[nodiscard]] virtual result<void> remove(std::string const& name) = 0;
    /// Makes what was created, renamed and removed durable.
    [[nodiscard]] virtual result<void> sync_directory() = 0;
    /// The path of a file, for messages.
    [[nodiscard]] virtual std::string path(std::string const& name) const = 0;
    /// A number that no file has had.
    [[nodiscard]] virtual std::uint64_t salt() = 0;
};

/// A real directory, made where it is missing, and locked against other processes as long as the object lives.
[[nodiscard]] result<std::unique_ptr<file_system>> open_directory(std::filesystem::path const& directory);

/// A real directory that is only read. Nobody may have it open for writing.
[[nodiscard]] result<std::unique_ptr<file_system>> view_directory(std::filesystem::path const& directory);

/// The whole of a file.
[[nodiscard]] result<std::vector<std::byte>> read_whole(file const& from);

/// An error with a file's path in front, and a place in it.
[[nodiscard]] inline error damage(file_system const& files, std::string const& name, std::string const& what) {
    return error{files.path(name) + ": " + what};
}

} // namespace hpcsched::raft_log::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_JOURNAL_HPP
#define HPCSCHED_EXPERIMENT_JOURNAL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/cell_result.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace hpcsched::experiment {

/// The finished cells of a folder: a file of JSON lines that is only ever appended to.
///
/// A line is written by one system call when its cell is finished, so what was finished survives the death of the
/// process. A line that was cut off, or that cannot be read, counts as not finished. While it is open the file is
/// locked against other processes (where the file system can).
///
/// \thread_safety none; confine to one thread
class journal {
  public:
    /// Opens the journal at `path`, or begins it.
    /// \error the path with what the system says, or that another process has it open
    /// \complexity O(size of the file), with no line parsed
    [[nodiscard]] static result<journal> open(std::string path);

    journal(journal&& other) noexcept;
    journal& operator=(journal&& other) noexcept;
    ~journal();

    /// The cell last written under `identity`; nothing where there is none or its line cannot be read.
    [[nodiscard]] std::optional<cell_result> find(std::uint64_t identity) const;

    /// Writes a finished cell.
    /// \error the path and what the system says, e.g. a full disk; the line may then be cut off
    [[nodiscard]] result<void> append(std::uint64_t identity, cell_result const& cell);

    /// How many different cells it holds.
    [[nodiscard]] std::size_t cell_count() const noexcept { return lines_.size(); }

    [[nodiscard]] std::string const& path() const noexcept { return path_; }

  private:
    struct line {
        std::uint64_t offset = 0;
        std::size_t length = 0;
    };

    explicit journal(std::string path) : path_{std::move(path)} {}
    [[nodiscard]] result<void> read_index();
    [[nodiscard]] error failure(char const* what) const;

    std::string path_;
    int file_ = -1;
    std::uint64_t size_ = 0;
    bool ends_in_mid_line_ = false;
    std::map<std::uint64_t, line> lines_; ///< by identity
};

} // namespace hpcsched::experiment

#endif

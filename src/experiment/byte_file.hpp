// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_BYTE_FILE_HPP
#define HPCSCHED_SRC_EXPERIMENT_BYTE_FILE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/byte_source.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hpcsched::experiment::detail {

/// A file to read, decompressed where it is compressed with gzip. A byte source for the readers of `workload`.
class input_file {
  public:
    /// \param path  "-": the standard input
    /// \error why it cannot be opened, or that it is compressed in a way that is not known
    [[nodiscard]] static result<input_file> open(std::filesystem::path const& path);

    input_file(input_file&&) noexcept;
    input_file& operator=(input_file&&) noexcept;
    ~input_file();

    /// The next bytes, or as many as the file has if that is fewer; they stay to be read.
    [[nodiscard]] result<std::string_view> peek(std::size_t size);

    /// As `workload::byte_source` says.
    [[nodiscard]] result<std::size_t> read(std::span<char> room);

    /// What messages call it.
    [[nodiscard]] std::string const& name() const noexcept { return name_; }

  private:
    class content;
    input_file(std::string name, std::unique_ptr<content> from);

    std::string name_;
    std::unique_ptr<content> content_;
    std::string ahead_; // read, and not yet handed out
    std::size_t ahead_position_ = 0;
};

static_assert(workload::byte_source<input_file>);

/// A file to write, under its name only when it is complete. A byte sink for the writers of `workload`.
class output_file {
  public:
    /// \param path  "-": the standard output; a name that ends with ".gz" is compressed
    [[nodiscard]] static result<output_file> create(std::filesystem::path const& path);

    output_file(output_file&&) noexcept;
    output_file& operator=(output_file&&) noexcept;

    /// Removes what was written, unless `commit` succeeded.
    ~output_file();

    /// As `workload::byte_sink` says.
    [[nodiscard]] result<void> write(std::span<char const> bytes);

    /// Brings everything onto the disk and gives the file its name.
    [[nodiscard]] result<void> commit();

  private:
    class content;
    explicit output_file(std::unique_ptr<content> into);

    std::unique_ptr<content> content_;
};

static_assert(workload::byte_sink<output_file>);

} // namespace hpcsched::experiment::detail

#endif

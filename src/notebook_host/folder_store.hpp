// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_FOLDER_STORE_HPP
#define HPCSCHED_NOTEBOOK_HOST_FOLDER_STORE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>

#include "chunking.hpp"

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::notebook_host {

/// A store of files. Their names are hexadecimal digits, in folders of the first two of them:
///
///     FOLDER/chunks/ab/ab01...     the bytes of a chunk
///     FOLDER/objects/cd/cd23...    an object_list
///
/// The files are of mode 0600, the folders 0700. A file is written under another name, with a point and six letters
/// behind, and renamed when it is whole. A file that is put again gets the present time as its time of change.
///
/// A collector renames a file to one with ".gone-" and sixteen digits behind, looks at its time again, and only then
/// removes it: to what was marked as used in between, it gives its name back. Who marks a file looks whether it still
/// has its name, and else writes it. A file that is left of a collector that was killed gets its name back as well.
/// Files are opened before they are looked at, so that a network file system asks its server.
class folder_store final : public chunk_store {
  public:
    [[nodiscard]] static result<std::unique_ptr<chunk_store>> open(std::string folder, chunk_store_config config);

    [[nodiscard]] result<notebook::chunk_pointer> put(std::span<std::span<std::byte const> const> parts) override;
    [[nodiscard]] result<std::uint64_t> size(chunk_digest const& object) override;
    [[nodiscard]] result<void> get(chunk_digest const& object, std::span<std::byte> into) override;
    [[nodiscard]] result<chunk_counts> collect(std::span<chunk_digest const> live, duration age) override;
    [[nodiscard]] result<void> remove_all() override;
    [[nodiscard]] result<chunk_counts> usage() override;

  private:
    folder_store(std::string folder, chunk_store_config config) : folder_{std::move(folder)}, config_{config} {}

    [[nodiscard]] std::string path_of(std::string_view kind, chunk_digest const& name) const;
    [[nodiscard]] result<void> keep(std::string const& path, kept_bytes const& what);
    [[nodiscard]] result<void> write_file(std::string const& path, byte_parts pieces);
    [[nodiscard]] result<found_list> find_list(chunk_digest const& object, bool patiently) const;
    [[nodiscard]] result<void> get_chunk(listed_chunk const& chunk, std::span<std::byte> into) const;

    /// Calls `visit` with each file of a kind, until it fails.
    using visitor = std::function<result<void>(std::string const& path, std::string_view name)>;
    [[nodiscard]] result<void> walk(std::string_view kind, visitor const& visit) const;
    /// Nothing is left by a call that was interrupted before `cutoff`, and nothing is without its name.
    [[nodiscard]] result<void> tidy(std::string_view kind, timespec const& cutoff) const;
    /// Removes a file that was not put since `cutoff`, and returns its bytes; nothing where it was, or is gone.
    [[nodiscard]] result<std::optional<std::uint64_t>> drop(std::string const& path, timespec const& cutoff) const;
    /// The present time, as the folder's file system has it: that of a file, "now".
    [[nodiscard]] result<timespec> now() const;

    std::string folder_;
    chunk_store_config config_;
};

} // namespace hpcsched::notebook_host

#endif

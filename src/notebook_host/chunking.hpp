// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_CHUNKING_HPP
#define HPCSCHED_NOTEBOOK_HOST_CHUNKING_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>

#include "hexadecimal.hpp"
#include "object_list.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::notebook_host {

// What the forms of a store share.

using byte_parts = std::span<std::span<std::byte const> const>;

/// SHA-256 of the parts, one after the other.
[[nodiscard]] chunk_digest sha256(byte_parts parts);
[[nodiscard]] chunk_digest sha256(std::span<std::byte const> bytes);

/// Nothing where the text is no name that `hexadecimal` makes.
[[nodiscard]] inline std::optional<chunk_digest> digest_of(std::string_view text) {
    return bytes_in<std::tuple_size_v<chunk_digest>>(text);
}

/// An object, cut into chunks that are not copied; borrows its bytes.
class cut_object {
  public:
    explicit cut_object(byte_parts parts);

    [[nodiscard]] std::size_t chunk_count() const noexcept { return ends_.size(); }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// The bytes of a chunk: none of the pieces is empty.
    [[nodiscard]] byte_parts pieces(std::size_t chunk) const noexcept {
        std::size_t const begin = chunk == 0 ? 0 : ends_[chunk - 1];
        return std::span{pieces_}.subspan(begin, ends_[chunk] - begin);
    }

  private:
    std::vector<std::span<std::byte const>> pieces_;
    std::vector<std::size_t> ends_; ///< of the pieces of each chunk
    std::uint64_t size_ = 0;
};

/// What is kept under its digest.
enum class kept_kind : std::uint8_t { chunk, object };

/// Something to keep: the bytes of a chunk, or the list of an object.
struct kept_bytes {
    chunk_digest digest{};
    byte_parts pieces{};
    std::uint64_t size = 0; ///< of the pieces together
};

/// Cuts an object, and keeps its chunks, `run` at a time and by two threads, and then its list. Chunks are kept again
/// where that took so long that a collector might find the first ones old.
/// \param keep  keeps what is not there yet, and marks what is there as used
/// \error that of `keep`; an object of more chunks than a list may name
[[nodiscard]] result<notebook::chunk_pointer>
put_object(byte_parts parts, std::size_t run,
           std::function<result<void>(kept_kind kind, std::span<kept_bytes const> what)> const& keep);

/// Reads the chunks of an object, `run` at a time and by two threads.
/// \param fetch  reads and checks chunks; `into` is as long as they are together
/// \error that of `fetch`; `into` is not as long as the object
[[nodiscard]] result<void>
get_object(object_list const& object, std::span<std::byte> into, std::size_t run,
           std::function<result<void>(std::span<listed_chunk const> chunks, std::span<std::byte> into)> const& fetch);

/// The digests of what is to stay, for looking up.
class digest_set {
  public:
    digest_set() = default;
    explicit digest_set(std::span<chunk_digest const> digests);

    void add(chunk_digest const& digest) { digests_.push_back(digest); }
    void add_chunks_of(object_list const& object);
    /// To be called after the last `add`.
    void sort();
    [[nodiscard]] bool contains(chunk_digest const& digest) const;

  private:
    std::vector<chunk_digest> digests_;
};

/// The list of an object, or why there is none that anybody could ever read.
struct found_list {
    std::optional<object_list> list;
    std::string why; ///< where there is none
};

/// \param bytes  that the store has under the object's name; they may be damaged
/// \error the list is sound, but not for this program
[[nodiscard]] result<found_list> check_list(chunk_digest const& object, std::span<std::byte const> bytes);

/// \error `why`, where there is no list
[[nodiscard]] result<object_list> list_or_error(result<found_list> found);

} // namespace hpcsched::notebook_host

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_BYTE_SOURCE_HPP
#define HPCSCHED_WORKLOAD_BYTE_SOURCE_HPP

#include <hpcsched/core/result.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

/// Where a reader gets its bytes from: a file, a decompressor, a socket, a text in memory. The readers know none of
/// these, so they stay free of I/O.
///
/// For a source `s` and a `std::span<char> room`, not empty:
///
/// | expression     | effect                                                                                       |
/// |----------------|----------------------------------------------------------------------------------------------|
/// | `s.read(room)` | n > 0: the next n bytes lie at the start of `room`; 0: the end; an error: why it cannot go on |
///
/// Semantics (not checked by the compiler):
/// 1. n <= room.size(); fewer than room.size() bytes do not mean that the end is near.
/// 2. After 0 or an error it is not called again.
/// 3. The error's message names the file and what to do, for it is shown as it is.
template <class S>
concept byte_source = std::movable<S> && requires(S& s, std::span<char> room) {
    { s.read(room) } -> std::same_as<result<std::size_t>>;
};

/// Where a writer puts its bytes.
///
/// | expression       | effect                                                                |
/// |------------------|-----------------------------------------------------------------------|
/// | `s.write(bytes)` | takes all of `bytes`, or an error: why it could not, with the file     |
template <class S>
concept byte_sink = std::movable<S> && requires(S& s, std::span<char const> bytes) {
    { s.write(bytes) } -> std::same_as<result<void>>;
};

/// A byte source over a text that the caller holds; it is borrowed and must outlive the source.
class text_source {
  public:
    explicit text_source(std::string_view text) noexcept : rest_{text} {}

    [[nodiscard]] result<std::size_t> read(std::span<char> room) noexcept {
        std::size_t const size = std::min(room.size(), rest_.size());
        if (size != 0) {
            std::memcpy(room.data(), rest_.data(), size);
            rest_.remove_prefix(size);
        }
        return size;
    }

  private:
    std::string_view rest_;
};

static_assert(byte_source<text_source>);

/// A byte sink that appends to a string that the caller holds.
class text_sink {
  public:
    explicit text_sink(std::string& text) noexcept : text_{&text} {}

    [[nodiscard]] result<void> write(std::span<char const> bytes) {
        text_->append(bytes.data(), bytes.size());
        return {};
    }

  private:
    std::string* text_;
};

static_assert(byte_sink<text_sink>);

/// A byte source and what messages call it: the path of a file, as the user gave it.
template <byte_source Source>
struct named_source {
    Source bytes;
    std::string name;
};

template <class Source>
named_source(Source, std::string) -> named_source<Source>;
template <class Source>
named_source(Source, char const*) -> named_source<Source>;

} // namespace hpcsched::workload

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_BYTES_HPP
#define HPCSCHED_CORE_BYTES_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched {

/// Bytes that grow as they are written: a command, an answer, a snapshot.
using byte_buffer = std::vector<std::byte>;

/// Appends a word of 64 bits, little-endian.
inline void put_word(byte_buffer& out, std::uint64_t word) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
        out.push_back(static_cast<std::byte>(word >> shift));
    }
}

/// Appends bytes behind their length.
inline void put_bytes(byte_buffer& out, std::span<std::byte const> bytes) {
    put_word(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Reads what the above wrote. Where the input ends early, or a length passes its end, it is no longer good, and what
/// it returns is 0 or empty.
class byte_reader {
  public:
    explicit byte_reader(std::span<std::byte const> in) noexcept : in_{in} {}

    [[nodiscard]] bool good() const noexcept { return good_; }
    /// What was not read yet.
    [[nodiscard]] std::span<std::byte const> rest() const noexcept { return in_; }

    [[nodiscard]] std::uint64_t word() noexcept {
        auto const taken = take(8);
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < taken.size(); ++i) {
            word |= static_cast<std::uint64_t>(taken[i]) << (8 * i);
        }
        return word;
    }

    [[nodiscard]] std::span<std::byte const> bytes() noexcept { return take(word()); }

  private:
    std::span<std::byte const> take(std::uint64_t count) noexcept {
        if (count > in_.size()) {
            good_ = false;
            in_ = {};
            return {};
        }
        auto const taken = in_.first(static_cast<std::size_t>(count));
        in_ = in_.subspan(static_cast<std::size_t>(count));
        return taken;
    }

    std::span<std::byte const> in_;
    bool good_ = true;
};

} // namespace hpcsched

#endif

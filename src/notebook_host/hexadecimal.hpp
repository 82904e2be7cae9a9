// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_HEXADECIMAL_HPP
#define HPCSCHED_NOTEBOOK_HOST_HEXADECIMAL_HPP

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hpcsched::notebook_host {

inline constexpr std::string_view hexadecimal_digits = "0123456789abcdef";

/// Two digits for each byte.
[[nodiscard]] inline std::string hexadecimal(std::span<std::byte const> bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    for (std::byte const b : bytes) {
        text += hexadecimal_digits[std::to_integer<unsigned>(b) >> 4U];
        text += hexadecimal_digits[std::to_integer<unsigned>(b) & 15U];
    }
    return text;
}

/// Nothing where the text is none that `hexadecimal` makes of so many bytes.
template <std::size_t Size>
[[nodiscard]] std::optional<std::array<std::byte, Size>> bytes_in(std::string_view text) {
    std::array<std::byte, Size> bytes{};
    if (text.size() != 2 * Size || text.find_first_not_of(hexadecimal_digits) != std::string_view::npos) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < Size; ++i) {
        bytes[i] = static_cast<std::byte>(hexadecimal_digits.find(text[2 * i]) << 4U |
                                          hexadecimal_digits.find(text[2 * i + 1]));
    }
    return bytes;
}

/// The digits of so many bytes that nobody can guess; empty where the system has none.
template <std::size_t Bytes>
[[nodiscard]] std::string random_digits() {
    std::array<unsigned char, Bytes> bytes{};
    bool const are_drawn = RAND_bytes(bytes.data(), static_cast<int>(Bytes)) == 1;
    return are_drawn ? hexadecimal(std::as_bytes(std::span{bytes})) : std::string{};
}

} // namespace hpcsched::notebook_host

#endif

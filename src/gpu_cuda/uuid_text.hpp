// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_UUID_TEXT_HPP
#define HPCSCHED_SRC_GPU_CUDA_UUID_TEXT_HPP

#include "driver_api.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hpcsched::gpu_cuda {

/// A UUID as NVML writes it: "GPU-" and groups of 8, 4, 4, 4 and 12 hexadecimal digits.
[[nodiscard]] inline std::string text_of(cuda::uuid const& id) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text = "GPU-";
    for (std::size_t i = 0; i < sizeof id.bytes; ++i) {
        text += i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        text += digits[id.bytes[i] >> 4U];
        text += digits[id.bytes[i] & 0xFU];
    }
    return text;
}

/// Back from that; of an instance ("MIG-...") as well. Nothing where it is none.
[[nodiscard]] inline std::optional<cuda::uuid> uuid_of(std::string_view text) {
    if (!text.starts_with("GPU-") && !text.starts_with("MIG-")) {
        return std::nullopt;
    }
    cuda::uuid id{};
    std::size_t digits = 0;
    for (char const c : text.substr(4)) {
        constexpr std::string_view known = "0123456789abcdef";
        auto const value = known.find(c);
        if (c == '-') {
            continue;
        }
        if (value == std::string_view::npos || digits == 2 * sizeof id.bytes) {
            return std::nullopt;
        }
        auto const before = static_cast<std::size_t>(static_cast<unsigned char>(id.bytes[digits / 2]));
        id.bytes[digits / 2] = static_cast<unsigned char>(before << 4U | value);
        ++digits;
    }
    return digits == 2 * sizeof id.bytes ? std::optional{id} : std::nullopt;
}

} // namespace hpcsched::gpu_cuda

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FUZZ_NETWORKS_HPP
#define HPCSCHED_TESTS_FUZZ_NETWORKS_HPP

#include <hpcsched/fuse/teacher_set.hpp>

#include <cstdint>
#include <string>
#include <utility>

/// What the fuzz targets of `fuse` share.
namespace hpcsched::fuzz {

/// Two networks of three convolutions and a head, the second of them twice as wide.
inline fuse::teacher_set two_networks() {
    auto const chain = [](std::string name, std::uint32_t width, std::uint32_t classes) {
        auto const conv = [](std::uint32_t in, std::uint32_t out) {
            return fuse::block{.kind = fuse::op_kind::convolution,
                               .description = "conv " + std::to_string(in) + ' ' + std::to_string(out),
                               .parameters = 9ULL * in * out,
                               .multiply_adds = 576ULL * in * out,
                               .input = {in, 8, 8},
                               .output = {out, 8, 8}};
        };
        fuse::block const head{.kind = fuse::op_kind::linear,
                               .description = "linear " + std::to_string(classes),
                               .parameters = 64ULL * width * classes,
                               .multiply_adds = 64ULL * width * classes,
                               .input = {width, 8, 8},
                               .output = {classes},
                               .flatten_before = true};
        return fuse::teacher{std::move(name), {conv(3, width), conv(width, width), conv(width, width), head}};
    };
    return fuse::teacher_set::make({chain("a", 4, 2), chain("b", 8, 3)}).value();
}

} // namespace hpcsched::fuzz

#endif

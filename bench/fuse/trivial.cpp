// SPDX-License-Identifier: Apache-2.0

// A trivial program that uses only hpcsched::fuse: two networks, one mutation, one search. How long the compiler takes
// for it is the figure fuse.compile_time.
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;

fuse::teacher chain(std::string name, std::uint32_t classes) {
    fuse::tensor_shape const image{3, 8, 8};
    fuse::block const conv{
        .kind = fuse::op_kind::convolution, .description = "conv", .parameters = 81, .input = image, .output = image};
    fuse::block const head{.kind = fuse::op_kind::linear,
                           .description = "linear",
                           .parameters = 192ULL * classes,
                           .input = image,
                           .output = {classes},
                           .flatten_before = true};
    return {std::move(name), {conv, conv, conv, head}};
}

} // namespace

int main() {
    auto const teachers = fuse::teacher_set::make({chain("a", 2), chain("b", 5)});
    if (!teachers) {
        std::fputs(teachers.error().message.c_str(), stderr);
        return 1;
    }
    fuse::gmorph search{*teachers, {.seed = 1}, fuse::gmorph_policies()};
    buffer<fuse::search_command> out;
    byte_buffer journal;
    search.handle(fuse::search_started{}, time_point{}, out, journal);
    search.handle(fuse::evaluated{0, {}, duration{1'000'000}}, time_point{}, out, journal);
    std::printf("%zu commands, %zu bytes\n", out.size(), journal.size());
    return out.size() == 4 ? 0 : 1;
}

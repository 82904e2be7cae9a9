// SPDX-License-Identifier: Apache-2.0
#include "object_list.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace hpcsched::notebook_host {
namespace {

constexpr std::string_view magic{"hpcsobj\1", 8};

} // namespace

byte_buffer encode(object_list const& object) {
    auto const mark = std::as_bytes(std::span{magic});
    byte_buffer out(mark.begin(), mark.end());
    out.reserve(object_list_head + object_list_row * object.chunks.size());
    put_word(out, object.size);
    put_word(out, object.chunks.size());
    for (listed_chunk const& c : object.chunks) {
        out.insert(out.end(), c.digest.begin(), c.digest.end());
        put_word(out, c.size);
    }
    return out;
}

result<object_list> decode_object_list(std::span<std::byte const> bytes) {
    auto const mark = std::as_bytes(std::span{magic});
    if (bytes.size() < object_list_head || !std::equal(mark.begin(), mark.end() - 1, bytes.begin())) {
        return error{"it is no list of chunks"};
    }
    if (bytes[mark.size() - 1] != mark.back()) {
        return error{"it is of version " + std::to_string(std::to_integer<int>(bytes[mark.size() - 1])) +
                     ", and this program reads 1"};
    }
    byte_reader in{bytes.subspan(mark.size())};
    object_list object;
    object.size = in.word();
    std::uint64_t const count = in.word();
    // By division: a count from outside must not overflow.
    if (in.rest().size() % object_list_row != 0 || in.rest().size() / object_list_row != count) {
        return error{"it is to list " + std::to_string(count) + " chunks, and its length is that of " +
                     std::to_string(in.rest().size() / object_list_row)};
    }
    object.chunks.resize(static_cast<std::size_t>(count));
    std::uint64_t sum = 0; // at most chunk_max times a count that is in memory
    for (listed_chunk& c : object.chunks) {
        auto const digest = in.rest().first(c.digest.size());
        std::copy(digest.begin(), digest.end(), c.digest.begin());
        in = byte_reader{in.rest().subspan(c.digest.size())};
        c.size = in.word();
        if (c.size == 0 || c.size > chunk_max) {
            return error{"it lists a chunk of " + std::to_string(c.size) + " bytes"};
        }
        sum += c.size;
    }
    if (sum != object.size) {
        return error{"its chunks have " + std::to_string(sum) + " bytes together, and the object is to have " +
                     std::to_string(object.size)};
    }
    return object;
}

} // namespace hpcsched::notebook_host

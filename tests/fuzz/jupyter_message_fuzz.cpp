// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/notebook_host/connection_file.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What may come to a kernel's sockets: frames, each ended by a line end; and what may stand in a connection file.
/// Nothing crashes, overflows or leaks; a message that is taken without a key is sealed to the same frames but for its
/// signature; with a key none is taken whose signature was not made with it.
namespace {

using namespace hpcsched::notebook_host;

std::vector<frame> lines_of(std::string_view text) {
    std::vector<frame> frames;
    while (!text.empty()) {
        auto const end = std::min(text.find('\n'), text.size());
        frames.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return frames;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string const text(data, data + size);
    if (auto const info = parse_connection(text)) {
        auto const again = parse_connection(connection_json(*info));
        HPCSCHED_ASSERT(again && *again == *info);
    }
    auto const frames = lines_of(text);
    auto open_to_all = message_signer::make("").value();
    if (auto const message = open_to_all.open(frames)) {
        auto const sealed = open_to_all.seal(*message);
        std::size_t const signature = message->identities.size() + 1;
        HPCSCHED_ASSERT(sealed.size() == frames.size());
        for (std::size_t i = 0; i < frames.size(); ++i) {
            HPCSCHED_ASSERT(i == signature || sealed[i] == frames[i]);
        }
        auto keyed = message_signer::make("a key").value();
        HPCSCHED_ASSERT(keyed.open(frames).has_value() == (frames[signature] == keyed.sign(*message)));
        HPCSCHED_ASSERT(keyed.open(keyed.seal(*message)).has_value() != (frames[signature] == keyed.sign(*message)));
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "host_protocol.hpp"

#include <utility>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

using notebook::kernel_codec;

void put(std::vector<frame> const& frames, byte_buffer& out) {
    put_word(out, frames.size());
    for (frame const& f : frames) {
        kernel_codec::put(std::string_view{f}, out);
    }
}
void put(jupyter_message const& m, byte_buffer& out) {
    put(m.identities, out);
    for (std::string const* const part : {&m.header, &m.parent_header, &m.metadata, &m.content}) {
        kernel_codec::put(std::string_view{*part}, out);
    }
    put(m.buffers, out);
}

[[nodiscard]] std::vector<frame> take_frames(byte_reader& in) {
    std::vector<frame> frames;
    std::uint64_t const count = in.word();
    for (std::uint64_t i = 0; i < count && in.good(); ++i) {
        frames.push_back(kernel_codec::take_text(in));
    }
    return frames;
}
[[nodiscard]] jupyter_message take_message(byte_reader& in) {
    jupyter_message m;
    m.identities = take_frames(in);
    for (std::string* const part : {&m.header, &m.parent_header, &m.metadata, &m.content}) {
        *part = kernel_codec::take_text(in);
    }
    m.buffers = take_frames(in);
    return m;
}
[[nodiscard]] channel take_channel(byte_reader& in) {
    return static_cast<channel>(kernel_codec::take_small(in, channel_count - 1));
}

template <class Message>
[[nodiscard]] std::optional<Message> whole(byte_reader const& in, Message made) {
    return in.good() && in.rest().empty() ? std::optional{std::move(made)} : std::nullopt;
}

struct putter {
    byte_buffer& out;

    void operator()(attach_asked const& m) const { put_word(out, m.kernel); }
    void operator()(cell_asked const& m) const {
        put_word(out, m.kernel);
        kernel_codec::put(m.attempt, out);
        put_word(out, m.lease);
        put_word(out, m.devices);
        put(m.message, out);
    }
    void operator()(message_passed const& m) const {
        put_word(out, m.kernel);
        put_word(out, static_cast<std::uint64_t>(m.where));
        put(m.message, out);
    }
    void operator()(status_asked const& /*m*/) const noexcept {}
    void operator()(close_asked const& m) const { put_word(out, m.kernel); }
    void operator()(drain_asked const& m) const { put_word(out, m.draining ? 1 : 0); }
    void operator()(replica_here const& /*m*/) const noexcept {}
    void operator()(message_heard const& m) const {
        put_word(out, static_cast<std::uint64_t>(m.where));
        put(m.message, out);
    }
    void operator()(cell_replied const& m) const {
        kernel_codec::put(m.attempt, out);
        put(m.reply, out);
    }
    void operator()(placement_changed const& m) const { put_bytes(out, m.view); }
};

} // namespace

boost::json::array devices_in(gpu::device_mask devices) {
    boost::json::array numbers;
    for (std::uint32_t d = 0; d < gpu::device_count_max; ++d) {
        if ((devices >> d & 1U) != 0) {
            numbers.emplace_back(d);
        }
    }
    return numbers;
}

void encode(host_request const& what, byte_buffer& out) {
    put_word(out, what.index());
    std::visit(putter{out}, what);
}

void encode(host_answer const& what, byte_buffer& out) {
    put_word(out, what.index());
    std::visit(putter{out}, what);
}

std::optional<host_request> decode_host_request(std::span<std::byte const> bytes) {
    byte_reader in{bytes};
    switch (in.word()) {
    case 0:
        return whole(in, host_request{attach_asked{in.word()}});
    case 1: {
        cell_asked m;
        m.kernel = in.word();
        m.attempt = kernel_codec::take_attempt(in);
        m.lease = in.word();
        m.devices = in.word();
        m.message = take_message(in);
        return whole(in, host_request{std::move(m)});
    }
    case 2: {
        message_passed m;
        m.kernel = in.word();
        m.where = take_channel(in);
        m.message = take_message(in);
        return whole(in, host_request{std::move(m)});
    }
    case 3:
        return whole(in, host_request{status_asked{}});
    case 4:
        return whole(in, host_request{drain_asked{kernel_codec::take_small(in, 1) == 1}});
    case 5:
        return whole(in, host_request{close_asked{in.word()}});
    default:
        return std::nullopt;
    }
}

std::optional<host_answer> decode_host_answer(std::span<std::byte const> bytes) {
    byte_reader in{bytes};
    switch (in.word()) {
    case 0:
        return whole(in, host_answer{replica_here{}});
    case 1: {
        message_heard m;
        m.where = take_channel(in);
        m.message = take_message(in);
        return whole(in, host_answer{std::move(m)});
    }
    case 2: {
        cell_replied m;
        m.attempt = kernel_codec::take_attempt(in);
        m.reply = take_message(in);
        return whole(in, host_answer{std::move(m)});
    }
    case 3: {
        auto const view = in.bytes();
        return whole(in, host_answer{placement_changed{{view.begin(), view.end()}}});
    }
    default:
        return std::nullopt;
    }
}

} // namespace hpcsched::notebook_host

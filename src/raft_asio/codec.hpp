// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_CODEC_HPP
#define HPCSCHED_SRC_RAFT_ASIO_CODEC_HPP

#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft_asio/request.hpp>

#include "frame.hpp"
#include "wire_generated.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_asio::detail {

/// The longest body of a frame before the other end is known.
inline constexpr std::size_t hello_bytes_max = 4096;

/// More than the rest of a frame with one request or answer takes beside its payload.
inline constexpr std::size_t frame_overhead = 1024;

/// A body under construction in a buffer that is used again and again, and the frame made of it.
class frame_builder {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return builder_.GetSize(); }

  protected:
    template <class Root>
    std::span<std::byte const> seal(frame_kind kind, flatbuffers::Offset<Root> root) {
        builder_.ForceVectorAlignment(1, 8, 8); // so that the size is a multiple of 8, whatever is in it
        builder_.Finish(root);
        auto const header = make_header(kind, bytes());
        builder_.PushBytes(reinterpret_cast<std::uint8_t const*>(header.data()), header.size());
        return bytes();
    }
    void reset() { builder_.Clear(); }
    // Gives memory back where a burst has taken much.
    void shrink() { builder_.Reset(); }

    [[nodiscard]] flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> blob(std::span<std::byte const> bytes) {
        return bytes.empty() ? 0
                             : builder_.CreateVector(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
    }

    flatbuffers::FlatBufferBuilder builder_;

  private:
    [[nodiscard]] std::span<std::byte const> bytes() const {
        return {reinterpret_cast<std::byte const*>(builder_.GetBufferPointer()), builder_.GetSize()};
    }
};

struct hello {
    std::uint64_t cluster = 0;
    raft::node_id node{}; ///< no_node: a client
    std::uint16_t minor = protocol_minor;
    std::uint64_t incarnation = 0;
    std::string refusal{};
};

[[nodiscard]] std::vector<std::byte> encode_hello(hello const& h);
[[nodiscard]] std::optional<hello> decode_hello(std::span<std::byte const> body);

/// The messages for one peer, of all groups, until they are sealed as one frame. No allocation in steady state.
class message_batch : public frame_builder {
  public:
    void add(raft::group_id group, raft::message const& m);
    [[nodiscard]] bool empty() const noexcept { return count() == 0; }
    /// Whether there is nothing in it but commit indices, which nobody waits for.
    [[nodiscard]] bool can_wait() const noexcept {
        return !has_urgent_heartbeat_ && messages_.empty() && heartbeat_responses_.empty();
    }
    [[nodiscard]] std::size_t count() const noexcept {
        return messages_.size() + heartbeats_.size() + heartbeat_responses_.size();
    }
    /// Of the frame, so far; a little more or less.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return size() + messages_.size() * 4 + (heartbeats_.size() + heartbeat_responses_.size()) * 32;
    }
    /// The frame; borrowed until the next call.
    [[nodiscard]] std::span<std::byte const> seal();
    void clear();

  private:
    std::vector<flatbuffers::Offset<wire::Message>> messages_;
    std::vector<wire::Heartbeat> heartbeats_;
    std::vector<wire::HeartbeatResponse> heartbeat_responses_;
    bool has_urgent_heartbeat_ = false;
};

/// About how long `m` will be in a frame: no less than what is copied of it.
[[nodiscard]] std::size_t encoded_size(raft::message const& m);

/// What came of a frame.
struct decoded {
    std::uint64_t count = 0;       ///< handed over
    std::uint64_t passed_over = 0; ///< of unknown kinds
    char const* fault = nullptr;   ///< not null: the frame makes no sense, and nothing of it was handed over
};

/// Takes frames of messages apart. Payloads stay where they are, in the frame; entries are laid out in a buffer that is
/// used again.
class message_decoder {
  public:
    using sink = std::function<void(raft::group_id, raft::message const&)>;

    /// Checks a body whole, then hands over message by message.
    decoded decode(std::span<std::byte const> body, raft::node_id from, raft::node_id to, sink const& take);

  private:
    std::vector<raft::entry> entries_;
};

class request_batch : public frame_builder {
  public:
    void add(request const& r);
    [[nodiscard]] bool empty() const noexcept { return requests_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return requests_.size(); }
    [[nodiscard]] std::span<std::byte const> seal();
    void clear();

  private:
    std::vector<flatbuffers::Offset<wire::Request>> requests_;
};

class response_batch : public frame_builder {
  public:
    void add(response const& r);
    [[nodiscard]] bool empty() const noexcept { return responses_.empty(); }
    [[nodiscard]] std::span<std::byte const> seal();
    void clear();

  private:
    std::vector<flatbuffers::Offset<wire::Response>> responses_;
};

/// Requests of kinds that a newer minor version has are handed over too: only the host can refuse them.
decoded decode_requests(std::span<std::byte const> body, std::function<void(request const&)> const& take);
decoded decode_responses(std::span<std::byte const> body, std::function<void(response const&)> const& take);

} // namespace hpcsched::raft_asio::detail

#endif

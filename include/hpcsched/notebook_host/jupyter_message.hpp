// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_JUPYTER_MESSAGE_HPP
#define HPCSCHED_NOTEBOOK_HOST_JUPYTER_MESSAGE_HPP

#include <hpcsched/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

struct evp_mac_ctx_st; // OpenSSL's

namespace hpcsched::notebook_host {

/// One frame of a multipart message.
using frame = std::string;

/// A message of the Jupyter wire protocol. The four parts of JSON are kept as they came: their signature is of their
/// bytes.
/// \source "Messaging in Jupyter", wire protocol, version 5.3
struct jupyter_message {
    std::vector<frame> identities{}; ///< of who it is from, or to; of a broadcast, its topic
    std::string header{};
    std::string parent_header{};
    std::string metadata{};
    std::string content{};
    std::vector<frame> buffers{}; ///< not signed

    friend bool operator==(jupyter_message const&, jupyter_message const&) = default;
};

/// What a proxy takes of one message: more is turned away, since a frame from outside is memory.
struct message_limits {
    std::size_t bytes = std::size_t{1} << 30U; ///< of all frames together
    std::size_t frames = 4096;
};

/// Signs the messages of one connection, and checks those that come.
///
/// Signatures are HMAC-SHA256, compared in constant time. A signature that was seen among the last 65,536 is refused:
/// its message was sent before. With an empty key nothing is signed or checked, as the protocol has it.
/// \thread_safety none
class message_signer {
  public:
    /// \param scheme  "hmac-sha256"
    /// \error another scheme
    [[nodiscard]] static result<message_signer> make(std::string key, std::string_view scheme = "hmac-sha256");

    /// The message of frames that were received.
    /// \error what is wrong with them: no delimiter, parts missing, over a limit, a wrong signature, one seen before
    [[nodiscard]] result<jupyter_message> open(std::vector<frame> frames, message_limits limits = {});

    /// The frames of a message, signed.
    [[nodiscard]] std::vector<frame> seal(jupyter_message message) const;

    /// The signature of the four parts, in hexadecimal digits; empty where the key is.
    [[nodiscard]] std::string sign(jupyter_message const& message) const;

  private:
    using digest = std::array<std::byte, 32>;
    struct first_bytes {
        [[nodiscard]] std::size_t operator()(digest const& d) const noexcept {
            std::size_t hash = 0;
            std::memcpy(&hash, d.data(), sizeof hash);
            return hash;
        }
    };
    struct freed {
        void operator()(evp_mac_ctx_st* what) const noexcept;
    };

    message_signer() = default;
    [[nodiscard]] digest digest_of(jupyter_message const& message) const;

    std::unique_ptr<evp_mac_ctx_st, freed> keyed_; // null: nothing is signed
    std::unordered_set<digest, first_bytes> seen_;
    std::deque<digest> seen_in_order_;
};

/// Between the identities and the signature.
inline constexpr std::string_view message_delimiter = "<IDS|MSG>";

} // namespace hpcsched::notebook_host

#endif

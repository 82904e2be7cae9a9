// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include "hexadecimal.hpp"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

constexpr std::size_t seen_max = 65'536; // as jupyter_client's digest_history_size

} // namespace

result<message_signer> message_signer::make(std::string key, std::string_view scheme) {
    if (scheme != "hmac-sha256") {
        return error{"signature scheme '" + std::string{scheme} + "' is not known; set it to hmac-sha256"};
    }
    return message_signer{std::move(key)};
}

std::string message_signer::sign(jupyter_message const& message) const {
    if (key_.empty()) {
        return {};
    }
    // One buffer and one call: the streaming interface of OpenSSL 3 costs more than the copy of what is small.
    std::string parts;
    parts.reserve(message.header.size() + message.parent_header.size() + message.metadata.size() +
                  message.content.size());
    parts.append(message.header).append(message.parent_header).append(message.metadata).append(message.content);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<unsigned char const*>(parts.data()), // NOLINT(*-reinterpret-cast): bytes
         parts.size(), digest.data(), &size);
    return hexadecimal(std::as_bytes(std::span{digest}).first(size));
}

result<jupyter_message> message_signer::open(std::span<frame const> frames, message_limits limits) {
    std::size_t bytes = 0;
    for (frame const& f : frames) {
        bytes += f.size();
    }
    if (frames.size() > limits.frames || bytes > limits.bytes) {
        return error{"a message of " + std::to_string(frames.size()) + " frames and " + std::to_string(bytes) +
                     " bytes: at most " + std::to_string(limits.frames) + " and " + std::to_string(limits.bytes) +
                     " are taken"};
    }
    auto const delimiter = std::find(frames.begin(), frames.end(), message_delimiter);
    if (delimiter == frames.end()) {
        return error{"a message without the delimiter <IDS|MSG>"};
    }
    auto const rest = frames.subspan(static_cast<std::size_t>(delimiter - frames.begin()) + 1);
    if (rest.size() < 5) {
        return error{"a message that ends after " + std::to_string(rest.size()) + " of 5 parts"};
    }
    jupyter_message message{.identities = {frames.begin(), delimiter},
                            .header = rest[1],
                            .parent_header = rest[2],
                            .metadata = rest[3],
                            .content = rest[4],
                            .buffers = {rest.begin() + 5, rest.end()}};
    if (key_.empty()) {
        return message;
    }
    std::string const& given = rest[0];
    std::string const right = sign(message);
    if (given.size() != right.size() || CRYPTO_memcmp(given.data(), right.data(), right.size()) != 0) {
        return error{"a message with a wrong signature: its sender has another key"};
    }
    if (!seen_.insert(given).second) {
        return error{"a message that was sent before"};
    }
    seen_in_order_.push_back(given);
    if (seen_in_order_.size() > seen_max) {
        seen_.erase(seen_in_order_.front());
        seen_in_order_.pop_front();
    }
    return message;
}

std::vector<frame> message_signer::seal(jupyter_message const& message) const {
    std::vector<frame> frames = message.identities;
    frames.reserve(frames.size() + 6 + message.buffers.size());
    frames.emplace_back(message_delimiter);
    frames.push_back(sign(message));
    frames.push_back(message.header);
    frames.push_back(message.parent_header);
    frames.push_back(message.metadata);
    frames.push_back(message.content);
    frames.insert(frames.end(), message.buffers.begin(), message.buffers.end());
    return frames;
}

} // namespace hpcsched::notebook_host

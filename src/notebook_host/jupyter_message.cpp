// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include "hexadecimal.hpp"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

constexpr std::size_t seen_max = 65'536; // as jupyter_client's digest_history_size

} // namespace

void message_signer::freed::operator()(evp_mac_ctx_st* what) const noexcept {
    EVP_MAC_CTX_free(what);
}

// Once for each connection: to find the algorithm and to take the key costs more than to sign a message.
result<message_signer> message_signer::make(std::string key, std::string_view scheme) {
    if (scheme != "hmac-sha256") {
        return error{"signature scheme '" + std::string{scheme} + "' is not known; set it to hmac-sha256"};
    }
    message_signer made;
    if (key.empty()) {
        return made;
    }
    std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> const hmac{EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr),
                                                                 &EVP_MAC_free};
    made.keyed_.reset(EVP_MAC_CTX_new(hmac.get()));
    std::string hash{OSSL_DIGEST_NAME_SHA2_256};
    std::array<OSSL_PARAM, 2> const parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash.data(), hash.size()), OSSL_PARAM_construct_end()};
    if (!made.keyed_ || EVP_MAC_init(made.keyed_.get(),
                                     reinterpret_cast<unsigned char const*>(key.data()), // NOLINT(*-cast): bytes
                                     key.size(), parameters.data()) != 1) {
        return error{"OpenSSL has no HMAC-SHA256, which signs Jupyter's messages"};
    }
    return made;
}

message_signer::digest message_signer::digest_of(jupyter_message const& message) const {
    EVP_MAC_CTX* const c = keyed_.get();
    bool done = EVP_MAC_init(c, nullptr, 0, nullptr) == 1; // with the same key
    for (std::string const* const part :
         {&message.header, &message.parent_header, &message.metadata, &message.content}) {
        done = done && EVP_MAC_update(c, reinterpret_cast<unsigned char const*>(part->data()), // NOLINT(*-cast): bytes
                                      part->size()) == 1;
    }
    digest made{};
    std::size_t size = 0;
    done = done && EVP_MAC_final(c, reinterpret_cast<unsigned char*>(made.data()), // NOLINT(*-cast): bytes
                                 &size, made.size()) == 1;
    if (!done || size != made.size()) {
        throw std::bad_alloc{}; // nothing else is left that can fail
    }
    return made;
}

std::string message_signer::sign(jupyter_message const& message) const {
    return keyed_ ? hexadecimal(digest_of(message)) : std::string{};
}

result<jupyter_message> message_signer::open(std::vector<frame> frames, message_limits limits) {
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
    auto const rest = std::span{frames}.subspan(static_cast<std::size_t>(delimiter - frames.begin()) + 1);
    if (rest.size() < 5) {
        return error{"a message that ends after " + std::to_string(rest.size()) + " of 5 parts"};
    }
    std::string const given = std::move(rest[0]);
    jupyter_message message{.header = std::move(rest[1]),
                            .parent_header = std::move(rest[2]),
                            .metadata = std::move(rest[3]),
                            .content = std::move(rest[4])};
    auto const buffers = rest.subspan(5);
    message.buffers.assign(std::move_iterator{buffers.begin()}, std::move_iterator{buffers.end()});
    message.identities.assign(std::move_iterator{frames.begin()}, std::move_iterator{delimiter});
    if (!keyed_) {
        return message;
    }
    digest const right = digest_of(message);
    std::string const digits = hexadecimal(right);
    if (given.size() != digits.size() || CRYPTO_memcmp(given.data(), digits.data(), digits.size()) != 0) {
        return error{"a message with a wrong signature: its sender has another key"};
    }
    if (!seen_.insert(right).second) {
        return error{"a message that was sent before"};
    }
    seen_in_order_.push_back(right);
    if (seen_in_order_.size() > seen_max) {
        seen_.erase(seen_in_order_.front());
        seen_in_order_.pop_front();
    }
    return message;
}

std::vector<frame> message_signer::seal(jupyter_message message) const {
    std::string signature = sign(message);
    std::vector<frame> frames = std::move(message.identities);
    frames.reserve(frames.size() + 6 + message.buffers.size());
    frames.emplace_back(message_delimiter);
    frames.push_back(std::move(signature));
    frames.push_back(std::move(message.header));
    frames.push_back(std::move(message.parent_header));
    frames.push_back(std::move(message.metadata));
    frames.push_back(std::move(message.content));
    frames.insert(frames.end(), std::move_iterator{message.buffers.begin()}, std::move_iterator{message.buffers.end()});
    return frames;
}

} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

message_signer signer(std::string key = "a-key") {
    return std::move(*message_signer::make(std::move(key)));
}

jupyter_message example() {
    return {.identities = {"client", "another"},
            .header = R"({"msg_id":"1"})",
            .parent_header = "{}",
            .metadata = "{}",
            .content = R"({"code":"1+1"})",
            .buffers = {"raw\0bytes", ""}};
}

std::string why(message_signer& s, std::vector<frame> const& frames, message_limits limits = {}) {
    auto const opened = s.open(frames, limits);
    return opened ? std::string{} : opened.error().message;
}

TEST_CASE("jupyter message: what is sealed with a key is opened with it") {
    auto frames = signer().seal(example());
    CHECK(frames.size() == 2 + 1 + 1 + 4 + 2);
    CHECK(frames[2] == message_delimiter);
    CHECK(frames[3].size() == 64);
    auto s = signer();
    auto const opened = s.open(frames);
    REQUIRE(opened.has_value());
    CHECK(*opened == example());
}

TEST_CASE("jupyter message: the signature is HMAC-SHA256 over the four parts, in hexadecimal digits") {
    // RFC 4231, test case 2: the key "Jefe", and "what do ya want for nothing?" in four parts.
    auto const s = signer("Jefe");
    CHECK(s.sign({.header = "what do ", .parent_header = "ya want ", .metadata = "for ", .content = "nothing?"}) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("jupyter message: one with a wrong signature, or that was changed, is turned away") {
    auto s = signer();
    auto frames = signer("another key").seal(example());
    CHECK(why(s, frames) == "a message with a wrong signature: its sender has another key");
    frames = signer().seal(example());
    frames[7] += ' '; // the content
    CHECK(why(s, frames) == "a message with a wrong signature: its sender has another key");
    frames = signer().seal(example());
    frames[3].clear();
    CHECK(!why(s, frames).empty());
    frames = signer().seal(example());
    frames.back() += "buffers are not signed";
    CHECK(why(s, frames).empty());
}

TEST_CASE("jupyter message: one that was sent before is turned away") {
    auto s = signer();
    auto const frames = signer().seal(example());
    CHECK(why(s, frames).empty());
    CHECK(why(s, frames) == "a message that was sent before");
    jupyter_message other = example();
    for (int i = 0; i < 70'000; ++i) { // by then it is forgotten
        other.header = std::to_string(i);
        CHECK(s.open(signer().seal(other)).has_value());
    }
    CHECK(why(s, frames).empty());
}

TEST_CASE("jupyter message: truncated and oversized ones are turned away with what is wrong") {
    auto s = signer();
    auto const frames = signer().seal(example());
    for (std::size_t count = 0; count < 8; ++count) {
        std::vector<frame> const cut{frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(count)};
        CHECK(why(s, cut) == (count < 3 ? std::string{"a message without the delimiter <IDS|MSG>"}
                                        : "a message that ends after " + std::to_string(count - 3) + " of 5 parts"));
    }
    CHECK(why(s, frames, {.bytes = 40}).find("bytes: at most 4096 and 40 are taken") != std::string::npos);
    CHECK(why(s, frames, {.frames = 9}).find("a message of 10 frames") != std::string::npos);
}

TEST_CASE("jupyter message: an empty key signs nothing and checks nothing, another scheme is refused") {
    auto s = signer("");
    auto const frames = s.seal(example());
    CHECK(frames[3].empty());
    CHECK(why(s, frames).empty());
    CHECK(why(s, frames).empty());
    CHECK(message_signer::make("k", "hmac-md5").error().message ==
          "signature scheme 'hmac-md5' is not known; set it to hmac-sha256");
}

} // namespace
} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0
#include "wire.hpp"

#include <hpcsched/core/random.hpp>

#include <doctest/doctest.h>

#include "connection.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace hpcsched::raft_etcd::detail {

TEST_CASE("etcd wire: any bytes survive base64, and what is no base64 is refused") {
    random_stream bits{1, "base64"};
    for (std::size_t size = 0; size < 100; ++size) {
        raft::byte_buffer bytes(size);
        for (std::byte& b : bytes) {
            b = static_cast<std::byte>(bits());
        }
        CHECK(from_base64(to_base64(bytes)) == bytes);
    }
    CHECK(to_base64("foob") == "Zm9vYg=="); // RFC 4648, section 10
    CHECK(to_base64("fooba") == "Zm9vYmE=");
    for (char const* const bad : {"Zm9", "Zm9vYg=", "Zm9*", "====A"}) {
        CHECK_FALSE(from_base64(bad));
    }
}

TEST_CASE("etcd wire: keys of entries are in the order of the entries, and only they are taken for such") {
    key_names const keys{"/p"};
    CHECK(keys.entry(9) < keys.entry(10));
    CHECK(keys.entry(99'999) < keys.entry(100'000));
    CHECK(keys.entry(~raft::log_index{0}) < keys.log_end());
    CHECK(keys.index_of(keys.entry(42)) == 42);
    CHECK_FALSE(keys.index_of(keys.last()));
    CHECK_FALSE(keys.index_of("/p/log/12x"));
    CHECK_FALSE(keys.index_of("/q/log/00000000000000000001"));
}

TEST_CASE("etcd wire: an answer of a real etcd is read") {
    auto const good = read_transaction(
        R"({"header":{"cluster_id":"324952591200643719","revision":"7"},"succeeded":true,"responses":[)"
        R"({"response_put":{"header":{"revision":"7"}}},)"
        R"({"response_range":{"kvs":[{"key":"cC9sYXN0","mod_revision":"2","value":"MSAx"}],"more":true,"count":"3"}},)"
        R"({"response_range":{"header":{"revision":"7"}}}]})");
    REQUIRE(good.has_value());
    CHECK(good->succeeded);
    CHECK(good->revision == 7);
    REQUIRE(good->ranges.size() == 2);
    CHECK(good->ranges[0].text() == "1 1");
    CHECK(good->ranges[0].items.front().key == "p/last");
    CHECK(good->ranges[0].more);
    CHECK(good->ranges[0].count == 3);
    CHECK(good->ranges[1].text().empty());

    auto const line =
        read_watch(R"({"result":{"header":{"revision":"4"},"events":[{"kv":{"key":"cC9sYXN0","value":"MSAx"}},)"
                   R"({"type":"DELETE","kv":{"key":"cC9sYXN0","mod_revision":"4"}}]}})");
    REQUIRE(line.has_value());
    CHECK(line->puts.size() == 1);
    CHECK_FALSE(line->canceled);
    CHECK(read_watch(R"({"result":{"canceled":true,"compact_revision":"3"}})")->canceled);
    CHECK(read_watch(R"({"error":{"grpc_code":14,"message":"etcdserver: no leader"}})").error().message ==
          "etcdserver: no leader");
    CHECK(read_complaint(R"({"error":"etcdserver: user name is empty","code":3})") == "etcdserver: user name is empty");
}

TEST_CASE("etcd wire: an answer that is none is an error, not a guess") {
    for (char const* const bad : {"", "[]", "{", "<html>", R"({"responses":[{"response_range":{"kvs":[3]}}]})",
                                  R"({"responses":[{"response_range":{"kvs":[{"key":"*"}]}}]})"}) {
        CHECK_FALSE(read_transaction(bad).has_value());
    }
    CHECK_FALSE(read_watch("null").has_value());
    CHECK_FALSE(read_token("{}").has_value());
}

TEST_CASE("etcd wire: values that another version or another program wrote are refused by name") {
    CHECK(*read_last("") == 0);
    CHECK(*read_last(last_text(12)) == 12);
    CHECK(read_last("2 12 something").error().message.find("format version 2, and this program reads 1") !=
          std::string::npos);
    CHECK(read_last("hello").error().message.find("another") != std::string::npos);
    CHECK_FALSE(read_last("1 2 3").has_value());
    CHECK_FALSE(read_last("1").has_value());
    CHECK_FALSE(read_last("1 ").has_value());

    auto const note = read_note(note_text({7, 3, 40}));
    CHECK((note->first == 7 && note->count == 3 && note->index == 40));
    CHECK(read_note("")->first == 0);
    CHECK_FALSE(read_note("0 1 2").has_value());

    auto const snapshot = read_snapshot(snapshot_text({40, 1000, 2, "40-abc"}));
    CHECK((snapshot->index == 40 && snapshot->size == 1000 && snapshot->pieces == 2 && snapshot->folder == "40-abc"));
    CHECK(read_snapshot("")->index == 0);
    CHECK(read_snapshot("3 40 1000 2 40-abc").error().message.find("version 3") != std::string::npos);
    CHECK_FALSE(read_snapshot("1 40 1000 40-abc").has_value());
}

TEST_CASE("etcd wire: an endpoint is a scheme, a host and a port") {
    auto const v6 = read_endpoint("https://[::1]:2379");
    REQUIRE(v6.has_value());
    CHECK((v6->host == "::1" && v6->port == "2379" && v6->secure));
    CHECK(read_endpoint("http://etcd.example:2379")->host == "etcd.example");
    for (char const* const bad : {"", "localhost:2379", "http://", "http://host", "http://host:port", "ftp://h:1",
                                  "http://:2379", "http://h:70000"}) {
        CHECK_FALSE(read_endpoint(bad).has_value());
    }
}

TEST_CASE("etcd log: a configuration that makes no sense is refused, and says why") {
    auto const why = [](auto change) {
        etcd_log_config config;
        change(config);
        auto const valid = validate(config);
        return valid ? std::string{} : valid.error().message;
    };
    CHECK(why([](auto&) {}).empty());
    CHECK(why([](auto& c) { c.endpoints.clear(); }).find("endpoints") != std::string::npos);
    CHECK(why([](auto& c) { c.endpoints = {"here"}; }).find("\"here\" is no endpoint") != std::string::npos);
    CHECK(why([](auto& c) { c.prefix = "/a/"; }).find("prefix") != std::string::npos);
    CHECK(why([](auto& c) { c.key = "k"; }).find("certificate and key") != std::string::npos);
    CHECK(why([](auto& c) { c.snapshot_trailing = c.snapshot_every; }).find("below") != std::string::npos);
    CHECK(why([](auto& c) { c.backoff_max = duration{1}; }).find("backoff_max") != std::string::npos);
    CHECK(why([](auto& c) { c.batch_entries_max = 0; }).find("above 0") != std::string::npos);
}

} // namespace hpcsched::raft_etcd::detail

// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "skip.hpp"
#include "store_places.hpp"

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr std::size_t mib = std::size_t{1} << 20U;
constexpr char const* no_redis = "there is no redis-server (Debian package redis-server)";

TEST_CASE("redis store: addresses are read as they are meant") {
    auto const a = parse_redis_address("redis://:p%40ss@[fd00::1]:7000/3?prefix=a%20b").value();
    CHECK(a.host == "fd00::1");
    CHECK(a.port == 7000);
    CHECK(a.database == 3);
    CHECK(a.password == "p@ss");
    CHECK(a.prefix == "a b");
    CHECK(a.text() == "redis://[fd00::1]:7000/3");
    auto const b = parse_redis_address("redis://user:word@host").value();
    CHECK(b.user == "user");
    CHECK(b.prefix == "hpcsched");
    CHECK(b.text() == "redis://host:6379/0");
    auto const c = parse_redis_address("redis+unix://:word@/run/redis.sock?db=2&prefix=k").value();
    CHECK(c.socket == "/run/redis.sock");
    CHECK(c.password == "word");
    CHECK(c.text() == "redis+unix:///run/redis.sock?db=2");
    for (char const* const wrong :
         {"redis:/host", "redis://", "redis://host:0", "redis://host:65536", "redis://host:x", "redis://host/one",
          "redis://host/-1", "redis://[::1", "redis://[::1]x", "redis://@host", "redis://:@host", "redis://word@host",
          "redis://h?prefix=", "redis://h?color=red", "redis://h?prefix=%4", "redis://h?prefix=%xy",
          "redis+unix://socket", "rediss://host"}) {
        CAPTURE(wrong);
        REQUIRE(!parse_redis_address(wrong).has_value());
        CHECK(parse_redis_address(wrong).error().message.find("it is redis://[:PASSWORD@]HOST") != std::string::npos);
    }
}

TEST_CASE("redis store: a server that is killed and started again is connected to again, and said to be gone between") {
    if (!redis_server::is_installed()) {
        HPCSCHED_SKIP(no_redis);
    }
    redis_server server;
    auto const store = chunk_store::open(server.where()).value();
    byte_buffer const value = bytes_of(1, 30 * mib); // by two connections
    auto const pointer = put(*store, {value}).value();
    CHECK(got(*store, pointer.digest) == value);
    server.kill();
    auto const why = store->size(pointer.digest).error().message;
    CHECK(why == "cannot reach Redis at redis+unix://" + server.socket() +
                     "?db=0: Connection refused; is it running, and is the address right?");
    CHECK(put(*store, {value}).error().message == why);
    server.start();
    CHECK(text_of(got(*store, pointer.digest)).find("is not in the store") != std::string::npos);
    CHECK(put(*store, {value}).value() == pointer);
    server.kill();
    server.start();
    CHECK(put(*store, {value}).value() == pointer); // no call in between that fails
    CHECK(got(*store, pointer.digest) == value);
}

TEST_CASE("redis store: a server that hangs is waited for so long and no longer") {
    if (!redis_server::is_installed()) {
        HPCSCHED_SKIP(no_redis);
    }
    redis_server const server;
    auto const store = chunk_store::open(server.where(), {.timeout = 100ms}).value();
    server.send(SIGSTOP);
    CHECK(put(*store, {bytes_of(1, 9 * mib)}).error().message ==
          "Redis at redis+unix://" + server.socket() +
              "?db=0 has not answered for 100 ms; look at its load, or at the network");
    server.send(SIGCONT);
    CHECK(put(*store, {bytes_of(1, 9 * mib)}).has_value());
}

TEST_CASE("redis store: a server without memory is said to be full, and what it has stays") {
    if (!redis_server::is_installed()) {
        HPCSCHED_SKIP(no_redis);
    }
    redis_server const server{{"--maxmemory", "20mb", "--maxmemory-policy", "noeviction"}};
    auto const store = chunk_store::open(server.where()).value();
    byte_buffer const little = bytes_of(1, 1000);
    auto const pointer = put(*store, {little}).value();
    auto const failed = put(*store, {bytes_of(2, 60 * mib)});
    REQUIRE(!failed.has_value());
    CAPTURE(failed.error().message);
    CHECK(failed.error().message.starts_with("Redis at redis+unix://" + server.socket() + "?db=0 says: OOM "));
    CHECK(failed.error().message.ends_with("; the store is full: give it more memory (maxmemory)"));
    CHECK(got(*store, pointer.digest) == little);
    CHECK(store->collect({&pointer.digest, 1}, -1h).value().chunks > 0); // all are old: room is made in a full store
    CHECK(got(*store, pointer.digest) == little);
    CHECK(put(*store, {bytes_of(3, mib)}).has_value());
}

TEST_CASE("redis store: a password is asked for, and is in no message") {
    if (!redis_server::is_installed()) {
        HPCSCHED_SKIP(no_redis);
    }
    redis_server const server{{"--requirepass", "sesame"}};
    auto const why = chunk_store::open(server.where()).error().message;
    CHECK(why.find("NOAUTH") != std::string::npos);
    CHECK(why.ends_with("; the password stands in the address: redis://:PASSWORD@HOST"));
    auto const wrong = chunk_store::open("redis+unix://:simsim@" + server.socket()).error().message;
    CHECK(wrong.find("WRONGPASS") != std::string::npos);
    CHECK(wrong.find("simsim") == std::string::npos);
    auto const store = chunk_store::open("redis+unix://:sesame@" + server.socket() + "?db=1").value();
    auto const pointer = put(*store, {bytes_of(1, 10)}).value();
    CHECK(got(*store, pointer.digest) == bytes_of(1, 10));
    auto const other = chunk_store::open("redis+unix://:sesame@" + server.socket() + "?db=2").value();
    CHECK(!other->size(pointer.digest).has_value());
}

TEST_CASE("redis store: kernels with prefixes of their own do not meet") {
    if (!redis_server::is_installed()) {
        HPCSCHED_SKIP(no_redis);
    }
    redis_server const server;
    std::string const where = "redis+unix://" + server.socket() + "?prefix=";
    auto const one = chunk_store::open(where + "one").value();
    auto const two = chunk_store::open(where + "two").value();
    auto const pointer = put(*one, {bytes_of(1, 10)}).value();
    CHECK(put(*two, {bytes_of(1, 10)}).value() == pointer);
    CHECK(one->remove_all().has_value());
    CHECK(got(*two, pointer.digest) == bytes_of(1, 10));
    CHECK(server.list({"KEYS", "one:*"}).empty());
    CHECK(two->collect({&pointer.digest, 1}, -1h).value() == chunk_counts{});
}

} // namespace
} // namespace hpcsched::notebook_host

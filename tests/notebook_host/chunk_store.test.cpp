// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/chunk_store.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"
#include "store_places.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr std::size_t mib = std::size_t{1} << 20U;

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): it leaves the test case
#define NEEDS_PLACE(Place)                                                                                             \
    if (!Place::is_there()) {                                                                                          \
        HPCSCHED_SKIP("there is no redis-server (Debian package redis-server)");                                       \
    }                                                                                                                  \
    Place const place

TEST_CASE_TEMPLATE("chunk store: what was put is got, by another store of the same place", Place, folder_place,
                   redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    auto const other = chunk_store::open(place.where()).value();
    for (std::size_t const size : {std::size_t{0}, std::size_t{1}, 4 * mib - 1, 4 * mib, 4 * mib + 1, 21 * mib + 7}) {
        CAPTURE(size);
        byte_buffer const value = bytes_of(size, size);
        auto const pointer = put(*store, {value}).value();
        CHECK(pointer.size == size);
        CHECK(other->size(pointer.digest).value() == size);
        CHECK(got(*other, pointer.digest) == value);
        CHECK(put(*other, {value}).value() == pointer);
    }
}

TEST_CASE_TEMPLATE("chunk store: parts are one object, however small, empty or large they are", Place, folder_place,
                   redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    byte_buffer const value = bytes_of(1, 9 * mib);
    std::span<std::byte const> const all{value};
    std::vector<std::vector<std::span<std::byte const>>> cuts{
        {},
        {all.first(0), all.first(0)},
        {all.first(3), all.subspan(3, 0), all.subspan(3, 5 * mib), all.subspan(5 * mib + 3)},
        {all.first(3 * mib), all.subspan(3 * mib, 3 * mib), all.subspan(6 * mib)},
        {},
    };
    for (std::size_t at = 0; at < value.size(); at += 1000) { // more than one call of the system takes
        cuts.back().push_back(all.subspan(at, std::min<std::size_t>(1000, value.size() - at)));
    }
    for (auto const& parts : cuts) {
        byte_buffer whole;
        for (auto const part : parts) {
            whole.insert(whole.end(), part.begin(), part.end());
        }
        auto const pointer = put(*store, parts).value();
        CHECK(pointer.size == whole.size());
        CHECK(got(*store, pointer.digest) == whole);
    }
}

TEST_CASE_TEMPLATE("chunk store: equal chunks are kept once, also where an array stands beside others", Place,
                   folder_place, redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    CHECK(store->usage().value() == chunk_counts{});
    byte_buffer const array = bytes_of(1, 9 * mib);
    std::string const head = "head";
    std::string const more = "more";
    CHECK(put(*store, {bytes_in(head), array}).has_value());
    auto const before = store->usage().value();
    CHECK(before.objects == 1);
    CHECK(before.chunks == 4);
    CHECK(before.bytes == 9 * mib + head.size() + object_list_head + 4 * object_list_row);
    CHECK(put(*store, {bytes_in(more), bytes_in(head), array}).has_value());
    CHECK(store->usage().value().chunks == 5);
    byte_buffer const zeros(40 * mib);
    auto const pointer = put(*store, {zeros}).value();
    CHECK(store->usage().value().chunks == 6);
    CHECK(got(*store, pointer.digest) == zeros);
}

TEST_CASE_TEMPLATE("chunk store: what is damaged or not there is named", Place, folder_place, redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    std::string const value = "a value";
    auto const pointer = put(*store, {bytes_in(value)}).value();
    std::string const chunk = place.chunks().at(0);
    byte_buffer room(value.size() + 1);
    CHECK(store->get(pointer.digest, room).error().message == "the object has 7 bytes, and there is room for 8");
    place.damage(chunk);
    CHECK(text_of(got(*store, pointer.digest)).starts_with("chunk " + chunk + " is damaged, "));
    place.lose(chunk);
    CHECK(text_of(got(*store, pointer.digest)).starts_with("chunk " + chunk + " is not in the store"));
    CHECK(put(*store, {bytes_in(value)}).value() == pointer);
    CHECK(text_of(got(*store, pointer.digest)) == value);
    CHECK(store->size(chunk_digest{})
              .error()
              .message.starts_with("object " + std::string(64, '0') + " is not in the store"));
    place.write(kept_kind::object, pointer.digest, "something else");
    CHECK(store->size(pointer.digest)
              .error()
              .message.starts_with("object " + hexadecimal(pointer.digest) + " is damaged"));
    CHECK(put(*store, {bytes_in(value)}).has_value());
    CHECK(text_of(got(*store, pointer.digest)) == value);
}

TEST_CASE_TEMPLATE("chunk store: a list that nobody wrote is refused, and nothing is collected beside it", Place,
                   folder_place, redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    std::string const value = "a value";
    auto const kept = put(*store, {bytes_in(value)}).value();
    std::string const hostile = "hpcsobj\2 of a later version";
    auto const digest = sha256(bytes_in(hostile));
    place.write(kept_kind::object, digest, hostile);
    CHECK(store->size(digest).error().message.starts_with("object " + hexadecimal(digest) +
                                                          " cannot be read: it is of version 2"));
    byte_buffer const one = bytes_of(1, 100);
    CHECK(put(*store, {one}).has_value());
    CHECK(text_of(got(*store, kept.digest)) == value);
}

TEST_CASE_TEMPLATE("chunk store: a collection takes what is dead and old, and no chunk of what stays", Place,
                   folder_place, redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    byte_buffer const shared = bytes_of(1, 4 * mib);
    byte_buffer const a = bytes_of(2, 100);
    byte_buffer const b = bytes_of(3, 4 * mib + 5);
    byte_buffer const c = bytes_of(4, 300);
    auto const live = put(*store, {shared, a}).value();
    auto const dead = put(*store, {shared, b}).value();
    auto const again = put(*store, {c}).value();
    place.make_old();
    auto const young = put(*store, {bytes_of(5, 10)}).value();
    CHECK(put(*store, {c}).value() == again); // marked as used
    CHECK(store->collect({}, 24h).value() == chunk_counts{});
    auto const removed = store->collect({&live.digest, 1}, 30min).value();
    CHECK(removed ==
          chunk_counts{.objects = 1, .chunks = 2, .bytes = b.size() + object_list_head + 3 * object_list_row});
    CHECK(got(*store, live.digest).size() == live.size);
    CHECK(got(*store, young.digest).size() == young.size);
    CHECK(got(*store, again.digest) == c);
    CHECK(text_of(got(*store, dead.digest)).find("is not in the store") != std::string::npos);
    CHECK(store->collect({&live.digest, 1}, 30min).value() == chunk_counts{});
    place.make_old();
    CHECK(store->collect({}, 30min).value().objects == 3);
    CHECK(store->usage().value() == chunk_counts{});
    CHECK(place.chunks().empty());
}

TEST_CASE_TEMPLATE("chunk store: chunks of a put that failed half-way are collected", Place, folder_place,
                   redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    auto const pointer = put(*store, {bytes_of(1, 9 * mib)}).value();
    place.make_old();
    CHECK(put(*store, {bytes_of(1, 9 * mib)}).value() == pointer);
    // The object is gone and its chunks are young, as if it had never been written.
    place.write(kept_kind::object, pointer.digest, "damaged");
    CHECK(store->collect({&pointer.digest, 1}, 30min).value() == chunk_counts{});
    place.make_old();
    CHECK(store->collect({&pointer.digest, 1}, 30min).value().chunks == 3);
}

TEST_CASE_TEMPLATE("chunk store: no collector takes what is put at the same time", Place, folder_place, redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    auto const collecting = chunk_store::open(place.where()).value();
    std::vector<byte_buffer> values;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
        values.push_back(bytes_of(seed, 5000 + seed));
    }
    std::atomic<bool> over = false;
    std::atomic<std::uint64_t> removed = 0;
    std::string failure; // of the collector
    std::string lost;    // what was put
    {
        std::jthread const collector{[&] {
            while (!over && failure.empty()) {
                auto const took = collecting->collect({}, 30min);
                failure = took ? "" : took.error().message;
                removed += took ? took->objects : 0;
            }
        }};
        for (std::size_t i = 0; lost.empty() && (i < 1500 || (removed == 0 && i < 100'000)); ++i) {
            place.make_old(); // all that is there is the collector's now, and what is put is not
            byte_buffer const& value = values[i % values.size()];
            auto const pointer = put(*store, {value});
            lost = pointer ? "" : pointer.error().message;
            for (int times = 0; times < 3 && lost.empty(); ++times) {
                byte_buffer const now = got(*store, pointer->digest);
                lost = now == value ? "" : text_of(now);
            }
        }
        over = true;
    }
    CHECK(failure.empty());
    CHECK(lost.empty());
    CHECK(removed > 0);
}

TEST_CASE_TEMPLATE("chunk store: of a closed kernel nothing is left", Place, folder_place, redis_place) {
    NEEDS_PLACE(Place);
    auto const store = chunk_store::open(place.where()).value();
    CHECK(put(*store, {bytes_of(1, 9 * mib)}).has_value());
    CHECK(store->collect({}, 24h).has_value());
    CHECK(store->remove_all().has_value());
    CHECK(store->usage().value() == chunk_counts{});
    CHECK(place.chunks().empty());
    CHECK(store->remove_all().has_value());
    auto const pointer = put(*store, {bytes_of(1, 100)}).value(); // as if it had been opened again
    CHECK(got(*store, pointer.digest) == bytes_of(1, 100));
}

TEST_CASE("chunk store: a place that is none is turned away with what would be one") {
    auto const why = [](std::string const& where) { return chunk_store::open(where).error().message; };
    CHECK(why("") == "'' is no store: give a folder, redis://HOST or redis+unix:///SOCKET");
    CHECK(why("s3://bucket") == "'s3' is no store: give a folder, redis://HOST or redis+unix:///SOCKET");
    CHECK(why("/no/such/folder") == "cannot make the folder '/no/such/folder': No such file or directory");
    CHECK(why("/dev/null") == "cannot use as a store '/dev/null': Not a directory");
    CHECK(why("redis+unix:///no/such/socket") ==
          "cannot reach Redis at redis+unix:///no/such/socket?db=0: No such file or directory; is it running, and is "
          "the address right?");
}

} // namespace
} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "chunks_api.hpp"
#include "skip.hpp"
#include "store_places.hpp"
#include <dlfcn.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

using namespace test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::size_t mib = std::size_t{1} << 20U;

TEST_CASE("folder store: only its user can read it") {
    folder_place const place;
    auto const store = chunk_store::open(place.where() + '/', {.durable = true}).value();
    CHECK(put(*store, {bytes_of(1, 5 * mib)}).has_value());
    CHECK(place.files().size() == 3);
    for (auto const& entry : fs::recursive_directory_iterator{place.where()}) {
        auto const open = entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write;
        CHECK(entry.status().permissions() == open);
    }
    CHECK(store->collect({}, 24h).has_value());
    CHECK(store->remove_all().has_value());
    CHECK(!fs::exists(place.where()));
}

TEST_CASE("folder store: a file that was cut short is written again") {
    folder_place const place;
    auto const store = chunk_store::open(place.where()).value();
    byte_buffer const value = bytes_of(1, 1000);
    auto const pointer = put(*store, {value}).value();
    fs::resize_file(place.path(kept_kind::chunk, place.chunks().at(0)), 0);
    CHECK(text_of(got(*store, pointer.digest)).find("is damaged") != std::string::npos);
    CHECK(put(*store, {value}).value() == pointer);
    CHECK(got(*store, pointer.digest) == value);
}

TEST_CASE("folder store: what interrupted calls left is tidied, and a chunk on its way out gets its name back") {
    folder_place const place;
    auto const store = chunk_store::open(place.where()).value();
    byte_buffer const value = bytes_of(1, 1000);
    auto const pointer = put(*store, {value}).value();
    std::string const path = place.path(kept_kind::chunk, place.chunks().at(0));
    hpcsched::test::write_text(path + ".Ab12Cd", "half of a chu");
    place.make_old();
    hpcsched::test::write_text(path + ".Ef34Gh", "being written");
    fs::rename(path, path + ".gone-0123456789abcdef");
    CHECK(store->collect({}, 30min).value().objects == 1); // and the chunk counts as put now
    CHECK(place.chunks().size() == 2);
    CHECK(fs::exists(path + ".Ef34Gh"));
    CHECK(put(*store, {value}).value() == pointer);
    CHECK(got(*store, pointer.digest) == value);
    place.make_old();
    CHECK(store->collect({}, 30min).value().chunks == 1);
    CHECK(place.chunks().empty());
}

TEST_CASE("folder store: files that are not its own stay, and do not matter") {
    folder_place const place;
    auto const store = chunk_store::open(place.where()).value();
    CHECK(put(*store, {bytes_of(1, 1000)}).has_value());
    std::string const note = place.where() + "/chunks/a note";
    hpcsched::test::write_text(note, "!");
    place.make_old();
    CHECK(store->collect({}, 30min).value().chunks == 1);
    CHECK(store->remove_all().has_value());
    CHECK(hpcsched::test::read_text(note) == "!");
}

TEST_CASE("folder store: what the system refuses is said") {
    folder_place const place;
    auto const store = chunk_store::open(place.where()).value();
    hpcsched::test::write_text(place.where() + "/chunks", "");
    auto const why = put(*store, {bytes_of(1, 10)}).error().message;
    CHECK(why.starts_with("cannot look at '" + place.where() + "/chunks/"));
    CHECK(why.ends_with("': Not a directory"));
    CHECK(store->collect({}, 1h).error().message.find("Not a directory") != std::string::npos);
}

/// Puts more than there is room for.
void fill(folder_place const& place, std::string const& reason) {
    auto const store = chunk_store::open(place.where()).value();
    byte_buffer const little = bytes_of(1, 1000);
    auto const pointer = put(*store, {little}).value();
    auto const failed = put(*store, {bytes_of(2, 30 * mib)});
    REQUIRE(!failed.has_value());
    CAPTURE(failed.error().message);
    CHECK(failed.error().message.starts_with("cannot write '" + place.where() + "/chunks/"));
    CHECK(failed.error().message.ends_with("': " + reason + "; the store is full: make room there"));
    for (std::string const& name : place.chunks()) {
        CHECK(name.find('.') == std::string::npos); // nothing unfinished
    }
    CHECK(got(*store, pointer.digest) == little);
    place.make_old();
    CHECK(store->collect({&pointer.digest, 1}, 30min).has_value());
    CHECK(put(*store, {bytes_of(3, mib)}).has_value());
}

TEST_CASE("folder store: a file system without room is said to be full, and nothing unfinished is left") {
    folder_place const place;
    fs::create_directory(place.where());
    if (::mount("tmpfs", place.where().c_str(), "tmpfs", 0, "size=12m") != 0) {
        HPCSCHED_SKIP("this user may not mount a file system");
    }
    fill(place, "No space left on device");
    ::umount2(place.where().c_str(), MNT_DETACH);
}

TEST_CASE("folder store: a limit on the size of files is said, and nothing unfinished is left") {
    folder_place const place;
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    auto const handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit const small{2 * mib, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    fill(place, "File too large");
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
}

TEST_CASE("chunks library: what C++ has put other languages get, and what fails says why") {
    void* const library = ::dlopen(HPCSCHED_CHUNKS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != nullptr);
    auto const find = [&]<class Function>(char const* name, Function*) {
        void* const found = ::dlsym(library, name);
        REQUIRE(found != nullptr);
        return reinterpret_cast<Function*>(found);
    };
    auto* const open_store = find("hpcsched_chunks_open", decltype(&hpcsched_chunks_open){});
    auto* const close_store = find("hpcsched_chunks_close", decltype(&hpcsched_chunks_close){});
    auto* const put_parts = find("hpcsched_chunks_put", decltype(&hpcsched_chunks_put){});
    auto* const size_of = find("hpcsched_chunks_size", decltype(&hpcsched_chunks_size){});
    auto* const get_into = find("hpcsched_chunks_get", decltype(&hpcsched_chunks_get){});
    auto* const last_error = find("hpcsched_chunks_last_error", decltype(&hpcsched_chunks_last_error){});

    folder_place const place;
    hpcsched_chunks* store = nullptr;
    REQUIRE(open_store(place.where().c_str(), 0, &store) == 0);
    std::string const words[] = {"some ", "", "words"};
    void const* const parts[] = {words[0].data(), nullptr, words[2].data()};
    std::size_t const sizes[] = {words[0].size(), 0, words[2].size()};
    unsigned char digest[32];
    std::uint64_t size = 0;
    CHECK(put_parts(store, parts, sizes, 3, digest, &size) == 0);
    CHECK(size == 10);
    auto const same = put(*chunk_store::open(place.where()).value(), {bytes_in(words[0] + words[2])}).value();
    CHECK(std::memcmp(digest, same.digest.data(), 32) == 0);
    CHECK(size_of(store, digest, &size) == 0);
    std::string into(size, ' ');
    CHECK(get_into(store, digest, into.data(), size) == 0);
    CHECK(into == "some words");

    char why[32];
    CHECK(get_into(store, digest, into.data(), 9) == -1);
    CHECK(last_error(why, sizeof why) == 0);
    CHECK(std::string{why} == "the object has 10 bytes, and th");
    CHECK(put_parts(store, nullptr, sizes, 3, digest, &size) == -2);
    close_store(store);
    CHECK(open_store("", 0, &store) == -1);
    CHECK(last_error(why, 1) == 0);
    CHECK(std::string{why}.empty());
    ::dlclose(library);
}

} // namespace
} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0

// What it costs to keep a large value in a chunk store and to get it back, beside writing the same bytes to one file of
// the same folder and reading them again, and beside their SHA-256 by one thread, without which there is no store. All
// take turns, and the medians count. The value is new in each turn: nothing of it is there already.
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>

#include "notebook_host/redis_server.hpp"
#include "temporary_folder.hpp"
#include <fcntl.h>
#include <figure.hpp>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using notebook_host::chunk_store;

template <class T>
T or_abort(result<T> got) {
    if (!got) {
        std::fprintf(stderr, "%s\n", got.error().message.c_str());
        std::abort();
    }
    return std::move(*got);
}

template <class Work>
double seconds(Work&& work) {
    auto const begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void write_plain(std::string const& path, std::span<std::byte const> bytes) {
    int const file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (!bytes.empty()) {
        ssize_t const size = ::write(file, bytes.data(), std::min<std::size_t>(bytes.size(), 4U << 20U));
        if (size <= 0) {
            std::abort();
        }
        bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
    ::close(file);
}

void read_plain(std::string const& path, std::span<std::byte> into) {
    int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    while (!into.empty()) {
        ssize_t const size = ::read(file, into.data(), std::min<std::size_t>(into.size(), 4U << 20U));
        if (size <= 0) {
            std::abort();
        }
        into = into.subspan(static_cast<std::size_t>(size));
    }
    ::close(file);
}

/// Seconds of each turn.
struct times {
    std::vector<double> put;
    std::vector<double> get;
    std::vector<double> write;
    std::vector<double> read;
    std::vector<double> hash;
};

double median(std::vector<double> all) {
    std::ranges::sort(all);
    return all[all.size() / 2];
}

times measure(std::string const& where, std::size_t size, int turns) {
    test::temporary_folder const folder;
    auto const store = or_abort(chunk_store::open(where));
    std::vector<std::byte> value(size);
    std::vector<std::byte> room(size, std::byte{1}); // in memory already, for all
    random_stream random{1, "values"};
    times found;
    for (int turn = 0; turn < turns; ++turn) {
        for (std::size_t at = 0; at + 8 <= size; at += 4096) {
            value[at] = static_cast<std::byte>(random());
        }
        notebook::chunk_pointer pointer;
        std::span<std::byte const> const part{value};
        found.put.push_back(seconds([&] { pointer = or_abort(store->put({&part, 1})); }));
        found.write.push_back(seconds([&] { write_plain(folder / "plain", value); }));
        found.hash.push_back(seconds([&] {
            unsigned char digest[32];
            EVP_Digest(value.data(), value.size(), digest, nullptr, EVP_sha256(), nullptr);
        }));
        found.get.push_back(seconds([&] {
            if (!store->get(pointer.digest, room)) {
                std::abort();
            }
        }));
        found.read.push_back(seconds([&] { read_plain(folder / "plain", room); }));
        or_abort(store->collect({}, std::chrono::hours{-1})); // all of it
    }
    return found;
}

/// \param name  of the form
/// \param most  times the slower of what stands beside it
void report(std::string const& name, std::string const& where, double most, bench::effort how_much) {
    std::size_t const mib = how_much == bench::effort::smoke ? 9 : 1024;
    times const found = measure(where, mib << 20U, how_much == bench::effort::smoke ? 1 : 7);
    double const hash = median(found.hash);
    auto const tell = [&](std::string const& what, double ours, double plain) {
        std::printf("%s of %zu MiB, %s: %.3f s; one plain file %.3f s (ratio %.2f), SHA-256 by one thread %.3f s "
                    "(ratio %.2f)\n",
                    what.c_str(), mib, name.c_str(), ours, plain, ours / plain, hash, ours / hash);
        double const bound = std::max(hash, plain);
        bench::report({.name = "notebook_host.store/" + what + ' ' + name,
                       .value = ours,
                       .unit = "s",
                       .beside = bound,
                       .goal = "1 GiB in at most " + std::to_string(most).substr(0, 3) +
                               " x the slower of one plain file and one thread's SHA-256",
                       .holds = ours <= most * bound});
    };
    tell("put", median(found.put), median(found.write));
    tell("get", median(found.get), median(found.read));
}

bench::figure_case const store{
    "notebook_host.store", 5, "1 GiB put into a chunk store and got, beside one plain file and SHA-256",
    [](bench::effort how_much) {
        test::temporary_folder const folder;
        report("folder", folder / "store", 2.0, how_much);
        if (notebook_host::test::redis_server::is_installed()) {
            notebook_host::test::redis_server const server;
            report("redis", server.where(), 2.5, how_much);
        } else {
            std::printf("without Redis: there is no redis-server (Debian package redis-server)\n");
        }
    }};

} // namespace

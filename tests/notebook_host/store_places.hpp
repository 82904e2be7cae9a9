// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_HOST_STORE_PLACES_HPP
#define HPCSCHED_TESTS_NOTEBOOK_HOST_STORE_PLACES_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>

#include "chunking.hpp"
#include "redis_server.hpp"
#include "temporary_folder.hpp"
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace hpcsched::notebook_host::test {

// Where a store is, and what a test does to it behind its back.

struct folder_place {
    hpcsched::test::temporary_folder folder;

    static bool is_there() { return true; }
    [[nodiscard]] std::string where() const { return folder / "store"; }
    [[nodiscard]] std::string path(kept_kind kind, std::string const& name) const {
        return where() + (kind == kept_kind::chunk ? "/chunks/" : "/objects/") + name.substr(0, 2) + '/' + name;
    }
    /// The files below the store's folder.
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> found;
        std::error_code ends; // others remove files and folders meanwhile
        for (auto at = std::filesystem::recursive_directory_iterator{where(), ends};
             !ends && at != std::filesystem::recursive_directory_iterator{}; at.increment(ends)) {
            std::error_code gone;
            if (at->is_regular_file(gone)) {
                found.push_back(at->path().string());
            }
        }
        return found;
    }
    [[nodiscard]] std::vector<std::string> chunks() const {
        std::vector<std::string> names;
        for (std::string const& file : files()) {
            if (file.find("/chunks/") != std::string::npos) {
                names.push_back(file.substr(file.rfind('/') + 1));
            }
        }
        return names;
    }
    /// All that is there was put an hour ago.
    void make_old() const {
        for (std::string const& file : files()) {
            struct stat found{};
            if (::stat(file.c_str(), &found) == 0) {
                timespec const old{found.st_mtim.tv_sec - 3600, 0};
                timespec const times[2] = {old, old};
                ::utimensat(AT_FDCWD, file.c_str(), times, 0);
            }
        }
    }
    void damage(std::string const& chunk) const {
        std::string text = hpcsched::test::read_text(path(kept_kind::chunk, chunk));
        text[0] = static_cast<char>(text[0] ^ 1);
        hpcsched::test::write_text(path(kept_kind::chunk, chunk), text);
    }
    void lose(std::string const& chunk) const { std::filesystem::remove(path(kept_kind::chunk, chunk)); }
    void write(kept_kind kind, chunk_digest const& digest, std::string const& bytes) const {
        std::filesystem::path const file = path(kind, hexadecimal(digest));
        std::filesystem::create_directories(file.parent_path());
        hpcsched::test::write_text(file.string(), bytes);
    }
};

struct redis_place {
    std::unique_ptr<redis_server> server = is_there() ? std::make_unique<redis_server>() : nullptr;

    static bool is_there() { return redis_server::is_installed(); }
    [[nodiscard]] std::string where() const { return server->where(); }
    [[nodiscard]] std::vector<std::string> chunks() const {
        std::vector<std::string> names = server->list({"KEYS", "k:chunk:*"});
        for (std::string& name : names) {
            name = name.substr(name.rfind(':') + 1);
        }
        return names;
    }
    void make_old() const {
        server->ask({"EVAL",
                     "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
                     "redis.call('ZINCRBY', KEYS[1], -3600000000, m) end",
                     "1", "k:times"});
    }
    void damage(std::string const& chunk) const { server->ask({"SETRANGE", "k:chunk:" + chunk, "0", "?"}); }
    void lose(std::string const& chunk) const { server->ask({"DEL", "k:chunk:" + chunk}); }
    void write(kept_kind kind, chunk_digest const& digest, std::string const& bytes) const {
        server->ask({"SET", (kind == kept_kind::chunk ? "k:chunk:" : "k:object:") + hexadecimal(digest), bytes});
    }
};

/// Bytes that depend on the seed alone, and that no chunk of another seed shares.
inline byte_buffer bytes_of(std::uint64_t seed, std::size_t size) {
    random_stream random{seed, "a value"};
    byte_buffer bytes(size);
    for (std::size_t i = 0; i < size; i += 8) {
        std::uint64_t word = random();
        for (std::size_t j = i; j < std::min(i + 8, size); ++j, word >>= 8U) {
            bytes[j] = static_cast<std::byte>(word);
        }
    }
    return bytes;
}

inline std::span<std::byte const> bytes_in(std::string const& text) {
    return std::as_bytes(std::span{text});
}

inline result<notebook::chunk_pointer> put(chunk_store& store, std::vector<std::span<std::byte const>> const& parts) {
    return store.put(parts);
}

/// The object's bytes, or the reason why not as text.
inline byte_buffer got(chunk_store& store, chunk_digest const& digest) {
    auto const text = [](std::string const& why) {
        auto const bytes = bytes_in(why);
        return byte_buffer(bytes.begin(), bytes.end());
    };
    auto const size = store.size(digest);
    if (!size) {
        return text(size.error().message);
    }
    byte_buffer bytes(static_cast<std::size_t>(*size));
    auto const done = store.get(digest, bytes);
    return done ? bytes : text(done.error().message);
}

inline std::string text_of(byte_buffer const& bytes) {
    std::string text;
    for (std::byte const b : bytes) {
        text += static_cast<char>(b);
    }
    return text;
}

} // namespace hpcsched::notebook_host::test

#endif

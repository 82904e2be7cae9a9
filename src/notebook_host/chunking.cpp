// SPDX-License-Identifier: Apache-2.0
#include "chunking.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

constexpr std::uint64_t object_chunks_max = (object_list_max - object_list_head) / object_list_row;
constexpr int most_passes = 5;                   // over the chunks of an object
constexpr std::chrono::seconds fresh_enough{10}; // far below the age at which things are collected

[[nodiscard]] std::uint64_t size_of(byte_parts pieces) noexcept {
    std::uint64_t size = 0;
    for (auto const piece : pieces) {
        size += piece.size();
    }
    return size;
}

/// Calls `work(begin, end)` for runs of at most `run` of 0 .. count - 1, in order, by this thread and, where there is
/// more than one run, another. After a failure no run begins, and the first failure is returned.
[[nodiscard]] result<void> by_two(std::size_t count, std::size_t run,
                                  std::function<result<void>(std::size_t begin, std::size_t end)> const& work) {
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    std::optional<error> failure; // guarded by the mutex
    auto const fail = [&](error why) {
        next = count;
        std::scoped_lock const lock{mutex};
        if (!failure) {
            failure = std::move(why);
        }
    };
    auto const worker = [&] {
        try {
            for (std::size_t begin = next.fetch_add(run); begin < count; begin = next.fetch_add(run)) {
                if (auto const done = work(begin, std::min(begin + run, count)); !done) {
                    return fail(done.error());
                }
            }
        } catch (std::bad_alloc const&) {
            fail(error{"no memory is left"});
        }
    };
    {
        std::jthread other;
        if (count > run) {
            try {
                other = std::jthread{worker};
            } catch (std::system_error const&) { // NOLINT(bugprone-empty-catch): this thread does it alone
            }
        }
        worker();
    }
    return failure ? result<void>{*failure} : result<void>{};
}

[[nodiscard]] result<void> until_fresh(std::function<result<void>()> const& store_all) {
    for (int pass = 0; pass < most_passes; ++pass) {
        auto const begin = std::chrono::steady_clock::now();
        if (auto const done = store_all(); !done) {
            return done;
        }
        if (std::chrono::steady_clock::now() - begin < fresh_enough) {
            break;
        }
    }
    return {};
}

} // namespace

chunk_digest sha256(byte_parts parts) {
    chunk_digest digest{};
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> const context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    bool good = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    for (auto const part : parts) {
        good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    }
    if (!good || EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
        throw std::bad_alloc{}; // SHA-256 fails of nothing else
    }
    return digest;
}

chunk_digest sha256(std::span<std::byte const> bytes) {
    return sha256(byte_parts{&bytes, 1});
}

cut_object::cut_object(byte_parts parts) {
    std::uint64_t gathered = 0; // bytes of the small parts that will be one chunk
    auto const end_chunk = [&] {
        if (gathered != 0) {
            ends_.push_back(pieces_.size());
        }
        gathered = 0;
    };
    for (auto part : parts) {
        size_ += part.size();
        if (part.size() >= chunk_max) {
            end_chunk();
            for (; !part.empty(); part = part.subspan(pieces_.back().size())) {
                pieces_.push_back(part.first(std::min<std::size_t>(part.size(), chunk_max)));
                ends_.push_back(pieces_.size());
            }
        } else if (!part.empty()) {
            if (gathered + part.size() > chunk_max) {
                end_chunk();
            }
            pieces_.push_back(part);
            gathered += part.size();
        }
    }
    end_chunk();
}

result<notebook::chunk_pointer>
put_object(byte_parts parts, std::size_t run,
           std::function<result<void>(kept_kind kind, std::span<kept_bytes const> what)> const& keep) {
    cut_object const cut{parts};
    if (cut.chunk_count() > object_chunks_max) {
        return error{"an object of " + std::to_string(cut.size()) + " bytes is too large for a store"};
    }
    std::vector<kept_bytes> chunks(cut.chunk_count());
    auto const keep_run = [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (chunks[i].size == 0) { // not in an earlier pass
                chunks[i] = {.digest = sha256(cut.pieces(i)), .pieces = cut.pieces(i), .size = size_of(cut.pieces(i))};
            }
        }
        return keep(kept_kind::chunk, std::span{chunks}.subspan(begin, end - begin));
    };
    if (auto const done = until_fresh([&] { return by_two(chunks.size(), run, keep_run); }); !done) {
        return done.error();
    }
    object_list object{.chunks = {}, .size = cut.size()};
    for (kept_bytes const& c : chunks) {
        object.chunks.push_back({.digest = c.digest, .size = c.size});
    }
    byte_buffer const list = encode(object);
    std::span<std::byte const> const piece{list};
    kept_bytes const kept{.digest = sha256(list), .pieces = {&piece, 1}, .size = list.size()};
    if (auto const done = keep(kept_kind::object, {&kept, 1}); !done) {
        return done.error();
    }
    return notebook::chunk_pointer{.digest = kept.digest, .size = object.size};
}

result<void>
get_object(object_list const& object, std::span<std::byte> into, std::size_t run,
           std::function<result<void>(std::span<listed_chunk const> chunks, std::span<std::byte> into)> const& fetch) {
    if (object.size != into.size()) {
        return error{"the object has " + std::to_string(object.size) + " bytes, and there is room for " +
                     std::to_string(into.size())};
    }
    std::vector<std::size_t> offsets{0};
    for (listed_chunk const& c : object.chunks) {
        offsets.push_back(offsets.back() + static_cast<std::size_t>(c.size));
    }
    return by_two(object.chunks.size(), run, [&](std::size_t begin, std::size_t end) {
        return fetch(std::span{object.chunks}.subspan(begin, end - begin),
                     into.subspan(offsets[begin], offsets[end] - offsets[begin]));
    });
}

digest_set::digest_set(std::span<chunk_digest const> digests) : digests_{digests.begin(), digests.end()} {
    sort();
}

void digest_set::add_chunks_of(object_list const& object) {
    std::ranges::transform(object.chunks, std::back_inserter(digests_), &listed_chunk::digest);
}

void digest_set::sort() {
    std::ranges::sort(digests_);
    digests_.erase(std::unique(digests_.begin(), digests_.end()), digests_.end());
}

bool digest_set::contains(chunk_digest const& digest) const {
    return std::ranges::binary_search(digests_, digest);
}

result<found_list> check_list(chunk_digest const& object, std::span<std::byte const> bytes) {
    if (sha256(bytes) != object) {
        return found_list{{}, "object " + hexadecimal(object) + " is damaged"};
    }
    auto list = decode_object_list(bytes);
    if (!list) {
        return error{"object " + hexadecimal(object) + " cannot be read: " + list.error().message};
    }
    return found_list{std::move(*list), {}};
}

result<object_list> list_or_error(result<found_list> found) {
    if (!found) {
        return found.error();
    }
    if (!found->list) {
        return error{std::move(found->why)};
    }
    return std::move(*found->list);
}

} // namespace hpcsched::notebook_host

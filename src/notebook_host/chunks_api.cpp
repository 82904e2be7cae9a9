// SPDX-License-Identifier: Apache-2.0
#include "chunks_api.hpp"

#include <hpcsched/notebook_host/chunk_store.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct hpcsched_chunks {
    std::unique_ptr<hpcsched::notebook_host::chunk_store> store;
};

namespace {

using hpcsched::notebook_host::chunk_digest;
using hpcsched::notebook_host::chunk_store;

thread_local std::string last_error; // of this thread

int fail(int code, std::string why) {
    last_error = std::move(why);
    return code;
}

/// The end of the way for exceptions: the caller knows none.
template <class Work>
int guarded(Work work) noexcept {
    try {
        return work();
    } catch (std::exception const& e) {
        return fail(hpcsched_chunks_failed, e.what()); // a text so short needs no memory
    }
}

int misused() {
    return fail(hpcsched_chunks_misused, "null");
}

chunk_digest digest_at(unsigned char const* bytes) {
    chunk_digest digest{};
    std::memcpy(digest.data(), bytes, digest.size());
    return digest;
}

} // namespace

int hpcsched_chunks_open(char const* where, int flags, hpcsched_chunks** store) noexcept {
    return guarded([&] {
        if (where == nullptr || store == nullptr) {
            return misused();
        }
        auto opened = chunk_store::open(where, {.durable = (flags & hpcsched_chunks_durable) != 0});
        if (!opened) {
            return fail(hpcsched_chunks_failed, opened.error().message);
        }
        *store = std::make_unique<hpcsched_chunks>(hpcsched_chunks{std::move(*opened)}).release();
        return 0;
    });
}

void hpcsched_chunks_close(hpcsched_chunks* store) noexcept {
    std::unique_ptr<hpcsched_chunks> const closed{store};
}

int hpcsched_chunks_put(hpcsched_chunks* store, void const* const* parts, std::size_t const* sizes, std::size_t count,
                        unsigned char* digest, std::uint64_t* size) noexcept {
    return guarded([&] {
        bool const listed = count == 0 || (parts != nullptr && sizes != nullptr);
        if (store == nullptr || !listed || digest == nullptr || size == nullptr) {
            return misused();
        }
        std::vector<std::span<std::byte const>> spans(count);
        for (std::size_t i = 0; i < count; ++i) {
            if (parts[i] == nullptr && sizes[i] != 0) {
                return misused();
            }
            spans[i] = {static_cast<std::byte const*>(parts[i]), sizes[i]};
        }
        auto const pointer = store->store->put(spans);
        if (!pointer) {
            return fail(hpcsched_chunks_failed, pointer.error().message);
        }
        std::memcpy(digest, pointer->digest.data(), pointer->digest.size());
        *size = pointer->size;
        return 0;
    });
}

int hpcsched_chunks_size(hpcsched_chunks* store, unsigned char const* digest, std::uint64_t* size) noexcept {
    return guarded([&] {
        if (store == nullptr || digest == nullptr || size == nullptr) {
            return misused();
        }
        auto const found = store->store->size(digest_at(digest));
        if (!found) {
            return fail(hpcsched_chunks_failed, found.error().message);
        }
        *size = *found;
        return 0;
    });
}

int hpcsched_chunks_get(hpcsched_chunks* store, unsigned char const* digest, void* into, std::uint64_t size) noexcept {
    return guarded([&] {
        if (store == nullptr || digest == nullptr || (into == nullptr && size != 0)) {
            return misused();
        }
        auto const got = store->store->get(digest_at(digest), {static_cast<std::byte*>(into), size});
        return got ? 0 : fail(hpcsched_chunks_failed, got.error().message);
    });
}

int hpcsched_chunks_last_error(char* text, std::size_t size) noexcept {
    if (text == nullptr || size == 0) {
        return hpcsched_chunks_misused;
    }
    std::size_t const length = std::min(last_error.size(), size - 1);
    std::memcpy(text, last_error.data(), length);
    text[length] = '\0';
    return 0;
}

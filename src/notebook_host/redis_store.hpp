// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_REDIS_STORE_HPP
#define HPCSCHED_NOTEBOOK_HOST_REDIS_STORE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>

#include "chunking.hpp"
#include "redis_connection.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host {

/// A store in a Redis. Under the prefix P are
///
///     P:chunk:<64 digits>     the bytes of a chunk
///     P:object:<64 digits>    an object_list
///     P:times                 a sorted set: "chunk:<digits>" and "object:<digits>", by when they were put last, in
///                             microseconds of the server's clock
///
/// The times stand in a set of their own rather than being asked for by OBJECT IDLETIME: that one is renewed by reading
/// too, is kept in steps of ten seconds or more, is not kept where keys are evicted by use counts, and is lost when the
/// server is started again or a replica takes over. Besides, the set names all there is without a walk over the
/// server's keys.
///
/// Marking as used and asking whether it is there is one script; asking whether it is old and removing it is another.
/// Redis runs scripts one after the other, so nothing is removed that was just marked. A key is marked before it is
/// written, so that it is never without a time, and again afterwards.
///
/// A command is tried once more, on a new connection, where the server has gone: all of them can be repeated.
class redis_store final : public chunk_store {
  public:
    [[nodiscard]] static result<std::unique_ptr<chunk_store>> open(redis_address address, chunk_store_config config);

    [[nodiscard]] result<notebook::chunk_pointer> put(std::span<std::span<std::byte const> const> parts) override;
    [[nodiscard]] result<std::uint64_t> size(chunk_digest const& object) override;
    [[nodiscard]] result<void> get(chunk_digest const& object, std::span<std::byte> into) override;
    [[nodiscard]] result<chunk_counts> collect(std::span<chunk_digest const> live, duration age) override;
    [[nodiscard]] result<void> remove_all() override;
    [[nodiscard]] result<chunk_counts> usage() override;

  private:
    redis_store(redis_address address, chunk_store_config config)
        : address_{std::move(address)}, config_{config}, times_{address_.prefix + ":times"} {}

    /// A member of the set of times.
    struct entry {
        kept_kind kind{};
        chunk_digest digest{};
        double time = 0; ///< microseconds
    };

    using task = std::function<result<void>(redis_connection&)>;
    /// Does it on a connection that is there or a new one, and once more where the server has gone.
    [[nodiscard]] result<void> exchange(task const& work);
    [[nodiscard]] std::string key_of(kept_kind kind, chunk_digest const& digest) const;
    void add_mark(redis_connection& to, kept_kind kind, chunk_digest const& digest) const;
    [[nodiscard]] result<void> keep(redis_connection& to, kept_kind kind, std::span<kept_bytes const> what) const;
    [[nodiscard]] result<void> fetch(redis_connection& from, std::span<listed_chunk const> chunks,
                                     std::span<std::byte> into) const;
    [[nodiscard]] result<found_list> find_list(chunk_digest const& object);
    /// All that is there for as long as the call takes.
    [[nodiscard]] result<std::vector<entry>> entries();
    /// Removes those that were not put since `cutoff`, in microseconds; returns those that stay.
    [[nodiscard]] result<std::vector<entry>> drop(std::vector<entry> const& old, double cutoff, chunk_counts& removed);
    [[nodiscard]] result<double> now();

    redis_address address_;
    chunk_store_config config_;
    std::string times_; ///< key
    std::mutex mutex_;
    std::vector<redis_connection> idle_; ///< guarded by the mutex
};

} // namespace hpcsched::notebook_host

#endif

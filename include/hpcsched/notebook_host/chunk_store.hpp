// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_CHUNK_STORE_HPP
#define HPCSCHED_NOTEBOOK_HOST_CHUNK_STORE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/kernel_entry.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace hpcsched::notebook_host {

/// The name of an object of a store.
using chunk_digest = std::array<std::byte, 32>;

struct chunk_store_config {
    /// A folder's files are on the disk before `put` returns: they outlive a loss of power. Of Redis, its own
    /// configuration decides.
    bool durable = false;
    duration timeout = std::chrono::seconds{10}; ///< of Redis, without a sign of life
};

/// What a store holds, or lost: objects, the chunks they share, and the bytes of both.
struct chunk_counts {
    std::uint64_t objects = 0;
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;

    friend bool operator==(chunk_counts const&, chunk_counts const&) = default;
};

/// Where the large values of a notebook kernel are, for all its replicas: a folder that all hosts see, or a Redis.
///
/// An object is a sequence of chunks of at most 4 MiB, and its name is the SHA-256 of their list. Chunks are named by
/// the SHA-256 of their bytes, so equal ones are kept once. What is there is never changed, and what is put again is
/// only marked as used, so that a collector spares it.
///
/// What its functions fail of is in words: which file or server, and what would help.
///
/// \thread_safety any number of threads, processes and hosts at the same time
class chunk_store {
  public:
    /// \param where  a folder, which is made where its parent is there, or redis://[:PASSWORD@]HOST[:PORT][/DB], or
    ///               redis+unix://[:PASSWORD@]/SOCKET[?db=DB]. Both with prefix=P (of all keys, "hpcsched" unless
    ///               given) behind "?", both with %XX for what would be read otherwise.
    ///               A Redis has to be one server, of version 5 or later, that evicts nothing (noeviction).
    /// \error a folder that cannot be made, an address that is none, a server that does not answer or lets nobody in
    [[nodiscard]] static result<std::unique_ptr<chunk_store>> open(std::string const& where,
                                                                   chunk_store_config config = {});

    virtual ~chunk_store() = default;
    chunk_store(chunk_store const&) = delete;
    chunk_store& operator=(chunk_store const&) = delete;

    /// Keeps one object: the parts, one after the other. They are not copied together, and a part of 4 MiB or more
    /// begins a chunk, so that it costs nothing when it is put again beside others.
    ///
    /// By two threads, of which one is the caller's. Where it fails, chunks may be left behind, for the collector.
    /// \error no room, no permission, the store is gone
    [[nodiscard]] virtual result<notebook::chunk_pointer> put(std::span<std::span<std::byte const> const> parts) = 0;

    /// How many bytes an object has.
    /// \error it is not there, or its list of chunks is damaged
    [[nodiscard]] virtual result<std::uint64_t> size(chunk_digest const& object) = 0;

    /// The bytes of an object, all of them checked. By two threads, of which one is the caller's.
    /// \param into  as long as the object; where it fails, its bytes are any
    /// \error the object or a chunk, which is named, is not there or is damaged; `into` has another length
    [[nodiscard]] virtual result<void> get(chunk_digest const& object, std::span<std::byte> into) = 0;

    /// Removes the objects that are not among `live` and were not put for `age`, then the chunks that no object names
    /// any more and that were not put for `age`, and what interrupted calls left behind. Returns what it removed.
    ///
    /// What another process has put since its time became `age` stays, also where that happens meanwhile. So no live
    /// object is lost if `age` is longer, by a minute or more, than it takes from the end of a `put` until its pointer
    /// is among `live`; how long the `put` itself takes does not matter. Time is the store's: clocks of hosts may
    /// differ.
    ///
    /// Takes time for each object and each chunk there is, and memory for their names.
    /// \error no permission, the store is gone; what it removed before stays removed
    [[nodiscard]] virtual result<chunk_counts> collect(std::span<chunk_digest const> live, duration age) = 0;

    /// Removes all: the kernel is closed. Of a folder also the folder itself, where nothing else is in it.
    /// \error no permission, the store is gone
    [[nodiscard]] virtual result<void> remove_all() = 0;

    /// Takes time for each object and each chunk there is.
    [[nodiscard]] virtual result<chunk_counts> usage() = 0;

  protected:
    chunk_store() = default;
};

} // namespace hpcsched::notebook_host

#endif

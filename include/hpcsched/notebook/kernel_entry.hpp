// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_KERNEL_ENTRY_HPP
#define HPCSCHED_NOTEBOOK_KERNEL_ENTRY_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::notebook {

/// One try to execute a cell. A later attempt is made where an earlier one came to nothing: nobody led, or its executor
/// was lost. Attempts order by cell, then by number.
struct cell_attempt {
    cell_number cell = 0;     ///< 1, 2, ...
    std::uint32_t number = 0; ///< 1, 2, ...

    friend constexpr auto operator<=>(cell_attempt const&, cell_attempt const&) = default;
};

/// Where a large value is kept: in a content-addressed store, not in the log. `digest` is the store's name of its
/// bytes.
struct chunk_pointer {
    std::array<std::byte, 32> digest{};
    std::uint64_t size = 0; ///< bytes

    friend constexpr bool operator==(chunk_pointer const&, chunk_pointer const&) = default;
};

/// What a name of the notebook's namespace holds: its bytes, as the interpreter made them, or where they are.
using stored_value = std::variant<byte_buffer, chunk_pointer>;

/// What a cell changed in the notebook's namespace: these names and no others.
struct state_delta {
    std::vector<std::pair<std::string, stored_value>> changed;
    std::vector<std::string> removed;

    friend bool operator==(state_delta const&, state_delta const&) = default;
};

// --- the entries of a kernel's log ------------------------------------------------------------------------------

/// The scheduler's choice of the executor: the first for an attempt decides, by its place in the log.
struct cell_assigned {
    cell_attempt attempt{};
    replica_id executor{};
    gpu::lease_token lease = 0; ///< its devices; 0: none

    friend bool operator==(cell_assigned const&, cell_assigned const&) = default;
};
/// A replica offers to execute, or not to.
/// \source NotebookOS, `LEAD` and `YIELD`
struct lead_proposed {
    cell_attempt attempt{};
    replica_id replica{};
    bool leads = false;

    friend bool operator==(lead_proposed const&, lead_proposed const&) = default;
};
/// A replica's conclusion from the proposals: the first for an attempt decides.
/// \source NotebookOS, the vote
struct vote_cast {
    cell_attempt attempt{};
    replica_id voter{};
    std::optional<replica_id> executor{}; ///< nothing: nobody led

    friend bool operator==(vote_cast const&, vote_cast const&) = default;
};
/// How a cell ended.
enum class cell_status : std::uint8_t { ok = 0, error = 1, aborted = 2 };

/// An attempt is over, and this is what it changed. Counts only from the executor that was decided on.
struct cell_done {
    cell_attempt attempt{};
    replica_id executor{};
    cell_status status = cell_status::ok;
    state_delta delta{};

    friend bool operator==(cell_done const&, cell_done const&) = default;
};

using kernel_entry = std::variant<cell_assigned, lead_proposed, vote_cast, cell_done>;

/// The bytes of entries: little-endian words, and texts behind their lengths.
class kernel_codec {
  public:
    static void encode(kernel_entry const& entry, byte_buffer& out) {
        put_word(out, entry.index() + 1);
        std::visit([&](auto const& e) { put(e, out); }, entry);
    }

    /// Nothing where the bytes are no entry.
    [[nodiscard]] static std::optional<kernel_entry> decode(std::span<std::byte const> bytes) {
        byte_reader in{bytes};
        kernel_entry entry;
        switch (in.word()) {
        case 1:
            entry = cell_assigned{take_attempt(in), take_replica(in), in.word()};
            break;
        case 2: {
            lead_proposed e{take_attempt(in), take_replica(in), false};
            e.leads = take_small(in, 1) == 1;
            entry = e;
            break;
        }
        case 3: {
            vote_cast e{take_attempt(in), take_replica(in), {}};
            bool const somebody = take_small(in, 1) == 1;
            replica_id const executor = take_replica(in);
            if (somebody) {
                e.executor = executor;
            } else if (executor != replica_id{}) {
                return std::nullopt;
            }
            entry = e;
            break;
        }
        case 4: {
            cell_done e{take_attempt(in), take_replica(in), cell_status::ok, {}};
            e.status = static_cast<cell_status>(take_small(in, 2));
            e.delta = take_delta(in);
            entry = std::move(e);
            break;
        }
        default:
            return std::nullopt;
        }
        return in.good() && in.rest().empty() ? std::optional{std::move(entry)} : std::nullopt;
    }

    static void put(cell_attempt const& a, byte_buffer& out) {
        put_word(out, a.cell);
        put_word(out, a.number);
    }
    static void put(std::string_view text, byte_buffer& out) { put_bytes(out, std::as_bytes(std::span{text})); }
    static void put(stored_value const& value, byte_buffer& out) {
        put_word(out, value.index());
        if (auto const* const bytes = std::get_if<byte_buffer>(&value)) {
            put_bytes(out, *bytes);
        } else {
            auto const& pointer = std::get<chunk_pointer>(value);
            put_word(out, pointer.size);
            out.insert(out.end(), pointer.digest.begin(), pointer.digest.end());
        }
    }

    [[nodiscard]] static cell_attempt take_attempt(byte_reader& in) {
        cell_attempt a;
        a.cell = in.word();
        a.number = static_cast<std::uint32_t>(take_small(in, 0xffff'ffff));
        return a;
    }
    [[nodiscard]] static replica_id take_replica(byte_reader& in) {
        return replica_id{static_cast<std::uint32_t>(take_small(in, 0xffff'ffff))};
    }
    [[nodiscard]] static std::string take_text(byte_reader& in) {
        auto const bytes = in.bytes();
        std::string text(bytes.size(), '\0');
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            text[i] = static_cast<char>(bytes[i]);
        }
        return text;
    }
    [[nodiscard]] static stored_value take_value(byte_reader& in) {
        if (take_small(in, 1) == 0) {
            auto const bytes = in.bytes();
            return byte_buffer(bytes.begin(), bytes.end());
        }
        chunk_pointer pointer;
        pointer.size = in.word();
        for (std::size_t from = 0; from < pointer.digest.size(); from += 8) { // four words
            std::uint64_t const word = in.word();
            for (std::size_t i = 0; i < 8; ++i) {
                pointer.digest[from + i] = static_cast<std::byte>(word >> (8 * i));
            }
        }
        return pointer;
    }
    /// A word of at most `most`; of a larger one, 0 and an input that is no longer good.
    [[nodiscard]] static std::uint64_t take_small(byte_reader& in, std::uint64_t most) {
        std::uint64_t const word = in.word();
        if (word <= most) {
            return word;
        }
        while (in.good()) {
            (void)in.word();
        }
        return 0;
    }

  private:
    static void put(cell_assigned const& e, byte_buffer& out) {
        put(e.attempt, out);
        put_word(out, e.executor.value);
        put_word(out, e.lease);
    }
    static void put(lead_proposed const& e, byte_buffer& out) {
        put(e.attempt, out);
        put_word(out, e.replica.value);
        put_word(out, e.leads ? 1 : 0);
    }
    static void put(vote_cast const& e, byte_buffer& out) {
        put(e.attempt, out);
        put_word(out, e.voter.value);
        put_word(out, e.executor ? 1 : 0);
        put_word(out, e.executor.value_or(replica_id{}).value);
    }
    static void put(cell_done const& e, byte_buffer& out) {
        put(e.attempt, out);
        put_word(out, e.executor.value);
        put_word(out, static_cast<std::uint64_t>(e.status));
        put_word(out, e.delta.changed.size());
        for (auto const& [name, value] : e.delta.changed) {
            put(name, out);
            put(value, out);
        }
        put_word(out, e.delta.removed.size());
        for (std::string const& name : e.delta.removed) {
            put(name, out);
        }
    }

    [[nodiscard]] static state_delta take_delta(byte_reader& in) {
        state_delta delta;
        std::uint64_t const changed = in.word();
        for (std::uint64_t i = 0; i < changed && in.good(); ++i) {
            std::string name = take_text(in);
            delta.changed.emplace_back(std::move(name), take_value(in));
        }
        std::uint64_t const removed = in.word();
        for (std::uint64_t i = 0; i < removed && in.good(); ++i) {
            delta.removed.push_back(take_text(in));
        }
        return delta;
    }
};

} // namespace hpcsched::notebook

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_WIRE_HPP
#define HPCSCHED_RAFT_ETCD_WIRE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::raft_etcd::detail {

// etcd's version 3 API as JSON: requests written, answers read. No I/O.

[[nodiscard]] std::string to_base64(std::span<std::byte const> bytes);
[[nodiscard]] std::string to_base64(std::string_view text);
/// Nothing where `text` is not base64.
[[nodiscard]] std::optional<raft::byte_buffer> from_base64(std::string_view text);

/// The names of a log's keys.
class key_names {
  public:
    explicit key_names(std::string prefix) : prefix_{std::move(prefix)} {}

    [[nodiscard]] std::string entry(raft::log_index index) const;
    [[nodiscard]] std::string log_end() const { return prefix_ + "/log0"; } // '0' comes behind '/'
    [[nodiscard]] std::string last() const { return prefix_ + "/last"; }
    [[nodiscard]] std::string forgotten() const { return prefix_ + "/forgotten"; }
    [[nodiscard]] std::string newest_snapshot() const { return prefix_ + "/newest_snapshot"; }
    [[nodiscard]] std::string writer(std::string_view id) const { return prefix_ + "/writers/" + std::string{id}; }
    [[nodiscard]] std::string writers_end() const { return prefix_ + "/writers0"; }
    [[nodiscard]] std::string snapshot(std::string_view folder) const {
        return prefix_ + "/snapshot/" + std::string{folder};
    }
    [[nodiscard]] std::string snapshots_end() const { return prefix_ + "/snapshot0"; }
    [[nodiscard]] std::string piece(std::string_view folder, std::uint64_t number) const;
    /// The index of an entry's key; nothing where it is none.
    [[nodiscard]] std::optional<raft::log_index> index_of(std::string_view key) const;

  private:
    std::string prefix_;
};

// --- operations, parts of transactions; each is a JSON object ----------------------------------------------------

[[nodiscard]] std::string put(std::string_view key, std::span<std::byte const> value);
[[nodiscard]] std::string put(std::string_view key, std::string_view value);
[[nodiscard]] std::string get(std::string_view key);
/// At most `limit` of the keys from `first` up to, without, `end`, in their order.
[[nodiscard]] std::string get_range(std::string_view first, std::string_view end, std::uint64_t limit);
/// The same, those first that were written longest ago.
[[nodiscard]] std::string get_oldest(std::string_view first, std::string_view end, std::uint64_t limit);
[[nodiscard]] std::string erase(std::string_view key);
[[nodiscard]] std::string erase_range(std::string_view first, std::string_view end);
/// That `key` has this value; an empty one: that there is no such key.
[[nodiscard]] std::string is_equal(std::string_view key, std::string_view value);

struct transaction {
    std::vector<std::string> conditions{};
    std::vector<std::string> then{};
    std::vector<std::string> otherwise{};
};
[[nodiscard]] std::string to_text(transaction const& t);
[[nodiscard]] std::string watch_request(std::string_view first, std::string_view end, std::uint64_t revision);
[[nodiscard]] std::string authenticate_request(std::string_view user, std::string_view password);

// --- answers -----------------------------------------------------------------------------------------------------

struct key_value {
    std::string key;
    raft::byte_buffer value;
};
struct range_answer {
    std::vector<key_value> items;
    std::uint64_t count = 0; ///< how many there are, whatever the limit
    bool more = false;

    /// The first item's value as text; empty where there is none.
    [[nodiscard]] std::string text() const;
};
struct transaction_answer {
    bool succeeded = false;
    std::uint64_t revision = 0;
    std::vector<range_answer> ranges; ///< of its operations those that read, in order
};
struct auth_token {
    std::string text;
};
struct watch_answer {
    bool canceled = false;
    std::string reason;
    std::vector<key_value> puts;
};

[[nodiscard]] result<transaction_answer> read_transaction(std::string_view text);
[[nodiscard]] result<watch_answer> read_watch(std::string_view line);
[[nodiscard]] result<auth_token> read_token(std::string_view text);
/// What an answer with an HTTP status other than 200 complains of.
[[nodiscard]] std::string read_complaint(std::string_view text);

// --- values ------------------------------------------------------------------------------------------------------

inline constexpr std::uint64_t format_version = 1;

[[nodiscard]] std::string last_text(raft::log_index last);
/// 0 where `text` is empty. \error another version's, or nonsense
[[nodiscard]] result<raft::log_index> read_last(std::string_view text);

/// Where a writer's newest appends are.
struct writer_note {
    std::uint64_t first = 0; ///< its number of the first of them; 0: there is no note
    std::uint64_t count = 0;
    raft::log_index index = 0; ///< of that first one
};
[[nodiscard]] std::string note_text(writer_note const& note);
[[nodiscard]] result<writer_note> read_note(std::string_view text);

struct snapshot_note {
    raft::log_index index = 0; ///< 0: there is none
    std::uint64_t size = 0;
    std::uint64_t pieces = 0;
    std::string folder;
};
[[nodiscard]] std::string snapshot_text(snapshot_note const& note);
[[nodiscard]] result<snapshot_note> read_snapshot(std::string_view text);

} // namespace hpcsched::raft_etcd::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_LOG_JOURNALS_HPP
#define HPCSCHED_TESTS_RAFT_LOG_JOURNALS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/log_storage.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include <doctest/doctest.h>

#include "temporary_folder.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// A folder of its own in memory, where there is one: what is tested there is not the disk.
class memory_folder : public temporary_folder {
  public:
    memory_folder() : temporary_folder{memory()} {}

    [[nodiscard]] std::filesystem::path path() const { return temporary_folder::path(); }

  private:
    static std::filesystem::path memory() {
        std::error_code none;
        std::filesystem::path const shared{"/dev/shm"};
        return std::filesystem::is_directory(shared, none) ? shared : std::filesystem::temp_directory_path();
    }
};

/// The value of what cannot fail here.
template <class Value>
Value must(result<Value>&& outcome) {
    std::string const why = outcome.has_error() ? outcome.error().message : std::string{};
    INFO(why);
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
}

inline std::string message_of(result<void> const& outcome) {
    return outcome ? std::string{} : outcome.error().message;
}
template <class Value>
std::string message_of(result<Value> const& outcome) {
    return outcome ? std::string{} : outcome.error().message;
}

inline raft::membership three_founders() {
    raft::node_id const ids[] = {raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};
    return raft::membership{ids};
}

inline std::vector<std::byte> bytes_of(std::string const& text) {
    auto const* const begin = reinterpret_cast<std::byte const*>(text.data());
    return {begin, begin + text.size()};
}

/// Writes entries to a log, one write after the other.
class writer {
  public:
    explicit writer(raft_log::group_log& log) : log_{&log}, next_{log.stored().snapshot_index + 1} {
        log.each_stored([this](raft::entry const& e) { next_ = e.index + 1; });
    }

    /// One write of `count` entries with a text each.
    [[nodiscard]] result<void> put(std::string const& text, std::size_t count = 1, raft::log_term term = 1) {
        auto const payload = bytes_of(text);
        std::vector<raft::entry> entries;
        raft::log_write w{.number = ++number_, .state = {term, raft::node_id{1}}, .commit = commit};
        w.first_index = next_;
        for (std::size_t i = 0; i < count; ++i) {
            entries.push_back({next_++, term, raft::entry_kind::command, payload});
        }
        w.entries = {entries, {}};
        return log_->write(w);
    }

    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] raft::log_index last() const noexcept { return next_ - 1; }
    void rewind(raft::log_index to) { next_ = to; }
    raft::log_index commit = 0;

  private:
    raft_log::group_log* log_;
    raft::log_index next_;
    std::uint64_t number_ = 0;
};

/// The payloads behind the snapshot.
inline std::vector<std::string> texts_of(raft_log::group_log& log) {
    std::vector<std::string> all;
    log.each_stored([&](raft::entry const& e) {
        all.emplace_back(reinterpret_cast<char const*>(e.payload.data()), e.payload.size());
    });
    return all;
}

} // namespace hpcsched::test

#endif

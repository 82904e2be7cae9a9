// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_LOG_STORAGE_HPP
#define HPCSCHED_TESTING_CONFORMANCE_LOG_STORAGE_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/raft/log_storage.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::testing {

namespace detail {

/// What a log storage should hold, in the plainest form.
struct plain_log {
    struct item {
        raft::log_index index = 0;
        raft::log_term term = 0;
        raft::entry_kind kind{};
        std::vector<std::byte> payload;
    };

    raft::stored_state state;
    std::vector<item> items; // those behind the snapshot, and maybe some before its end
    std::vector<std::byte> snapshot;
    std::uint64_t number = 0;

    [[nodiscard]] raft::log_index last() const { return items.empty() ? state.snapshot_index : items.back().index; }
    [[nodiscard]] raft::log_term last_term() const { return items.empty() ? state.snapshot_term : items.back().term; }

    [[nodiscard]] static bool same(item const& a, raft::entry const& b) {
        return a.index == b.index && a.term == b.term && a.kind == b.kind && std::ranges::equal(a.payload, b.payload);
    }
};

/// Random use of a log storage, with `plain_log` beside it.
template <class Storage>
class log_storage_check {
  public:
    log_storage_check(std::uint64_t seed, raft::membership const& founders) : bits_{seed, "log_storage"} {
        plain_.state.members = founders;
    }

    [[nodiscard]] std::string write(Storage& s) {
        raft::log_write w{.number = ++plain_.number, .state = plain_.state.state, .commit = plain_.state.commit};
        if (draw(3) == 0) {
            w.state.term += draw(3);
            w.state.voted_for = raft::node_id{static_cast<std::uint32_t>(draw(4))};
        }
        std::vector<plain_log::item> fresh;
        std::vector<raft::entry> entries;
        if (draw(5) > 0) {
            raft::log_index const lowest = std::max(plain_.state.commit, plain_.state.snapshot_index) + 1;
            w.first_index = draw(4) == 0 ? lowest + draw(plain_.last() + 1 - lowest) : plain_.last() + 1;
            std::erase_if(plain_.items, [&](auto const& i) { return i.index >= w.first_index; });
            raft::log_term const term = std::max(plain_.last_term(), w.state.term);
            w.state.term = term;
            for (std::uint64_t i = 0; i <= draw(4); ++i) {
                fresh.push_back({w.first_index + fresh.size(), term, static_cast<raft::entry_kind>(draw(2)), {}});
                fresh.back().payload.resize(draw(40), static_cast<std::byte>(draw(255)));
            }
            for (plain_log::item const& i : fresh) {
                entries.push_back({i.index, i.term, i.kind, i.payload});
            }
            std::size_t const half = draw(entries.size());
            w.entries = {std::span{entries}.first(half), std::span{entries}.subspan(half)};
        }
        plain_.state.state = w.state;
        plain_.state.commit = w.commit;
        if (auto const written = s.write(w); !written) {
            return "a write fails: " + written.error().message;
        }
        std::ranges::move(fresh, std::back_inserter(plain_.items));
        return {};
    }

    void commit_some() { plain_.state.commit += draw(plain_.last() - plain_.state.commit); }

    [[nodiscard]] std::string read(Storage& s) {
        raft::log_index const first = 1 + draw(plain_.last() + 2);
        std::size_t const count = 1 + draw(5);
        std::size_t const bytes = draw(100);
        auto const got = s.read(first, count, bytes);
        auto const want = std::ranges::find(plain_.items, first, &plain_log::item::index);
        if (want == plain_.items.end()) {
            return got && first > plain_.last() ? "it reads entries that are not in the log" : "";
        }
        if (!got) {
            return first > plain_.state.snapshot_index ? "it does not read entry " + std::to_string(first) : "";
        }
        if (got->entries.empty() || got->entries.size() > count) {
            return "it reads none, or more than asked for";
        }
        std::size_t size = 0;
        for (std::size_t i = 0; i < got->entries.size(); ++i) {
            auto const at = want + static_cast<std::ptrdiff_t>(i);
            if (at >= plain_.items.end() || !plain_log::same(*at, got->entries[i])) {
                return "it reads entry " + std::to_string(first + i) + " otherwise than it was written";
            }
            size += got->entries[i].payload.size();
        }
        if (got->entries.size() > 1 && size > bytes) {
            return "it reads more bytes than asked for";
        }
        bool const known = want != plain_.items.begin();
        if (known && got->previous_term != std::prev(want)->term) {
            return "it names another term for the entry before " + std::to_string(first);
        }
        return {};
    }

    [[nodiscard]] std::string save_snapshot(Storage& s) {
        if (plain_.state.commit <= plain_.state.snapshot_index) {
            return {};
        }
        raft::log_index const index = plain_.state.commit;
        auto const at = std::ranges::find(plain_.items, index, &plain_log::item::index);
        plain_.snapshot.assign(draw(200), static_cast<std::byte>(draw(255)));
        raft::snapshot_info const info{index, at->term, plain_.state.members, plain_.snapshot.size()};
        if (auto const saved = s.save_snapshot(info, plain_.snapshot, index - std::min(index - 1, draw(3))); !saved) {
            return "a snapshot is not saved: " + saved.error().message;
        }
        plain_.state.snapshot_index = index;
        plain_.state.snapshot_term = at->term;
        return {};
    }

    [[nodiscard]] std::string receive_snapshot(Storage& s) {
        std::vector<std::byte> const bytes(draw(100), static_cast<std::byte>(draw(255)));
        raft::log_index const index = plain_.last() + 1 + draw(5);
        raft::log_term const term = plain_.last_term() + 1;
        auto const members = raft::membership_codec::encode(plain_.state.members);
        std::uint64_t offset = 0;
        for (int tries = 0; tries < 100; ++tries) {
            std::size_t const from = std::min<std::size_t>(draw(4) == 0 ? offset + 1 : offset, bytes.size());
            auto const part = std::span{bytes}.subspan(from).first(std::min<std::size_t>(17, bytes.size() - from));
            bool const last = from + part.size() == bytes.size();
            auto const got = s.store_chunk({index, term, from, last, {members.data(), members.size()}, part});
            if (!got) {
                return "a piece of a snapshot is not stored: " + got.error().message;
            }
            bool const fits = from == offset || from == 0;
            std::uint64_t const next = fits ? from + part.size() : offset;
            if (got->next_offset != next || got->complete != (fits && last)) {
                return "a piece of a snapshot leads to offset " + std::to_string(got->next_offset) + ", not " +
                       std::to_string(next);
            }
            offset = next;
            if (got->complete) {
                plain_.items.clear();
                plain_.snapshot = bytes;
                plain_.state.snapshot_index = index;
                plain_.state.snapshot_term = term;
                plain_.state.commit = index;
                return {};
            }
        }
        return "a snapshot never ends";
    }

    /// Whether the storage, opened anew, holds what it should.
    [[nodiscard]] std::string opened(Storage& s) {
        plain_.number = 0;
        raft::stored_state const got = s.stored();
        raft::stored_state const& want = plain_.state;
        if (!(got.state == want.state) || got.snapshot_index != want.snapshot_index ||
            got.snapshot_term != want.snapshot_term || !(got.members == want.members)) {
            return "opened anew it has another term, vote or snapshot";
        }
        if (got.commit > std::max(want.commit, want.snapshot_index)) {
            return "opened anew it knows of commits that nobody told it";
        }
        plain_.state.commit = got.commit;
        std::string wrong;
        auto next = std::ranges::find_if(plain_.items, [&](auto const& i) { return i.index > want.snapshot_index; });
        s.each_stored([&](raft::entry const& e) {
            if (next == plain_.items.end() || !plain_log::same(*next, e)) {
                wrong = "opened anew it has another entry " + std::to_string(e.index);
            } else {
                ++next;
            }
        });
        if (wrong.empty() && next != plain_.items.end()) {
            wrong = "opened anew it lacks entry " + std::to_string(next->index);
        }
        auto const info = s.snapshot();
        if (wrong.empty() && (info.index != want.snapshot_index || info.size != plain_.snapshot.size() ||
                              !std::ranges::equal(s.read_snapshot(0, plain_.snapshot.size()), plain_.snapshot))) {
            wrong = "opened anew it has another snapshot";
        }
        return wrong;
    }

    [[nodiscard]] std::uint64_t draw(std::uint64_t most) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits_);
    }
    [[nodiscard]] std::uint64_t number() const { return plain_.number; }

  private:
    random_stream bits_;
    plain_log plain_;
};

} // namespace detail

/// Uses log storages at random and checks the rules of `raft::log_storage` that hold without a crash: what is written
/// is there, is read back, is there after it is closed and opened again, whatever replaced what.
///
/// \param make    returns a new storage, of a group founded by the membership that it is called with
/// \param reopen  takes a storage and returns one opened on the same data, as after the end of the process
/// \param wait    called with a storage and a number: returns when that write is durable
/// \return the first rule that was broken, with the seed; empty: none
/// \complexity O(seeds) runs of 60 operations
template <class Make, class Reopen, class Wait>
[[nodiscard]] std::vector<std::string> check_log_storage(Make make, Reopen reopen, Wait wait,
                                                         std::uint64_t seeds = 50) {
    raft::node_id const founders[] = {raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};
    raft::membership const group{founders};
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto storage = make(group);
        detail::log_storage_check<decltype(storage)> check{seed, group};
        std::string wrong = check.opened(storage);
        for (int step = 0; step < 60 && wrong.empty(); ++step) {
            switch (check.draw(9)) {
            case 0:
                check.commit_some();
                break;
            case 1:
                wrong = check.save_snapshot(storage);
                break;
            case 2:
                wrong = check.draw(3) == 0 ? check.receive_snapshot(storage) : "";
                break;
            case 3:
                storage = reopen(std::move(storage));
                wrong = check.opened(storage);
                break;
            case 4:
            case 5:
                wrong = check.read(storage);
                break;
            default:
                wrong = check.write(storage);
                if (wrong.empty()) {
                    wait(storage, check.number());
                }
            }
        }
        if (!wrong.empty()) {
            return {"seed " + std::to_string(seed) + ": " + wrong};
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif

// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::raft_etcd::detail {

asio::awaitable<void> engine::keep_snapshots() {
    while (!failed_) {
        if (!has_asked_for_machine_) {
            keeping_.to.close(); // for long
            co_await to_keep_.wait();
            continue;
        }
        if (!co_await reach(keeping_)) {
            continue;
        }
        // Another replica may have been first: the machine is not written down for nothing.
        transaction const request{.then = {get(keys_.newest_snapshot())}};
        auto const answer = co_await ask(keeping_, request);
        if (!answer || answer->ranges.size() != 1) {
            continue;
        }
        auto const newest = read_snapshot(answer->ranges[0].text());
        if (!newest) {
            fail(newest.error().message);
            break;
        }
        snapshot_ = std::max(snapshot_, newest->index);
        if (delivered_ >= snapshot_ + config_.snapshot_every) {
            mail_.hand_over({etcd_note::kind::snapshot_due, delivered_, {}, {}});
            while (!saved_ && !failed_) {
                co_await to_keep_.wait();
            }
            if (saved_) {
                co_await store_snapshot(*std::exchange(saved_, std::nullopt), answer->ranges[0].text());
            }
        }
        has_asked_for_machine_ = false;
    }
}

// Puts a snapshot in the place of the one that was there, cuts the log behind it, and removes what is left of others.
asio::awaitable<void> engine::store_snapshot(saved_machine saved, std::string replaced) {
    std::size_t const piece = config_.snapshot_piece_bytes;
    snapshot_note const note{saved.index, saved.bytes.size(), (saved.bytes.size() + piece - 1) / piece,
                             std::to_string(saved.index) + "-" + id_};
    for (std::uint64_t k = 0; k < note.pieces; ++k) {
        std::span<std::byte const> const rest = std::span{saved.bytes}.subspan(static_cast<std::size_t>(k) * piece);
        transaction const request{.then = {put(keys_.piece(note.folder, k), rest.first(std::min(piece, rest.size())))}};
        if (!co_await reach(keeping_) || !co_await ask(keeping_, request)) {
            co_return; // the next snapshot removes the pieces
        }
    }
    raft::log_index const cut = note.index - std::min(note.index, config_.snapshot_trailing);
    std::string const own = keys_.snapshot(note.folder);
    transaction request{.conditions = {is_equal(keys_.newest_snapshot(), replaced)},
                        .then = {put(keys_.newest_snapshot(), snapshot_text(note)),
                                 erase_range(keys_.entry(0), keys_.entry(cut + 1)),
                                 erase_range(keys_.snapshot(""), own), erase_range(own + "0", keys_.snapshots_end())},
                        .otherwise = {erase_range(own, own + "0")}};
    auto const answer = co_await ask(keeping_, request);
    if (answer && answer->succeeded) {
        snapshot_ = std::max(snapshot_, note.index);
        co_await forget_writers();
    }
}

// Removes notes of writers beyond `writers_max`, the oldest first, and notes how far: a writer that misses its own must
// know whether it ever was there.
asio::awaitable<void> engine::forget_writers() {
    transaction const request{.then = {get_oldest(keys_.writer(""), keys_.writers_end(), 100), get(keys_.forgotten())}};
    auto const answer = co_await ask(keeping_, request);
    if (!answer || answer->ranges.size() != 2 || answer->ranges[0].count <= config_.writers_max) {
        co_return;
    }
    std::string const before = answer->ranges[1].text();
    auto const forgotten = read_last(before);
    raft::log_index newest = forgotten ? *forgotten : 0;
    std::uint64_t const too_many = answer->ranges[0].count - config_.writers_max;
    transaction removal{.conditions = {is_equal(keys_.forgotten(), before)}};
    for (key_value const& item : answer->ranges[0].items) {
        range_answer one;
        one.items.push_back(item);
        auto const note = read_note(one.text());
        if (removal.then.size() < too_many && note) {
            newest = std::max(newest, note->index + note->count - 1);
            removal.then.push_back(erase(item.key));
            removal.conditions.push_back(is_equal(item.key, one.text()));
        }
    }
    removal.then.push_back(put(keys_.forgotten(), last_text(newest)));
    (void)co_await ask(keeping_, removal);
}

} // namespace hpcsched::raft_etcd::detail

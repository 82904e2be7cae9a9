// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>

namespace hpcsched::raft_etcd::detail {

namespace {

constexpr auto awaiting = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t unread_bytes_max = std::size_t{64} << 20U; // handed over, before the caller is waited for
constexpr std::size_t page_bytes = std::size_t{4} << 20U;        // what a page of entries should come to
constexpr duration watch_patience = std::chrono::seconds{1};     // for an entry that is known to be in the log

std::uint64_t random_bits() {
    std::uint64_t bits = 0;
    while (::getrandom(&bits, sizeof bits, 0) != sizeof bits) {
    }
    return bits;
}

// 32 hexadecimal digits.
std::string random_id() {
    std::string out;
    for (int words = 0; words < 2; ++words) {
        std::uint64_t bits = random_bits();
        for (int digits = 0; digits < 16; ++digits, bits >>= 4U) {
            out.push_back("0123456789abcdef"[bits & 15U]);
        }
    }
    return out;
}

} // namespace

asio::awaitable<void> bell::wait(duration at_most) {
    if (at_most == unlimited) {
        timer_.expires_at(asio::steady_timer::time_point::max());
    } else {
        timer_.expires_after(at_most);
    }
    co_await timer_.async_wait(awaiting);
}

engine::engine(connection_context& common, mailbox& mail)
    : common_{common}, config_{common.config}, mail_{mail}, keys_{common.config.prefix}, id_{random_id()},
      jitter_{random_bits(), "etcd back-off"}, writing_{common, "append"}, following_{common, "follow"},
      looking_{common, "read"}, keeping_{common, "snapshot"}, to_write_{*common.loop}, to_look_{*common.loop},
      to_keep_{*common.loop} {}

void engine::start() {
    asio::co_spawn(*common_.loop, write(), asio::detached);
    asio::co_spawn(*common_.loop, follow(), asio::detached);
    asio::co_spawn(*common_.loop, look(), asio::detached);
    asio::co_spawn(*common_.loop, keep_snapshots(), asio::detached);
}

void engine::take_orders() {
    orders taken = mail_.take_orders();
    if (failed_) {
        return;
    }
    if (!taken.appends.empty()) {
        std::ranges::move(taken.appends, std::back_inserter(appends_));
        to_write_.ring();
    }
    if (!taken.barriers.empty()) {
        barriers_.insert(barriers_.end(), taken.barriers.begin(), taken.barriers.end());
        to_look_.ring();
    }
    if (taken.snapshot) {
        saved_ = std::move(taken.snapshot);
        to_keep_.ring();
    }
}

// --- in common ------------------------------------------------------------------------------------------------------

asio::awaitable<void> engine::pause(duration length) {
    asio::steady_timer timer{*common_.loop, length};
    co_await timer.async_wait(awaiting);
}

asio::awaitable<bool> engine::reach(line& l) {
    if (l.to.is_open()) {
        co_return true;
    }
    if (l.failures > 0) {
        duration const longest = std::min(config_.backoff_max, config_.backoff_min * (1 << std::min(l.failures, 20U)));
        co_await pause(longest / 2 + longest / 2 * static_cast<std::int64_t>(jitter_() % 1000) / 1000);
    }
    endpoint const& next = common_.endpoints[l.endpoint % common_.endpoints.size()];
    std::string why = co_await l.to.open(next);
    if (!why.empty()) {
        note_wrong(l, std::move(why));
        co_return false;
    }
    co_return true;
}

// A transaction that failed has closed the connection; whether it was carried out is not known.
asio::awaitable<std::optional<transaction_answer>> engine::ask(line& l, transaction const& t) {
    http_answer const answer = co_await l.to.post("/v3/kv/txn", to_text(t));
    if (!answer.good) {
        note_wrong(l, answer.text);
        co_return std::nullopt;
    }
    auto read = read_transaction(answer.text);
    if (!read) {
        l.to.close();
        note_wrong(l, read.error().message);
        co_return std::nullopt;
    }
    note_right(l);
    co_return std::move(*read);
}

void engine::note_wrong(line& l, std::string why) {
    ++l.endpoint;
    ++l.failures;
    l.wrong = std::string{l.purpose} + ": " + std::move(why);
    tell_condition();
}
void engine::note_right(line& l) {
    l.failures = 0;
    if (!l.wrong.empty()) {
        l.wrong.clear();
        tell_condition();
    }
}
void engine::tell_condition() {
    std::string text;
    for (line const* const l : {&writing_, &following_, &looking_, &keeping_}) {
        text += (text.empty() || l->wrong.empty() ? "" : "; ") + l->wrong;
    }
    mail_.set_condition(std::move(text));
}

void engine::fail(std::string const& why) {
    if (!std::exchange(failed_, true)) {
        auto const bytes = std::as_bytes(std::span{why});
        mail_.has_failed = true;
        mail_.hand_over({etcd_note::kind::failure, 0, {}, {bytes.begin(), bytes.end()}});
        for (bell* const b : {&to_write_, &to_look_, &to_keep_}) {
            b->ring();
        }
        following_.to.interrupt();
    }
}

// --- writing --------------------------------------------------------------------------------------------------------

asio::awaitable<void> engine::write() {
    while (!failed_) {
        if (appends_.empty()) {
            co_await to_write_.wait();
            continue;
        }
        if (!co_await reach(writing_) || (!last_ && !co_await find_out())) {
            continue;
        }
        batch const next = make_batch();
        asked_behind_ = *last_;
        in_doubt_ = true;
        auto const answer = co_await ask(writing_, next.request);
        if (answer && answer->succeeded) {
            in_doubt_ = false;
            raft::log_index const first = *last_ + 1;
            last_ = *last_ + next.count;
            got_in(next.count, first);
        } else if (!answer || !settle(*answer)) {
            last_.reset();
        }
    }
}

engine::batch engine::make_batch() const {
    batch out;
    std::size_t bytes = 0;
    for (waiting_append const& a : appends_) {
        bytes += a.payload.size();
        if (out.count > 0 && (bytes > config_.batch_bytes_max || out.count == config_.batch_entries_max)) {
            break;
        }
        ++out.count;
        out.request.then.push_back(put(keys_.entry(*last_ + out.count), a.payload));
    }
    // Not that the entries' keys are free: those of entries that were cut are free again.
    out.request.conditions.push_back(is_equal(keys_.last(), *last_ == 0 ? "" : last_text(*last_)));
    out.request.then.push_back(put(keys_.last(), last_text(*last_ + out.count)));
    out.request.then.push_back(put(keys_.writer(id_), note_text({first_, out.count, *last_ + 1})));
    out.request.otherwise = {get(keys_.last()), get(keys_.writer(id_)), get(keys_.forgotten())};
    return out;
}

// Where the log ends, and whether the last request got in.
asio::awaitable<bool> engine::find_out() {
    transaction const request{.then = {get(keys_.last()), get(keys_.writer(id_)), get(keys_.forgotten())}};
    auto const answer = co_await ask(writing_, request);
    co_return answer&& settle(*answer);
}

// `state` has, as of one moment, the log's end, this life's note, and which notes are gone. A request that is still on
// its way cannot get in unseen: it stands on an end of the log that any other request, once it got in, has moved on.
bool engine::settle(transaction_answer const& state) {
    if (state.ranges.size() != 3) {
        writing_.to.close();
        note_wrong(writing_, "an answer that is not etcd's");
        return false;
    }
    auto const last = read_last(state.ranges[0].text());
    auto const note = read_note(state.ranges[1].text());
    auto const forgotten = read_last(state.ranges[2].text());
    if (!last || !note || !forgotten) {
        fail(!last ? last.error().message : (!note ? note.error().message : forgotten.error().message));
        return false;
    }
    if (note->first == first_) {
        got_in(static_cast<std::size_t>(note->count), note->index);
    } else if (in_doubt_ && note->first == 0 && *forgotten > asked_behind_) {
        fail("this replica was away while its note in etcd was forgotten: whether its last entries are in the log is "
             "not known; allow for more in writers_max, and open the log anew");
        return false;
    }
    in_doubt_ = false;
    last_ = *last;
    return true;
}

void engine::got_in(std::size_t count, raft::log_index first) {
    for (std::size_t i = 0; i < count && !appends_.empty(); ++i) {
        waiting_append done = std::move(appends_.front());
        appends_.pop_front();
        ++first_;
        mail_.waiting_bytes -= done.payload.size();
        if (first + i <= delivered_) {
            mail_.hand_over({etcd_note::kind::appended, first + i, done.token, {}});
        } else {
            own_.emplace(first + i, std::move(done));
        }
    }
    deliver_own();
}

// --- following ------------------------------------------------------------------------------------------------------

asio::awaitable<void> engine::follow() {
    while (!failed_) {
        if (!co_await reach(following_)) {
            continue;
        }
        auto const revision = co_await catch_up();
        if (revision) {
            co_await watch(*revision + 1);
        }
    }
}

asio::awaitable<void> engine::let_caller_catch_up() {
    while (mail_.note_bytes() > unread_bytes_max && !failed_) {
        co_await pause(std::chrono::milliseconds{5});
    }
}

// Reads page by page what is in the log behind `delivered_`; the revision as of which nothing was missing.
asio::awaitable<std::optional<std::uint64_t>> engine::catch_up() {
    std::uint64_t limit = 16;
    while (!failed_) {
        co_await let_caller_catch_up();
        // What this replica appends is delivered as it is acknowledged, also while this waits for the answer.
        raft::log_index const from = delivered_ + 1;
        transaction const request{.then = {get_range(keys_.entry(from), keys_.log_end(), limit), get(keys_.last()),
                                           get(keys_.newest_snapshot())}};
        auto answer = co_await ask(following_, request);
        if (!answer || answer->ranges.size() != 3) {
            co_return std::nullopt;
        }
        auto const last = read_last(answer->ranges[1].text());
        auto const snapshot = read_snapshot(answer->ranges[2].text());
        if (!last || !snapshot || *last + 1 < from) {
            fail(!last ? last.error().message
                       : (!snapshot ? snapshot.error().message
                                    : "etcd has lost entries: its log ends at " + std::to_string(*last) + ", and " +
                                          std::to_string(from - 1) + " was seen; was it restored from a backup?"));
            co_return std::nullopt;
        }
        snapshot_ = std::max(snapshot_, snapshot->index);
        range_answer& page = answer->ranges[0];
        if (page.items.empty() ? *last >= from : keys_.index_of(page.items.front().key) != from) {
            if (snapshot->index < from) {
                fail("entry " + std::to_string(from) + " is missing in etcd, and no snapshot has it");
                co_return std::nullopt;
            }
            if (!co_await load_snapshot(*snapshot)) {
                co_return std::nullopt;
            }
            continue;
        }
        std::size_t largest = 1024;
        for (key_value const& item : page.items) {
            largest = std::max(largest, item.value.size() + 256);
        }
        limit = std::clamp<std::uint64_t>(page_bytes / largest, 4, 1000);
        (void)deliver_all(page.items);
        if (!page.more) {
            co_return answer->revision;
        }
    }
    co_return std::nullopt;
}

asio::awaitable<bool> engine::load_snapshot(snapshot_note const& note) {
    raft::byte_buffer bytes;
    for (std::uint64_t piece = 0; piece < note.pieces; ++piece) {
        transaction const request{.then = {get(keys_.piece(note.folder, piece))}};
        auto const answer = co_await ask(following_, request);
        if (!answer || answer->ranges.size() != 1) {
            co_return false;
        }
        if (answer->ranges[0].items.empty()) {
            co_return true; // a newer one has taken its place: the caller looks again
        }
        raft::byte_buffer const& got = answer->ranges[0].items.front().value;
        bytes.insert(bytes.end(), got.begin(), got.end());
    }
    if (bytes.size() != note.size) {
        fail("the snapshot at index " + std::to_string(note.index) + " has " + std::to_string(bytes.size()) +
             " bytes in etcd, not " + std::to_string(note.size) + ": somebody else writes below this prefix");
        co_return false;
    }
    if (note.index <= delivered_) {
        co_return true;
    }
    delivered_ = note.index;
    mail_.hand_over({etcd_note::kind::snapshot, note.index, {}, std::move(bytes)});
    while (!own_.empty() && own_.begin()->first <= delivered_) {
        mail_.hand_over({etcd_note::kind::appended, own_.begin()->first, own_.begin()->second.token, {}});
        own_.erase(own_.begin());
    }
    deliver_own();
    co_return true;
}

asio::awaitable<void> engine::watch(std::uint64_t from_revision) {
    http_answer line =
        co_await following_.to.open_stream("/v3/watch", watch_request(keys_.entry(0), keys_.log_end(), from_revision));
    while (line.good && !failed_) {
        line = co_await following_.to.next_line();
        if (!line.good) {
            break;
        }
        auto read = read_watch(line.text);
        if (!read || read->canceled) {
            following_.to.close(); // compacted away, or this member has left: the log is read again
            if (!read) {
                note_wrong(following_, read.error().message);
            }
            co_return;
        }
        if (!deliver_all(read->puts)) {
            following_.to.close();
            co_return;
        }
        co_await let_caller_catch_up();
    }
    if (!failed_) {
        note_wrong(following_, line.text);
    }
}

// False where one is missing before them.
bool engine::deliver_all(std::vector<key_value>& items) {
    for (key_value& item : items) {
        auto const index = keys_.index_of(item.key);
        if (!index || *index <= delivered_) {
            continue;
        }
        if (*index > delivered_ + 1) {
            return false;
        }
        deliver(*index, std::move(item.value), std::nullopt);
        deliver_own();
    }
    return true;
}

void engine::deliver(raft::log_index index, raft::byte_buffer payload, std::optional<std::uint64_t> token) {
    if (auto const own = own_.find(index); own != own_.end()) {
        token = own->second.token;
        own_.erase(own);
    }
    delivered_ = index;
    mail_.hand_over({etcd_note::kind::entry, index, token, std::move(payload)});
    // The replica that appended the entry writes the snapshot, and others where it does not.
    std::uint64_t const behind = delivered_ - std::min(delivered_, snapshot_);
    if (config_.snapshot_every != 0 && !has_asked_for_machine_ &&
        behind >= config_.snapshot_every * (token ? 1U : 2U)) {
        has_asked_for_machine_ = true;
        to_keep_.ring();
    }
}

// Own entries of which the acknowledgement came before the watch's.
void engine::deliver_own() {
    for (auto own = own_.find(delivered_ + 1); own != own_.end(); own = own_.find(delivered_ + 1)) {
        waiting_append next = std::move(own->second);
        own_.erase(own);
        deliver(delivered_ + 1, std::move(next.payload), next.token);
    }
    release_barriers();
}

void engine::release_barriers() {
    while (!behind_.empty() && behind_.begin()->first <= delivered_) {
        --mail_.waiting_barriers;
        mail_.hand_over({etcd_note::kind::caught_up, delivered_, behind_.begin()->second, {}});
        behind_.erase(behind_.begin());
    }
}

// --- looking where the log ends ----------------------------------------------------------------------------------

asio::awaitable<void> engine::look() {
    std::optional<std::chrono::steady_clock::time_point> overdue; // when the watch should have shown what is there
    raft::log_index expected = 0;
    while (!failed_) {
        if (barriers_.empty()) {
            co_await to_look_.wait(overdue ? watch_patience : config_.look_every);
        }
        if (overdue && delivered_ >= expected) {
            overdue.reset();
        }
        if (overdue && std::chrono::steady_clock::now() >= *overdue) {
            overdue.reset();
            ++following_.endpoint; // this member may be cut off from the others
            following_.to.interrupt();
        }
        if (failed_ || !co_await reach(looking_)) {
            continue;
        }
        std::vector<std::uint64_t> const asked = std::exchange(barriers_, {});
        transaction const request{.then = {get(keys_.last())}};
        auto const answer = co_await ask(looking_, request);
        if (!answer || answer->ranges.size() != 1) {
            barriers_.insert(barriers_.begin(), asked.begin(), asked.end());
            continue;
        }
        auto const last = read_last(answer->ranges[0].text());
        if (!last) {
            fail(last.error().message);
            break;
        }
        for (std::uint64_t const token : asked) {
            behind_.emplace(*last, token);
        }
        release_barriers();
        if (*last > delivered_ && !overdue) {
            expected = *last;
            overdue = std::chrono::steady_clock::now() + watch_patience;
        }
    }
}

} // namespace hpcsched::raft_etcd::detail

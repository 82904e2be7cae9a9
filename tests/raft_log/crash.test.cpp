// SPDX-License-Identifier: Apache-2.0

// Random use of a journal on a disk that crashes, with the plainest model beside it: after each crash, what is there
// must be what some prefix of the writes left that holds every one called durable (raft/log_storage.hpp, semantics 1).
#include <hpcsched/raft_log/journal.hpp>

#include <doctest/doctest.h>

#include "faulty_files.hpp"
#include "journal_core.hpp"
#include "journals.hpp"
#include "skip.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log {
namespace {

using namespace test;

struct plain_entry {
    raft::log_index index = 0;
    raft::log_term term = 0;
    raft::entry_kind kind{};
    std::vector<std::byte> payload{};

    friend bool operator==(plain_entry const&, plain_entry const&) = default;
};

/// What a group holds.
struct plain_group {
    raft::hard_state state{};
    raft::log_index commit = 0;
    raft::log_index snapshot_index = 0;
    raft::log_term snapshot_term = 0;
    std::vector<std::byte> snapshot{};
    std::vector<plain_entry> entries{}; // behind the snapshot

    friend bool operator==(plain_group const&, plain_group const&) = default;

    [[nodiscard]] raft::log_index last() const { return entries.empty() ? snapshot_index : entries.back().index; }

    void cut(raft::log_index up_to, raft::log_term term, std::vector<std::byte> const& bytes) {
        std::erase_if(entries, [&](plain_entry const& e) { return e.index <= up_to; });
        snapshot_index = up_to;
        snapshot_term = term;
        snapshot = bytes;
        commit = std::max(commit, up_to);
    }
};

plain_group read_back(group_log& log) {
    auto const stored = log.stored();
    plain_group out{.state = stored.state,
                    .commit = stored.commit,
                    .snapshot_index = stored.snapshot_index,
                    .snapshot_term = stored.snapshot_term};
    log.each_stored([&](raft::entry const& e) {
        out.entries.push_back({e.index, e.term, e.kind, {e.payload.begin(), e.payload.end()}});
    });
    auto const bytes = log.read_snapshot(0, static_cast<std::size_t>(log.snapshot().size));
    out.snapshot.assign(bytes.begin(), bytes.end());
    return out;
}

class crash_case {
  public:
    explicit crash_case(std::uint64_t seed) : draw_{seed} {
        groups_.resize(1 + draw_(2));
        for (auto& g : groups_) {
            g.versions.resize(1);
        }
    }

    [[nodiscard]] std::string run() {
        wrong_ = open();
        for (std::size_t step = 0; step < 80 && wrong_.empty(); ++step) {
            auto& g = groups_[static_cast<std::size_t>(draw_(groups_.size() - 1))];
            may_be_.clear();
            disk_->fail_at = 0;
            disk_->failed.clear();
            if (draw_(4) == 0) {
                disk_->die_within(1 + draw_(9));
            }
            std::uint64_t const process = disk_->process;
            switch (draw_(15)) {
            case 0:
                crash();
                break;
            case 1:
                disk_->kill_process();
                wrong_ = open();
                break;
            case 2:
                close();
                if (disk_->process == process) {
                    settle_all();
                }
                wrong_ = open();
                break;
            case 3:
                save_snapshot(g);
                break;
            case 4:
                receive_pieces(g);
                break;
            case 5:
                check_reads(g);
                break;
            case 6:
            case 7:
            case 8:
                flush();
                break;
            default:
                write(g);
            }
            // In the middle of something. What it was is as good as done, or not begun.
            if (disk_->process != process && disk_->fail_at != 0 && !disk_->failed.empty()) {
                ++deaths;
                disk_->fail_at = 0;
                crash();
            }
        }
        return wrong_;
    }

    std::uint64_t most_segments = 0;
    std::uint64_t deaths = 0;

  private:
    struct under_test {
        std::optional<group_log> log;
        std::vector<plain_group> versions; // from the newest durable one on
        std::uint64_t number = 0;          // of the last write
        raft::log_index incoming = 0;      // a snapshot that comes in pieces
        std::vector<std::byte> incoming_bytes;
        std::uint64_t incoming_next = 0;
    };

    // Of the machine, or the process.
    void crash() {
        if (draw_(3) == 0) {
            disk_->kill_process();
        } else {
            disk_->crash_machine([this](std::uint64_t most) { return draw_(most); });
        }
        wrong_ = open();
        if (!disk_->failed.empty() && disk_->fail_at != 0 && !wrong_.empty()) { // while it opened
            ++deaths;
            disk_->fail_at = 0;
            disk_->crash_machine([this](std::uint64_t most) { return draw_(most); });
            wrong_ = open();
        }
    }

    void close() {
        for (auto& g : groups_) {
            g.log.reset();
        }
        journal_.reset();
    }

    [[nodiscard]] std::string open() {
        close();
        journal_config config{.directory = "disk",
                              .cluster_id = 5,
                              .node = raft::node_id{2},
                              .segment_bytes = std::size_t{8} << 10U,
                              .flush = flush_mode::inline_};
        auto core = detail::journal_core::open(config, std::make_unique<faulty_files>(disk_));
        if (!core) {
            return "it does not open: " + core.error().message;
        }
        journal_.emplace(detail::journal_core::wrap(std::move(*core)));
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            auto& g = groups_[i];
            auto log = journal_->open_group(raft::group_id{static_cast<std::uint32_t>(i)}, three_founders());
            if (!log) {
                return "a group does not open: " + log.error().message;
            }
            g.log.emplace(std::move(*log));
            auto const found = read_back(*g.log);
            bool const known = std::ranges::find(g.versions, found) != g.versions.end() ||
                               (may_be_of_ == &g && std::ranges::find(may_be_, found) != may_be_.end());
            if (!known) {
                return "group " + std::to_string(i) + " is in no state that it may be in";
            }
            g.versions = {found};
            g.number = 0;
        }
        return {};
    }

    // What was called durable can no longer be lost.
    void note_durable() {
        for (auto& g : groups_) {
            std::uint64_t const open_writes = g.number - g.log->durable();
            while (g.versions.size() > open_writes + 1) {
                g.versions.erase(g.versions.begin());
            }
        }
        most_segments = std::max<std::uint64_t>(most_segments, journal_->segment_count());
    }
    void settle_all() {
        for (auto& g : groups_) {
            g.versions = {g.versions.back()};
        }
    }

    // Whether what failed may fail: the process is at its end.
    void expect(bool done, char const* what) {
        if (!done && disk_->failed.empty()) {
            wrong_ = what;
        }
    }

    void flush() {
        expect(journal_->flush().has_value(), "a flush fails");
        note_durable();
    }

    void write(under_test& g) {
        plain_group next = g.versions.back();
        raft::log_write w{.number = ++g.number, .state = next.state, .commit = next.commit};
        w.state.term += draw_(3) == 0 ? 1U : 0U;
        w.state.voted_for = raft::node_id{static_cast<std::uint32_t>(draw_(3))};
        w.commit += draw_(next.last() - next.commit);
        std::vector<raft::entry> entries;
        std::vector<plain_entry> fresh;
        if (draw_(4) > 0) {
            raft::log_index const lowest = std::max(w.commit, next.snapshot_index) + 1;
            w.first_index = draw_(3) == 0 ? lowest + draw_(next.last() + 1 - lowest) : next.last() + 1;
            std::erase_if(next.entries, [&](plain_entry const& e) { return e.index >= w.first_index; });
            std::uint64_t const size = draw_(30) == 0 ? 9'000 : draw_(300);
            for (std::uint64_t i = 0; i <= draw_(3); ++i) {
                fresh.push_back({w.first_index + i, w.state.term, static_cast<raft::entry_kind>(draw_(3)), {}});
                fresh.back().payload.assign(static_cast<std::size_t>(size), static_cast<std::byte>(draw_(255)));
            }
            for (plain_entry const& e : fresh) {
                entries.push_back({e.index, e.term, e.kind, e.payload});
            }
            w.entries = {entries, {}};
        }
        if (!g.log->write(w)) {
            wrong_ = "a write fails";
        }
        next.state = w.state;
        next.commit = w.commit;
        next.entries.insert(next.entries.end(), fresh.begin(), fresh.end());
        g.versions.push_back(std::move(next));
    }

    // As a server does: of what is durable and committed.
    void save_snapshot(under_test& g) {
        plain_group const& durable = g.versions.front();
        if (durable.commit <= durable.snapshot_index) {
            return;
        }
        raft::log_index const index = durable.commit - draw_(durable.commit - durable.snapshot_index - 1);
        auto const at = std::ranges::find(durable.entries, index, &plain_entry::index);
        std::vector<std::byte> const bytes(static_cast<std::size_t>(draw_(1000)), static_cast<std::byte>(draw_(255)));
        raft::log_term const term = at->term;
        auto with_it = g.versions;
        for (plain_group& v : with_it) {
            v.cut(index, term, bytes);
        }
        bool const saved = g.log
                               ->save_snapshot({index, term, three_founders(), bytes.size()}, bytes,
                                               index - std::min(index - 1, draw_(4)) + draw_(1))
                               .has_value();
        expect(saved, "a snapshot is not saved");
        if (saved) {
            g.versions = std::move(with_it);
        } else {
            may_be_ = std::move(with_it);
            may_be_of_ = &g;
        }
    }

    void receive_pieces(under_test& g) {
        // Of another leader: beyond what is committed here, but maybe not beyond the log.
        plain_group const& now = g.versions.back();
        raft::log_index const known = std::max(now.commit, now.snapshot_index);
        if (g.incoming <= known) {
            g.incoming = known + 1 + draw_(now.last() - known + 5);
            g.incoming_next = 0;
            g.incoming_bytes.assign(static_cast<std::size_t>(draw_(400)), static_cast<std::byte>(draw_(255)));
        }
        raft::log_term const term = 1000 + g.incoming; // any, and always the same of one snapshot
        auto const members = raft::membership_codec::encode(three_founders());
        for (std::uint64_t count = draw_(3) + 1; count > 0 && wrong_.empty(); --count) {
            auto const part = std::span<std::byte const>{g.incoming_bytes}.subspan(
                static_cast<std::size_t>(g.incoming_next),
                std::min<std::size_t>(150, g.incoming_bytes.size() - static_cast<std::size_t>(g.incoming_next)));
            bool const ends = g.incoming_next + part.size() == g.incoming_bytes.size();
            auto const got =
                g.log->store_chunk({g.incoming, term, g.incoming_next, ends, {members.data(), members.size()}, part});
            if (!got || (got->next_offset != g.incoming_next + part.size())) {
                wrong_ = got ? "a piece is not taken up where the last one ended" : got.error().message;
                return;
            }
            g.incoming_next = got->next_offset;
            if (got->complete) {
                note_durable();
                settle_all_of(g);
                g.versions.front().entries.clear();
                g.versions.front().cut(g.incoming, term, g.incoming_bytes);
                return;
            }
        }
    }
    void settle_all_of(under_test& g) { g.versions = {g.versions.back()}; }

    void check_reads(under_test& g) {
        plain_group const& want = g.versions.back();
        if (!(read_back(*g.log) == want)) {
            wrong_ = "it reads otherwise than was written";
        }
        if (want.entries.empty()) {
            return;
        }
        auto const i = static_cast<std::size_t>(draw_(want.entries.size() - 1));
        auto const got = g.log->read(want.entries[i].index, 3, 400);
        raft::log_term const before = i > 0 ? want.entries[i - 1].term : want.snapshot_term;
        if (!got || got->previous_term != before || got->entries.front().index != want.entries[i].index) {
            wrong_ = "it reads an entry otherwise than it was written";
        }
    }

    dice draw_;
    std::shared_ptr<faulty_disk> disk_ = std::make_shared<faulty_disk>();
    std::optional<journal> journal_;
    std::vector<under_test> groups_;
    std::string wrong_;
    std::vector<plain_group> may_be_; // what one group may be besides, where a snapshot was under way
    under_test const* may_be_of_ = nullptr;
};

} // namespace

TEST_CASE("journal: after many random histories with crashes it holds a prefix of the writes and all durable ones") {
    std::uint64_t most_segments = 0;
    std::uint64_t deaths = 0;
    for (std::uint64_t seed = 1; seed <= (HPCSCHED_IS_SANITIZED ? 200 : 1000); ++seed) {
        crash_case one{seed};
        CAPTURE(seed);
        REQUIRE(one.run() == "");
        most_segments = std::max(most_segments, one.most_segments);
        deaths += one.deaths;
    }
    CHECK(most_segments > 3);
    CHECK(deaths > 100);
}

} // namespace hpcsched::raft_log

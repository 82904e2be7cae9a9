// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_REPLICATED_LOG_HPP
#define HPCSCHED_TESTING_CONFORMANCE_REPLICATED_LOG_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/raft/state_machine.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::testing {

/// Writes down what a log applies: the machine of the logs that `check_replicated_log` looks at. It answers with the
/// number of entries so far, one word.
class log_journal {
  public:
    /// A payload, by its size and a hash of its bytes.
    struct imprint {
        std::uint64_t size = 0;
        std::uint64_t hash = 0;

        friend auto operator<=>(imprint const&, imprint const&) = default;
    };
    struct item {
        raft::log_index index = 0;
        imprint payload{};

        friend bool operator==(item const&, item const&) = default;
    };

    [[nodiscard]] static imprint of(std::span<std::byte const> payload) {
        sequence_hash hash;
        for (std::byte const b : payload) {
            hash.add(static_cast<std::uint64_t>(b));
        }
        return {payload.size(), hash.value()};
    }

    void apply(raft::log_index index, std::span<std::byte const> payload, raft::byte_buffer& reply) {
        items_.push_back({index, of(payload)});
        put_word(reply, items_.size());
    }
    void save(raft::byte_buffer& out) const {
        put_word(out, items_.size());
        for (item const& i : items_) {
            put_word(out, i.index);
            put_word(out, i.payload.size);
            put_word(out, i.payload.hash);
        }
    }
    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        items_.clear();
        byte_reader in{saved};
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            items_.push_back({in.word(), {in.word(), in.word()}});
        }
        return in.good() && items_.size() == count;
    }

    [[nodiscard]] std::vector<item> const& items() const noexcept { return items_; }

  private:
    std::vector<item> items_;
};
static_assert(raft::state_machine<log_journal>);

/// Several replicas of one log, and the power to end and begin them: what `check_replicated_log` needs of the model
/// that it looks at.
///
/// | expression        | effect                                                                                    |
/// |-------------------|-------------------------------------------------------------------------------------------|
/// | `s.size()`        | how many replicas there are; at least two                                                 |
/// | `s.start(i)`      | replica `i` begins, with what it stored before                                            |
/// | `s.stop(i)`       | it ends as if killed; its log object is gone                                              |
/// | `s.find(i)`       | its log; null while it is stopped                                                         |
/// | `s.disturb(bits)` | breaks connections or lets servers fall for a while, as the model can, chosen by `bits`    |
/// | `s.settle()`      | ends all disturbance                                                                      |
/// | `s.now()`         | the time that calls of the logs are given                                                 |
/// | `s.wait()`        | lets a little time pass, and what is on its way arrive                                    |
template <class S>
concept replicated_log_site = requires(S& s, std::size_t i, std::uint64_t bits) {
    requires raft::replicated_log<typename S::log_type>;
    requires std::same_as<typename S::log_type::machine_type, log_journal>;
    { s.size() } -> std::convertible_to<std::size_t>;
    { s.start(i) } -> std::same_as<void>;
    { s.stop(i) } -> std::same_as<void>;
    { s.find(i) } -> std::same_as<typename S::log_type*>;
    { s.disturb(bits) } -> std::same_as<void>;
    { s.settle() } -> std::same_as<void>;
    { s.now() } -> std::same_as<time_point>;
    { s.wait() } -> std::same_as<void>;
};

struct replicated_log_check_options {
    std::uint64_t seeds = 10;
    std::size_t steps = 200;             ///< of each seed
    std::size_t payload_bytes_max = 300; ///< of most entries
    std::size_t large_payload_bytes = 0; ///< of a few; 0: none
    std::uint64_t patience = 20'000;     ///< waits without an answer until the log is said to stand still
};

namespace detail {

// One replica's observer: what it hears must make sense by itself.
class log_witness {
  public:
    void applied(raft::log_index index, std::span<std::byte const> /*payload*/, std::span<std::byte const> reply) {
        note(index > seen_, "it applies an index that is not above the last one");
        seen_ = index;
        byte_reader in{reply};
        note(in.word() != 0 && in.good() && in.rest().empty(), "it does not pass the machine's answer on");
    }
    void restored(raft::log_index index) {
        note(index > seen_, "it restores a snapshot that is older than its machine");
        seen_ = index;
    }
    void appended(std::uint64_t token, raft::log_index index) {
        note(index != 0 && index <= seen_, "it tells an append before its machine has seen it");
        appends.emplace_back(token, index);
    }
    void caught_up(std::uint64_t token) { barriers.push_back(token); }

    std::vector<std::pair<std::uint64_t, raft::log_index>> appends;
    std::vector<std::uint64_t> barriers;
    std::string wrong;

  private:
    void note(bool good, char const* what) {
        if (!good && wrong.empty()) {
            wrong = what;
        }
    }
    raft::log_index seen_ = 0;
};

template <replicated_log_site Site>
class replicated_log_check {
  public:
    replicated_log_check(Site& site, std::uint64_t seed, replicated_log_check_options const& options)
        : site_{site}, options_{options}, bits_{seed, "replicated_log"}, witnesses_(site.size()),
          lives_(site.size(), 0) {}

    [[nodiscard]] std::string run() {
        std::size_t const late = site_.size() - 1; // joins when all is over
        for (std::size_t i = 0; i < late; ++i) {
            start(i);
        }
        for (std::size_t step = 0; step < options_.steps && wrong_.empty(); ++step) {
            act(late);
            turn();
        }
        site_.settle();
        finish("a replica");
        if (wrong_.empty()) {
            start(late);
            finish("one that joins late");
        }
        for (std::size_t i = 0; i < site_.size() && wrong_.empty(); ++i) {
            stop(i);
        }
        for (std::size_t i = 0; i < site_.size() && wrong_.empty(); ++i) {
            start(i);
        }
        finish("one that begins again");
        return wrong_;
    }

  private:
    struct append {
        std::size_t replica = 0;
        std::uint64_t life = 0;
        log_journal::imprint payload{};
        raft::log_index index = 0; // 0: not told yet
    };
    struct barrier {
        std::size_t replica = 0;
        std::uint64_t life = 0;
        raft::log_index covers = 0;
        bool done = false;
    };

    [[nodiscard]] std::uint64_t draw(std::uint64_t most) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits_);
    }
    void fail(std::size_t replica, std::string const& what) {
        if (wrong_.empty()) {
            wrong_ = "replica " + std::to_string(replica) + ": " + what;
        }
    }

    void start(std::size_t i) {
        site_.start(i);
        witnesses_[i] = {};
        ++lives_[i];
    }
    void stop(std::size_t i) {
        site_.stop(i);
        ++lives_[i];
    }

    void act(std::size_t replicas) {
        std::size_t const i = static_cast<std::size_t>(draw(replicas - 1));
        switch (draw(19)) {
        case 0:
            site_.disturb(bits_());
            break;
        case 1:
            stop(i);
            break;
        case 2:
        case 3:
            for (std::size_t k = 0; k < replicas; ++k) {
                if (site_.find(k) == nullptr) {
                    start(k);
                }
            }
            break;
        case 4:
        case 5:
            ask_barrier(i);
            break;
        case 6:
        case 7:
        case 8:
            break; // time passes
        default:
            append_something(i);
        }
    }

    void append_something(std::size_t i) {
        if (site_.find(i) == nullptr) {
            return;
        }
        std::size_t size = static_cast<std::size_t>(draw(options_.payload_bytes_max));
        std::uint64_t const which = draw(30);
        if (which == 0 && options_.large_payload_bytes > 0) {
            size = options_.large_payload_bytes;
        }
        std::vector<std::byte> payload(which < 4 ? (which == 0 ? size : 0) : size);
        for (std::byte& b : payload) {
            b = static_cast<std::byte>(bits_());
        }
        for (std::size_t at = 0; at < 8 && payload.size() >= 8; ++at) {
            payload[at] = static_cast<std::byte>(appends_.size() >> (8 * at)); // no other is like it
        }
        if (site_.find(i)->append(appends_.size(), payload, site_.now())) {
            appends_.push_back({i, lives_[i], log_journal::of(payload), 0});
        }
    }

    void ask_barrier(std::size_t i) {
        if (site_.find(i) == nullptr) {
            return;
        }
        raft::log_index covers = 0;
        for (append const& a : appends_) {
            covers = std::max(covers, a.index);
        }
        if (site_.find(i)->barrier(barriers_.size(), site_.now())) {
            barriers_.push_back({i, lives_[i], covers, false});
        }
    }

    // All replicas carry out what has come, and what they tell is judged.
    void turn() {
        site_.wait();
        for (std::size_t i = 0; i < site_.size(); ++i) {
            if (auto* const log = site_.find(i)) {
                log->run(site_.now(), witnesses_[i]);
                judge(i, *log);
            }
        }
    }

    void judge(std::size_t i, typename Site::log_type const& log) {
        log_witness& heard = witnesses_[i];
        if (!heard.wrong.empty()) {
            fail(i, heard.wrong);
        }
        if (!std::string{log.failure()}.empty()) {
            fail(i, "it fails: " + std::string{log.failure()});
        }
        for (auto const& [token, index] : heard.appends) {
            if (token >= appends_.size() || appends_[token].replica != i || appends_[token].life != lives_[i]) {
                fail(i, "it tells of an append that was not made");
            } else if (appends_[token].index != 0) {
                fail(i, "it tells of an append twice");
            } else {
                appends_[token].index = index;
            }
        }
        for (std::uint64_t const token : heard.barriers) {
            if (token >= barriers_.size() || barriers_[token].replica != i || barriers_[token].done) {
                fail(i, "it tells of a barrier that was not asked for, or twice");
                continue;
            }
            barriers_[token].done = true;
            auto const& items = log.machine().items();
            if (log.applied() < barriers_[token].covers ||
                (barriers_[token].covers > 0 && (items.empty() || items.back().index < barriers_[token].covers))) {
                fail(i, "after a barrier its machine lacks what was acknowledged before");
            }
        }
        progress_ += heard.appends.size() + heard.barriers.size();
        heard.appends.clear();
        heard.barriers.clear();
    }

    // All replicas are up (but for the late one), and have answered all; then their journals must agree.
    void finish(std::string const& who) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < site_.size(); ++i) {
            if (site_.find(i) == nullptr && (i + 1 < site_.size())) {
                start(i);
            }
        }
        for (std::size_t i = 0; i < site_.size(); ++i) {
            count += site_.find(i) != nullptr ? 1U : 0U;
            append_something(i);
        }
        wait_for_all();
        for (std::size_t i = 0; i < site_.size(); ++i) {
            ask_barrier(i);
        }
        wait_for_all();
        for (std::size_t i = 0; i < site_.size() && wrong_.empty(); ++i) {
            if (auto* const log = site_.find(i)) {
                check_journal(i, log->machine().items(), who);
            }
        }
        if (count < 2) {
            fail(0, "the site has fewer than two replicas");
        }
    }

    void wait_for_all() {
        std::uint64_t idle = 0;
        while (wrong_.empty() && !all_answered()) {
            std::uint64_t const before = progress_;
            turn();
            idle = progress_ == before ? idle + 1 : 0;
            if (idle > options_.patience) {
                fail(0, "the log stands still: " + unanswered());
            }
        }
    }
    [[nodiscard]] bool alive(append const& a) const { return a.life == lives_[a.replica]; }
    [[nodiscard]] bool all_answered() const {
        return std::ranges::all_of(appends_, [&](append const& a) { return a.index != 0 || !alive(a); }) &&
               std::ranges::all_of(barriers_, [&](barrier const& b) { return b.done || b.life != lives_[b.replica]; });
    }
    [[nodiscard]] std::string unanswered() const {
        auto const first = std::ranges::find_if(appends_, [&](append const& a) { return a.index == 0 && alive(a); });
        return first == appends_.end() ? "a barrier is not answered"
                                       : "append " + std::to_string(first - appends_.begin()) + " of replica " +
                                             std::to_string(first->replica) + " is not answered";
    }

    void check_journal(std::size_t i, std::vector<log_journal::item> const& items, std::string const& who) {
        if (agreed_.empty()) {
            agreed_ = items;
        }
        std::size_t const common = std::min(agreed_.size(), items.size());
        if (!std::equal(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(common), agreed_.begin())) {
            fail(i, who + " has other entries, or in another order");
        }
        if (items.size() > agreed_.size()) {
            agreed_ = items;
        }
        std::map<raft::log_index, log_journal::imprint> places;
        std::map<log_journal::imprint, std::int64_t> counts;
        for (log_journal::item const& item : items) {
            if (!places.emplace(item.index, item.payload).second) {
                fail(i, who + " has two entries at one index");
            }
            ++counts[item.payload];
        }
        std::map<log_journal::imprint, std::int64_t> open; // nobody was told of them
        std::map<std::pair<std::size_t, std::uint64_t>, raft::log_index> newest;
        for (append const& a : appends_) {
            if (a.index == 0) {
                ++open[a.payload];
                continue;
            }
            auto const at = places.find(a.index);
            if (at == places.end() || at->second != a.payload) {
                fail(i, who + " lacks what was acknowledged at index " + std::to_string(a.index));
            }
            --counts[a.payload];
            raft::log_index& last = newest[{a.replica, a.life}];
            if (a.index <= last) {
                fail(i, "one replica's appends are not in the order in which they were made");
            }
            last = a.index;
        }
        for (auto const& [payload, count] : counts) {
            if (count < 0 || count > open[payload]) {
                fail(i, who + (count < 0 ? " lacks an entry" : " has an entry twice, or one that nobody appended"));
            }
        }
    }

    Site& site_;
    replicated_log_check_options options_;
    random_stream bits_;
    std::vector<log_witness> witnesses_;
    std::vector<std::uint64_t> lives_;
    std::vector<append> appends_; // by token
    std::vector<barrier> barriers_;
    std::vector<log_journal::item> agreed_;
    std::uint64_t progress_ = 0;
    std::string wrong_;
};

} // namespace detail

/// Uses the replicas of a log at random, ends and begins them, disturbs what connects them, and checks the rules of
/// `raft::replicated_log`:
///
/// * all replicas have the same entries at the same indices, byte for byte, one that joins late and those that begin
///   again included;
/// * what was acknowledged is there once; what was not, at most once; one replica's appends are in their order;
/// * after a barrier the machine shows all that was acknowledged to anybody before;
/// * no append is told before the machine has seen it, or twice, and in the end every one is told.
///
/// \param make  returns a site (`replicated_log_site`) with a new and empty log; called with the seed
/// \return the first rule that was broken, with the seed; empty: none
template <class Make>
[[nodiscard]] std::vector<std::string> check_replicated_log(Make make,
                                                            replicated_log_check_options const& options = {}) {
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
        auto site = make(seed);
        std::string wrong = detail::replicated_log_check<decltype(site)>{site, seed, options}.run();
        if (!wrong.empty()) {
            return {"seed " + std::to_string(seed) + ": " + wrong};
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif

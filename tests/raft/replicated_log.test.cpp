// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/testing/archetypes/replicated_log.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft {

namespace {

// --- near misses: each lacks what one part of the concept asks for ---------------------------------------------------

using minimal = testing::minimal_replicated_log;

struct refuses_silently : minimal {
    void append(std::uint64_t, std::span<std::byte const>, time_point);
};
struct has_no_barrier : minimal {
    void barrier() const;
};
struct has_no_deadline : minimal {
    void next_deadline() const;
};
struct shows_nothing : minimal {
    void machine() const;
};
struct fails_in_silence : minimal {
    void failure() const;
};
static_assert(!replicated_log<refuses_silently> && !detail::takes_appends<refuses_silently>);
static_assert(!replicated_log<has_no_barrier> && !detail::takes_barriers<has_no_barrier>);
static_assert(!replicated_log<has_no_deadline> && !detail::runs_in_turns<has_no_deadline>);
static_assert(!replicated_log<shows_nothing> && !detail::shows_its_machine<shows_nothing>);
static_assert(!replicated_log<fails_in_silence> && !detail::tells_its_failure<fails_in_silence>);
static_assert(log_observer<silent_log_observer>);

// --- the plainest model, with faults to plant ------------------------------------------------------------------------

enum class fault : std::uint8_t {
    none,
    loses_an_entry,
    writes_twice,
    swaps_two,
    changes_a_byte,
    drops_empty_ones,
    stale_barrier,
    tells_too_early,
    tells_twice,
    forgets_to_tell,
    keeps_the_answer,
    forgets_at_restart,
    applies_otherwise_on_one,
};

/// Entries in the memory of one process; each replica applies one per turn.
using shared_entries = std::vector<byte_buffer>;

class plain_log {
  public:
    using machine_type = testing::log_journal;

    plain_log(shared_entries& entries, std::size_t self, fault planted)
        : entries_{&entries}, self_{self}, planted_{planted} {}

    result<void, errc> append(std::uint64_t token, std::span<std::byte const> payload, time_point /*now*/) {
        byte_buffer entry{payload.begin(), payload.end()};
        bool const chosen = entries_->size() % 16 == 7;
        if (planted_ == fault::changes_a_byte && chosen && !entry.empty()) {
            entry.back() ^= std::byte{1};
        }
        if (planted_ == fault::forgets_to_tell && chosen) {
            entries_->push_back(entry);
            return {};
        }
        bool const lost =
            (planted_ == fault::loses_an_entry && chosen) || (planted_ == fault::drops_empty_ones && payload.empty());
        if (!lost) {
            entries_->push_back(entry);
        }
        appends_.emplace_back(token, entries_->size());
        if (planted_ == fault::writes_twice && chosen) {
            entries_->push_back(entry);
        }
        if (planted_ == fault::swaps_two && chosen && appends_.size() > 1) {
            std::swap(appends_.back().second, appends_[appends_.size() - 2].second);
        }
        return {};
    }
    result<void, errc> barrier(std::uint64_t token, time_point /*now*/) {
        barriers_.emplace_back(token, planted_ == fault::stale_barrier ? 0 : entries_->size());
        return {};
    }
    template <log_observer Observer>
    void run(time_point /*now*/, Observer& observer) {
        while (planted_ == fault::tells_too_early && !appends_.empty()) {
            tell(observer);
        }
        if (applied_ < entries_->size()) {
            byte_buffer reply;
            byte_buffer payload = (*entries_)[applied_];
            if (planted_ == fault::applies_otherwise_on_one && self_ == 1 && applied_ == 20) {
                payload.push_back(std::byte{0});
            }
            machine_.apply(++applied_, payload, reply);
            observer.applied(applied_, payload, planted_ == fault::keeps_the_answer ? byte_buffer{} : reply);
        }
        while (!appends_.empty() && appends_.front().second <= applied_) {
            tell(observer);
        }
        while (!barriers_.empty() && barriers_.front().second <= applied_) {
            observer.caught_up(barriers_.front().first);
            barriers_.pop_front();
        }
    }
    [[nodiscard]] time_point next_deadline() const { return never; }
    [[nodiscard]] testing::log_journal const& machine() const { return machine_; }
    [[nodiscard]] log_index applied() const { return applied_; }
    [[nodiscard]] std::string failure() const { return {}; }

  private:
    template <class Observer>
    void tell(Observer& observer) {
        auto const [token, index] = appends_.front();
        appends_.pop_front();
        observer.appended(token, index);
        if (planted_ == fault::tells_twice && index % 16 == 7) {
            observer.appended(token, index);
        }
    }

    shared_entries* entries_;
    std::size_t self_;
    fault planted_;
    testing::log_journal machine_;
    log_index applied_ = 0;
    std::deque<std::pair<std::uint64_t, log_index>> appends_;
    std::deque<std::pair<std::uint64_t, log_index>> barriers_;
};
static_assert(replicated_log<plain_log>);

class plain_site {
  public:
    using log_type = plain_log;

    explicit plain_site(fault planted) : planted_{planted} {}

    static std::size_t size() { return 3; }
    void start(std::size_t i) { logs_[i].emplace(*entries_, i, planted_); }
    void stop(std::size_t i) {
        logs_[i].reset();
        if (planted_ == fault::forgets_at_restart && !entries_->empty()) {
            entries_->pop_back();
        }
    }
    plain_log* find(std::size_t i) { return logs_[i] ? &*logs_[i] : nullptr; }
    void disturb(std::uint64_t /*bits*/) {}
    void settle() {}
    time_point now() { return time_point{}; }
    void wait() {}

  private:
    fault planted_;
    std::unique_ptr<shared_entries> entries_ = std::make_unique<shared_entries>();
    std::optional<plain_log> logs_[3];
};

std::vector<std::string> check(fault planted) {
    return testing::check_replicated_log([&](std::uint64_t) { return plain_site{planted}; }, {.patience = 2000});
}

} // namespace

TEST_CASE("replicated log: the suite passes the plainest model") {
    CHECK(check(fault::none).empty());
}

TEST_CASE("replicated log: the suite finds each planted fault") {
    for (fault const f :
         {fault::loses_an_entry, fault::writes_twice, fault::swaps_two, fault::changes_a_byte, fault::drops_empty_ones,
          fault::stale_barrier, fault::tells_too_early, fault::tells_twice, fault::forgets_to_tell,
          fault::keeps_the_answer, fault::forgets_at_restart, fault::applies_otherwise_on_one}) {
        CAPTURE(static_cast<int>(f));
        auto const found = check(f);
        REQUIRE(found.size() == 1);
        MESSAGE(found.front());
    }
}

} // namespace hpcsched::raft

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_ENGINE_HPP
#define HPCSCHED_RAFT_ETCD_ENGINE_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_etcd/etcd_link.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "connection.hpp"
#include "mailbox.hpp"
#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::raft_etcd::detail {

/// Wakes one coroutine that waits for work. It looks for work before it waits, all on one thread, so no call is lost.
class bell {
  public:
    explicit bell(asio::io_context& loop) : timer_{loop} {}
    void ring() { timer_.cancel(); }
    [[nodiscard]] asio::awaitable<void> wait(duration at_most = unlimited);

  private:
    asio::steady_timer timer_;
};

/// A connection that finds its way back: over all endpoints, with growing pauses.
struct line {
    line(connection_context& common, std::string_view its_purpose) : to{common}, purpose{its_purpose} {}

    connection to;
    std::string_view purpose;
    std::string wrong;        ///< since when nothing has gone well; empty: all goes well
    std::size_t endpoint = 0; ///< the next to try
    unsigned failures = 0;    ///< in a row
};

/// Speaks with etcd: four coroutines on one thread. One writes what is appended, one follows the log, one looks where
/// the log ends (for barriers, and to see that the watch lives), and one stores snapshots.
class engine {
  public:
    engine(connection_context& common, mailbox& mail);

    /// Begins; all the rest happens when the loop runs.
    void start();
    /// There are orders in the mailbox.
    void take_orders();

  private:
    asio::awaitable<void> write();
    asio::awaitable<void> follow();
    asio::awaitable<void> look();
    asio::awaitable<void> keep_snapshots();

    // --- in common ---
    asio::awaitable<bool> reach(line& l);
    asio::awaitable<std::optional<transaction_answer>> ask(line& l, transaction const& t);
    void note_wrong(line& l, std::string why);
    void note_right(line& l);
    void tell_condition();
    void fail(std::string const& why);
    asio::awaitable<void> pause(duration length);

    // --- writing ---
    struct batch {
        std::size_t count = 0;
        transaction request;
    };
    [[nodiscard]] batch make_batch() const;
    asio::awaitable<bool> find_out();
    [[nodiscard]] bool settle(transaction_answer const& state);
    void got_in(std::size_t count, raft::log_index first);

    // --- following ---
    asio::awaitable<std::optional<std::uint64_t>> catch_up();
    asio::awaitable<bool> load_snapshot(snapshot_note const& note);
    asio::awaitable<void> watch(std::uint64_t from_revision);
    [[nodiscard]] bool deliver_all(std::vector<key_value>& items);
    void deliver(raft::log_index index, raft::byte_buffer payload, std::optional<std::uint64_t> token);
    void deliver_own();
    void release_barriers();
    asio::awaitable<void> let_caller_catch_up();

    // --- snapshots ---
    asio::awaitable<void> store_snapshot(saved_machine saved, std::string replaced);
    asio::awaitable<void> forget_writers();

    connection_context& common_;
    etcd_log_config const& config_;
    mailbox& mail_;
    key_names keys_;
    std::string id_; // of this life
    random_stream jitter_;

    line writing_;
    line following_;
    line looking_;
    line keeping_;
    bell to_write_;
    bell to_look_;
    bell to_keep_;
    bool failed_ = false;

    std::deque<waiting_append> appends_;  // in order, from number `first_` on
    std::uint64_t first_ = 1;             // the number, among this life's, of the first of `appends_`
    std::optional<raft::log_index> last_; // of the log, as last seen by the writer; nothing: find out first
    raft::log_index asked_behind_ = 0;    // `last_` when the request was made whose answer was lost
    bool in_doubt_ = false;               // whether there is such a request

    raft::log_index delivered_ = 0;                 // handed over to the caller
    std::map<raft::log_index, waiting_append> own_; // in the log, and others' before it are not delivered yet
    raft::log_index snapshot_ = 0;                  // the newest that is known of
    bool has_asked_for_machine_ = false;
    std::optional<saved_machine> saved_;

    std::vector<std::uint64_t> barriers_;                  // not asked for yet
    std::multimap<raft::log_index, std::uint64_t> behind_; // barriers that wait for this index
};

} // namespace hpcsched::raft_etcd::detail

#endif

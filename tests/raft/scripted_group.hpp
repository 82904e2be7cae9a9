// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_SCRIPTED_GROUP_HPP
#define HPCSCHED_TESTS_RAFT_SCRIPTED_GROUP_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>

#include "trace.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::raft::test {

/// Keeps the commands that it was given, one after the other; answers how many there are.
class tape {
  public:
    void apply(log_index /*index*/, std::span<std::byte const> command, byte_buffer& reply) {
        text_ += (count_ == 0 ? "" : " ");
        text_.append(reinterpret_cast<char const*>(command.data()), command.size());
        put(std::to_string(++count_), reply);
    }
    void save(byte_buffer& out) const {
        put_word(out, count_);
        put(text_, out);
    }
    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        byte_reader in{saved};
        count_ = in.word();
        text_.assign(reinterpret_cast<char const*>(in.rest().data()), in.rest().size());
        return in.good();
    }
    [[nodiscard]] std::string const& text() const noexcept { return text_; }

  private:
    static void put(std::string_view text, byte_buffer& out) {
        auto const bytes = std::as_bytes(std::span{text});
        out.insert(out.end(), bytes.begin(), bytes.end());
    }

    std::uint64_t count_ = 0;
    std::string text_;
};
static_assert(state_machine<tape>);

/// A command line of a script: a verb, plain words, and name=value pairs, in any order.
class script_line {
  public:
    explicit script_line(std::string_view text);

    [[nodiscard]] std::string const& verb() const noexcept { return words_.front(); }
    /// The plain words behind the verb.
    [[nodiscard]] std::vector<std::string> const& words() const noexcept { return rest_; }
    [[nodiscard]] std::map<std::string, std::string> const& options() const noexcept { return options_; }
    [[nodiscard]] bool has(std::string const& word) const;
    /// The n-th plain word as a number. \pre it is one
    [[nodiscard]] std::uint64_t number(std::size_t n) const;
    /// The numbers, parted by commas, of an option; none where it is missing.
    [[nodiscard]] std::vector<std::uint32_t> list(std::string const& option) const;
    [[nodiscard]] std::optional<std::string> option(std::string const& name) const;

  private:
    std::vector<std::string> words_;
    std::vector<std::string> rest_;
    std::map<std::string, std::string> options_;
};

/// A group of replicas that does what a script says, line by line, and writes down what happens. Beside it stands all
/// that a host is: logs whose writes may be held back, a network that delivers on demand, one state machine each.
///
/// The commands are described in golden/README.md.
class scripted_group {
  public:
    /// Carries out a command.
    /// \return what happened, line by line
    [[nodiscard]] std::string carry_out(std::string_view command);

  private:
    /// A write that is not durable yet.
    struct held_write {
        std::uint64_t number = 0;
        raft::hard_state state{};
        log_index commit = 0;
        log_index first_index = 0;
        std::vector<entry> entries;
        std::deque<std::vector<std::byte>> payloads;
    };
    /// A server: its process and its disk.
    struct server {
        replica_config config;
        memory_log log;
        std::unique_ptr<replica> process;
        ready out;
        tape plain{};
        sessions<tape> with_sessions{tape{}, 2};
        log_index applied = 0;
        log_term applied_term = 0;
        membership applied_members{};
        bool holds_writes = false;
        std::deque<held_write> writes{};
    };
    /// What is told when it changes.
    struct view {
        raft::role role{};
        log_term term = 0;
        node_id leader{};
        bool quiet = false;
        log_index commit = 0;
        membership members{};
        std::vector<entry> log{};
    };
    using flight = std::deque<raft_sim::owned_message>;
    using action = void (scripted_group::*)(script_line const&);

    static std::map<std::string, action, std::less<>> const& actions();

    // what scripts say
    void nodes(script_line const& line);
    void campaign(script_line const& line);
    void elect(script_line const& line);
    void propose(script_line const& line);
    void forward(script_line const& line);
    void session(script_line const& line);
    void deliver(script_line const& line);
    void duplicate(script_line const& line);
    void stabilize(script_line const& line);
    void pass(script_line const& line);
    void timer(script_line const& line);
    void hold_writes(script_line const& line);
    void write_out(script_line const& line);
    void restart(script_line const& line);
    void stored(script_line const& line);
    void isolate(script_line const& line);
    void cut(script_line const& line);
    void heal(script_line const& line);
    void change(script_line const& line);
    void transfer(script_line const& line);
    void read(script_line const& line);
    void snapshot(script_line const& line);
    void unreachable(script_line const& line);
    void wake(script_line const& line);
    void log(script_line const& line);
    void state(script_line const& line);
    void status(script_line const& line);
    void flying(script_line const& line);
    void lease(script_line const& line);

    // what follows from it
    void start(std::uint32_t id);
    void settle();
    void carry_out_ready(std::uint32_t id);
    void tell_changes(std::uint32_t id);
    void tell_log_changes(std::uint32_t id, view const& before, view const& after);
    void keep_write(std::uint32_t id, log_write const& w);
    void apply(std::uint32_t id, log_index index);
    void answer(std::uint32_t id, fetch const& f);
    void answer(std::uint32_t id, snapshot_read_request const& r);
    void store(std::uint32_t id, snapshot_store_request const& r);
    void send(ready& out);
    void hand_over(raft_sim::owned_message const& m);
    void fire(std::uint32_t id);
    [[nodiscard]] bool is_lost(message const& m) const;
    [[nodiscard]] bool fits(message const& m, script_line const& line) const;
    [[nodiscard]] view view_of(std::uint32_t id) const;
    [[nodiscard]] server& at(std::uint64_t id);
    void say(std::string const& line);
    void refused(errc why);
    template <class T>
    void tell_refusal(result<T, errc> const& outcome) {
        if (!outcome) {
            refused(outcome.error());
        }
    }

    trace trace_;
    std::map<std::uint32_t, server> servers_;
    std::map<std::uint32_t, view> seen_;
    flight flying_;
    std::set<std::pair<std::uint32_t, std::uint32_t>> cut_;
    time_point now_{};
    bool quiet_ = false; // messages are not written down
    std::string output_;
};

} // namespace hpcsched::raft::test

#endif

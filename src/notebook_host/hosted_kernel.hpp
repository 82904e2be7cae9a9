// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_HOSTED_KERNEL_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_HOSTED_KERNEL_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/kernel_log.hpp>
#include <hpcsched/notebook/kernel_replica.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include <boost/json.hpp>

#include "host_protocol.hpp"
#include "interpreter_pool.hpp"
#include "timer.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host {

/// One replica of a kernel: a stock interpreter, kept to the kernel's log by a `notebook::kernel_replica`.
///
/// The interpreter of the replica that executes a cell says what the cell changed; the log takes that in, the client
/// gets its reply, and the other interpreters take the changes over. An interpreter that dies is started again from the
/// log: the cell that it died of ends with an error, and nothing before it is lost.
///
/// One that nobody needs for long ends too, where it has nothing that the log has not, and the next use starts another.
///
/// \thread_safety none; confine to the loop's thread
class hosted_kernel {
  public:
    struct surroundings {
        raft_asio::event_loop* loop = nullptr;
        interpreter_pool* interpreters = nullptr;
        std::string store{};                         ///< of this kernel's large values
        std::string user{};                          ///< whose interpreter; empty: of this process's user
        std::span<std::string const> device_names{}; ///< as `kernel_host_config` has them
        notebook::start_after start = notebook::start_after::request;
        duration reclaim_after = unlimited; ///< as `kernel_host_config` has it
        /// Puts a command into the kernel's log, or tries to.
        std::function<void(std::span<std::byte const>)> offer{};
        std::function<notebook::kernel_log const*()> log{};
        std::function<bool()> has_majority{}; ///< whether the log has a leader, without whom nothing gets into it
        std::function<void(host_answer const&)> tell{}; ///< the kernel's proxies
        std::function<void(std::string const&)> complain{};
    };

    hosted_kernel(notebook::replica_id self, surroundings around);
    hosted_kernel(hosted_kernel const&) = delete;
    hosted_kernel& operator=(hosted_kernel const&) = delete;
    ~hosted_kernel();

    /// A command of the kernel's log was applied. The log may be looked at, and nothing else be done: what follows is
    /// done later.
    void applied(std::span<std::byte const> command, notebook::entry_outcome outcome, notebook::kernel_log const& log);
    /// The log was replaced by a snapshot.
    void restored();

    void ask(cell_asked request);
    void pass(channel where, jupyter_message const& message);

    /// Repeats what the log has not heard of, starts an interpreter that is due, and ends one that nobody needs.
    void tick(time_point now);

    /// Whether an interpreter was there, up to the log; one that was ended because nobody needed it counts.
    [[nodiscard]] bool ready() const noexcept { return ready_; }
    [[nodiscard]] bool executing() const noexcept { return replica_.executing().has_value(); }
    /// "runs", "starts", or "ended" because nobody needed it.
    [[nodiscard]] std::string_view interpreter_phase() const noexcept {
        bool const asleep = !interpreter_ && start_at_ == never;
        return asleep ? "ended" : up_ ? "runs" : "starts";
    }

  private:
    struct running_cell {
        notebook::cell_attempt attempt{};
        jupyter_message request{};
        std::string id{}; // of the request
        std::optional<jupyter_message> reply{};
        std::optional<jupyter_message> idle{}; // is told after the reply
        jupyter_message sent{};                // to the interpreter
        bool is_sent = false;
        bool begun = false; // it says that it is busy with it
        std::uint32_t restarts = 0;
        bool released = false;
        bool shown = false;                                          // the log has decided on it
        std::vector<std::pair<channel, jupyter_message>> withheld{}; // what it said before
    };
    // An execution that was given up: what the interpreter says of it is for nobody. It executes one after the other,
    // so what it says of a request of the same id after the end of this one is of another attempt.
    struct given_up {
        std::string id; // of the request
        bool reply_due = false;
        bool idle_due = false;
        bool begun = false;
        time_point since{};
        time_point interrupted{};
    };

    void start_interpreter();
    void wake(time_point now);
    void sleep_if_idle(time_point now);
    void hear(channel where, jupyter_message message);
    void hear_output(jupyter_message message);
    void ended(int status);
    void fail_cell(std::string const& what);
    void cell_ended(jupyter_message reply);
    void say_of_cell(channel where, jupyter_message message);
    [[nodiscard]] bool is_of_given_up(std::string const& id) const;
    [[nodiscard]] given_up* ending() noexcept;
    void give_up();
    void hurry_up(time_point now);
    void send_cell();
    void carry_out_soon();
    void carry_out();
    void carry_out(notebook::propose_entry const& c);
    void carry_out(notebook::execute_cell const& c);
    void carry_out(notebook::show_outputs const& c);
    void carry_out(notebook::release_reply const& c);
    void carry_out(notebook::install_delta const& c);
    void carry_out(notebook::discard_changes const& c);
    void carry_out(notebook::install_log const& c);
    void answer_waiting();
    void say_that_it_waits(time_point now);
    template <class Other>
    void carry_out(Other const& /*needs nothing here*/) {}
    void install_all();
    void install_gathered();
    void send(channel where, jupyter_message const& message);
    void install(std::vector<std::pair<std::string_view, notebook::stored_value const*>> const& changed,
                 std::vector<std::string> const& removed, bool replace);
    void answer_from_log(cell_asked const& request);

    surroundings around_;
    notebook::kernel_replica<> replica_;
    std::unique_ptr<interpreter> interpreter_;
    std::unique_ptr<interpreter> ended_; // until its own call is over
    time_point started_{};
    time_point start_at_ = never; // the next try, where there is no interpreter
    duration backoff_{};
    time_point used_{};                    // when somebody needed it last
    bool keeps_more_ = false;              // than the log has
    std::unique_ptr<interpreter> leaving_; // was asked to end
    time_point leaves_by_{};
    bool up_ = false;            // it has answered
    std::size_t unanswered_ = 0; // requests that were passed to it
    bool ready_ = false;
    notebook::cell_number installed_ = 0; // the interpreter has all changes up to this cell
    std::map<notebook::cell_attempt, cell_asked> requests_;
    std::optional<running_cell> running_;
    std::deque<notebook::state_delta> gathered_; // to be installed, in this order
    std::size_t gathered_bytes_ = 0;
    timer install_soon_;
    std::deque<given_up> given_up_; // the last of them
    buffer<notebook::replica_command> commands_;
    std::vector<byte_buffer> offered_; // and not seen in the log yet
    time_point offered_at_{};
    time_point agreed_at_ =
        raft_asio::event_loop::now(); // when something could last be agreed on, or nothing had to be
    std::string said_to_wait_{};      // the request of which clients were told so
    bool will_carry_out_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace hpcsched::notebook_host

#endif

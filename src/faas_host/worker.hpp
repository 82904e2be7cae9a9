// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_WORKER_HPP
#define HPCSCHED_FAAS_HOST_WORKER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/function_config.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "invocation.hpp"
#include "launcher.hpp"
#include "log_file.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::faas_host::detail {

namespace asio = boost::asio;
class worker;

/// Whom a worker tells what it does. Each may end the worker.
class worker_owner {
  public:
    worker_owner() = default;
    worker_owner(worker_owner const&) = delete;
    worker_owner& operator=(worker_owner const&) = delete;

    virtual void on_started(worker& who) = 0; ///< it has a process
    virtual void on_ready(worker& who) = 0;   ///< it asks for work
    virtual void on_answer(worker& who, std::string&& body) = 0;
    virtual void on_error(worker& who, std::string&& envelope) = 0;
    virtual void on_start_error(worker& who, std::string&& envelope) = 0;
    virtual void on_exit(worker& who) = 0; ///< the last

  protected:
    ~worker_owner() = default;
};

/// How a worker is spoken to.
class channel {
  public:
    channel() = default;
    channel(channel const&) = delete;
    channel& operator=(channel const&) = delete;
    virtual ~channel() = default;

    /// Makes what the process needs, and adds it to the request.
    [[nodiscard]] virtual result<void> open(launch_request& request) = 0;
    virtual void started() = 0;                    ///< the process lives
    virtual void give(invocation const& what) = 0; ///< \pre it is ready, or lives for this invocation
    virtual void exited() = 0;                     ///< the process is gone: what it has said is heard now
    virtual void close() = 0;
};

/// What all workers of a host share.
struct worker_place {
    asio::io_context& loop;
    launcher& starter;
    std::size_t body_limit = 0;
    std::string program{}; ///< that calls shared objects
};

/// One process, how it is spoken to, what it prints, and how it ended. Keeps itself alive until its owner was told that
/// it is gone.
class worker : public std::enable_shared_from_this<worker> {
  public:
    worker(worker_id id, function_config const& function, worker_place const& place, worker_owner& owner,
           std::shared_ptr<log_file> log);

    void start();

    /// The invocation is kept by the owner until it is answered.
    void give(invocation const& what);

    /// Ends the process and what it has started; `on_exit` follows.
    void kill();

    [[nodiscard]] worker_id id() const noexcept { return id_; }
    [[nodiscard]] cpu_linux::process_id process() const noexcept { return process_.process; }
    [[nodiscard]] function_config const& function() const noexcept { return function_; }
    [[nodiscard]] worker_place const& place() const noexcept { return place_; }
    [[nodiscard]] worker_owner& owner() const noexcept { return owner_; }
    [[nodiscard]] invocation const* current() const noexcept { return current_; }
    void forget_current() noexcept { current_ = nullptr; }

    /// The last of what it printed during the invocation, at most 4 KiB; takes in first what it has printed until now.
    [[nodiscard]] std::string log_tail();

    /// How it ended, as AWS says it: "exit status 1", "signal: killed", or why it could not be started.
    [[nodiscard]] std::string const& how_it_ended() const noexcept { return how_it_ended_; }
    [[nodiscard]] bool could_not_start() const noexcept { return could_not_start_; }
    [[nodiscard]] bool was_out_of_memory() const noexcept { return was_out_of_memory_; }
    [[nodiscard]] bool succeeded() const noexcept { return succeeded_; }

    time_point since{};            ///< made
    std::uint64_t invocations = 0; ///< that it was given

  private:
    void on_launched(result<launched> made);
    void wait_for_exit();
    void reap();
    void read_log();
    void take_log(std::string_view text);
    enum class log_state : std::uint8_t { open, ended };
    log_state drain_log();

    worker_id id_;
    function_config const& function_;
    worker_place const& place_;
    worker_owner& owner_;
    std::unique_ptr<channel> channel_;
    std::shared_ptr<log_file> log_;
    spawned_process process_{};
    worker_group group_{};
    asio::posix::stream_descriptor exit_;
    asio::posix::stream_descriptor output_;
    asio::steady_timer output_pause_;
    invocation const* current_ = nullptr;
    std::string tail_;
    std::string how_it_ended_;
    bool is_launching_ = false;
    bool is_killed_ = false;
    bool could_not_start_ = false;
    bool was_out_of_memory_ = false;
    bool succeeded_ = false;
};

[[nodiscard]] std::unique_ptr<channel> make_runtime_channel(worker& of);
[[nodiscard]] std::unique_ptr<channel> make_command_channel(worker& of);
[[nodiscard]] std::unique_ptr<channel> make_object_channel(worker& of);

/// Both ends of a pipe; the first is read from, and does not block.
struct pipe_ends {
    file_descriptor from{};
    file_descriptor to{};
};
[[nodiscard]] result<pipe_ends> make_pipe();

} // namespace hpcsched::faas_host::detail

#endif

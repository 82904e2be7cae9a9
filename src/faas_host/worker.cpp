// SPDX-License-Identifier: Apache-2.0
#include "worker.hpp"

#include <hpcsched/core/assert.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "invoke_api.hpp"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace hpcsched::faas_host::detail {

namespace {

using boost::system::error_code;

constexpr std::size_t tail_size = 4096; // as on AWS

/// What every worker finds in its environment; what the function sets comes last and wins.
std::vector<std::string> environment_of(function_config const& function, worker_id worker) {
    std::map<std::string, std::string> all;
    for (char const* const name : {"PATH", "HOME", "LANG", "TZ"}) {
        if (char const* const value = std::getenv(name)) {
            all[name] = value;
        }
    }
    constexpr std::uint64_t megabyte = std::uint64_t{1} << 20U;
    std::uint64_t const memory = function.memory == 0 ? std::uint64_t{10'240} : function.memory / megabyte;
    all["AWS_REGION"] = region;
    all["AWS_DEFAULT_REGION"] = region;
    all["AWS_EXECUTION_ENV"] = "hpcsched";
    all["AWS_LAMBDA_FUNCTION_NAME"] = function.name;
    all["AWS_LAMBDA_FUNCTION_VERSION"] = latest_version;
    all["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(memory);
    all["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
    all["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + function.name;
    all["AWS_LAMBDA_LOG_STREAM_NAME"] = "worker/" + std::to_string(worker.value);
    all["LAMBDA_TASK_ROOT"] = function.folder.empty() ? "." : function.folder;
    all["_HANDLER"] = function.handler;
    for (auto const& [name, value] : function.environment) {
        all[name] = value;
    }
    std::vector<std::string> lines;
    for (auto const& [name, value] : all) {
        lines.push_back(name + "=" + value);
    }
    return lines;
}

std::string text_of(siginfo_t const& info) {
    if (info.si_code == CLD_EXITED) {
        return "exit status " + std::to_string(info.si_status);
    }
    std::string name = strsignal(info.si_status);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return "signal: " + name;
}

} // namespace

result<pipe_ends> make_pipe() {
    int ends[2]{};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return error{std::string{"no pipe: "} + std::strerror(errno)};
    }
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return pipe_ends{file_descriptor{ends[0]}, file_descriptor{ends[1]}};
}

worker::worker(worker_id id, function_config const& function, worker_place const& place, worker_owner& owner,
               std::shared_ptr<log_file> log)
    : id_{id}, function_{function}, place_{place}, owner_{owner}, log_{std::move(log)}, exit_{place.loop},
      output_{place.loop}, output_pause_{place.loop} {
    switch (function.speaks) {
    case protocol::runtime_api:
        channel_ = make_runtime_channel(*this);
        break;
    case protocol::command:
        channel_ = make_command_channel(*this);
        break;
    case protocol::shared_object:
        channel_ = make_object_channel(*this);
        break;
    }
}

void worker::start() {
    launch_request request{.process = {.command = function_.command,
                                       .environment = environment_of(function_, id_),
                                       .folder = function_.folder},
                           .group_name = function_.name + "-" + std::to_string(id_.value),
                           .memory = function_.memory,
                           .processes = function_.processes};
    is_launching_ = true;
    auto output = make_pipe();
    auto const opened = output.has_value() ? channel_->open(request) : result<void>{output.error()};
    if (opened.has_error()) {
        asio::post(place_.loop, [self = shared_from_this(), why = opened.error()] { self->on_launched(why); });
        return;
    }
    output_.assign(::fcntl(output->from.get(), F_DUPFD_CLOEXEC, 0));
    int const writable = ::fcntl(output->to.get(), F_DUPFD_CLOEXEC, 0); // the launch closes it
    request.process.standard_error = writable;
    if (request.process.standard_output < 0) {
        request.process.standard_output = ::fcntl(writable, F_DUPFD_CLOEXEC, 0);
    }
    place_.starter.launch(std::move(request),
                          [self = shared_from_this()](result<launched> made) { self->on_launched(std::move(made)); });
}

void worker::on_launched(result<launched> made) {
    is_launching_ = false;
    if (made.has_error()) {
        how_it_ended_ = made.error().message;
        could_not_start_ = true;
        channel_->close();
        owner_.on_exit(*this);
        return;
    }
    process_ = std::move(made->process);
    group_ = std::move(made->group);
    exit_.assign(::fcntl(process_.descriptor.get(), F_DUPFD_CLOEXEC, 0));
    wait_for_exit();
    read_log();
    if (is_killed_) {
        kill();
        return;
    }
    channel_->started();
    owner_.on_started(*this);
}

void worker::give(invocation const& what) {
    current_ = &what;
    tail_.clear();
    ++invocations;
    channel_->give(what);
}

void worker::kill() {
    is_killed_ = true;
    if (is_launching_ || process_.process == 0) {
        return; // as soon as it is there
    }
    // Its session and, where it has one, its PID namespace; what is left in its control group when it is gone.
    (void)syscall(SYS_pidfd_send_signal, process_.descriptor.get(), SIGKILL, nullptr, 0);
    ::kill(-process_.process, SIGKILL);
}

void worker::wait_for_exit() {
    exit_.async_wait(asio::posix::descriptor_base::wait_read, [self = shared_from_this()](error_code const& failed) {
        if (!failed) {
            self->reap();
        }
    });
}

void worker::reap() {
    auto const id = static_cast<id_t>(process_.descriptor.get());
    siginfo_t info{}; // si_pid stays 0 while it lives
    bool const is_known = ::waitid(P_PIDFD, id, &info, WEXITED | WNOWAIT | WNOHANG) == 0;
    if (is_known && info.si_pid == 0) {
        wait_for_exit(); // Asio may tell an event of a closed descriptor to the next one that has its place
        return;
    }
    if (is_known) {
        ::kill(-process_.process, SIGKILL); // its session; nobody else can have that number before it is reaped
        (void)::waitid(P_PIDFD, id, nullptr, WEXITED);
    } else { // somebody else in this program has reaped it
        info.si_code = CLD_KILLED;
        info.si_status = SIGKILL;
    }
    how_it_ended_ = text_of(info);
    succeeded_ = info.si_code == CLD_EXITED && info.si_status == 0;
    was_out_of_memory_ = !succeeded_ && group_.was_out_of_memory();
    error_code ignored;
    exit_.close(ignored);
    place_.starter.dispose(std::move(group_));
    channel_->exited();
    (void)drain_log();
    channel_->close();
    output_.close(ignored);
    output_pause_.cancel();
    owner_.on_exit(*this);
}

std::string worker::log_tail() {
    (void)drain_log();
    return tail_.size() <= tail_size ? tail_ : tail_.substr(tail_.size() - tail_size);
}

void worker::read_log() {
    output_.async_wait(asio::posix::descriptor_base::wait_read, [self = shared_from_this()](error_code const& failed) {
        if (failed || self->drain_log() == log_state::ended) {
            return;
        }
        // Who prints without end is slowed down, and does not keep the host from its other work.
        self->output_pause_.expires_after(std::chrono::milliseconds{2});
        self->output_pause_.async_wait([self](error_code const& cancelled) {
            if (!cancelled) {
                self->read_log();
            }
        });
    });
}

void worker::take_log(std::string_view text) {
    log_->append(text);
    tail_.append(text);
    if (tail_.size() > 4 * tail_size) {
        tail_.erase(0, tail_.size() - tail_size);
    }
}

/// Takes in what is in the pipe by now; not what a flood adds meanwhile.
worker::log_state worker::drain_log() {
    if (!output_.is_open()) {
        return log_state::ended;
    }
    constexpr int pipe_size_in_chunks = 4;
    std::array<char, 16384> chunk; // not initialised: it is filled before it is read
    for (int i = 0; i < pipe_size_in_chunks; ++i) {
        ssize_t const size = ::read(output_.native_handle(), chunk.data(), chunk.size());
        if (size == 0) {
            return log_state::ended;
        }
        if (size < 0) {
            break;
        }
        take_log({chunk.data(), static_cast<std::size_t>(size)});
    }
    return log_state::open;
}

} // namespace hpcsched::faas_host::detail

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_proxy.hpp>

#include "child_kernel.hpp"
#include "front.hpp"
#include "jupyter_socket.hpp"
#include "server_process.hpp"
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <optional>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

/// SIGINT, SIGTERM and SIGCHLD as a descriptor; as they were before when it goes.
class signals {
  public:
    signals() {
        sigset_t wanted{};
        sigemptyset(&wanted);
        for (int const s : {SIGINT, SIGTERM, SIGCHLD}) {
            sigaddset(&wanted, s);
        }
        ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
        descriptor_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    signals(signals const&) = delete;
    signals& operator=(signals const&) = delete;
    ~signals() {
        ::close(descriptor_);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] sigset_t const& before() const noexcept { return before_; }

    /// The next that has come; 0: none.
    [[nodiscard]] int next() const {
        signalfd_siginfo info{};
        return ::read(descriptor_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
    }

  private:
    sigset_t before_{};
    int descriptor_ = -1;
};

class proxy {
  public:
    proxy(kernel_proxy_config const& config, message_signer signer, message_signer back, connection_info const& kernel)
        : front_{context_, config.front, std::move(signer), config.limits, config.complain},
          from_kernel_{std::move(back)}, kernel_{connect_to_kernel(context_, kernel)} {}

    /// Passes messages on until the kernel has ended and everything that it said is passed on.
    kernel_proxy_summary run(child_kernel& kernel, signals const& interrupts) {
        server_process const server;
        std::optional<int> status;
        std::array<pollfd, 10> waits{};
        std::array<jupyter_socket*, 8> const sockets = all();
        for (std::size_t i = 0; i < sockets.size(); ++i) {
            waits[i] = {.fd = sockets[i]->descriptor(), .events = POLLIN, .revents = 0};
        }
        waits[8] = {.fd = interrupts.descriptor(), .events = POLLIN, .revents = 0};
        waits[9] = {.fd = server.descriptor(), .events = POLLIN, .revents = 0}; // below 0: not looked at
        for (bool quiet = false; !(status && quiet);) {
            while (std::ranges::any_of(sockets, &jupyter_socket::may_have_news)) {
                pass_on();
            }
            quiet = ::poll(waits.data(), waits.size(), status ? 200 : -1) == 0;
            for (std::size_t i = 0; i < sockets.size(); ++i) {
                if (waits[i].revents != 0) {
                    sockets[i]->note_news();
                }
            }
            for (int s = waits[8].revents != 0 ? interrupts.next() : 0; s != 0; s = interrupts.next()) {
                if (s == SIGCHLD) {
                    status = status ? status : kernel.ended();
                } else {
                    kernel.send(s);
                }
            }
            if (waits[9].revents != 0) {
                waits[9] = {.fd = -1, .events = 0, .revents = 0};
                kernel.send(SIGTERM);
            }
        }
        return {.kernel_status = *status, .forwarded = front_.passed(), .turned_away = front_.turned_away()};
    }

  private:
    /// Those on which something can come.
    [[nodiscard]] std::array<jupyter_socket*, 8> all() {
        return {&front_.socket(channel::shell),   &kernel_[place(channel::shell)],
                &front_.socket(channel::control), &kernel_[place(channel::control)],
                &front_.socket(channel::stdin_),  &kernel_[place(channel::stdin_)],
                &kernel_[place(channel::iopub)],  &front_.heartbeat()};
    }

    void pass_on() {
        to_clients(channel::iopub);
        for (channel const c : {channel::control, channel::shell, channel::stdin_}) {
            to_clients(c);
            to_kernel(c);
        }
        front_.answer_heartbeats();
    }

    void to_clients(channel c) {
        while (auto frames = kernel_[place(c)].receive()) {
            if (c != channel::iopub) {
                to_clients(channel::iopub); // what the kernel said before its reply
            }
            if (auto message = from_kernel_.open(std::move(*frames))) {
                front_.send(c, std::move(*message));
            }
        }
    }
    void to_kernel(channel c) {
        while (auto message = front_.next(c)) {
            kernel_[place(c)].send(from_kernel_.seal(std::move(*message)));
        }
    }

    zmq::context_t context_;
    front front_;
    message_signer from_kernel_;
    std::array<jupyter_socket, channel_count> kernel_;
};

} // namespace

result<kernel_proxy_summary> run_kernel_proxy(kernel_proxy_config const& config) {
    auto front = message_signer::make(config.front.key, config.front.signature_scheme);
    if (!front) {
        return front.error();
    }
    signals const interrupts;
    // Before any thread of ZeroMQ: a process with threads had better not fork.
    auto kernel = child_kernel::start(config.kernel, interrupts.before());
    if (!kernel) {
        return kernel.error();
    }
    auto back = message_signer::make(kernel->connection().key);
    try {
        proxy between{config, std::move(*front), std::move(*back), kernel->connection()};
        return between.run(*kernel, interrupts);
    } catch (zmq::error_t const& failed) {
        return error{"a socket of the connection file: " + std::string{failed.what()}};
    }
}

} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_proxy.hpp>

#include "child_kernel.hpp"
#include "front.hpp"
#include "jupyter_socket.hpp"
#include "server_process.hpp"
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

using std::chrono::milliseconds;

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
        bool const has_server = server.descriptor() >= 0;
        bool ends = false;
        std::optional<int> status;
        for (bool quiet = false; !(status && quiet);) {
            std::array<zmq::pollitem_t, 10> items{item(front_.socket(channel::shell)),
                                                  item(kernel_[place(channel::shell)]),
                                                  item(front_.socket(channel::control)),
                                                  item(kernel_[place(channel::control)]),
                                                  item(front_.socket(channel::stdin_)),
                                                  item(kernel_[place(channel::stdin_)]),
                                                  item(kernel_[place(channel::iopub)]),
                                                  item(front_.heartbeat()),
                                                  zmq::pollitem_t{nullptr, interrupts.descriptor(), ZMQ_POLLIN, 0},
                                                  zmq::pollitem_t{nullptr, server.descriptor(), ZMQ_POLLIN, 0}};
            quiet = zmq::poll(items.data(), has_server && !ends ? 10 : 9,
                              status ? milliseconds{200} : milliseconds{-1}) == 0;
            for (int s = interrupts.next(); s != 0; s = interrupts.next()) {
                if (s == SIGCHLD) {
                    status = status ? status : kernel.ended();
                } else {
                    kernel.send(s);
                }
            }
            if (has_server && !ends && items[9].revents != 0) {
                ends = true;
                kernel.send(SIGTERM);
            }
            // A look at a socket costs system calls, so only at those that have something.
            auto const has = [&items](std::size_t i) { return (items[i].revents & ZMQ_POLLIN) != 0; };
            if (has(6)) {
                to_clients(channel::iopub);
            }
            for (auto const& [c, front, back] :
                 {std::tuple{channel::control, 2, 3}, {channel::shell, 0, 1}, {channel::stdin_, 4, 5}}) {
                if (has(static_cast<std::size_t>(back))) {
                    to_clients(c);
                }
                if (has(static_cast<std::size_t>(front))) {
                    to_kernel(c);
                }
            }
            if (has(7)) {
                front_.answer_heartbeats();
            }
        }
        return {.kernel_status = *status, .forwarded = front_.passed(), .turned_away = front_.turned_away()};
    }

  private:
    static zmq::pollitem_t item(zmq::socket_t& socket) { return {socket.handle(), 0, ZMQ_POLLIN, 0}; }

    void to_clients(channel c) {
        while (auto const frames = receive(kernel_[place(c)])) {
            if (c != channel::iopub) {
                to_clients(channel::iopub); // what the kernel said before its reply
            }
            if (auto const message = from_kernel_.open(*frames)) {
                front_.send(c, *message);
            }
        }
    }
    void to_kernel(channel c) {
        while (auto const message = front_.next(c)) {
            send(kernel_[place(c)], from_kernel_.seal(*message));
        }
    }

    zmq::context_t context_;
    front front_;
    message_signer from_kernel_;
    std::array<zmq::socket_t, channel_count> kernel_;
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

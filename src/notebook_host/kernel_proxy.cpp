// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_proxy.hpp>

#include "child_kernel.hpp"
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.hpp>
#include <zmq_addon.hpp>

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

/// A message's frames, as they came; nothing where none waits.
[[nodiscard]] std::optional<std::vector<frame>> receive(zmq::socket_t& from) {
    std::vector<zmq::message_t> parts;
    if (!zmq::recv_multipart(from, std::back_inserter(parts), zmq::recv_flags::dontwait)) {
        return std::nullopt;
    }
    std::vector<frame> frames;
    frames.reserve(parts.size());
    for (zmq::message_t const& part : parts) {
        frames.push_back(part.to_string());
    }
    return frames;
}

void send(zmq::socket_t& to, std::vector<frame> const& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
        auto const more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
        (void)to.send(zmq::buffer(frames[i]), more | zmq::send_flags::dontwait);
    }
}

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

/// One channel between the clients and the kernel.
struct channel {
    zmq::socket_t front;
    zmq::socket_t back;
};

class proxy {
  public:
    proxy(kernel_proxy_config const& config, message_signer front, message_signer back, connection_info const& kernel)
        : config_{config}, from_clients_{std::move(front)}, from_kernel_{std::move(back)} {
        auto const& f = config.front;
        shell_ = connect(zmq::socket_type::router, f.address(f.shell_port), zmq::socket_type::dealer,
                         kernel.address(kernel.shell_port));
        control_ = connect(zmq::socket_type::router, f.address(f.control_port), zmq::socket_type::dealer,
                           kernel.address(kernel.control_port));
        stdin_ = connect(zmq::socket_type::router, f.address(f.stdin_port), zmq::socket_type::dealer,
                         kernel.address(kernel.stdin_port));
        iopub_ = connect(zmq::socket_type::pub, f.address(f.iopub_port), zmq::socket_type::sub,
                         kernel.address(kernel.iopub_port));
        heartbeat_ = zmq::socket_t{context_, zmq::socket_type::rep};
        heartbeat_.bind(f.address(f.hb_port));
    }

    /// Passes messages on until the kernel has ended and everything that it said is passed on.
    kernel_proxy_summary run(child_kernel& kernel, signals const& interrupts) {
        std::optional<int> status;
        for (bool quiet = false; !(status && quiet);) {
            std::array<zmq::pollitem_t, 9> items{item(shell_.front),
                                                 item(shell_.back),
                                                 item(control_.front),
                                                 item(control_.back),
                                                 item(stdin_.front),
                                                 item(stdin_.back),
                                                 item(iopub_.back),
                                                 item(heartbeat_),
                                                 zmq::pollitem_t{nullptr, interrupts.descriptor(), ZMQ_POLLIN, 0}};
            quiet = zmq::poll(items, status ? milliseconds{200} : milliseconds{-1}) == 0;
            for (int s = interrupts.next(); s != 0; s = interrupts.next()) {
                if (s == SIGCHLD) {
                    status = status ? status : kernel.ended();
                } else {
                    kernel.send(s);
                }
            }
            // A look at a socket costs system calls, so only at those that have something.
            auto const has = [&items](std::size_t i) { return (items[i].revents & ZMQ_POLLIN) != 0; };
            if (has(6)) {
                publish();
            }
            for (auto const& [c, front, back] : {std::tuple{&control_, 2, 3}, {&shell_, 0, 1}, {&stdin_, 4, 5}}) {
                if (has(static_cast<std::size_t>(back))) {
                    to_clients(*c);
                }
                if (has(static_cast<std::size_t>(front))) {
                    to_kernel(*c);
                }
            }
            while (has(7)) {
                auto const beat = receive(heartbeat_);
                if (!beat) {
                    break;
                }
                send(heartbeat_, *beat);
            }
        }
        summary_.kernel_status = *status;
        return summary_;
    }

  private:
    static zmq::pollitem_t item(zmq::socket_t& socket) { return {socket.handle(), 0, ZMQ_POLLIN, 0}; }

    channel connect(zmq::socket_type front_type, std::string const& front, zmq::socket_type back_type,
                    std::string const& back) {
        channel c{zmq::socket_t{context_, front_type}, zmq::socket_t{context_, back_type}};
        for (zmq::socket_t* const s : {&c.front, &c.back}) {
            s->set(zmq::sockopt::sndhwm, 0); // a notebook's output is not to be dropped
            s->set(zmq::sockopt::rcvhwm, 0);
            s->set(zmq::sockopt::linger, 1000);
        }
        if (front_type == zmq::socket_type::router) {
            c.front.set(zmq::sockopt::router_handover, 1); // a client that comes back has its old name
            c.front.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(config_.limits.bytes));
            // The kernel asks for input under the name that a request had: one name on all channels.
            c.back.set(zmq::sockopt::routing_id, "hpcsched");
        } else {
            c.back.set(zmq::sockopt::subscribe, "");
        }
        c.back.set(zmq::sockopt::reconnect_ivl, 10); // the kernel binds when it is up
        c.front.bind(front);
        c.back.connect(back);
        return c;
    }

    void publish() {
        while (auto const frames = receive(iopub_.back)) {
            pass(*frames, from_kernel_, from_clients_, iopub_.front);
        }
    }
    void to_clients(channel& c) {
        while (auto const frames = receive(c.back)) {
            publish(); // what the kernel said before its reply
            pass(*frames, from_kernel_, from_clients_, c.front);
        }
    }
    void to_kernel(channel& c) {
        while (auto const frames = receive(c.front)) {
            pass(*frames, from_clients_, from_kernel_, c.back);
        }
    }

    void pass(std::vector<frame> const& frames, message_signer& from, message_signer const& to, zmq::socket_t& out) {
        auto const message = from.open(frames, config_.limits);
        if (!message) {
            ++summary_.turned_away;
            if (config_.complain) {
                config_.complain(message.error().message);
            }
            return;
        }
        ++summary_.forwarded;
        send(out, to.seal(*message));
    }

    kernel_proxy_config const& config_;
    message_signer from_clients_;
    message_signer from_kernel_;
    zmq::context_t context_;
    channel shell_, control_, stdin_, iopub_;
    zmq::socket_t heartbeat_;
    kernel_proxy_summary summary_;
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

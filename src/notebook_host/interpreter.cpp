// SPDX-License-Identifier: Apache-2.0
#include "interpreter.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

constexpr std::array all_channels{channel::iopub, channel::control, channel::shell, channel::stdin_};

} // namespace

result<std::unique_ptr<interpreter>> interpreter::start(raft_asio::event_loop& loop, zmq::context_t& context,
                                                        std::vector<std::string> const& words,
                                                        std::span<std::pair<std::string, std::string> const> files,
                                                        on_message heard, on_end ended, user_identity const* as) {
    sigset_t none{};
    sigemptyset(&none);
    auto child = child_kernel::start(words, none, files, as);
    if (!child) {
        return child.error();
    }
    auto signer = message_signer::make(child->connection().key);
    return std::unique_ptr<interpreter>{
        new interpreter{loop, context, std::move(*child), std::move(*signer), std::move(heard), std::move(ended)}};
}

interpreter::interpreter(raft_asio::event_loop& loop, zmq::context_t& context, child_kernel child,
                         message_signer signer, on_message heard, on_end ended)
    : loop_{loop}, child_{std::move(child)}, signer_{std::move(signer)},
      sockets_{connect_to_kernel(context, child_.connection())}, heard_{std::move(heard)}, ended_{std::move(ended)} {
    for (jupyter_socket& s : sockets_) {
        loop_.watch(s.descriptor(), [this, &s] {
            s.note_news();
            read_soon();
        });
    }
    process_ = static_cast<int>(::syscall(SYS_pidfd_open, child_.process(), 0));
    loop_.watch(process_, [this] {
        if (auto const status = child_.ended()) {
            loop_.unwatch(process_);
            // What it said before its end is heard before it, and what comes to light later of it not at all.
            auto const alive = alive_;
            for (jupyter_socket& s : sockets_) {
                s.note_news();
            }
            read_all();
            if (!*alive) {
                return;
            }
            heard_ = [](channel, jupyter_message const&) {};
            auto const tell = ended_; // which may end this object
            tell(*status);
        }
    });
    read_soon();
}

interpreter::~interpreter() {
    *alive_ = false;
    for (jupyter_socket& s : sockets_) {
        loop_.unwatch(s.descriptor());
        s.zeromq().set(zmq::sockopt::linger, 0);
    }
    loop_.unwatch(process_);
    ::close(process_);
}

void interpreter::send(channel where, jupyter_message message) {
    sockets_[place(where)].send(signer_.seal(std::move(message)));
    read_soon(); // sending may have taken the news of what can be read
}

void interpreter::ask_to_end() {
    send(channel::control, {.header = make_header("shutdown_request"),
                            .parent_header = "{}",
                            .metadata = "{}",
                            .content = R"({"restart": false})"});
}

// After news: what the kernel said before its reply is read first.
void interpreter::read_soon() {
    if (!std::exchange(will_read_, true)) {
        loop_.post([this, alive = alive_] {
            if (!*alive) {
                return;
            }
            will_read_ = false;
            read_all();
        });
    }
}

void interpreter::read_all() {
    auto const alive = alive_;
    for (channel const c : all_channels) {
        if (*alive) {
            read(c);
        }
    }
}

void interpreter::read(channel where) {
    auto const alive = alive_;
    while (*alive) {
        auto frames = sockets_[place(where)].receive();
        if (!frames) {
            return;
        }
        if (where != channel::iopub) {
            read(channel::iopub);
        }
        if (!*alive) {
            return;
        }
        if (auto message = signer_.open(std::move(*frames))) {
            heard_(where, std::move(*message));
        }
    }
}

} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_CLI_ENDING_SIGNALS_HPP
#define HPCSCHED_SRC_CLI_ENDING_SIGNALS_HPP

#include <hpcsched/raft_asio/event_loop.hpp>

#include "failure.hpp"
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

namespace hpcsched::cli {

/// Ends the loop on SIGINT and SIGTERM.
class ending_signals {
  public:
    explicit ending_signals(raft_asio::event_loop& loop) : loop_{&loop} {
        sigset_t wanted;
        ::sigemptyset(&wanted);
        ::sigaddset(&wanted, SIGINT);
        ::sigaddset(&wanted, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
        descriptor_ = ::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
        if (descriptor_ < 0) {
            throw failure{exit_code::failure, std::string{"signalfd: "} + std::strerror(errno)};
        }
        loop_->watch(descriptor_, [this] {
            signalfd_siginfo seen{};
            if (::read(descriptor_, &seen, sizeof seen) == sizeof seen) {
                loop_->stop();
            }
        });
    }
    ending_signals(ending_signals const&) = delete;
    ending_signals& operator=(ending_signals const&) = delete;
    ~ending_signals() {
        loop_->unwatch(descriptor_);
        ::close(descriptor_);
    }

  private:
    raft_asio::event_loop* loop_;
    int descriptor_ = -1;
};

} // namespace hpcsched::cli

#endif

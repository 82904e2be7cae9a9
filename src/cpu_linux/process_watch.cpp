// SPDX-License-Identifier: Apache-2.0
#include "process_watch.h"

#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu_linux/process_watch.hpp>

#include "bpf_module.hpp"
#include "bpf_objects.hpp"
#include "file_descriptor.hpp"
#include "process_stat.hpp"
#include "timespec_of.hpp"
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace hpcsched::cpu_linux {

namespace {

using detail::file_descriptor;

/// Calls `visit(process)` for every process that there is.
template <class Visit>
void for_each_process(Visit&& visit) {
    std::error_code ignored;
    for (auto const& entry : std::filesystem::directory_iterator{"/proc", ignored}) {
        std::string const name = entry.path().filename().string();
        process_id process = 0;
        auto const parsed = std::from_chars(name.data(), name.data() + name.size(), process);
        if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) {
            visit(process);
        }
    }
}

} // namespace

/// What is to be told now, and what is due later.
class process_watch::state {
  public:
    [[nodiscard]] result<void> open(process_watch_config const& config) {
        HPCSCHED_ASSERT(config.poll_period > duration{0} && config.settling >= duration{0} &&
                        config.entering >= duration{0});
        config_ = config;
        ready_ = file_descriptor{epoll_create1(EPOLL_CLOEXEC)};
        clock_ = file_descriptor{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
        if (!ready_.is_open() || !clock_.is_open()) {
            return error{std::string{"cannot wait for processes: "} + std::strerror(errno)};
        }
        listen(clock_.get());
        if (config.from != sensor::polling) {
            auto loaded = detail::bpf_module::load("process_watch", detail::process_watch_object());
            if (loaded.has_error() && config.from == sensor::bpf) {
                return loaded.error();
            }
            if (loaded.has_value()) {
                module_.emplace(std::move(*loaded));
                listen(module_->descriptor());
            }
        }
        look_at_all(); // after the programs are in place: nobody starts between the two
        set_clock();
        return {};
    }

    [[nodiscard]] std::optional<process_id> next() {
        if (line_.empty()) {
            collect();
        }
        if (line_.empty()) {
            return std::nullopt;
        }
        process_id const first = line_.front();
        line_.pop_front();
        set_clock();
        return first;
    }

    std::optional<detail::bpf_module> module_;
    file_descriptor ready_;

  private:
    /// As `polling` knows a process.
    struct known_process {
        std::uint64_t started = 0; ///< a process id may be given again
        int looks = 0;             ///< told so many times
        std::uint64_t round = 0;   ///< last seen
    };

    void listen(int descriptor) noexcept {
        epoll_event event{.events = EPOLLIN, .data = {}};
        (void)epoll_ctl(ready_.get(), EPOLL_CTL_ADD, descriptor, &event);
    }

    void collect() {
        time_point const at = now();
        if (module_) {
            module_->consume<sighting_event>([this](sighting_event const& e) { take(e); });
            if (module_->dropped_count() != dropped_) {
                dropped_ = module_->dropped_count();
                look_at_all();
            }
        } else if (poll_at_ <= at) {
            look_at_all();
        }
        while (!settling_.empty() && settling_.begin()->first <= at) {
            process_id const process = settling_.begin()->second;
            line_.push_back(process);
            entering_.erase(process);
            settling_.erase(settling_.begin());
        }
        set_clock();
    }

    void take(sighting_event const& e) {
        auto const process = static_cast<process_id>(e.process);
        time_point const at{duration{static_cast<std::int64_t>(e.at)}};
        switch (e.kind) {
        case sighting_forked:
            if (auto const parent = entering_.find(static_cast<process_id>(e.parent)); parent != entering_.end()) {
                enter(process, parent->second);
            } else {
                settling_.emplace(saturating_add(at, config_.settling), process);
            }
            break;
        case sighting_moved:
            enter(process, saturating_add(at, config_.entering));
            break;
        default: // it has executed a program
            entering_.erase(process);
            line_.push_back(process);
        }
    }

    void enter(process_id process, time_point due) {
        entering_[process] = due;
        settling_.emplace(due, process);
    }

    void look_at_all() {
        if (module_) {
            for_each_process([this](process_id process) { line_.push_back(process); });
            return;
        }
        ++round_;
        for_each_process([this](process_id process) {
            std::uint64_t const started = key_of(process).started;
            known_process& known = known_[process];
            if (known.started != started) {
                known = {.started = started};
            }
            known.round = round_;
            if (known.looks < 2) {
                ++known.looks;
                line_.push_back(process);
            }
        });
        std::erase_if(known_, [this](auto const& each) { return each.second.round != round_; });
        poll_at_ = now() + config_.poll_period;
    }

    /// The descriptor is to be readable as long as there is something to tell.
    void set_clock() noexcept {
        time_point due = module_ ? never : poll_at_;
        if (!settling_.empty() && settling_.begin()->first < due) {
            due = settling_.begin()->first;
        }
        if (!line_.empty()) {
            due = time_point{duration{1}};
        }
        if (due == std::exchange(clock_at_, due)) {
            return;
        }
        itimerspec setting{};
        if (due != never) {
            setting.it_value = detail::timespec_of(due.time_since_epoch());
        }
        (void)timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME, &setting, nullptr); // a past time: at once
    }

    process_watch_config config_;
    file_descriptor clock_;
    time_point clock_at_ = never;
    time_point poll_at_{};
    std::deque<process_id> line_;
    std::multimap<time_point, process_id> settling_;      ///< to be looked at, and when
    std::unordered_map<process_id, time_point> entering_; ///< of them, who was moved or forked by one who was
    std::map<process_id, known_process> known_;
    std::uint64_t round_ = 0;
    std::uint64_t dropped_ = 0;
};

process_watch::process_watch(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
process_watch::process_watch(process_watch&& other) noexcept = default;
process_watch& process_watch::operator=(process_watch&& other) noexcept = default;
process_watch::~process_watch() = default;

result<process_watch> process_watch::open(process_watch_config const& config) {
    auto made = std::make_unique<state>();
    if (auto const opened = made->open(config); opened.has_error()) {
        return opened.error();
    }
    return process_watch{std::move(made)};
}

sensor process_watch::in_use() const noexcept {
    return state_->module_ ? sensor::bpf : sensor::polling;
}
int process_watch::descriptor() const noexcept {
    return state_->ready_.get();
}
std::optional<process_id> process_watch::next() {
    return state_->next();
}

} // namespace hpcsched::cpu_linux

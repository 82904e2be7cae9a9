// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_threads/thread_team.hpp>

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::predict_threads {

namespace {

/// CPUs that this process may run on: a container often has fewer than the machine.
std::size_t allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT(&set)));
    }
    return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

} // namespace

class thread_team::team {
  public:
    explicit team(std::size_t workers) {
        for (std::size_t worker = 1; worker < workers; ++worker) {
            threads_.emplace_back([this, worker](std::stop_token const& stop) { serve(stop, worker); });
        }
    }
    ~team() {
        for (std::jthread& t : threads_) {
            t.request_stop();
        }
        begun_.notify_all();
    }

    [[nodiscard]] std::size_t worker_count() const noexcept { return threads_.size() + 1; }

    void run(std::size_t count, void const* function, call how) {
        if (count == 0) {
            return;
        }
        {
            std::lock_guard const lock{mutex_};
            function_ = function;
            how_ = how;
            count_ = count;
            next_ = 0;
            is_open_ = true;
            ++round_;
        }
        begun_.notify_all();
        work(0);
        std::unique_lock lock{mutex_};
        is_open_ = false; // nothing is left: a thread that is not awake yet is not waited for
        ended_.wait(lock, [this] { return at_work_ == 0; });
        if (std::exception_ptr const thrown = std::exchange(thrown_, nullptr)) {
            std::rethrow_exception(thrown);
        }
    }

  private:
    void serve(std::stop_token const& stop, std::size_t worker) {
        std::uint64_t seen = 0;
        for (;;) {
            std::unique_lock lock{mutex_};
            if (!begun_.wait(lock, stop, [&] { return round_ != seen; })) {
                return;
            }
            seen = round_;
            if (!is_open_) {
                continue;
            }
            ++at_work_;
            lock.unlock();
            work(worker);
            lock.lock();
            if (--at_work_ == 0) {
                ended_.notify_one();
            }
        }
    }

    void work(std::size_t worker) {
        try {
            for (std::size_t index = next_++; index < count_; index = next_++) {
                how_(function_, index, worker);
            }
        } catch (...) {
            next_ = count_;
            std::lock_guard const lock{mutex_};
            thrown_ = thrown_ ? thrown_ : std::current_exception();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any begun_;
    std::condition_variable ended_;
    std::uint64_t round_ = 0;
    bool is_open_ = false;    ///< a thread that wakes may take part in this round
    std::size_t at_work_ = 0; ///< threads beside the caller's that do
    std::exception_ptr thrown_;
    void const* function_ = nullptr;
    call how_ = nullptr;
    std::size_t count_ = 0;
    std::atomic<std::size_t> next_{0};
    std::vector<std::jthread> threads_; ///< last: they end before what they use
};

thread_team::thread_team(std::size_t workers)
    : team_{std::make_unique<team>(workers == 0 ? allowed_cpus() : workers)} {}
thread_team::thread_team(thread_team&&) noexcept = default;
thread_team& thread_team::operator=(thread_team&&) noexcept = default;
thread_team::~thread_team() = default;

std::size_t thread_team::worker_count() const noexcept {
    return team_->worker_count();
}

void thread_team::run(std::size_t count, void const* function, call how) {
    team_->run(count, function, how);
}

} // namespace hpcsched::predict_threads

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_COPIERS_HPP
#define HPCSCHED_SRC_GPU_CUDA_COPIERS_HPP

#include <hpcsched/gpu/device_driver.hpp>

#include "mailbox.hpp"

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace hpcsched::gpu_cuda {

/// Threads that copy within the host's memory, begun with the first copy.
class copiers {
  public:
    copiers(std::uint32_t count, mailbox<gpu::transfer_end>& ends) : count_{count}, ends_{&ends} {}
    copiers(copiers const&) = delete;
    copiers& operator=(copiers const&) = delete;
    /// Does what was begun, and ends the threads.
    ~copiers() {
        {
            std::lock_guard const held{mutex_};
            closing_ = true;
        }
        came_.notify_all();
        for (std::thread& t : threads_) {
            t.join();
        }
    }

    void begin(gpu::transfer const& t) {
        while (threads_.size() < count_) {
            threads_.emplace_back([this] { work(); });
        }
        {
            std::lock_guard const held{mutex_};
            waiting_.push_back(t);
        }
        came_.notify_one();
    }

  private:
    void work() {
        for (;;) {
            gpu::transfer t;
            {
                std::unique_lock held{mutex_};
                came_.wait(held, [this] { return closing_ || !waiting_.empty(); });
                if (waiting_.empty()) {
                    return;
                }
                t = waiting_.front();
                waiting_.pop_front();
            }
            std::memcpy(t.to, t.from, t.bytes);
            ends_->put({t.owner, t.id, gpu::driver_code::done});
        }
    }

    std::uint32_t count_;
    mailbox<gpu::transfer_end>* ends_;
    std::mutex mutex_;
    std::condition_variable came_;
    std::deque<gpu::transfer> waiting_;
    bool closing_ = false;
    std::vector<std::thread> threads_;
};

} // namespace hpcsched::gpu_cuda

#endif

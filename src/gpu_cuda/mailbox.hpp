// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_MAILBOX_HPP
#define HPCSCHED_SRC_GPU_CUDA_MAILBOX_HPP

#include <hpcsched/core/sink.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace hpcsched::gpu_cuda {

/// What other threads have ended, until the driver's own thread collects it.
template <class End>
class mailbox {
  public:
    void put(End const& e) {
        {
            std::lock_guard const held{mutex_};
            ends_.push_back(e);
        }
        came_.notify_one();
    }
    void take(sink<End>& out) {
        std::lock_guard const held{mutex_};
        for (End const& e : ends_) {
            out.append(e);
        }
        ends_.clear();
    }
    [[nodiscard]] bool empty() {
        std::lock_guard const held{mutex_};
        return ends_.empty();
    }
    /// Waits until there is something in it, at most so long.
    void wait_for(std::chrono::nanoseconds most) {
        std::unique_lock held{mutex_};
        came_.wait_for(held, most, [this] { return !ends_.empty(); });
    }

  private:
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<End> ends_;
};

} // namespace hpcsched::gpu_cuda

#endif

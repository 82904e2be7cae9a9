// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_STORE_KEEPER_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_STORE_KEEPER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/kernel_log.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hpcsched::notebook_host {

/// Where the large values of a kernel are: each kernel has a place of its own in the cluster's store, so that what can
/// go is seen from its log alone. Empty where the cluster has no store.
[[nodiscard]] std::string store_of_kernel(std::string const& where, std::string const& kernel);

/// The digests that a kernel's log points to.
[[nodiscard]] std::vector<chunk_digest> live_chunks(notebook::kernel_log const& log);

/// Removes from stores what nobody points to any more, by a thread of its own: it may take minutes.
/// \thread_safety members from one thread; `complain` is called by the keeper's
class store_keeper {
  public:
    /// \param age  objects that were put since then stay: longer than a cell's changes take to its kernel's log
    store_keeper(duration age, std::function<void(std::string const&)> complain);
    store_keeper(store_keeper const&) = delete;
    store_keeper& operator=(store_keeper const&) = delete;
    ~store_keeper() = default; ///< ends what it does first

    void collect(std::string store, std::vector<chunk_digest> live);
    void remove(std::string store);

  private:
    struct work {
        std::string store;
        std::vector<chunk_digest> live;
        bool all = false;
    };

    void add(work w);
    void run(std::stop_token const& ends);
    [[nodiscard]] result<void> carry_out(work const& w) const;

    duration age_;
    std::function<void(std::string const&)> complain_;
    std::mutex guard_;
    std::condition_variable_any came_;
    std::deque<work> waiting_;
    std::jthread thread_; // the last: joined before the rest goes
};

} // namespace hpcsched::notebook_host

#endif

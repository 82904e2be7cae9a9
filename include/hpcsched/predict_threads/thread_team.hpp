// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_THREADS_THREAD_TEAM_HPP
#define HPCSCHED_PREDICT_THREADS_THREAD_TEAM_HPP

#include <hpcsched/predict/executor.hpp>

#include <cstddef>
#include <memory>

namespace hpcsched::predict_threads {

/// Threads that play worlds out together; they wait between two calls.
///
/// \thread_safety one call at a time; the team may be moved between calls
class thread_team {
  public:
    /// \param workers  how many threads, the caller's among them; 0: as many as this process may run at once
    explicit thread_team(std::size_t workers = 0);
    thread_team(thread_team&&) noexcept;
    thread_team& operator=(thread_team&&) noexcept;
    ~thread_team();

    [[nodiscard]] std::size_t worker_count() const noexcept;

    /// See predict::executor. The first exception that a call throws is thrown again here, after all calls that had
    /// begun have ended; those that had not are left out.
    template <class Function>
    void for_each(std::size_t count, Function const& f) {
        run(count, &f, [](void const* function, std::size_t index, std::size_t worker) {
            (*static_cast<Function const*>(function))(index, worker);
        });
    }

  private:
    using call = void (*)(void const* function, std::size_t index, std::size_t worker);
    void run(std::size_t count, void const* function, call how);

    class team;
    std::unique_ptr<team> team_;
};
static_assert(predict::executor<thread_team>);

} // namespace hpcsched::predict_threads

#endif

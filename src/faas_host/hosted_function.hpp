// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_HOSTED_FUNCTION_HPP
#define HPCSCHED_FAAS_HOST_HOSTED_FUNCTION_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/figures.hpp>
#include <hpcsched/faas_host/function_config.hpp>
#include <hpcsched/faas_host/server.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <boost/asio/steady_timer.hpp>

#include "invocation.hpp"
#include "latency_admission.hpp"
#include "latency_window.hpp"
#include "worker.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace hpcsched::faas_host::detail {

/// One function: its pool decides, this carries out.
class hosted_function final : private worker_owner {
  public:
    /// \param steering   may be nothing
    /// \param admission  likewise
    /// \param on_change  called when a worker has gone
    hosted_function(function_config config, worker_place const& place, worker_steering* steering,
                    latency_admission* admission, std::function<void()> on_change);

    /// \param tell  called once, perhaps before this returns
    /// \return its number, for `cancel`; 0: it has been told
    invocation_id invoke(invocation_request request, invocation_told tell);

    /// Whoever waits for it has gone. What a worker has by now runs on.
    void cancel(invocation_id id);

    void drain();
    [[nodiscard]] bool is_drained() const noexcept { return pool_.is_drained() && workers_.empty(); }
    void kill_all();

    [[nodiscard]] function_config const& config() const noexcept { return config_; }
    [[nodiscard]] hosted_function_figures figures() const;
    [[nodiscard]] bool has_log() const noexcept { return log_->is_open(); }
    void count_abandoned() noexcept { ++counts_.abandoned; }

  private:
    void on_started(worker& who) override;
    void on_ready(worker& who) override;
    void on_answer(worker& who, std::string&& body) override;
    void on_error(worker& who, std::string&& envelope) override;
    void on_start_error(worker& who, std::string&& envelope) override;
    void on_exit(worker& who) override;

    template <class Event>
    void tell_pool(Event const& event);
    void carry_out(start_worker const& c);
    void carry_out(assign_invocation const& c);
    void carry_out(kill_worker const& c);
    void carry_out(refuse_invocation const& c);
    void carry_out(fail_invocation const& c);
    void arm_timer();

    void give(worker& to, invocation& what);
    [[nodiscard]] std::optional<duration> cpu_time_of_worker(worker const& of) const;
    void tell_admission(invocation const& ended, worker const* by);
    void finish(worker& who, ending how, std::string&& body);
    void end(invocation_id id, worker* by, ending how, std::string&& body);
    [[nodiscard]] std::string why_failed(fail_invocation const& c, invocation const& what) const;

    function_config config_;
    worker_place const& place_;
    worker_steering* steering_;
    latency_admission* admission_;
    std::size_t number_ = 0; ///< by which `admission_` knows it
    std::function<void()> on_change_;
    worker_pool pool_;
    pool_command_buffer commands_;
    bool is_carrying_out_ = false;
    std::shared_ptr<log_file> log_;
    std::map<worker_id, std::shared_ptr<worker>> workers_;
    std::set<worker_id> warm_;                       ///< that have asked for work, where `admission_` is to know
    std::map<worker_id, invocation_id> starts_with_; ///< what a worker that is being started is for
    std::map<worker_id, std::string> start_errors_;  ///< what workers said of why they cannot start
    std::unordered_map<std::uint64_t, invocation> invocations_;
    std::uint64_t last_invocation_ = 0;
    asio::steady_timer timer_;
    time_point armed_for_ = never;
    hosted_function_figures counts_{};
    latency_window waited_;
    latency_window served_;
};

} // namespace hpcsched::faas_host::detail

#endif

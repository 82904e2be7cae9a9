// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_SERVER_HPP
#define HPCSCHED_FAAS_HOST_SERVER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/faas_host/figures.hpp>
#include <hpcsched/faas_host/function_config.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::faas_host {

/// Who steers the workers' processes; told from the thread that runs the server.
class worker_steering {
  public:
    worker_steering() = default;
    worker_steering(worker_steering const&) = delete;
    worker_steering& operator=(worker_steering const&) = delete;
    virtual ~worker_steering() = default;

    /// `process` begins an invocation of `function`, or has ended it. A process that is gone was ended.
    virtual void begin(cpu_linux::process_id process, std::string const& function) = 0;
    virtual void end(cpu_linux::process_id process) = 0;
    /// Readable when `work` is due; -1: never.
    [[nodiscard]] virtual int descriptor() const = 0;
    virtual void work() = 0;
    [[nodiscard]] virtual std::string name() const = 0;
};

/// What a page of the host's own answers.
struct page {
    std::string type{}; ///< its Content-Type
    std::string body{};
};

struct server_config {
    std::string listen = "127.0.0.1:9000"; ///< ADDRESS:PORT, [ADDRESS]:PORT for IPv6; port 0: any that is free
    std::string token{};                   ///< that clients are to send as "Authorization: Bearer ..."; empty: none
    std::size_t body_limit = std::size_t{6} << 20U;  ///< bytes of an event or an answer, as on AWS
    std::size_t connection_limit = 10'000;           ///< of clients at one time; more are not accepted until some end
    duration idle_limit = std::chrono::seconds{60};  ///< after which a connection that asks nothing is closed
    duration drain_limit = std::chrono::seconds{30}; ///< for what runs when `stop` is called; then it is killed
    double latency_risk = 0.05; ///< that a latency target of a function is broken; above it invocations get 429
    duration latency_horizon = std::chrono::minutes{1};   ///< the time to come that this is asked of, at most
    double cpus = 0;                                      ///< that workers share; 0: those that this process may run on
    std::map<std::string, std::function<page()>> pages{}; ///< beside "/" and "/status", by path
    std::string worker_program{}; ///< started for shared objects, see `run_shared_function`; empty: this program
};

/// Serves functions over HTTP to clients of AWS Lambda, from a pool of worker processes for each.
///
/// | request                                            | answer                                                      |
/// |----------------------------------------------------|-------------------------------------------------------------|
/// | `POST /2015-03-31/functions/NAME/invocations`      | the Lambda Invoke API: the function's answer, or 202, or 204
/// | | `GET /2015-03-31/functions`, `.../functions/NAME`  | the functions that there are | | `GET /`, `GET /status` | a
/// live page, and the figures that it shows, as JSON         |
///
/// Workers have a port of their own on the loopback interface each, so that the Runtime API knows who asks: an
/// unmodified runtime takes only HOST:PORT, and sends nothing that would tell it from another. All else of a worker,
/// its descendants included, ends with it, and all workers with the host, however that ends.
///
/// \thread_safety all members but `stop` from the thread that calls `run`
class server {
  public:
    /// Listens, and starts nothing yet.
    /// \param steering  nothing: the kernel alone schedules the workers
    /// \error the address cannot be had, or a function is misconfigured: which, and what would help
    [[nodiscard]] static result<server> open(server_config config, std::vector<function_config> functions,
                                             std::unique_ptr<worker_steering> steering = nullptr);

    server(server&&) noexcept;
    server& operator=(server&&) noexcept;
    ~server(); ///< kills what runs

    /// Serves until `stop` is called, SIGTERM or SIGINT comes, and what runs has ended. A signal more than half a
    /// second after that, or the end of `drain_limit`, kills what still runs.
    void run();

    /// Takes no more invocations, and lets `run` return once those at hand have ended.
    /// \thread_safety any thread
    void stop();

    /// Where clients reach it: "127.0.0.1:9000", with the port that was given.
    [[nodiscard]] std::string address() const;

    [[nodiscard]] host_figures figures() const;

  private:
    class state;
    explicit server(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::faas_host

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_METRICS_HPP
#define HPCSCHED_CLI_METRICS_HPP

#include "attached.hpp"

#include <memory>
#include <string>

namespace hpcsched::cli {

/// Serves what was last published as Prometheus metrics, over HTTP at /metrics, from threads of its own. The one door
/// to prometheus-cpp.
class metrics_server {
  public:
    /// \param address  "127.0.0.1:9477"
    /// \error the address is none, or is in use
    [[nodiscard]] static result<std::unique_ptr<metrics_server>> start(std::string const& address);

    metrics_server(metrics_server const&) = delete;
    metrics_server& operator=(metrics_server const&) = delete;
    ~metrics_server();

    void publish(attach_report report);

  private:
    class state;
    explicit metrics_server(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::cli

#endif

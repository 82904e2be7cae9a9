// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_SERVE_METRICS_HPP
#define HPCSCHED_CLI_SERVE_METRICS_HPP

#include <hpcsched/faas_host/figures.hpp>

#include <string>

namespace hpcsched::cli {

/// The figures in the text format of Prometheus.
[[nodiscard]] std::string to_prometheus(faas_host::host_figures const& figures);

} // namespace hpcsched::cli

#endif

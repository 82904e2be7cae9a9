// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_SHARED_FUNCTION_WORKER_HPP
#define HPCSCHED_FAAS_HOST_SHARED_FUNCTION_WORKER_HPP

#include <optional>

namespace hpcsched::faas_host {

/// To be called first in the `main` of a program that hosts shared objects: the host starts the same program again as
/// their worker, and this tells the two apart.
///
/// \return nothing: this is not a worker; else the exit status to end with, after all its invocations
[[nodiscard]] std::optional<int> run_if_worker(int argument_count, char const* const* argument_values);

} // namespace hpcsched::faas_host

#endif

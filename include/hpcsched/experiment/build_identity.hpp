// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_BUILD_IDENTITY_HPP
#define HPCSCHED_EXPERIMENT_BUILD_IDENTITY_HPP

#include <cstdint>
#include <string_view>

namespace hpcsched::experiment {

/// The version of this library, e.g. "0.1.0".
[[nodiscard]] std::string_view library_version() noexcept;

/// Tells builds of the running program apart: a hash of its build id (the ELF note that the linker derives from the
/// program's contents) and the library's version; of the version alone where there is no such note.
[[nodiscard]] std::uint64_t build_identity();

} // namespace hpcsched::experiment

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_SKIP_HPP
#define HPCSCHED_TESTS_SKIP_HPP

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace hpcsched::test {

/// The path of a real trace, below the folder that HPCSCHED_DATA names; nothing where it names none.
inline std::optional<std::string> shared_data(std::string const& file) {
    char const* const folder = std::getenv("HPCSCHED_DATA");
    if (folder == nullptr || *folder == '\0') {
        return std::nullopt;
    }
    return std::string{folder} + '/' + file;
}

} // namespace hpcsched::test

/// Leaves a test case that needs what the machine lacks; CTest counts it as skipped, `tests/run.sh` says why.
#define HPCSCHED_SKIP(reason)                                                                                          \
    do {                                                                                                               \
        std::printf("skipped: %s\n", (reason));                                                                        \
        return;                                                                                                        \
    } while (false)

#endif

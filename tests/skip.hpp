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

/// Whether a sanitizer is in this program: its processes then use far more CPU time than they are told to.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HPCSCHED_IS_SANITIZED 1
#else
#define HPCSCHED_IS_SANITIZED 0
#endif

/// Leaves a test case that needs what the machine lacks; CTest counts it as skipped, `tests/run.sh` says why.
#define HPCSCHED_SKIP(reason)                                                                                          \
    do {                                                                                                               \
        std::printf("skipped: %s\n", (reason));                                                                        \
        return;                                                                                                        \
    } while (false)

#endif

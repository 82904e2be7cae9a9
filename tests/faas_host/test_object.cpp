// SPDX-License-Identifier: Apache-2.0

// A shared object for the tests: answers with the event, and fails where it is told to.
#include <hpcsched/faas_host/shared_function.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int hpcsched_function(hpcsched_invocation* invocation) {
    std::string_view const event{invocation->event, invocation->event_size};
    std::printf("called for %s\n", invocation->request_id);
    std::fflush(stdout);
    if (event == "\"trap\"") {
        __builtin_trap(); // as in test_worker.cpp
    }
    if (event == "\"fail\"") {
        constexpr std::string_view why = "as asked";
        invocation->write(invocation, why.data(), why.size());
        return 1;
    }
    invocation->write(invocation, event.data(), event.size());
    return 0;
}

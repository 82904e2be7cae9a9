// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/shared_function.h>
#include <hpcsched/faas_host/shared_function_worker.hpp>

#include "object_frame.hpp"
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

namespace hpcsched::faas_host {

namespace {

using namespace detail;

bool receive(void* to, std::size_t size) {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
        ssize_t const got = ::recv(worker_channel, at, size, 0);
        if (got <= 0) {
            if (got < 0 && errno == EINTR) {
                continue;
            }
            return false; // the host is gone
        }
        at += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

bool send_all(void const* from, std::size_t size, int flags) {
    auto const* at = static_cast<char const*>(from);
    while (size > 0) {
        ssize_t const sent = ::send(worker_channel, at, size, MSG_NOSIGNAL | flags);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        at += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

bool say(object_says what, std::string_view bytes) {
    object_frame const head{what, static_cast<std::uint32_t>(bytes.size())};
    return send_all(&head, sizeof head, bytes.empty() ? 0 : MSG_MORE) && send_all(bytes.data(), bytes.size(), 0);
}

void append(hpcsched_invocation* invocation, char const* bytes, std::size_t size) {
    auto& answer = *static_cast<std::string*>(invocation->host);
    if (size <= std::numeric_limits<std::uint32_t>::max() - answer.size()) { // far beyond what a host takes
        answer.append(bytes, size);
    }
}

int serve(char const* path) {
    void* const object = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    using function = int (*)(hpcsched_invocation*);
    auto* const call = object == nullptr ? nullptr : reinterpret_cast<function>(::dlsym(object, "hpcsched_function"));
    if (call == nullptr) {
        (void)say(object_says::cannot_start, ::dlerror());
        char nothing = 0; // the host ends this process once it has heard that: an exit could come to it first
        (void)receive(&nothing, sizeof nothing);
        return 1;
    }
    (void)say(object_says::ready, {});
    std::string event;
    std::string answer;
    for (event_frame head; receive(&head, sizeof head);) {
        event.resize(head.size);
        if (!receive(event.data(), event.size())) {
            break;
        }
        answer.clear();
        hpcsched_invocation invocation{.event = event.data(),
                                       .event_size = event.size(),
                                       .request_id = head.request_id,
                                       .deadline = head.deadline,
                                       .write = &append,
                                       .host = &answer};
        bool const is_well = call(&invocation) == 0;
        if (!say(is_well ? object_says::answer : object_says::error, answer)) {
            break;
        }
    }
    return 0;
}

} // namespace

std::optional<int> run_if_worker(int argument_count, char const* const* argument_values) {
    if (argument_count != 3 || std::string_view{argument_values[1]} != worker_argument) {
        return std::nullopt;
    }
    return serve(argument_values[2]);
}

} // namespace hpcsched::faas_host

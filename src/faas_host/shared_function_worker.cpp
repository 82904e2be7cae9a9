// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/shared_function.h>
#include <hpcsched/faas_host/shared_function_worker.hpp>

#include "object_frame.hpp"
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
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

/// Waits for a frame and its event. The host sends no other before it has the answer, so most come whole in one call.
bool receive(event_frame& head, std::string& event) {
    constexpr std::size_t usual_size = 4096;
    event.resize(usual_size);
    std::array<iovec, 2> parts{iovec{&head, sizeof head}, iovec{event.data(), event.size()}};
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    ssize_t got = 0;
    do {
        got = ::recvmsg(worker_channel, &header, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return false; // the host is gone
    }
    auto const there = static_cast<std::size_t>(got);
    if (there < sizeof head && !receive(reinterpret_cast<char*>(&head) + there, sizeof head - there)) {
        return false;
    }
    std::size_t const of_event = there < sizeof head ? 0 : there - sizeof head;
    event.resize(head.size);
    return receive(event.data() + of_event, event.size() - of_event);
}

bool send_all(std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t const sent = ::send(worker_channel, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// What is said, with room for the frame before it: both leave in one call, and wake the host once.
class message {
  public:
    void clear() { bytes_.resize(sizeof(object_frame)); }
    void append(char const* bytes, std::size_t size) {
        if (size <= std::numeric_limits<std::uint32_t>::max() - bytes_.size()) { // far beyond what a host takes
            bytes_.append(bytes, size);
        }
    }
    [[nodiscard]] bool say(object_says what) {
        object_frame const head{what, static_cast<std::uint32_t>(bytes_.size() - sizeof(object_frame))};
        std::memcpy(bytes_.data(), &head, sizeof head);
        return send_all(bytes_);
    }

  private:
    std::string bytes_ = std::string(sizeof(object_frame), '\0');
};

void append(hpcsched_invocation* invocation, char const* bytes, std::size_t size) {
    static_cast<message*>(invocation->host)->append(bytes, size);
}

int serve(char const* path) {
    void* const object = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    using function = int (*)(hpcsched_invocation*);
    auto* const call = object == nullptr ? nullptr : reinterpret_cast<function>(::dlsym(object, "hpcsched_function"));
    message answer;
    if (call == nullptr) {
        std::string_view const why = ::dlerror();
        answer.append(why.data(), why.size());
        (void)answer.say(object_says::cannot_start);
        char nothing = 0; // the host ends this process once it has heard that: an exit could come to it first
        (void)receive(&nothing, sizeof nothing);
        return 1;
    }
    (void)answer.say(object_says::ready);
    std::string event;
    for (event_frame head; receive(head, event);) {
        answer.clear();
        hpcsched_invocation invocation{.event = event.data(),
                                       .event_size = event.size(),
                                       .request_id = head.request_id,
                                       .deadline = head.deadline,
                                       .write = &append,
                                       .host = &answer};
        bool const is_well = call(&invocation) == 0;
        if (!answer.say(is_well ? object_says::answer : object_says::error)) {
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

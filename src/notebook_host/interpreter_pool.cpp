// SPDX-License-Identifier: Apache-2.0
#include "interpreter_pool.hpp"

#include "assets.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

constexpr duration try_again = std::chrono::seconds{10};
// Who has just opened a kernel wants its interpreters first, and they want the cores.
constexpr duration give_way = std::chrono::seconds{2};

[[nodiscard]] std::vector<std::pair<std::string, std::string>> package() {
    std::vector<std::pair<std::string, std::string>> files;
    for (auto const& [name, text] :
         std::array{std::pair{"__init__", kernel_init()}, std::pair{"__main__", kernel_main()},
                    std::pair{"kernel", kernel_kernel()}, std::pair{"loading", kernel_loading()},
                    std::pair{"objects", kernel_objects()}, std::pair{"pickling", kernel_pickling()},
                    std::pair{"replica", kernel_replica()}, std::pair{"store", kernel_store()},
                    std::pair{"watching", kernel_watching()}, std::pair{"widgets", kernel_widgets()}}) {
        files.emplace_back("hpcsched_kernel/" + std::string{name} + ".py", text_of(text));
    }
    return files;
}

} // namespace

interpreter_pool::interpreter_pool(raft_asio::event_loop& loop, zmq::context_t& sockets, std::vector<std::string> words,
                                   std::size_t wanted, std::function<void(std::string const&)> complain)
    : loop_{loop}, sockets_{sockets}, words_{std::move(words)}, wanted_{wanted}, complain_{std::move(complain)},
      package_{package()} {}

result<std::unique_ptr<interpreter>> interpreter_pool::start(std::string const& user, interpreter::on_message heard,
                                                             interpreter::on_end ended) {
    if (user.empty()) {
        return interpreter::start(loop_, sockets_, words_, package_, std::move(heard), std::move(ended));
    }
    auto const identity = user_identity::find(user);
    if (!identity) {
        return identity.error();
    }
    return interpreter::start(loop_, sockets_, words_, package_, std::move(heard), std::move(ended), &*identity);
}

result<std::unique_ptr<interpreter>> interpreter_pool::take(std::string const& user, interpreter::on_message heard,
                                                            interpreter::on_end ended) {
    not_before_ = std::max(not_before_, saturating_add(raft_asio::event_loop::now(), give_way));
    auto const at = rooms_.find(user);
    if (at == rooms_.end()) {
        return start(user, std::move(heard), std::move(ended));
    }
    auto& [waiting, starting, not_before] = at->second;
    if (waiting.empty() && starting) { // it is on its way
        waiting.push_back(std::move(starting));
    }
    if (waiting.empty()) {
        return start(user, std::move(heard), std::move(ended));
    }
    auto taken = std::move(waiting.back());
    waiting.pop_back();
    taken->listen(std::move(heard), std::move(ended));
    return taken;
}

void interpreter_pool::expect(std::set<std::string> users) {
    std::erase_if(rooms_, [&](auto const& each) { return !users.contains(each.first); });
    for (std::string const& user : users) {
        rooms_.try_emplace(user);
    }
}

void interpreter_pool::refill(time_point now) {
    if (now < not_before_) {
        return;
    }
    for (auto& [user, room] : rooms_) {
        refill(user, room, now);
    }
}

void interpreter_pool::refill(std::string const& user, waiting_room& room, time_point now) {
    if (room.starting || room.waiting.size() >= wanted_ || now < room.not_before) {
        return;
    }
    auto made = start(
        user,
        [this, user](channel, jupyter_message const&) { // what it says first: it is up
            auto const at = rooms_.find(user);
            if (at != rooms_.end() && at->second.starting) {
                at->second.waiting.push_back(std::move(at->second.starting));
            }
        },
        [this, user](int status) { lost(user, status); });
    if (!made) {
        complain_(made.error().message);
        room.not_before = saturating_add(now, try_again);
        return;
    }
    room.starting = std::move(*made);
    room.starting->send(
        channel::shell,
        {.header = make_header("hpcsched_names_request"), .parent_header = "{}", .metadata = "{}", .content = "{}"});
}

void interpreter_pool::lost(std::string const& user, int status) {
    complain_("an interpreter that waited for a kernel ended with status " + std::to_string(status));
    loop_.post([this, user, alive = std::weak_ptr{alive_}] { // not in its own call
        if (alive.expired()) {
            return;
        }
        if (auto const at = rooms_.find(user); at != rooms_.end()) { // which of them it was is not worth knowing
            at->second.waiting.clear();
            at->second.starting.reset();
            at->second.not_before = saturating_add(raft_asio::event_loop::now(), try_again);
        }
    });
}

} // namespace hpcsched::notebook_host

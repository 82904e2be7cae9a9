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

} // namespace

interpreter_pool::interpreter_pool(raft_asio::event_loop& loop, zmq::context_t& sockets, std::vector<std::string> words,
                                   std::size_t wanted, std::function<void(std::string const&)> complain)
    : loop_{loop}, sockets_{sockets}, words_{std::move(words)}, wanted_{wanted}, complain_{std::move(complain)} {}

result<std::unique_ptr<interpreter>> interpreter_pool::start(interpreter::on_message heard, interpreter::on_end ended) {
    std::array<std::pair<std::string, std::string>, 1> const files{
        std::pair{std::string{"hpcsched_kernel.py"}, text_of(kernel_module())}};
    return interpreter::start(loop_, sockets_, words_, files, std::move(heard), std::move(ended));
}

result<std::unique_ptr<interpreter>> interpreter_pool::take(interpreter::on_message heard, interpreter::on_end ended) {
    not_before_ = std::max(not_before_, saturating_add(raft_asio::event_loop::now(), give_way));
    if (waiting_.empty() && starting_) { // it is on its way
        waiting_.push_back(std::move(starting_));
    }
    if (waiting_.empty()) {
        return start(std::move(heard), std::move(ended));
    }
    auto taken = std::move(waiting_.back());
    waiting_.pop_back();
    taken->listen(std::move(heard), std::move(ended));
    return taken;
}

void interpreter_pool::refill(time_point now) {
    if (starting_ || waiting_.size() >= wanted_ || now < not_before_) {
        return;
    }
    auto made = start(
        [this](channel, jupyter_message const&) { // what it says first: it is up
            if (starting_) {
                waiting_.push_back(std::move(starting_));
            }
        },
        [this](int status) {
            complain_("an interpreter that waited for a kernel ended with status " + std::to_string(status));
            not_before_ = saturating_add(raft_asio::event_loop::now(), try_again);
            loop_.post([this, alive = std::weak_ptr{alive_}] {
                if (!alive.expired()) { // which of them it was is not worth knowing
                    starting_.reset();
                    waiting_.clear();
                }
            });
        });
    if (!made) {
        complain_(made.error().message);
        not_before_ = saturating_add(now, try_again);
        return;
    }
    starting_ = std::move(*made);
    starting_->send(
        channel::shell,
        {.header = make_header("hpcsched_names_request"), .parent_header = "{}", .metadata = "{}", .content = "{}"});
}

} // namespace hpcsched::notebook_host

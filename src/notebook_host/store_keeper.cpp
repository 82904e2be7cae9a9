// SPDX-License-Identifier: Apache-2.0
#include "store_keeper.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace hpcsched::notebook_host {

std::string store_of_kernel(std::string const& where, std::string const& kernel) {
    if (where.empty()) {
        return {};
    }
    if (!where.starts_with("redis")) {
        return where + '/' + kernel;
    }
    return where + (where.find('?') == std::string::npos ? '?' : '&') + "prefix=hpcsched:" + kernel;
}

std::vector<chunk_digest> live_chunks(notebook::kernel_log const& log) {
    std::vector<chunk_digest> live;
    for (auto const& [name, value] : log.names()) {
        if (auto const* const pointer = std::get_if<notebook::chunk_pointer>(&value)) {
            live.push_back(pointer->digest);
        }
    }
    return live;
}

store_keeper::store_keeper(duration age, std::function<void(std::string const&)> complain)
    : age_{age}, complain_{std::move(complain)}, thread_{[this](std::stop_token const& ends) { run(ends); }} {}

void store_keeper::collect(std::string store, std::vector<chunk_digest> live) {
    add({.store = std::move(store), .live = std::move(live)});
}

void store_keeper::remove(std::string store) {
    add({.store = std::move(store), .live = {}, .all = true});
}

void store_keeper::add(work w) {
    {
        std::scoped_lock const held{guard_};
        // Of the same store the newest counts; one that is removed needs no collection.
        std::erase_if(waiting_, [&](work const& each) { return each.store == w.store && !each.all; });
        waiting_.push_back(std::move(w));
    }
    came_.notify_one();
}

void store_keeper::run(std::stop_token const& ends) {
    std::unique_lock held{guard_};
    while (came_.wait(held, ends, [this] { return !waiting_.empty(); })) {
        work const next = std::move(waiting_.front());
        waiting_.pop_front();
        held.unlock();
        if (auto const done = carry_out(next); !done) {
            complain_("the store of large values: " + done.error().message);
        }
        held.lock();
    }
}

result<void> store_keeper::carry_out(work const& w) const {
    auto store = chunk_store::open(w.store);
    if (!store) {
        return store.error();
    }
    if (w.all) {
        return (*store)->remove_all();
    }
    auto const collected = (*store)->collect(w.live, age_);
    return collected ? result<void>{} : result<void>{collected.error()};
}

} // namespace hpcsched::notebook_host

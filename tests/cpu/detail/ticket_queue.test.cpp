// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/detail/ticket_queue.hpp>
#include <hpcsched/cpu/task.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace hpcsched::cpu::detail {

namespace {

struct node : ticket_hook {
    task_info const* task = nullptr;
};

struct line {
    line() : infos(6), nodes(6) {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            nodes[i].task = &infos[i];
        }
    }

    std::vector<std::ptrdiff_t> order() {
        std::vector<std::ptrdiff_t> numbers;
        queue.for_each([&](node& n) { numbers.push_back(&n - nodes.data()); });
        return numbers;
    }

    std::vector<task_info> infos;
    std::vector<node> nodes;
    ticket_queue<node> queue;
};

using numbers = std::vector<std::ptrdiff_t>;

} // namespace

TEST_CASE("ticket_queue: joins at the tail or at the head") {
    line l;
    l.queue.push_back(l.nodes[0]);
    l.queue.push_back(l.nodes[1]);
    l.queue.push_front(l.nodes[2]);
    l.queue.push_front(l.nodes[3]);
    CHECK(l.order() == numbers{3, 2, 0, 1});
}

TEST_CASE("ticket_queue: one that comes back by its ticket has its old place") {
    line l;
    for (std::size_t i = 0; i < 4; ++i) {
        l.queue.push_back(l.nodes[i]);
    }
    for (std::size_t const i : {0U, 1U, 2U, 3U}) {
        l.queue.erase(l.nodes[i]);
        l.queue.put_back(l.nodes[i]);
        CAPTURE(i);
        CHECK(l.order() == numbers{0, 1, 2, 3});
    }
    l.queue.erase(l.nodes[1]);
    l.queue.push_front(l.nodes[4]);
    l.queue.push_back(l.nodes[5]);
    l.queue.put_back(l.nodes[1]);
    CHECK(l.order() == numbers{4, 0, 1, 2, 3, 5});
}

TEST_CASE("ticket_queue: appending another keeps the order of both, and the tickets ascend") {
    line l;
    ticket_queue<node> other;
    l.queue.push_back(l.nodes[0]);
    l.queue.push_back(l.nodes[1]);
    other.push_front(l.nodes[2]);
    other.push_front(l.nodes[3]);
    l.queue.append(other);
    CHECK(other.empty());
    CHECK(l.order() == numbers{0, 1, 3, 2});
    l.queue.erase(l.nodes[3]);
    l.queue.put_back(l.nodes[3]);
    CHECK(l.order() == numbers{0, 1, 3, 2});
}

TEST_CASE("ticket_queue: finds the first that may run on a CPU") {
    line l;
    cpu_mask const only_7 = cpu_mask::range(cpu_id{7}, 1);
    l.infos[0].affinity = &only_7;
    l.queue.push_back(l.nodes[0]);
    l.queue.push_back(l.nodes[1]);
    CHECK(l.queue.first_for(cpu_id{0}) == &l.nodes[1]);
    CHECK(l.queue.first_for(cpu_id{7}) == &l.nodes[0]);
    l.queue.erase(l.nodes[1]);
    CHECK(l.queue.first_for(cpu_id{0}) == nullptr);
}

} // namespace hpcsched::cpu::detail

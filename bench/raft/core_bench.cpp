// SPDX-License-Identifier: Apache-2.0

// The core of Raft alone: three replicas in one thread, memory logs, entries of 256 bytes, each message handed over as
// it is made. Beside it, what no replication can do without: the payload copied into three rings and handed to three
// state machines.
#include <hpcsched/raft/replica.hpp>

#include "figure.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace {

std::atomic<std::uint64_t> allocations{0};

} // namespace

// Counts every allocation of the program.
void* operator new(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
        return memory;
    }
    std::abort();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}

namespace {

using namespace hpcsched;
using raft::node_id;

constexpr std::size_t payload_size = 256;

/// Three replicas whose messages arrive at once and whose writes are durable at once.
class trio {
  public:
    trio() {
        std::array const ids{node_id{1}, node_id{2}, node_id{3}};
        raft::membership const group{ids};
        for (std::size_t i = 0; i < 3; ++i) {
            raft::replica_config c{.id = ids[i], .seed = 7};
            replicas_[i] = std::make_unique<raft::replica>(c, raft::stored_state{.members = group}, now_);
        }
        replicas_[0]->campaign(now_, outs_[0]);
        settle();
        if (replicas_[0]->role() != raft::role::leader) {
            std::abort();
        }
    }

    void commit(std::span<std::byte const> payload, std::size_t depth) {
        for (std::size_t i = 0; i < depth; ++i) {
            if (!replicas_[0]->propose(payload, now_)) {
                std::abort();
            }
        }
        settle();
    }

    [[nodiscard]] std::uint64_t applied() const { return applied_; }

  private:
    // Until nobody has anything left to do.
    void settle() {
        for (bool busy = true; busy;) {
            busy = false;
            for (std::size_t i = 0; i < 3; ++i) {
                replicas_[i]->flush(now_, outs_[i]);
                if (!outs_[i].empty()) {
                    carry_out(i);
                    busy = true;
                }
            }
        }
    }

    void carry_out(std::size_t i) {
        raft::ready& out = outs_[i];
        for (raft::log_index at = out.committed_first; at != 0 && at <= out.committed_last; ++at) {
            applied_ += static_cast<std::uint64_t>(replicas_[i]->log().at(at).payload.size()) / payload_size;
        }
        for (raft::message const& m : out.messages.items()) {
            replicas_[m.to.value - 1]->receive(m, now_, inbox_[m.to.value - 1]);
        }
        std::uint64_t const write = out.write.number;
        out.clear();
        for (std::size_t k = 0; k < 3; ++k) {
            for (raft::message const& m : inbox_[k].messages.items()) {
                outs_[k].messages.append(m);
            }
            inbox_[k].clear();
        }
        if (write != 0) {
            replicas_[i]->written(write, now_);
        }
    }

    time_point now_{};
    std::array<std::unique_ptr<raft::replica>, 3> replicas_;
    std::array<raft::ready, 3> outs_;
    std::array<raft::ready, 3> inbox_;
    std::uint64_t applied_ = 0;
};

/// Three rings, three counters.
class bare_copies {
  public:
    void commit(std::span<std::byte const> payload, std::size_t depth) {
        for (std::size_t i = 0; i < depth; ++i) {
            for (auto& ring : rings_) {
                std::memcpy(ring.data() + at_, payload.data(), payload.size());
                applied_ += static_cast<std::uint64_t>(ring[at_] == std::byte{1});
            }
            at_ = (at_ + payload.size()) % rings_[0].size();
        }
    }
    [[nodiscard]] std::uint64_t applied() const { return applied_; }

  private:
    std::array<std::vector<std::byte>, 3> rings_{std::vector<std::byte>(std::size_t{4} << 20U),
                                                 std::vector<std::byte>(std::size_t{4} << 20U),
                                                 std::vector<std::byte>(std::size_t{4} << 20U)};
    std::size_t at_ = 0;
    std::uint64_t applied_ = 0;
};

template <class System>
double ns_per_commit(System& system, std::size_t depth, std::size_t commits) {
    std::array<std::byte, payload_size> payload{};
    payload[0] = std::byte{1};
    auto const start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < commits; i += depth) {
        system.commit(payload, depth);
    }
    std::chrono::duration<double, std::nano> const spent = std::chrono::steady_clock::now() - start;
    return spent.count() / static_cast<double>(commits);
}

void report_depth(bench::effort how_much, std::size_t depth, double goal) {
    std::size_t const commits = how_much == bench::effort::smoke ? 640 : 640'000;
    double ours = std::numeric_limits<double>::infinity();
    double bare = ours;
    trio group;
    bare_copies copies;
    (void)ns_per_commit(group, depth, how_much == bench::effort::smoke ? 640 : 64'000); // rings come into being
    std::uint64_t const before = allocations.load();
    int const rounds = how_much == bench::effort::smoke ? 1 : 7;
    for (int round = 0; round < rounds; ++round) {
        ours = std::min(ours, ns_per_commit(group, depth, commits));
        bare = std::min(bare, ns_per_commit(copies, depth, commits));
    }
    std::uint64_t const allocated = allocations.load() - before;
    std::string const name = "raft.core";
    bench::report({.name = name + "/depth " + std::to_string(depth),
                   .value = ours,
                   .unit = "ns per commit",
                   .beside = bare,
                   .goal = "at most " + std::to_string(static_cast<int>(goal)) + " ns (beside: three copies)",
                   .holds = ours <= goal});
    bench::report({.name = name + "/allocations at depth " + std::to_string(depth),
                   .value = static_cast<double>(allocated),
                   .unit = "",
                   .goal = "none in the steady state",
                   .holds = allocated == 0});
}

bench::figure_case const core{"raft.core", 4,
                              "a commit of 256 bytes by three replicas in one thread, beside bare copies",
                              [](bench::effort how_much) {
                                  report_depth(how_much, 1, 800);
                                  report_depth(how_much, 64, 200);
                              }};

} // namespace

// SPDX-License-Identifier: Apache-2.0

// What a message costs between replica and socket: an append_request of so many entries of 256 bytes is encoded into a
// frame (checksum included), and the frame is checked and decoded. Beside it what cannot be done without: the payloads
// copied once.
#include <hpcsched/raft/message.hpp>

#include <benchmark/benchmark.h>

#include "codec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <variant>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio::detail;

constexpr std::size_t payload_size = 256;
constexpr raft::node_id here{1};
constexpr raft::node_id there{2};

struct entries_of_256_bytes {
    explicit entries_of_256_bytes(std::size_t count) : payload(payload_size, std::byte{'x'}) {
        for (std::size_t i = 1; i <= count; ++i) {
            entries.push_back({i, 1, raft::entry_kind::command, payload});
        }
    }
    [[nodiscard]] raft::message message() const {
        return {here, there, 1, raft::append_request{.commit = 1, .round = 1, .entries = entries}};
    }

    std::vector<std::byte> payload;
    std::vector<raft::entry> entries;
};

std::span<std::byte const> checked_body(std::span<std::byte const> frame) {
    auto const found = first_frame(frame, frame.size());
    if (!std::holds_alternative<whole_frame>(found)) {
        std::abort();
    }
    return std::get<whole_frame>(found).body;
}

void count(benchmark::State& state, std::size_t entries) {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(entries));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(entries * payload_size));
}

void bm_append_request(benchmark::State& state) {
    auto const size = static_cast<std::size_t>(state.range(0));
    entries_of_256_bytes const made{size};
    raft::message const m = made.message();
    message_batch batch;
    message_decoder decoder;
    std::uint64_t bytes = 0;
    message_decoder::sink const sink = [&](raft::group_id, raft::message const& came) {
        bytes += std::get<raft::append_request>(came.body).entries.back().payload.size();
    };
    for (auto _ : state) {
        batch.add(raft::group_id{1}, m);
        auto const frame = batch.seal();
        auto const seen = decoder.decode(checked_body(frame), here, there, sink);
        batch.clear();
        if (seen.count != 1) {
            std::abort();
        }
    }
    benchmark::DoNotOptimize(bytes);
    count(state, size);
}
BENCHMARK(bm_append_request)->ArgName("entries")->Arg(1)->Arg(64);

void bm_append_request_encode(benchmark::State& state) {
    auto const size = static_cast<std::size_t>(state.range(0));
    entries_of_256_bytes const made{size};
    raft::message const m = made.message();
    message_batch batch;
    for (auto _ : state) {
        batch.add(raft::group_id{1}, m);
        benchmark::DoNotOptimize(batch.seal().data());
        batch.clear();
    }
    count(state, size);
}
BENCHMARK(bm_append_request_encode)->ArgName("entries")->Arg(1)->Arg(64);

void bm_memcpy(benchmark::State& state) {
    auto const size = static_cast<std::size_t>(state.range(0));
    entries_of_256_bytes const made{size};
    std::vector<std::byte> room(size * payload_size);
    for (auto _ : state) {
        std::byte* at = room.data();
        for (raft::entry const& e : made.entries) {
            std::memcpy(at, e.payload.data(), e.payload.size());
            at += e.payload.size();
        }
        benchmark::DoNotOptimize(room.data());
        benchmark::ClobberMemory();
    }
    count(state, size);
}
BENCHMARK(bm_memcpy)->ArgName("entries")->Arg(1)->Arg(64);

// The answer to it, and what thousands of idle groups say.
void bm_append_response(benchmark::State& state) {
    raft::message const m{here, there, 1, raft::append_response{.matched = 1000, .round = 7}};
    message_batch batch;
    message_decoder decoder;
    message_decoder::sink const sink = [](raft::group_id, raft::message const&) {};
    for (auto _ : state) {
        batch.add(raft::group_id{1}, m);
        benchmark::DoNotOptimize(decoder.decode(checked_body(batch.seal()), here, there, sink).count);
        batch.clear();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bm_append_response);

void bm_heartbeats(benchmark::State& state) {
    auto const groups = static_cast<std::uint32_t>(state.range(0));
    message_batch batch;
    message_decoder decoder;
    message_decoder::sink const sink = [](raft::group_id, raft::message const&) {};
    for (auto _ : state) {
        for (std::uint32_t g = 0; g < groups; ++g) {
            batch.add(raft::group_id{g}, {here, there, 1, raft::heartbeat{.commit = 9, .round = 7}});
        }
        benchmark::DoNotOptimize(decoder.decode(checked_body(batch.seal()), here, there, sink).count);
        batch.clear();
    }
    state.SetItemsProcessed(state.iterations() * groups);
}
BENCHMARK(bm_heartbeats)->ArgName("groups")->Arg(1000);

} // namespace

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/notebook/scheduler_machine.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// What a group may be asked to do to its notebooks' scheduler, and what may be handed to it as a snapshot. The first
/// byte chooses: a snapshot; an answer; or commands, each behind a byte that says how long it is. Whatever it is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * the accounts add up after each command, and one that is not done changes nothing;
/// * a snapshot that is taken is written down the same and can be gone on with, and one that is refused changes
/// nothing.
namespace {

using namespace hpcsched;
using namespace hpcsched::notebook;
using machine = scheduler_machine<standing_cluster>;

machine new_machine() {
    return machine{standing_cluster{standing_policies{}}};
}

byte_buffer saved(machine const& m) {
    byte_buffer out;
    m.save(out);
    return out;
}

// A host with a large number makes a large table, which costs the search its time and shows nothing.
bool joins_far_host(std::span<std::byte const> command) {
    byte_reader in{command};
    return in.word() == 1 && in.word() >= 0 && in.word() > 100 && in.good();
}

void check_views(machine const& m) {
    for (auto const& [name, k] : m.open_kernels()) {
        byte_buffer question;
        machine::ask_for(name, question);
        byte_buffer reply;
        m.query(question, reply);
        HPCSCHED_ASSERT(machine::decode_view(reply) == m.view(k));
    }
}

void carry_out(machine& m, std::span<std::byte const> command) {
    if (joins_far_host(command)) {
        return;
    }
    byte_buffer const before = saved(m);
    byte_buffer reply;
    m.apply(1, command, reply);
    auto const a = machine::decode(reply);
    HPCSCHED_ASSERT(reply.size() == 24);
    HPCSCHED_ASSERT(a.outcome == scheduler_outcome::done || saved(m) == before);
    HPCSCHED_ASSERT(m.state().ledger().check().empty());
    byte_buffer answer;
    m.query(command, answer);
    HPCSCHED_ASSERT(!answer.empty());
}

void carry_out_all(machine& m, std::vector<byte_buffer> const& commands) {
    for (byte_buffer const& c : commands) {
        byte_buffer reply;
        m.apply(1, c, reply);
    }
    HPCSCHED_ASSERT(m.state().ledger().check().empty());
}

void take_commands(std::span<std::byte const> input) {
    machine m = new_machine();
    while (!input.empty()) {
        std::size_t const size = std::min(static_cast<std::size_t>(input[0]), input.size() - 1);
        carry_out(m, input.subspan(1, size));
        input = input.subspan(1 + size);
    }
    check_views(m);
    machine other = new_machine();
    HPCSCHED_ASSERT(other.restore(saved(m)));
    HPCSCHED_ASSERT(saved(other) == saved(m));
}

// Hosts come and go, and what waits is served.
void go_on(machine& m) {
    time_point const now = m.now();
    std::vector<byte_buffer> commands;
    for (std::uint32_t host = 0; host < 4; ++host) {
        machine::lose_host(gpu::host_id{host}, now, commands.emplace_back());
        machine::join_host(gpu::host_id{host}, gpu::uniform_host(8), now, commands.emplace_back());
    }
    carry_out_all(m, commands);
    commands.clear();
    for (auto const& [name, k] : m.open_kernels()) {
        kernel_view const v = m.view(k);
        for (replica const& r : v.replicas) {
            machine::replica_is_ready(k, v.serial, r.id, now, commands.emplace_back());
        }
        machine::finish_cell(k, v.serial, v.cell, now, commands.emplace_back());
        machine::submit_cell(k, v.serial, v.last_cell + 1, 1, now, commands.emplace_back());
    }
    machine::wake(m.next_wake(), commands.emplace_back());
    carry_out_all(m, commands);
    check_views(m);
}

void take_snapshot(std::span<std::byte const> input) {
    machine m = new_machine();
    byte_buffer const before = saved(m);
    if (!m.restore(input)) {
        HPCSCHED_ASSERT(saved(m) == before);
        return;
    }
    HPCSCHED_ASSERT(m.state().ledger().check().empty());
    byte_buffer const again = saved(m);
    HPCSCHED_ASSERT(std::equal(again.begin(), again.end(), input.begin(), input.end()));
    go_on(m);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    auto const input = std::as_bytes(std::span{data, size}).subspan(1);
    switch (data[0] % 4) {
    case 0:
        take_snapshot(input);
        break;
    case 1:
        (void)machine::decode(input);
        (void)machine::decode_view(input);
        break;
    default:
        take_commands(input);
    }
    return 0;
}

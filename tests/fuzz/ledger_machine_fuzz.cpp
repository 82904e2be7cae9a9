// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/gpu/ledger_machine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// What a group may be asked to do to its ledger, and what may be handed to it as a snapshot. The first byte chooses: a
/// snapshot; an answer; or commands, each behind a byte that says how many times four bytes it has. Whatever it is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * the accounts add up after each command, and one that is not done changes nothing;
/// * a snapshot that is taken is written down the same, and one that is refused changes nothing.
namespace {

using namespace hpcsched;
using namespace hpcsched::gpu;

byte_buffer saved(ledger_machine const& m) {
    byte_buffer out;
    m.save(out);
    return out;
}

// A host with a large number makes a large table, which costs the search its time and shows nothing.
bool adds_far_host(std::span<std::byte const> command) {
    byte_reader in{command};
    return in.word() == 1 && in.word() > 100 && in.good();
}

void carry_out(ledger_machine& m, std::span<std::byte const> command) {
    if (adds_far_host(command)) {
        return;
    }
    byte_buffer const before = saved(m);
    byte_buffer reply;
    m.apply(1, command, reply);
    auto const a = ledger_machine::decode(reply);
    HPCSCHED_ASSERT(m.state().check().empty());
    HPCSCHED_ASSERT(a.code == ledger_code::done || (saved(m) == before && !a.granted && a.ended.empty()));
    byte_buffer answer;
    m.query(command, answer);
    HPCSCHED_ASSERT(!answer.empty());
}

void take_commands(std::span<std::byte const> input) {
    ledger_machine m;
    while (!input.empty()) {
        std::size_t const size = std::min(4 * static_cast<std::size_t>(input[0]), input.size() - 1);
        carry_out(m, input.subspan(1, size));
        input = input.subspan(1 + size);
    }
    ledger_machine other;
    HPCSCHED_ASSERT(other.restore(saved(m)));
    HPCSCHED_ASSERT(other.state() == m.state());
    HPCSCHED_ASSERT(saved(other) == saved(m));
}

bool has_far_host(std::span<std::byte const> snapshot) {
    byte_reader in{snapshot};
    std::uint64_t words[4] = {}; // the time, the last token, the number of hosts, the first host
    for (std::uint64_t& word : words) {
        word = in.word();
    }
    return words[2] > 0 && words[3] > 100;
}

void take_snapshot(std::span<std::byte const> input) {
    ledger_machine m;
    if (has_far_host(input)) {
        return;
    }
    if (!m.restore(input)) {
        HPCSCHED_ASSERT(m.state() == ledger{});
        return;
    }
    HPCSCHED_ASSERT(m.state().check().empty());
    byte_buffer const again = saved(m);
    HPCSCHED_ASSERT(std::equal(again.begin(), again.end(), input.begin(), input.end()));
    for (std::uint32_t host = 0; host < 3; ++host) {
        byte_buffer command;
        ledger_machine::acquire(~std::uint64_t{0}, ~std::uint64_t{0}, host_id{host}, {}, 0, 0, time_point{}, unlimited,
                                command);
        carry_out(m, command);
        command.clear();
        ledger_machine::remove_host(host_id{host}, command);
        carry_out(m, command);
    }
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
        (void)ledger_machine::decode(input);
        break;
    default:
        take_commands(input);
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/notebook/kernel_log.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// What may stand in a notebook kernel's log, and what may be handed to it as a snapshot. The first byte chooses: a
/// snapshot, or entries, each behind a byte that says how many times eight bytes it has. Whatever it is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * what does not count changes nothing, and an entry that is decoded is encoded the same;
/// * a snapshot that is taken makes an equal log when it is written and taken again.
namespace {

using namespace hpcsched;
using namespace hpcsched::notebook;

byte_buffer saved(kernel_log const& log) {
    byte_buffer out;
    log.save(out);
    return out;
}

void check_written_again(kernel_log const& log) {
    kernel_log other;
    HPCSCHED_ASSERT(other.restore(saved(log)));
    HPCSCHED_ASSERT(other == log);
}

void take_entries(kernel_log& log, std::span<std::byte const> input) {
    while (!input.empty()) {
        std::size_t const size = std::min(8 * static_cast<std::size_t>(input[0]), input.size() - 1);
        auto const bytes = input.subspan(1, size);
        kernel_log const before = log;
        byte_buffer reply;
        log.apply(1, bytes, reply);
        auto const outcome = kernel_log::decode(reply);
        bool const counts = outcome == entry_outcome::done || outcome == entry_outcome::decided;
        HPCSCHED_ASSERT(counts || log == before);
        auto const entry = kernel_codec::decode(bytes);
        HPCSCHED_ASSERT(entry.has_value() == (outcome != entry_outcome::malformed));
        if (entry) {
            byte_buffer again;
            kernel_codec::encode(*entry, again);
            HPCSCHED_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
        }
        byte_buffer answer;
        log.query(bytes, answer);
        input = input.subspan(1 + size);
    }
    check_written_again(log);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    auto const input = std::as_bytes(std::span{data, size}).subspan(1);
    kernel_log log;
    if (data[0] % 4 == 0) {
        if (log.restore(input)) {
            check_written_again(log);
        }
    } else {
        take_entries(log, input);
    }
    return 0;
}

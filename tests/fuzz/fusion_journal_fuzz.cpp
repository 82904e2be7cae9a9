// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse/gmorph.hpp>

#include "networks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using namespace hpcsched;
using namespace hpcsched::fuse;

gmorph_pr begun(teacher_set const& teachers) {
    return gmorph_pr{
        teachers, {.seed = 1, .iterations_max = 30, .plan = {.epochs_max = 6, .check_every = 2}}, gmorph_pr_policies()};
}

/// A journal whose records are whole: the header of this search, then events, each as long as its first byte says. No
/// chance finds the sums of records, so they are put in.
byte_buffer journal_of(teacher_set const& teachers, std::span<std::byte const> input) {
    gmorph_pr first = begun(teachers);
    buffer<search_command> out;
    byte_buffer journal;
    first.handle(search_started{}, time_point{}, out, journal);
    std::uint64_t number = read_records(journal).records.size();
    while (!input.empty()) {
        std::size_t const size = std::min<std::size_t>(static_cast<std::size_t>(input.front()), input.size() - 1);
        append_record(journal, input.subspan(1, size), number++);
        input = input.subspan(1 + size);
    }
    return journal;
}

} // namespace

/// What may stand in the journal of a search. Nothing crashes or overflows; a journal that is taken leaves the search
/// as another that takes the same, and it goes on from there.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static teacher_set const teachers = fuzz::two_networks();
    auto input = std::as_bytes(std::span{data, size});
    if (input.empty()) {
        return 0;
    }
    bool const is_raw = (data[0] & 1U) != 0;
    input = input.subspan(1);
    byte_buffer const journal = is_raw ? byte_buffer{input.begin(), input.end()} : journal_of(teachers, input);
    gmorph_pr search = begun(teachers);
    auto const whole = search.replay(journal);
    if (!whole) {
        HPCSCHED_ASSERT(!whole.error().message.empty());
        return 0;
    }
    HPCSCHED_ASSERT(*whole <= journal.size());
    gmorph_pr other = begun(teachers);
    HPCSCHED_ASSERT(other.replay(std::span{journal}.first(*whole)).value() == *whole);
    HPCSCHED_ASSERT(other.progress() == search.progress());
    HPCSCHED_ASSERT(search.progress().accepted <= search.progress().evaluated);
    HPCSCHED_ASSERT(search.progress().iterations <= 30);
    buffer<search_command> out;
    byte_buffer more;
    if (*whole != 0 && search.baseline() != duration{}) {
        search.handle(time_passed{}, time_point::max(), out, more);
    }
    return 0;
}

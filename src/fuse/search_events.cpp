// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/search_events.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace hpcsched::fuse {

namespace {

void put_drops(byte_buffer& out, std::vector<double> const& drops) {
    put_word(out, drops.size());
    for (double const d : drops) {
        put_word(out, std::bit_cast<std::uint64_t>(d));
    }
}

bool take_drops(byte_reader& in, std::vector<double>& to) {
    std::uint64_t const count = in.word();
    if (count > teacher_set::tasks_max) {
        return false;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        to.push_back(std::bit_cast<double>(in.word()));
    }
    return in.good();
}

} // namespace

void put_event(byte_buffer& out, search_event const& event, time_point now) {
    put_word(out, event.index());
    put_word(out, static_cast<std::uint64_t>(now.time_since_epoch().count()));
    if (auto const* m = std::get_if<epoch_measured>(&event)) {
        put_word(out, m->id);
        put_word(out, m->epoch);
        put_drops(out, m->drops);
    } else if (auto const* e = std::get_if<evaluated>(&event)) {
        put_word(out, e->id);
        put_drops(out, e->drops);
        put_word(out, static_cast<std::uint64_t>(e->latency.count()));
    } else if (auto const* f = std::get_if<evaluation_failed>(&event)) {
        put_word(out, f->id);
    }
}

std::optional<search_event> take_event(std::span<std::byte const> bytes, time_point& now) {
    byte_reader in{bytes};
    std::uint64_t const kind = in.word();
    now = time_point{duration{static_cast<std::int64_t>(in.word())}};
    std::optional<search_event> event;
    switch (kind) {
    case 0:
        event = search_started{};
        break;
    case 1:
        event = driver_restarted{};
        break;
    case 2:
        event = time_passed{};
        break;
    case 3: {
        epoch_measured m;
        m.id = in.word();
        m.epoch = static_cast<std::uint32_t>(in.word());
        event = take_drops(in, m.drops) ? std::optional<search_event>{m} : std::nullopt;
        break;
    }
    case 4: {
        evaluated e;
        e.id = in.word();
        bool const read = take_drops(in, e.drops);
        e.latency = duration{static_cast<std::int64_t>(in.word())};
        event = read ? std::optional<search_event>{e} : std::nullopt;
        break;
    }
    case 5:
        event = evaluation_failed{in.word()};
        break;
    default:
        break;
    }
    return in.good() && in.rest().empty() ? event : std::nullopt;
}

} // namespace hpcsched::fuse

template class hpcsched::sink<hpcsched::fuse::search_command>;
template class hpcsched::buffer<hpcsched::fuse::search_command>;

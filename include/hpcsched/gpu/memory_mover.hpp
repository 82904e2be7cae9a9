// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_MEMORY_MOVER_HPP
#define HPCSCHED_GPU_MEMORY_MOVER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/residency.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::gpu {

/// Moves the buffers of one cell on and off one device of a driver, as `residency` plans it.
///
/// The host's memory is the caller's, and stays where it is. While a buffer is on the device, what the host has of it
/// is left alone and means nothing (its pages may be given back to the system); off the device, it is all there.
///
/// Several movers may share a driver: each has an owner number of its own, and is handed the ends of all.
///
/// \thread_safety none; that of the driver
template <memory_driver Driver>
class memory_mover {
  public:
    /// \param driver  must outlive it
    /// \param owner   under which its transfers go; no other user of the driver's has it
    memory_mover(Driver& driver, std::uint32_t device, std::uint32_t owner, residency_config const& config = {})
        : driver_{&driver}, device_{device}, owner_{owner}, plan_{config} {}

    memory_mover(memory_mover const&) = delete;
    memory_mover& operator=(memory_mover const&) = delete;
    /// Gives back what it has on the device and its staging areas.
    /// \pre !moving()
    ~memory_mover() {
        HPCSCHED_ASSERT(!plan_.moving());
        for (home const& h : homes_) {
            if (h.on_device.at != 0) {
                (void)driver_->free(h.on_device);
            }
        }
        for (staging_area const& area : staging_) {
            (void)driver_->unpin(area);
        }
    }

    /// Adds a buffer that is in the host's memory.
    /// \param pinned  its memory came from the driver's `pin`, so that it is moved without staging
    /// \return its number: 0, 1, ...
    std::uint32_t add(std::span<std::byte> host, bool pinned = false) {
        homes_.push_back({.host = host.data()});
        return plan_.add(host.size(), pinned);
    }
    /// Adds a buffer that is only a size, for a driver that only counts.
    std::uint32_t add_size(std::uint64_t bytes, bool pinned = false) {
        homes_.push_back({});
        return plan_.add(bytes, pinned);
    }

    /// Begins to move all that is not there yet.
    /// \return no_host_memory: there was not enough to stage with, and nothing has begun
    /// \pre !moving()
    driver_code start(memory_side to, time_point now) {
        HPCSCHED_ASSERT(!plan_.moving());
        if (driver_code const pinned = pin_staging(); pinned != driver_code::done) {
            return pinned;
        }
        plan_.start(to, commands_);
        carry_out(now);
        return driver_code::done;
    }
    /// Gives the move up; what is under way still ends.
    void cancel(time_point now) {
        plan_.cancel(commands_);
        carry_out(now);
    }
    /// Takes note of an end; those of other owners it leaves alone.
    void handle(transfer_end const& e, time_point now) {
        if (e.owner != owner_) {
            return;
        }
        auto const slot = static_cast<std::uint32_t>(e.id % plan_.config().slots);
        bool const copied = under_way_.at(slot) == transfer_kind::copy;
        auto const what = copied ? residency_event::kind::copied : residency_event::kind::transferred;
        plan_.handle({.what = what, .slot = slot, .code = e.code}, commands_);
        carry_out(now);
    }

    [[nodiscard]] bool moving() const noexcept { return plan_.moving(); }
    /// How the last move went.
    [[nodiscard]] driver_code outcome() const noexcept { return plan_.outcome(); }
    [[nodiscard]] residency const& plan() const noexcept { return plan_; }
    /// Where a buffer is on the device; nowhere, unless its place is the device.
    [[nodiscard]] device_address address(std::uint32_t buffer) const { return homes_.at(buffer).on_device; }

  private:
    struct home {
        std::byte* host = nullptr;
        device_address on_device{};
    };

    driver_code pin_staging() {
        bool needed = false;
        for (std::uint32_t i = 0; i < plan_.count(); ++i) {
            needed = needed || (!plan_.pinned(i) && plan_.bytes(i) > 0);
        }
        under_way_.resize(plan_.config().slots);
        while (needed && staging_.size() < plan_.config().slots) {
            auto const area = driver_->pin(plan_.config().chunk_bytes);
            if (!area) {
                return area.error();
            }
            staging_.push_back(*area);
        }
        return driver_code::done;
    }

    // What is commanded may fail at once, which brings more commands, until all is under way or the move is over.
    void carry_out(time_point now) {
        for (std::size_t i = 0; i < commands_.size(); ++i) {
            residency_command const c = commands_.items()[i];
            residency_event e{.buffer = c.buffer, .slot = c.slot};
            switch (c.what) {
            case residency_command::kind::reserve:
                e.what = residency_event::kind::reserved;
                e.code = reserve(c);
                plan_.handle(e, commands_);
                break;
            case residency_command::kind::copy:
            case residency_command::kind::transfer:
                e.code = begin(c, now);
                if (e.code != driver_code::done) {
                    e.what = c.what == residency_command::kind::copy ? residency_event::kind::copied
                                                                     : residency_event::kind::transferred;
                    plan_.handle(e, commands_);
                }
                break;
            case residency_command::kind::release:
                if (c.side == memory_side::device) {
                    (void)driver_->free(homes_[c.buffer].on_device);
                    homes_[c.buffer].on_device = {};
                }
                break;
            case residency_command::kind::finished:
                break;
            }
        }
        commands_.clear();
    }

    driver_code reserve(residency_command const& c) {
        if (c.side == memory_side::host) {
            return driver_code::done; // the caller's, and always there
        }
        auto const got = driver_->allocate(device_, c.bytes);
        if (!got) {
            return got.error();
        }
        homes_[c.buffer].on_device = *got;
        return driver_code::done;
    }

    driver_code begin(residency_command const& c, time_point now) {
        home const& h = homes_[c.buffer];
        std::byte* const own = h.host == nullptr ? nullptr : h.host + c.offset;
        std::byte* const staged = plan_.pinned(c.buffer) ? own : staging_.at(c.slot).at;
        bool const onto_device = c.side == memory_side::device;
        transfer t{.owner = owner_, .id = id(c.slot), .stream = c.stream, .bytes = c.bytes};
        if (c.what == residency_command::kind::copy) {
            bool const real = own != nullptr && staged != nullptr;
            t.kind = transfer_kind::copy;
            t.from = !real ? nullptr : (onto_device ? own : staged);
            t.to = !real ? nullptr : (onto_device ? staged : own);
        } else {
            t.kind = onto_device ? transfer_kind::to_device : transfer_kind::to_host;
            t.on_device = {h.on_device.device, h.on_device.at + c.offset};
            t.from = onto_device ? staged : nullptr;
            t.to = onto_device ? nullptr : staged;
        }
        under_way_[c.slot] = t.kind;
        return driver_->begin(t, now);
    }

    // Ids are new for each transfer, and say which slot it is for.
    std::uint64_t id(std::uint32_t slot) noexcept { return turn_++ * plan_.config().slots + slot; }

    Driver* driver_;
    std::uint32_t device_;
    std::uint32_t owner_;
    residency plan_;
    std::vector<home> homes_;
    std::vector<staging_area> staging_;
    std::vector<transfer_kind> under_way_; // by slot
    std::uint64_t turn_ = 0;
    buffer<residency_command> commands_;
};

/// What came of `move_now`.
struct move_result {
    time_point now{}; ///< when it was over
    driver_code code{};
};

/// Moves all of a mover's buffers and waits until they are there, or the move has failed.
template <memory_driver Driver>
move_result move_now(Driver& driver, memory_mover<Driver>& mover, memory_side to, time_point now) {
    if (driver_code const begun = mover.start(to, now); begun != driver_code::done) {
        return {now, begun};
    }
    buffer<transfer_end> ends;
    while (mover.moving()) {
        now = driver.wait(now, never);
        driver.collect(now, ends);
        for (transfer_end const& e : ends.items()) {
            mover.handle(e, now);
        }
        ends.clear();
    }
    return {now, mover.outcome()};
}

} // namespace hpcsched::gpu

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_RESIDENCY_HPP
#define HPCSCHED_GPU_RESIDENCY_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/device_driver.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::gpu {

/// The two memories that a buffer may be in.
enum class memory_side : std::uint8_t { host = 0, device = 1 };

[[nodiscard]] constexpr memory_side other_side(memory_side side) noexcept {
    return side == memory_side::host ? memory_side::device : memory_side::host;
}

/// Where the whole of a buffer is.
enum class buffer_place : std::uint8_t {
    host = 0,
    device = 1,
    lost = 2, ///< it was on a device that is lost
};

/// When the memory that a buffer comes from is given back.
enum class release_rule : std::uint8_t {
    at_end = 0,         ///< when all have arrived: a move that fails leaves all of them where they were
    as_they_arrive = 1, ///< when it has arrived: a move that fails leaves each wholly here or wholly there, and another
                        ///< goes on from that
};

struct residency_config {
    std::uint64_t chunk_bytes = std::uint64_t{16} << 20U; ///< moved at a time, > 0
    std::uint32_t slots = 8;   ///< chunks under way at a time, 1 .. 64; each has a staging area of chunk_bytes
    std::uint32_t streams = 2; ///< of the device, 1 .. stream_count_max
    release_rule release = release_rule::at_end;

    [[nodiscard]] constexpr bool sound() const noexcept {
        return chunk_bytes > 0 && slots >= 1 && slots <= 64 && streams >= 1 && streams <= stream_count_max;
    }
};

/// What is to be done for a move, in this order.
struct residency_command {
    enum class kind : std::uint8_t {
        reserve,  ///< get memory for `buffer` on `side`, and say at once whether there was any
        copy,     ///< between the host's memory of `buffer` at `offset` and the staging area of `slot`
        transfer, ///< between the device's memory of `buffer` at `offset` and the staging area of `slot`, or, for a
                  ///< pinned buffer, the host's memory
        release,  ///< give back the memory of `buffer` on `side`
        finished, ///< the move is over, and went as `code` says
    };

    kind what{};
    memory_side side{}; ///< reserve, release: whose memory; copy, transfer: where the move goes
    std::uint32_t buffer = 0;
    std::uint32_t slot = 0;
    std::uint32_t stream = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    driver_code code = driver_code::done;

    friend constexpr bool operator==(residency_command const&, residency_command const&) = default;
};

/// How something that was commanded went.
struct residency_event {
    enum class kind : std::uint8_t {
        reserved,    ///< of `buffer`
        copied,      ///< of `slot`
        transferred, ///< of `slot`
    };

    kind what{};
    std::uint32_t buffer = 0;
    std::uint32_t slot = 0;
    driver_code code = driver_code::done;
};

/// Plans how the buffers of a cell move on and off a device: in chunks, several at a time, so that the copies in the
/// host's memory to and from pinned staging areas run beside the device's own transfers. It moves nothing itself: it
/// hands out commands and is told how they went (memory_mover.hpp carries them out with a driver).
///
/// Buffers move in the order in which they were added, each chunk in the next free slot, transfers on the streams by
/// turns. What fails ends the move: nothing new is begun, what is under way is waited for, what does not stay is given
/// back, and only then is it `finished`. Every buffer that is not `lost` is then whole in one place, and the next move
/// may begin.
///
/// \complexity O(1) for each command; O(buffers) at a move's beginning and end
/// \thread_safety none
/// \source The two-stage pipeline of NVIDIA, "How to Overlap Data Transfers in CUDA C/C++", with more than two slots,
///         since one thread copies slower than a device reads. NotebookOS moves tensors one by one, unpinned, without
///         overlap.
class residency {
  public:
    explicit residency(residency_config const& config = {}) : config_{config}, slots_(config.slots) {
        HPCSCHED_ASSERT(config.sound());
        free_ = config.slots == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << config.slots) - 1;
    }

    /// Adds a buffer.
    /// \param pinned  the host's memory of it is pinned, so that it needs no staging
    /// \return its number: 0, 1, ...
    /// \pre !moving()
    std::uint32_t add(std::uint64_t bytes, bool pinned = false, memory_side where = memory_side::host) {
        HPCSCHED_ASSERT(!moving_);
        buffers_.push_back({.bytes = bytes, .pinned = pinned, .place = place_on(where)});
        return static_cast<std::uint32_t>(buffers_.size() - 1);
    }

    /// Begins to move all buffers that are not there already to `to`.
    /// \pre !moving()
    void start(memory_side to, sink<residency_command>& out) {
        HPCSCHED_ASSERT(!moving_);
        moving_ = true;
        target_ = to;
        code_ = driver_code::done;
        cursor_ = 0;
        asked_ = 0;
        for (buffer_state& b : buffers_) {
            b.reserved = b.arrived = false;
            b.issued = b.moved = 0;
        }
        go_on(out);
    }

    /// Takes note of how a command went.
    /// \pre it was commanded, and has not been told before
    void handle(residency_event const& e, sink<residency_command>& out) {
        HPCSCHED_ASSERT(moving_);
        if (e.what == residency_event::kind::reserved) {
            handle_reserved(e);
        } else {
            handle_chunk(e, out);
        }
        go_on(out);
    }

    /// Gives the move up; it is finished as `cancelled`, unless it fails or is over first.
    void cancel(sink<residency_command>& out) {
        if (moving_ && code_ == driver_code::done) {
            code_ = driver_code::cancelled;
            go_on(out);
        }
    }

    [[nodiscard]] bool moving() const noexcept { return moving_; }
    /// How the last move went.
    [[nodiscard]] driver_code outcome() const noexcept { return code_; }
    [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(buffers_.size()); }
    [[nodiscard]] std::uint64_t bytes(std::uint32_t buffer) const { return buffers_.at(buffer).bytes; }
    [[nodiscard]] bool pinned(std::uint32_t buffer) const { return buffers_.at(buffer).pinned; }
    /// Where a buffer is whole; during a move, where it came from until it is released there.
    [[nodiscard]] buffer_place place(std::uint32_t buffer) const { return buffers_.at(buffer).place; }
    [[nodiscard]] residency_config const& config() const noexcept { return config_; }

  private:
    struct buffer_state {
        std::uint64_t bytes = 0;
        bool pinned = false;
        buffer_place place{};
        bool reserved = false; ///< has memory where the move goes
        bool arrived = false;  ///< all of it is there
        std::uint64_t issued = 0;
        std::uint64_t moved = 0;
    };
    struct slot_state {
        std::uint32_t buffer = 0;
        std::uint64_t offset = 0;
        std::uint64_t bytes = 0;
        residency_event::kind awaits{};
        bool last = false; ///< what it awaits is its last stage
    };

    static constexpr buffer_place place_on(memory_side side) noexcept {
        return side == memory_side::host ? buffer_place::host : buffer_place::device;
    }
    [[nodiscard]] bool to_be_moved(buffer_state const& b) const noexcept {
        return b.place == place_on(other_side(target_));
    }
    [[nodiscard]] std::uint32_t in_flight() const noexcept {
        return config_.slots - static_cast<std::uint32_t>(std::popcount(free_));
    }

    void handle_reserved(residency_event const& e) {
        HPCSCHED_ASSERT(awaits_memory_ && e.buffer == asked_ - 1);
        awaits_memory_ = false;
        buffers_[e.buffer].reserved = e.code == driver_code::done;
        note(e.code);
    }

    void handle_chunk(residency_event const& e, sink<residency_command>& out) {
        HPCSCHED_ASSERT(e.slot < config_.slots);
        HPCSCHED_ASSERT((free_ >> e.slot & 1U) == 0);
        slot_state& s = slots_[e.slot];
        HPCSCHED_ASSERT(s.awaits == e.what);
        note(e.code);
        if (code_ != driver_code::done || s.last) {
            free_ |= std::uint64_t{1} << e.slot;
            bool const into_the_void = code_ == driver_code::device_lost && target_ == memory_side::device;
            if (e.code == driver_code::done && s.last && !into_the_void) {
                landed(s, out);
            }
            return;
        }
        begin_stage(e.slot, other_stage(s.awaits), true, out);
    }

    static constexpr residency_event::kind other_stage(residency_event::kind stage) noexcept {
        return stage == residency_event::kind::copied ? residency_event::kind::transferred
                                                      : residency_event::kind::copied;
    }

    void landed(slot_state const& s, sink<residency_command>& out) {
        buffer_state& b = buffers_[s.buffer];
        b.moved += s.bytes;
        HPCSCHED_ASSERT(b.moved <= b.bytes);
        if (b.moved == b.bytes) {
            arrive(s.buffer, out);
        }
    }

    void arrive(std::uint32_t buffer, sink<residency_command>& out) {
        buffers_[buffer].arrived = true;
        if (config_.release == release_rule::as_they_arrive) {
            settle_at_target(buffer, out);
        }
    }

    void settle_at_target(std::uint32_t buffer, sink<residency_command>& out) {
        buffer_state& b = buffers_[buffer];
        b.place = place_on(target_);
        if (b.bytes > 0) {
            out.append(release(other_side(target_), buffer));
        }
    }

    void note(driver_code code) noexcept {
        bool const worse = code_ == driver_code::done || code_ == driver_code::cancelled;
        if (code != driver_code::done && (worse || code == driver_code::device_lost)) {
            code_ = code;
        }
    }

    static constexpr residency_command release(memory_side side, std::uint32_t buffer) noexcept {
        return {.what = residency_command::kind::release, .side = side, .buffer = buffer};
    }

    // Begins what can be begun, and ends the move where nothing is left under way.
    void go_on(sink<residency_command>& out) {
        if (code_ == driver_code::done) {
            issue(out);
        }
        if (!awaits_memory_ && in_flight() == 0) {
            finish(out);
        }
    }

    void issue(sink<residency_command>& out) {
        bool const all_memory_first = config_.release == release_rule::at_end;
        if (awaits_memory_ || (all_memory_first && ask_next(out))) {
            return;
        }
        while (free_ != 0 && cursor_ < buffers_.size()) {
            buffer_state& b = buffers_[cursor_];
            if (!to_be_moved(b) || (b.issued == b.bytes && (b.bytes > 0 || b.arrived))) {
                ++cursor_;
            } else if (b.bytes == 0) {
                arrive(cursor_++, out);
            } else if (!b.reserved) {
                (void)ask_next(out);
                return; // it is answered at once
            } else {
                issue_chunk(b, out);
            }
        }
    }

    // Asks for the memory of the next buffer that has none.
    bool ask_next(sink<residency_command>& out) {
        for (; asked_ < buffers_.size(); ++asked_) {
            buffer_state const& b = buffers_[asked_];
            if (to_be_moved(b) && b.bytes > 0 && !b.arrived) {
                awaits_memory_ = true;
                out.append(
                    {.what = residency_command::kind::reserve, .side = target_, .buffer = asked_, .bytes = b.bytes});
                ++asked_;
                return true;
            }
        }
        return false;
    }

    void issue_chunk(buffer_state& b, sink<residency_command>& out) {
        auto const slot = static_cast<std::uint32_t>(std::countr_zero(free_));
        free_ &= free_ - 1;
        slots_[slot].buffer = cursor_;
        slots_[slot].offset = b.issued;
        slots_[slot].bytes = std::min(config_.chunk_bytes, b.bytes - b.issued);
        b.issued += slots_[slot].bytes;
        bool const copy_first = target_ == memory_side::device && !b.pinned;
        begin_stage(slot, copy_first ? residency_event::kind::copied : residency_event::kind::transferred, b.pinned,
                    out);
    }

    void begin_stage(std::uint32_t slot, residency_event::kind stage, bool last, sink<residency_command>& out) {
        slot_state& s = slots_[slot];
        s.awaits = stage;
        s.last = last;
        residency_command c{.side = target_, .buffer = s.buffer, .slot = slot, .offset = s.offset, .bytes = s.bytes};
        if (stage == residency_event::kind::copied) {
            c.what = residency_command::kind::copy;
        } else {
            c.what = residency_command::kind::transfer;
            c.stream = next_stream_;
            next_stream_ = (next_stream_ + 1) % config_.streams;
        }
        out.append(c);
    }

    void finish(sink<residency_command>& out) {
        bool const lost = code_ == driver_code::device_lost;
        for (std::uint32_t i = 0; i < buffers_.size(); ++i) {
            buffer_state& b = buffers_[i];
            bool const settles = code_ == driver_code::done && to_be_moved(b);
            HPCSCHED_ASSERT(!settles || b.arrived);
            if (settles) {
                settle_at_target(i, out);
            } else if (b.reserved && to_be_moved(b)) {
                out.append(release(target_, i));
            }
            if (lost && b.place == buffer_place::device) {
                b.place = buffer_place::lost;
                if (b.bytes > 0) {
                    out.append(release(memory_side::device, i));
                }
            }
        }
        moving_ = false;
        out.append({.what = residency_command::kind::finished, .side = target_, .code = code_});
    }

    residency_config config_;
    std::vector<buffer_state> buffers_;
    std::vector<slot_state> slots_;
    std::uint64_t free_ = 0;   // slots
    std::uint32_t cursor_ = 0; // the buffer that chunks are taken from
    std::uint32_t asked_ = 0;  // buffers before this have been asked memory for
    std::uint32_t next_stream_ = 0;
    memory_side target_{};
    driver_code code_ = driver_code::done;
    bool moving_ = false;
    bool awaits_memory_ = false;
};

} // namespace hpcsched::gpu

#endif

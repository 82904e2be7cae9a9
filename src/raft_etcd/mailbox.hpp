// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_MAILBOX_HPP
#define HPCSCHED_RAFT_ETCD_MAILBOX_HPP

#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_etcd/etcd_link.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_etcd::detail {

/// A payload that is to get into the log.
struct waiting_append {
    std::uint64_t token = 0;
    raft::byte_buffer payload;
};

struct saved_machine {
    raft::log_index index = 0;
    raft::byte_buffer bytes;
};

/// What the caller asks of the thread.
struct orders {
    std::vector<waiting_append> appends;
    std::vector<std::uint64_t> barriers;
    std::optional<saved_machine> snapshot;
};

/// Where the caller's thread and etcd's thread meet.
/// \thread_safety each member says whose
class mailbox {
  public:
    mailbox() : readable_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}
    mailbox(mailbox const&) = delete;
    mailbox& operator=(mailbox const&) = delete;
    ~mailbox() { ::close(readable_); }

    [[nodiscard]] int descriptor() const noexcept { return readable_; }

    // --- the caller's thread ---

    /// Calls `add(orders&)`. \return whether the thread must be woken to take them
    template <class Add>
    [[nodiscard]] bool order(Add&& add) {
        std::lock_guard const held{mutex_};
        add(orders_);
        return !std::exchange(ordered_, true);
    }
    void take_notes(std::vector<etcd_note>& notes) {
        notes.clear();
        std::lock_guard const held{mutex_};
        std::uint64_t count = 0;
        (void)::read(readable_, &count, sizeof count);
        notes.swap(notes_);
        note_bytes_ = 0;
    }
    [[nodiscard]] std::string condition() const {
        std::lock_guard const held{mutex_};
        return condition_;
    }

    // --- etcd's thread ---

    [[nodiscard]] orders take_orders() {
        std::lock_guard const held{mutex_};
        ordered_ = false;
        return std::exchange(orders_, {});
    }
    void hand_over(etcd_note note) {
        std::lock_guard const held{mutex_};
        note_bytes_ += note.bytes.size();
        notes_.push_back(std::move(note));
        if (notes_.size() == 1) {
            std::uint64_t const one = 1;
            (void)::write(readable_, &one, sizeof one);
        }
    }
    /// Payloads handed over and not yet taken.
    [[nodiscard]] std::size_t note_bytes() const {
        std::lock_guard const held{mutex_};
        return note_bytes_;
    }
    void set_condition(std::string text) {
        std::lock_guard const held{mutex_};
        condition_ = std::move(text);
    }

    // --- any thread ---

    std::atomic<std::size_t> waiting_bytes{0}; ///< of appends that are not yet in the log
    std::atomic<std::size_t> waiting_barriers{0};
    std::atomic<bool> has_failed{false};

  private:
    mutable std::mutex mutex_;
    int readable_;
    orders orders_;
    bool ordered_ = false;
    std::vector<etcd_note> notes_;
    std::size_t note_bytes_ = 0;
    std::string condition_;
};

} // namespace hpcsched::raft_etcd::detail

#endif

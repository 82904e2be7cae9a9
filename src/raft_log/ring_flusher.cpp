// SPDX-License-Identifier: Apache-2.0
#include "flusher.hpp"
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace hpcsched::raft_log::detail {
namespace {

constexpr unsigned ring_entries = 64;

class ring_flusher final : public flusher {
  public:
    ring_flusher(segment_maker const& maker, std::unique_ptr<flusher> helper, io_uring const& ring, int event)
        : maker_{maker}, helper_{std::move(helper)}, ring_{ring}, event_{event} {}
    ~ring_flusher() override {
        ::io_uring_queue_exit(&ring_);
        ::close(event_);
    }
    ring_flusher(ring_flusher const&) = delete;
    ring_flusher& operator=(ring_flusher const&) = delete;

    // A chain of writes, each followed by its fdatasync: what fails cancels the rest.
    void start(std::vector<block_write> writes) override {
        writes_ = std::move(writes);
        answers_.assign(2 * writes_.size(), -ECANCELED);
        outcome_.reset();
        pending_ = 0;
        if (2 * writes_.size() > ring_entries) {
            return by_hand();
        }
        for (block_write const& w : writes_) {
            if (std::exchange(w.to->being_made, false)) {
                helper_->settle();
            }
            if (auto made = make_file(*w.to, maker_); !made) {
                return end(std::move(made));
            }
        }
        for (std::size_t i = 0; i < writes_.size(); ++i) {
            block_write const& w = writes_[i];
            int const number = w.to->store->descriptor();
            io_uring_sqe* const write = ::io_uring_get_sqe(&ring_);
            ::io_uring_prep_write(write, number, w.bytes.data(), static_cast<unsigned>(w.bytes.size()), w.offset);
            write->flags |= IOSQE_IO_LINK;
            ::io_uring_sqe_set_data64(write, 2 * i);
            io_uring_sqe* const sync = ::io_uring_get_sqe(&ring_);
            ::io_uring_prep_fsync(sync, number, IORING_FSYNC_DATASYNC);
            if (i + 1 < writes_.size()) {
                sync->flags |= IOSQE_IO_LINK;
            }
            ::io_uring_sqe_set_data64(sync, 2 * i + 1);
        }
        int submitted = 0;
        do {
            submitted = ::io_uring_submit(&ring_);
        } while (submitted == -EINTR || submitted == -EAGAIN);
        pending_ = static_cast<std::size_t>(std::max(submitted, 0));
        if (pending_ != answers_.size()) {
            // Some of the chain may be on its way: what became of it is asked for first, by `wait`.
            refused_ = submitted < 0 ? -submitted : EIO;
        }
    }

    std::optional<result<void>> take() override {
        eventfd_t count = 0;
        (void)::eventfd_read(event_, &count);
        io_uring_cqe* one = nullptr;
        while (pending_ > 0 && ::io_uring_peek_cqe(&ring_, &one) == 0) {
            note(one);
        }
        judge();
        return std::exchange(outcome_, std::nullopt);
    }

    result<void> wait() override {
        io_uring_cqe* one = nullptr;
        while (pending_ > 0) {
            int const waited = ::io_uring_wait_cqe(&ring_, &one);
            if (waited == 0) {
                note(one);
            } else if (waited != -EINTR) {
                pending_ = 0;
                outcome_ = error{"io_uring no longer answers: " + text_of(-waited)};
            }
        }
        judge();
        return *take();
    }

    void later(std::function<void()> work) override { helper_->later(std::move(work)); }
    void settle() override { helper_->settle(); }
    void wake() override { (void)::eventfd_write(event_, 1); }
    int descriptor() const noexcept override { return event_; }
    flush_mode mode() const noexcept override { return flush_mode::io_uring; }

  private:
    static std::string text_of(int number) { return std::error_code{number, std::generic_category()}.message(); }

    void note(io_uring_cqe* one) {
        answers_[static_cast<std::size_t>(::io_uring_cqe_get_data64(one))] = one->res;
        ::io_uring_cqe_seen(&ring_, one);
        --pending_;
    }

    // When all have answered: whether each did what it was asked for. A write that did a part of it is finished by
    // hand.
    void judge() {
        if (writes_.empty() || pending_ > 0 || outcome_) {
            return;
        }
        for (std::size_t i = 0; i < writes_.size(); ++i) {
            file const& to = *writes_[i].to->store;
            int const written = answers_[2 * i];
            int const synced = answers_[2 * i + 1];
            if (written == -EINTR || written == -EAGAIN || written == -ECANCELED ||
                (written >= 0 && static_cast<std::size_t>(written) < writes_[i].bytes.size())) {
                if (refused_ != 0) {
                    return end(to.failed("write", refused_));
                }
                writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(i));
                return by_hand();
            }
            if (written < 0) {
                return end(to.failed("write", -written));
            }
            if (synced < 0) {
                return end(to.failed("make durable", synced == -ECANCELED ? EIO : -synced));
            }
        }
        end({});
    }

    void by_hand() { end(carry_out(writes_, maker_)); }

    void end(result<void> outcome) {
        writes_.clear();
        outcome_ = std::move(outcome);
        (void)::eventfd_write(event_, 1);
    }

    segment_maker maker_;
    std::unique_ptr<flusher> helper_;
    io_uring ring_;
    int event_;
    std::vector<block_write> writes_;
    std::vector<int> answers_; // of each write and its fdatasync
    std::size_t pending_ = 0;
    int refused_ = 0;
    std::optional<result<void>> outcome_;
};

} // namespace

std::unique_ptr<flusher> make_ring_flusher(segment_maker const& maker, std::unique_ptr<flusher> helper,
                                           std::string& remark) {
    io_uring ring{};
    int const made = ::io_uring_queue_init(ring_entries, &ring, 0);
    if (made < 0) {
        remark = "io_uring is refused by the kernel (" + std::error_code{-made, std::generic_category()}.message() +
                 "): a thread flushes instead";
        return nullptr;
    }
    int const event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (int const failed = ::io_uring_register_eventfd(&ring, event); failed < 0) {
        ::io_uring_queue_exit(&ring);
        ::close(event);
        remark = "io_uring has no eventfd here: a thread flushes instead";
        return nullptr;
    }
    return std::make_unique<ring_flusher>(maker, std::move(helper), ring, event);
}

} // namespace hpcsched::raft_log::detail

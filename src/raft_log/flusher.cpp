// SPDX-License-Identifier: Apache-2.0
#include "flusher.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace hpcsched::raft_log::detail {

result<void> make_file(segment& s, segment_maker const& maker) {
    if (s.store != nullptr) {
        return {};
    }
    auto made = maker.files->open(segment_name(s.key.number), open_mode::create, maker.direct);
    if (!made) {
        return made.error();
    }
    alignas(header_bytes) std::array<std::byte, header_bytes> head;
    encode(segment_header{.block = maker.block,
                          .cluster = maker.cluster,
                          .node = maker.node,
                          .number = s.key.number,
                          .salt = s.key.salt},
           head);
    auto done = (*made)->allocate(s.bytes);
    if (done) {
        done = (*made)->write(0, head);
    }
    if (done && maker.sync) {
        done = (*made)->sync();
    }
    if (done && maker.sync) {
        done = maker.files->sync_directory();
    }
    if (done) {
        s.store = std::move(*made);
    }
    return done;
}

result<void> carry_out(std::vector<block_write> const& writes, segment_maker const& maker) {
    for (block_write const& w : writes) {
        auto done = make_file(*w.to, maker);
        if (done) {
            done = w.to->store->write(w.offset, w.bytes);
        }
        if (done && maker.sync) {
            done = w.to->store->sync();
        }
        if (!done) {
            return done;
        }
    }
    return {};
}

namespace {

class inline_flusher final : public flusher {
  public:
    explicit inline_flusher(segment_maker const& maker) : maker_{maker} {}

    void start(std::vector<block_write> writes) override { outcome_ = carry_out(writes, maker_); }
    std::optional<result<void>> take() override { return std::exchange(outcome_, std::nullopt); }
    result<void> wait() override { return *take(); }
    void later(std::function<void()> work) override { work(); }
    void settle() override {}
    void wake() override {}
    int descriptor() const noexcept override { return -1; }
    flush_mode mode() const noexcept override { return flush_mode::inline_; }

  private:
    segment_maker maker_;
    std::optional<result<void>> outcome_;
};

class thread_flusher final : public flusher {
  public:
    explicit thread_flusher(segment_maker const& maker)
        : maker_{maker}, event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all); // signals are for the program's own threads
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread{[this] { run(); }};
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    ~thread_flusher() override {
        {
            std::scoped_lock const lock{guard_};
            stop_ = true;
        }
        changed_.notify_all();
        thread_.join();
        ::close(event_);
    }
    thread_flusher(thread_flusher const&) = delete;
    thread_flusher& operator=(thread_flusher const&) = delete;

    void start(std::vector<block_write> writes) override {
        later([this, writes = std::move(writes)] {
            auto outcome = carry_out(writes, maker_);
            {
                std::scoped_lock const lock{guard_};
                outcome_ = std::move(outcome);
            }
            changed_.notify_all();
            (void)::eventfd_write(event_, 1);
        });
    }

    std::optional<result<void>> take() override {
        eventfd_t count = 0;
        (void)::eventfd_read(event_, &count);
        std::scoped_lock const lock{guard_};
        return std::exchange(outcome_, std::nullopt);
    }

    result<void> wait() override {
        {
            std::unique_lock lock{guard_};
            changed_.wait(lock, [this] { return outcome_.has_value(); });
        }
        return *take();
    }

    void later(std::function<void()> work) override {
        {
            std::scoped_lock const lock{guard_};
            work_.push_back(std::move(work));
        }
        changed_.notify_all();
    }

    void settle() override {
        std::unique_lock lock{guard_};
        changed_.wait(lock, [this] { return work_.empty() && !busy_; });
    }

    void wake() override { (void)::eventfd_write(event_, 1); }
    int descriptor() const noexcept override { return event_; }
    flush_mode mode() const noexcept override { return flush_mode::thread; }

  private:
    void run() {
        std::unique_lock lock{guard_};
        while (true) {
            changed_.wait(lock, [this] { return stop_ || !work_.empty(); });
            if (work_.empty()) {
                return;
            }
            auto const work = std::move(work_.front());
            work_.pop_front();
            busy_ = true;
            lock.unlock();
            work();
            lock.lock();
            busy_ = false;
            changed_.notify_all();
        }
    }

    segment_maker maker_;
    int event_;
    std::mutex guard_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> work_;
    std::optional<result<void>> outcome_;
    bool busy_ = false;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace

std::unique_ptr<flusher> make_flusher(flush_mode mode, segment_maker const& maker, std::string& remark) {
    if (mode == flush_mode::inline_ || !maker.sync) {
        return std::make_unique<inline_flusher>(maker); // into the page cache: to ask a thread takes longer
    }
    if (mode == flush_mode::io_uring) {
        if (auto ring = make_ring_flusher(maker, std::make_unique<thread_flusher>(maker), remark)) {
            return ring;
        }
    }
    return std::make_unique<thread_flusher>(maker);
}

} // namespace hpcsched::raft_log::detail

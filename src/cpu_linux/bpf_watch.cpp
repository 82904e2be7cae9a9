// SPDX-License-Identifier: Apache-2.0
#include "bpf_watch.hpp"

#include "process_stat.hpp"
#include "task_watch_object.hpp"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cpu_linux::detail {

namespace {

struct close_object {
    void operator()(bpf_object* o) const noexcept { bpf_object__close(o); }
};
struct destroy_link {
    void operator()(bpf_link* l) const noexcept { bpf_link__destroy(l); }
};
struct free_ring {
    void operator()(ring_buffer* r) const noexcept { ring_buffer__free(r); }
};

/// What to do about an error of bpf(2).
std::string advice(int error_number) {
    switch (error_number) {
    case EPERM:
        return "needs root, or CAP_BPF and CAP_PERFMON; a locked down kernel refuses all the same";
    case ENOENT:
    case ESRCH:
        return "the kernel has no BTF or lacks a tracepoint: it needs CONFIG_DEBUG_INFO_BTF";
    default:
        return "Linux 5.18 or later is needed";
    }
}

error refused(char const* what, int error_number) {
    return error{std::string{"BPF: cannot "} + what + ": " + std::strerror(error_number) + " (" + advice(error_number) +
                 ')'};
}

int say_nothing(libbpf_print_level, char const*, std::va_list) {
    return 0; // what went wrong comes back as an error
}

} // namespace

class bpf_watch::state {
  public:
    [[nodiscard]] result<void> load() {
        libbpf_set_print(&say_nothing);
        std::string bytes;
        for (std::string_view const piece : task_watch_object()) {
            bytes += piece;
        }
        bpf_object_open_opts options{};
        options.sz = sizeof options;
        options.object_name = "task_watch";
        object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
        if (!object_) {
            return refused("open its program", errno);
        }
        if (int const failed = bpf_object__load(object_.get()); failed != 0) {
            return refused("load its program", -failed);
        }
        processes_ = bpf_object__find_map_fd_by_name(object_.get(), "processes");
        threads_ = bpf_object__find_map_fd_by_name(object_.get(), "threads");
        if (bpf_map* const globals = bpf_object__find_map_by_name(object_.get(), ".bss")) {
            std::size_t size = 0;
            void const* const mapped = bpf_map__initial_value(globals, &size); // shared with the program since the load
            dropped_ = size >= sizeof *dropped_ ? static_cast<std::uint64_t const*>(mapped) : nullptr;
        }
        ring_.reset(
            ring_buffer__new(bpf_object__find_map_fd_by_name(object_.get(), "events"), &on_event, this, nullptr));
        if (!ring_) {
            return refused("map its events", errno);
        }
        bpf_program* program = nullptr;
        bpf_object__for_each_program(program, object_.get()) {
            bpf_link* const link = bpf_program__attach(program);
            if (link == nullptr) {
                return refused("attach its program", errno);
            }
            links_.emplace_back(link);
        }
        return {};
    }

    static int on_event(void* self, void* data, std::size_t size) {
        if (size >= sizeof(watch_event)) {
            (*static_cast<state*>(self)->each_)(*static_cast<watch_event const*>(data));
        }
        return 0;
    }

    std::unique_ptr<bpf_object, close_object> object_;
    std::vector<std::unique_ptr<bpf_link, destroy_link>> links_;
    std::unique_ptr<ring_buffer, free_ring> ring_;
    std::function<void(watch_event const&)> const* each_ = nullptr;
    int processes_ = -1;
    int threads_ = -1;
    std::uint64_t const volatile* dropped_ = nullptr; ///< the program's own counter
};

result<bpf_watch> bpf_watch::load() {
    auto made = std::make_unique<state>();
    if (auto const loaded = made->load(); loaded.has_error()) {
        return loaded.error();
    }
    return bpf_watch{std::move(made)};
}

bpf_watch::bpf_watch(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
bpf_watch::bpf_watch(bpf_watch&&) noexcept = default;
bpf_watch& bpf_watch::operator=(bpf_watch&&) noexcept = default;
bpf_watch::~bpf_watch() = default;

int bpf_watch::descriptor() const noexcept {
    return ring_buffer__epoll_fd(state_->ring_.get());
}

result<duration> bpf_watch::add(process_id process, std::uint32_t tag) {
    auto const key = static_cast<std::uint32_t>(process);
    watched_process entry{};
    entry.tag = tag;
    std::uint64_t before = 0;
    // A thread that sleeps now counts as such: else the process would never be seen to fall asleep. One that changes
    // between this look and the entry is put right by its next sleep and wake-up.
    for_each_thread(process, [&](process_id thread) {
        auto const stat = read_process_stat(thread);
        bool const sleeps = stat && stat->state != 'R';
        entry.runnable += sleeps ? 0 : 1;
        watched_thread const known{
            .since = 0, .counted = read_on_cpu_time(thread), .asleep = sleeps ? 1U : 0U, .cpu = -1};
        before += known.counted;
        auto const id = static_cast<std::uint32_t>(thread);
        (void)bpf_map_update_elem(state_->threads_, &id, &known, BPF_ANY);
    });
    if (bpf_map_update_elem(state_->processes_, &key, &entry, BPF_ANY) != 0) {
        return refused("watch a process", errno);
    }
    return duration{static_cast<std::int64_t>(before)};
}

void bpf_watch::remove(process_id process) noexcept {
    auto const key = static_cast<std::uint32_t>(process);
    (void)bpf_map_delete_elem(state_->processes_, &key);
    for_each_thread(process, [&](process_id thread) {
        auto const id = static_cast<std::uint32_t>(thread);
        (void)bpf_map_delete_elem(state_->threads_, &id);
    });
}

void bpf_watch::consume(std::function<void(watch_event const&)> const& each) {
    state_->each_ = &each;
    (void)ring_buffer__consume(state_->ring_.get());
    state_->each_ = nullptr;
}

std::optional<duration> bpf_watch::ran(process_id process) const noexcept {
    auto const key = static_cast<std::uint32_t>(process);
    watched_process entry{};
    if (bpf_map_lookup_elem(state_->processes_, &key, &entry) != 0) {
        return std::nullopt;
    }
    auto const at = static_cast<std::uint64_t>(now().time_since_epoch().count());
    return duration{
        static_cast<std::int64_t>(entry.ran + static_cast<std::uint64_t>(entry.running) * at - entry.began_sum)};
}

std::uint64_t bpf_watch::dropped_count() const noexcept {
    return state_->dropped_ == nullptr ? 0 : *state_->dropped_;
}

} // namespace hpcsched::cpu_linux::detail

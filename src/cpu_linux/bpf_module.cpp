// SPDX-License-Identifier: Apache-2.0
#include "bpf_module.hpp"

#include "file_descriptor.hpp"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string>
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
    case EBUSY:
        return "another sched_ext scheduler is loaded: end it first";
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

// Of Linux 6.4, which the headers of Debian 12 do not know yet.
constexpr std::uint32_t map_takes_link = 1U << 13U;                  // BPF_F_LINK
constexpr auto attach_struct_ops = static_cast<bpf_attach_type>(44); // BPF_STRUCT_OPS

int say_nothing(libbpf_print_level, char const*, std::va_list) {
    return 0; // what went wrong comes back as an error
}

} // namespace

class bpf_module::state {
  public:
    [[nodiscard]] result<void> load(char const* name, std::span<std::string_view const> pieces) {
        libbpf_set_print(&say_nothing);
        std::string bytes;
        for (std::string_view const piece : pieces) {
            bytes += piece;
        }
        bpf_object_open_opts options{};
        options.sz = sizeof options;
        options.object_name = name;
        object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
        if (!object_) {
            return refused("open its program", errno);
        }
        prepare_struct_ops();
        if (int const failed = bpf_object__load(object_.get()); failed != 0) {
            return refused("load its program", -failed);
        }
        if (bpf_map* const globals = bpf_object__find_map_by_name(object_.get(), ".bss")) {
            std::size_t size = 0;
            void const* const mapped = bpf_map__initial_value(globals, &size); // shared with the program since the load
            dropped_ = size >= sizeof *dropped_ ? static_cast<std::uint64_t const*>(mapped) : nullptr;
        }
        if (int const events = bpf_object__find_map_fd_by_name(object_.get(), "events"); events >= 0) {
            ring_.reset(ring_buffer__new(events, &on_event, this, nullptr));
            if (!ring_) {
                return refused("map its events", errno);
            }
        }
        bpf_program* program = nullptr;
        bpf_object__for_each_program(program, object_.get()) {
            if (bpf_program__type(program) == BPF_PROG_TYPE_STRUCT_OPS) {
                continue; // attached with the others of its table
            }
            bpf_link* const link = bpf_program__attach(program);
            if (link == nullptr) {
                return refused("attach its program", errno);
            }
            links_.emplace_back(link);
        }
        return attach_struct_ops_maps();
    }

    /// A table of operations is to be attached by a link, so that it leaves the kernel with this process, however that
    /// ends. libbpf 1.1 of Debian 12 has no such links (1.2 has); all that it lacks is this flag and the call below.
    void prepare_struct_ops() noexcept {
        bpf_map* map = nullptr;
        bpf_object__for_each_map(map, object_.get()) {
            if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) {
                (void)bpf_map__set_map_flags(map, bpf_map__map_flags(map) | map_takes_link);
            }
        }
        bpf_program* program = nullptr;
        bpf_object__for_each_program(program, object_.get()) {
            // Nor does it know the section "struct_ops.s/".
            if (std::string_view{bpf_program__section_name(program)} == "struct_ops/init") {
                (void)bpf_program__set_flags(program, BPF_F_SLEEPABLE);
            }
        }
    }

    [[nodiscard]] result<void> attach_struct_ops_maps() {
        bpf_map* map = nullptr;
        bpf_object__for_each_map(map, object_.get()) {
            if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS) {
                continue;
            }
            // With the flag, this only fills the table.
            bpf_link* const filled = bpf_map__attach_struct_ops(map);
            if (filled == nullptr) {
                return refused("fill its table of operations", errno);
            }
            links_.emplace_back(filled);
            file_descriptor link{bpf_link_create(bpf_map__fd(map), 0, attach_struct_ops, nullptr)};
            if (!link.is_open()) {
                return refused("attach its table of operations", errno);
            }
            struct_ops_links_.push_back(std::move(link));
        }
        return {};
    }

    [[nodiscard]] void* memory_of(char const* name) {
        bpf_map const* const map = bpf_object__find_map_by_name(object_.get(), name);
        if (map == nullptr) {
            return nullptr;
        }
        std::size_t const size = std::size_t{bpf_map__value_size(map)} * bpf_map__max_entries(map);
        void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
        if (memory == MAP_FAILED) {
            return nullptr;
        }
        shared_.emplace_back(memory, unmap{size});
        return memory;
    }

    static int on_event(void* self, void* data, std::size_t size) {
        (*static_cast<state*>(self)->each_)(data, size);
        return 0;
    }

    struct unmap {
        std::size_t size;
        void operator()(void* memory) const noexcept { (void)munmap(memory, size); }
    };

    std::unique_ptr<bpf_object, close_object> object_;
    std::vector<std::unique_ptr<void, unmap>> shared_;
    std::vector<std::unique_ptr<bpf_link, destroy_link>> links_;
    std::vector<file_descriptor> struct_ops_links_;
    std::unique_ptr<ring_buffer, free_ring> ring_;
    std::function<void(void const*, std::size_t)> const* each_ = nullptr;
    std::uint64_t const volatile* dropped_ = nullptr; ///< the program's own counter
};

result<bpf_module> bpf_module::load(char const* name, std::span<std::string_view const> bytes) {
    auto made = std::make_unique<state>();
    if (auto const loaded = made->load(name, bytes); loaded.has_error()) {
        return loaded.error();
    }
    return bpf_module{std::move(made)};
}

bpf_module::bpf_module(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
bpf_module::bpf_module(bpf_module&&) noexcept = default;
bpf_module& bpf_module::operator=(bpf_module&&) noexcept = default;
bpf_module::~bpf_module() = default;

int bpf_module::descriptor() const noexcept {
    return ring_buffer__epoll_fd(state_->ring_.get());
}

void bpf_module::consume_bytes(std::function<void(void const*, std::size_t)> const& each) {
    state_->each_ = &each;
    (void)ring_buffer__consume(state_->ring_.get());
    state_->each_ = nullptr;
}

std::uint64_t bpf_module::dropped_count() const noexcept {
    return state_->dropped_ == nullptr ? 0 : *state_->dropped_;
}

int bpf_module::map_named(char const* name) const noexcept {
    return bpf_object__find_map_fd_by_name(state_->object_.get(), name);
}

void* bpf_module::memory_of(char const* name) {
    return state_->memory_of(name);
}

bool bpf_module::put_bytes(int map, void const* key, void const* value) noexcept {
    return bpf_map_update_elem(map, key, value, BPF_ANY) == 0;
}

bool bpf_module::get_bytes(int map, void const* key, void* value) noexcept {
    return bpf_map_lookup_elem(map, key, value) == 0;
}

void bpf_module::erase_bytes(int map, void const* key) noexcept {
    (void)bpf_map_delete_elem(map, key);
}

} // namespace hpcsched::cpu_linux::detail

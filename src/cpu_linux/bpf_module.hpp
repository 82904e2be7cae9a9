// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_BPF_MODULE_HPP
#define HPCSCHED_CPU_LINUX_BPF_MODULE_HPP

#include <hpcsched/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace hpcsched::cpu_linux::detail {

/// A compiled BPF object, loaded, with all its programs and its tables of operations (struct_ops) attached; it leaves
/// the kernel with this object. The one door to libbpf.
///
/// By the custom of our programs one that tells of events does so by a ring buffer `events`, and counts in `dropped`
/// those that found it full.
class bpf_module {
  public:
    /// \param name   of the object, for those who list what a kernel has loaded
    /// \param bytes  the compiled object, in pieces
    /// \error the kernel refuses: why, and what would help
    [[nodiscard]] static result<bpf_module> load(char const* name, std::span<std::string_view const> bytes);

    bpf_module(bpf_module&&) noexcept;
    bpf_module& operator=(bpf_module&&) noexcept;
    ~bpf_module();

    /// Readable while events are at hand.
    /// \pre the object has `events`
    [[nodiscard]] int descriptor() const noexcept;

    /// Calls `each` for every event of the type `Event` at hand.
    template <class Event, class Each>
    void consume(Each&& each) {
        consume_bytes([&](void const* data, std::size_t size) {
            if (size >= sizeof(Event)) {
                each(*static_cast<Event const*>(data));
            }
        });
    }

    /// Events that found the ring buffer full.
    [[nodiscard]] std::uint64_t dropped_count() const noexcept;

    /// A map of the object, for the calls below. -1: it has none of that name.
    [[nodiscard]] int map_named(char const* name) const noexcept;

    /// The memory of an array that the program shares with this process (BPF_F_MMAPABLE); it lives as long as this
    /// object. nullptr: the kernel gives none.
    [[nodiscard]] void* memory_of(char const* name);

    // Of an entry of a map. Whether it was done; errno says why not.
    template <class Key, class Value>
    static bool put(int map, Key const& key, Value const& value) noexcept {
        return put_bytes(map, &key, &value);
    }
    template <class Key, class Value>
    [[nodiscard]] static bool get(int map, Key const& key, Value& value) noexcept {
        return get_bytes(map, &key, &value);
    }
    template <class Key>
    static void erase(int map, Key const& key) noexcept {
        erase_bytes(map, &key);
    }

  private:
    class state;
    explicit bpf_module(std::unique_ptr<state> made) noexcept;
    void consume_bytes(std::function<void(void const*, std::size_t)> const& each);
    static bool put_bytes(int map, void const* key, void const* value) noexcept;
    static bool get_bytes(int map, void const* key, void* value) noexcept;
    static void erase_bytes(int map, void const* key) noexcept;

    std::unique_ptr<state> state_;
};

} // namespace hpcsched::cpu_linux::detail

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_FUNCTION_NAMES_HPP
#define HPCSCHED_WORKLOAD_FUNCTION_NAMES_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

namespace detail {

/// Hashes long names two words at a time: a name in a published trace is a hexadecimal hash of 64 letters or three of
/// them, and a hash that works byte by byte costs more than all the rest of reading a row. Not for adversarial input.
struct name_hash {
    using is_avalanching = void; // for Boost.Unordered: no second mixing
    using is_transparent = void;

    [[nodiscard]] std::size_t operator()(std::string_view name) const noexcept {
        char const* p = name.data();
        std::size_t left = name.size();
        std::uint64_t state = left * odd;
        for (; left > 16; left -= 16, p += 16) {
            state = fold(state ^ word(p), odd ^ word(p + 8));
        }
        // The last 1 to 16 bytes, as two words that overlap where there are fewer than 16; the length is in the state.
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        if (left >= 8) {
            first = word(p);
            last = word(p + left - 8);
        } else if (left != 0) {
            std::memcpy(&first, p, left);
        }
        return static_cast<std::size_t>(fold(fold(state ^ first, odd ^ last), odd));
    }

  private:
    static constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL; // 2^64 divided by the golden ratio

    static std::uint64_t word(char const* from) noexcept {
        std::uint64_t w = 0;
        std::memcpy(&w, from, sizeof w);
        return w;
    }

    /// Both halves of the product of two words, mixed.
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
        __extension__ using wide = unsigned __int128;
        wide const product = static_cast<wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    }
};

} // namespace detail

/// The names of a workload's functions: a dense `function_id` for each, in order of first appearance.
///
/// Readers fill it as their invocations come out, so at the end of a stream it holds every function that was invoked
/// and no other. Reports look names up by id.
/// \thread_safety none for `intern`; the rest may be read by many threads while none interns
class function_names {
  public:
    function_names() = default;
    function_names(function_names&&) = default;
    function_names& operator=(function_names&&) = default;

    function_names(function_names const& other) {
        for (std::string const& name : other.names_) {
            intern(name);
        }
    }
    function_names& operator=(function_names const& other) { return *this = function_names{other}; }
    ~function_names() = default;

    /// The id of `name`, a new one where it was not seen before. The name is copied.
    /// \pre fewer than 2^32 - 1 names
    /// \complexity O(length of the name), amortised
    function_id intern(std::string_view name) {
        if (auto const found = ids_.find(name); found != ids_.end()) {
            return function_id{found->second};
        }
        return add(name);
    }

    /// The id of `name`, if it was interned.
    [[nodiscard]] std::optional<function_id> find(std::string_view name) const {
        auto const found = ids_.find(name);
        return found == ids_.end() ? std::nullopt : std::optional{function_id{found->second}};
    }

    /// The name behind an id; valid as long as this table, also after the table was moved to another place.
    /// \pre id.value < size()
    [[nodiscard]] std::string_view name(function_id id) const noexcept {
        HPCSCHED_ASSERT(id.value < names_.size());
        return names_[id.value];
    }

    [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
    [[nodiscard]] bool empty() const noexcept { return names_.empty(); }

    friend bool operator==(function_names const& a, function_names const& b) { return a.names_ == b.names_; }

  private:
    function_id add(std::string_view name) {
        HPCSCHED_ASSERT(names_.size() < std::numeric_limits<std::uint32_t>::max());
        auto const id = static_cast<std::uint32_t>(names_.size());
        names_.emplace_back(name);
        ids_.emplace(std::string_view{names_.back()}, id);
        return function_id{id};
    }

    std::deque<std::string> names_; // never moves its elements, so that the keys below may point into it
    boost::unordered_flat_map<std::string_view, std::uint32_t, detail::name_hash, std::equal_to<>> ids_;
};

} // namespace hpcsched::workload

#endif

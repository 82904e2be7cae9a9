// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_PUBLISHED_NAMES_HPP
#define HPCSCHED_WORKLOAD_PUBLISHED_NAMES_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/workload/function_names.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// The functions of one file, of which a `function_names` gets to know only those that are invoked, and in the order
/// in which that happens.
///
/// A reader meets functions in the order of its file (as columns, or as rows that are sorted later); it interns them
/// here, under whatever key the file has, and publishes one when an invocation of it comes out.
/// \thread_safety none
class published_names {
  public:
    /// \param names  borrowed, must outlive this object
    explicit published_names(function_names& names) noexcept : names_{&names} {}

    /// This file's own id of the function with this key.
    /// \param name_of  called without arguments for a new key: gives the function's name as a std::string
    /// \complexity O(length of the key), amortised
    template <class Namer>
    [[nodiscard]] function_id intern(std::string_view key, Namer&& name_of) {
        function_id const id = keys_.intern(key);
        if (id.value == functions_.size()) [[unlikely]] {
            functions_.push_back({name_of(), unpublished});
        }
        return id;
    }

    /// \overload for a function whose name is its key
    [[nodiscard]] function_id intern(std::string_view key) {
        return intern(key, [key] { return std::string{key}; });
    }

    /// The id under which the world knows this file's function.
    /// \pre `file_id` came from `intern`
    /// \complexity O(1) but for the first call for each function
    [[nodiscard]] function_id publish(function_id file_id) {
        HPCSCHED_ASSERT(file_id.value < functions_.size());
        function& f = functions_[file_id.value];
        if (f.id == unpublished) [[unlikely]] {
            f.id = names_->intern(f.name);
            f.name = {};
        }
        return f.id;
    }

    /// This file's id of a key, if it was interned.
    [[nodiscard]] std::optional<function_id> find(std::string_view key) const { return keys_.find(key); }

    /// How many functions the file has.
    [[nodiscard]] std::size_t size() const noexcept { return functions_.size(); }

  private:
    static constexpr function_id unpublished{std::numeric_limits<std::uint32_t>::max()};

    struct function {
        std::string name; // empty once it is published
        function_id id;
    };

    function_names keys_;
    std::vector<function> functions_; // by this file's id
    function_names* names_;
};

} // namespace hpcsched::workload

#endif

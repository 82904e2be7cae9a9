// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_CLASS_SET_HPP
#define HPCSCHED_CPU_SIM_DETAIL_CLASS_SET_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::cpu_sim::detail {

/// The run queues of one class: one object per CPU, or one for all.
template <class C>
class run_queues {
  public:
    static constexpr bool is_fluid = cpu::fluid_class<C>;
    static constexpr bool is_per_cpu = [] {
        if constexpr (is_fluid) {
            return false;
        } else {
            return C::scope == cpu::run_queue_scope::per_cpu;
        }
    }();
    static constexpr bool is_global = !is_fluid && !is_per_cpu;
    static constexpr bool ends_slices_at_tick = [] {
        if constexpr (is_fluid) {
            return false;
        } else {
            return C::enforcement == cpu::slice_enforcement::at_tick;
        }
    }();

    run_queues(typename C::config const& config, [[maybe_unused]] std::size_t cpu_count) : queues_{make(config)} {
        if constexpr (is_per_cpu) {
            queues_.reserve(cpu_count);
            for (std::size_t i = 0; i < cpu_count; ++i) {
                queues_.emplace_back(config);
            }
        }
    }

    [[nodiscard]] C& of([[maybe_unused]] cpu_id cpu) noexcept {
        if constexpr (is_per_cpu) {
            return queues_[cpu.value];
        } else {
            return queues_;
        }
    }

  private:
    using storage = std::conditional_t<is_per_cpu, std::vector<C>, C>;

    [[nodiscard]] static storage make(typename C::config const& config) {
        if constexpr (is_per_cpu) {
            return {};
        } else {
            return C{config};
        }
    }

    storage queues_;
};

/// The classes of a kernel in priority order, reached by a run-time index without a virtual call.
template <class... Classes>
class class_set {
  public:
    static constexpr std::size_t count = sizeof...(Classes);
    template <std::size_t K>
    using class_at = std::tuple_element_t<K, std::tuple<Classes...>>;

    template <std::size_t K>
    using index = std::integral_constant<std::size_t, K>;

    static constexpr bool last_is_fluid = cpu::fluid_class<class_at<count - 1>>;
    static constexpr bool any_per_cpu = (run_queues<Classes>::is_per_cpu || ...);
    static_assert(count >= 1 && count <= 8, "a kernel has one to eight scheduling classes");

    template <class Config>
    explicit class_set(Config const& config) : class_set{config, std::make_index_sequence<count>{}} {}

    template <std::size_t K>
    [[nodiscard]] run_queues<class_at<K>>& queues() noexcept {
        return std::get<K>(queues_);
    }

    /// The index of the first class that serves the policy; the last class takes what none does.
    [[nodiscard]] static constexpr std::uint8_t serving(cpu::sched_policy policy) noexcept {
        return first_serving<0>(policy);
    }

    /// Calls `f` with `index<K>{}` for the class of index `k`.
    /// \pre k < count
    template <class F>
    static constexpr decltype(auto) with_class(std::size_t k, F&& f) {
        return dispatch<0>(k, f);
    }

    /// Calls `f` with each class index in priority order, until it returns true.
    template <class F>
    static constexpr bool any_class(F&& f) {
        return [&]<std::size_t... K>(std::index_sequence<K...>) {
            return (f(index<K>{}) || ...);
        }(std::make_index_sequence<count>{});
    }

  private:
    template <class Config, std::size_t... K>
    class_set(Config const& config, std::index_sequence<K...>)
        : queues_{run_queues<Classes>{std::get<K>(config.classes), config.hardware.cpu_count}...} {}

    template <std::size_t K>
    static constexpr std::uint8_t first_serving(cpu::sched_policy policy) noexcept {
        if constexpr (K + 1 == count) {
            return static_cast<std::uint8_t>(K);
        } else {
            return class_at<K>::serves(policy) ? static_cast<std::uint8_t>(K) : first_serving<K + 1>(policy);
        }
    }

    template <std::size_t K, class F>
    static constexpr decltype(auto) dispatch(std::size_t k, F& f) {
        if constexpr (K + 1 == count) {
            HPCSCHED_ASSERT(count == 1 || k == K);
            return f(index<K>{});
        } else {
            return k == K ? f(index<K>{}) : dispatch<K + 1>(k, f);
        }
    }

    std::tuple<run_queues<Classes>...> queues_;
};

} // namespace hpcsched::cpu_sim::detail

#endif

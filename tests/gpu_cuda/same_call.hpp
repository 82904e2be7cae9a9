// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_GPU_CUDA_SAME_CALL_HPP
#define HPCSCHED_TESTS_GPU_CUDA_SAME_CALL_HPP

#include <type_traits>

namespace hpcsched::test {

/// Whether two types are passed alike: both pointers, or whole numbers or enumerations of one size.
template <class Ours, class Theirs>
constexpr bool passed_alike() {
    if constexpr (std::is_pointer_v<Ours> || std::is_pointer_v<Theirs>) {
        return std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>;
    } else {
        constexpr bool both = (std::is_integral_v<Ours> || std::is_enum_v<Ours>) &&
                              (std::is_integral_v<Theirs> || std::is_enum_v<Theirs>);
        return both && sizeof(Ours) == sizeof(Theirs);
    }
}

template <class Ours, class Theirs>
inline constexpr bool same_call = false;

template <class... Ours, class... Theirs, class OurResult, class TheirResult>
inline constexpr bool same_call<OurResult (*)(Ours...), TheirResult (*)(Theirs...)> = [] {
    if constexpr (sizeof...(Ours) == sizeof...(Theirs)) {
        return passed_alike<OurResult, TheirResult>() && (passed_alike<Ours, Theirs>() && ...);
    } else {
        return false;
    }
}();

static_assert(same_call<int (*)(void*, unsigned), int (*)(char const*, int)>);
static_assert(!same_call<int (*)(void*, unsigned), int (*)(void*, long)>);
static_assert(!same_call<int (*)(void*), int (*)(void*, int)>);
static_assert(!same_call<int (*)(unsigned long), int (*)(void*)>);

} // namespace hpcsched::test

#endif

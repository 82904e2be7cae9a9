// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/workload/parse_number.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

namespace {

using namespace hpcsched::workload;

/// Compares with the C library, which rounds to 64 binary digits, so up to that.
void check_beside_strtold(std::string const& text, int scale, parsed_number const& found) {
    char* end = nullptr;
    long double const reference = std::strtold(text.c_str(), &end) * std::pow(10.0L, static_cast<long double>(scale));
    HPCSCHED_ASSERT(end == text.c_str() + text.size());
    constexpr auto limit = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
    if (found.fault == number_fault::too_large) {
        HPCSCHED_ASSERT(std::fabs(reference) >= limit * 0.999999L);
        return;
    }
    long double const off = std::fabs(reference - static_cast<long double>(found.value));
    HPCSCHED_ASSERT(off <= 0.5L + std::fabs(reference) * 1e-17L);
    HPCSCHED_ASSERT((found.fault == number_fault::negative) == (found.value < 0));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    int const scale = data[0] % 19;
    std::string const text{reinterpret_cast<char const*>(data) + 1, size - 1};
    parsed_number const scaled = parse_scaled(text, scale);
    parsed_number const count = parse_count(text);
    parsed_number const whole = parse_whole(text);
    // What is a whole number in digits is one for all.
    if (whole.ok()) {
        HPCSCHED_ASSERT(count == whole);
        HPCSCHED_ASSERT(parse_scaled(text, 0) == whole);
    }
    if (count.ok()) {
        HPCSCHED_ASSERT(parse_scaled(text, 0) == count);
    }
    bool const is_number = !text.empty() && text.find_first_not_of("0123456789.eE+-") == std::string::npos;
    if (is_number && scaled.fault != number_fault::malformed) {
        HPCSCHED_ASSERT(scaled.fault != number_fault::missing);
        check_beside_strtold(text, scale, scaled);
    }
    return 0;
}

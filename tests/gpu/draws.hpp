// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_GPU_DRAWS_HPP
#define HPCSCHED_TESTS_GPU_DRAWS_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace hpcsched::gpu::test {

/// What may be asked of a ledger, by somebody who means well and by somebody who does not.
class draws {
  public:
    draws(std::uint64_t seed, std::string_view name) : bits_{seed, name} {}

    [[nodiscard]] std::uint64_t below(std::uint64_t count) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, count - 1}(bits_);
    }
    [[nodiscard]] bool one_in(std::uint64_t count) { return below(count) == 0; }
    [[nodiscard]] std::uint64_t word() { return bits_(); }
    template <class Number>
    [[nodiscard]] Number number(std::uint64_t count) {
        return static_cast<Number>(below(count));
    }

    /// One of a few, or of any size.
    [[nodiscard]] host_id host() {
        constexpr std::uint32_t far[] = {host_count_max, std::numeric_limits<std::uint32_t>::max()};
        return host_id{one_in(30) ? far[below(2)] : number<std::uint32_t>(5)};
    }
    [[nodiscard]] std::uint64_t owner() { return one_in(40) ? 0 : 1 + below(10); }
    [[nodiscard]] device_health health() { return static_cast<device_health>(one_in(3) ? 1 + below(2) : 0); }

    [[nodiscard]] host_info info() {
        host_info h = uniform_host(one_in(40) ? 65 : 1 + below(6));
        for (device_info& d : h.devices) {
            d.sliced = one_in(4);
            d.link_group = number<std::uint16_t>(3);
            d.memory_mib =
                one_in(60) ? (1U << 30U) + number<std::uint32_t>(2) : 40'960 * (1 + number<std::uint32_t>(2));
        }
        if (one_in(30)) {
            h.cpu_milli = amount();
            h.memory_mib = amount();
        }
        return h;
    }

    [[nodiscard]] device_request request() {
        device_request r{.count = number<std::uint16_t>(one_in(20) ? 70 : 4)};
        std::uint64_t const kind = below(6);
        if (kind < 2) {
            r.milli = number<std::uint32_t>(one_in(20) ? 1300 : 1000);
            r.memory_mib = one_in(20) ? std::numeric_limits<std::uint32_t>::max() : number<std::uint32_t>(45'000);
            r.count = number<std::uint16_t>(3);
        } else if (kind == 2) {
            constexpr slice_profile profiles[] = {slice_1g, slice_1g_wide, slice_2g, slice_3g, slice_4g, slice_7g};
            r.slices = profiles[below(6)];
            r.count = 1;
            if (one_in(10)) {
                r.slices = {number<std::uint8_t>(256), number<std::uint8_t>(256)};
            }
        } else if (kind == 3) {
            r.memory_mib = number<std::uint32_t>(100'000);
        }
        if (one_in(4)) {
            r.cpu_milli = number<std::int64_t>(40'000);
            r.host_memory_mib = number<std::int64_t>(80'000);
        }
        if (one_in(40)) {
            (one_in(2) ? r.cpu_milli : r.host_memory_mib) = amount();
        }
        return r;
    }

    /// A subscription.
    [[nodiscard]] resources subscription() {
        return one_in(20) ? resources{amount(), amount(), amount(), amount()} : request().subscription();
    }

    [[nodiscard]] duration length() {
        return one_in(10)   ? unlimited
               : one_in(20) ? -duration{number<std::int64_t>(10)}
                            : duration{number<std::int64_t>(20'000'000'000)};
    }

  private:
    // Around what is accepted, or far beyond it.
    [[nodiscard]] std::int64_t amount() {
        constexpr std::int64_t edges[] = {-1,
                                          0,
                                          std::int64_t{1} << 40U,
                                          (std::int64_t{1} << 40U) + 1,
                                          std::numeric_limits<std::int64_t>::max(),
                                          std::numeric_limits<std::int64_t>::min()};
        return edges[below(6)];
    }

    random_stream bits_;
};

} // namespace hpcsched::gpu::test

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_CHOSEN_PLACEMENT_HPP
#define HPCSCHED_GPU_CHOSEN_PLACEMENT_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/placement.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hpcsched::gpu {

/// A placement policy that is chosen while the program runs, by name; for programs whose users choose. One that is
/// known when the program is built is faster as itself.
class chosen_placement {
  public:
    enum class kind : std::uint8_t {
        least_loaded = 0, ///< `gpu::least_loaded`
        pack = 1,         ///< `gpu::pack`
        spread = 2,       ///< `gpu::spread`
        one_group = 3,    ///< `in_one_group<least_loaded>`
        keeps_room = 4,   ///< `keeps_room<pack>`, for requests of eight devices
    };
    /// In the order of `kind`.
    static constexpr std::array<std::string_view, 5> names{"least-loaded", "pack", "spread", "one-group", "keeps-room"};

    chosen_placement() = default;
    explicit chosen_placement(kind k) noexcept : kind_{k} {}
    /// \return nothing where no policy has that name
    [[nodiscard]] static std::optional<chosen_placement> named(std::string_view name) noexcept {
        auto const at = std::find(names.begin(), names.end(), name);
        return at == names.end() ? std::nullopt
                                 : std::optional{chosen_placement{static_cast<kind>(at - names.begin())}};
    }

    [[nodiscard]] std::string_view name() const noexcept { return names[static_cast<std::size_t>(kind_)]; }

    [[nodiscard]] std::uint64_t score(placement_request const& r, host_load const& h) const noexcept {
        switch (kind_) {
        case kind::pack:
            return pack::score(r, h);
        case kind::spread:
            return spread::score(r, h);
        case kind::one_group:
            return in_one_group<>{}.score(r, h);
        case kind::keeps_room:
            return keeps_room<>{}.score(r, h);
        case kind::least_loaded:
            break;
        }
        return least_loaded::score(r, h);
    }

    void save(byte_buffer& out) const { put_word(out, static_cast<std::uint64_t>(kind_)); }
    /// \return false where `save` would not have written it so; it is as it was then
    [[nodiscard]] bool restore(byte_reader& in) {
        std::uint64_t const k = in.word();
        if (!in.good() || k >= names.size()) {
            return false;
        }
        kind_ = static_cast<kind>(k);
        return true;
    }

    friend bool operator==(chosen_placement const&, chosen_placement const&) = default;

  private:
    kind kind_ = kind::least_loaded;
};
static_assert(placement_policy<chosen_placement>);

} // namespace hpcsched::gpu

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_CHOSEN_ADMISSION_HPP
#define HPCSCHED_GPU_CHOSEN_ADMISSION_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/ledger_image.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hpcsched::gpu {

/// An admission policy that is chosen while the program runs, by name; for programs whose users choose. Who wants no
/// device is always admitted.
///
/// What was chosen is written down apart from what was learned, so that two who chose alike can tell. Both policies
/// that learn do so all the time: one that is chosen later knows what happened before. They compute in floating point:
/// the servers of a group that keep one are to be built alike.
class chosen_admission {
  public:
    enum class kind : std::uint8_t {
        everyone = 0,           ///< `admit_all`
        subscription_limit = 1, ///< `gpu::subscription_limit`
        service_level = 2,      ///< `gpu::service_level`
    };
    /// In the order of `kind`.
    static constexpr std::array<std::string_view, 3> names{"everyone", "subscription-limit", "service-level"};
    /// \return nothing where no policy has that name
    [[nodiscard]] static std::optional<kind> named(std::string_view name) noexcept {
        auto const at = std::find(names.begin(), names.end(), name);
        return at == names.end() ? std::nullopt : std::optional{static_cast<kind>(at - names.begin())};
    }

    struct config {
        kind policy = kind::everyone;
        double level = 0.9;         ///< of `service_level`, 0 .. 1
        std::uint32_t replicas = 3; ///< members of each group, >= 1

        friend bool operator==(config const&, config const&) = default;
    };

    chosen_admission() : chosen_admission{config{}} {}
    explicit chosen_admission(config c)
        : config_{c}, limit_{{.replicas = c.replicas}}, level_{{.level = c.level, .replicas = c.replicas}} {}

    [[nodiscard]] config const& chosen() const noexcept { return config_; }
    [[nodiscard]] std::string_view name() const noexcept { return names[static_cast<std::size_t>(config_.policy)]; }
    /// What no host's subscription ratio may reach where that is the rule.
    [[nodiscard]] double limit() const noexcept { return limit_.limit(); }

    [[nodiscard]] bool admits_host(ledger const& from, host_id h, device_request const& r) const {
        return config_.policy != kind::subscription_limit || r.count == 0 || limit_.admits_host(from, h, r);
    }
    [[nodiscard]] bool admits_group(ledger const& from, std::span<host_id const> hosts, device_request const& r) const {
        return config_.policy != kind::service_level || r.count == 0 || level_.admits_group(from, hosts, r);
    }

    /// See `subscription_limit::sample`.
    void sample(std::int64_t demand, std::int64_t busy) { limit_.sample(demand, busy); }
    /// See `service_level::observe`.
    void observe(std::uint64_t member, duration leased, duration of) { level_.observe(member, leased, of); }
    void forget(std::uint64_t member) { level_.forget(member); }

    void save(byte_buffer& out) const {
        put_word(out, static_cast<std::uint64_t>(config_.policy));
        put_word(out, std::bit_cast<std::uint64_t>(config_.level));
        put_word(out, config_.replicas);
    }
    /// Chooses what was saved; what was learned stays.
    /// \return false where `save` would not have written it so; it is as it was then
    [[nodiscard]] bool restore(byte_reader& in) {
        std::uint64_t const k = in.word();
        config c{.level = std::bit_cast<double>(in.word())};
        c.replicas = ledger_image::take<std::uint32_t>(in);
        if (!in.good() || k >= names.size() || !(c.level >= 0 && c.level <= 1) || c.replicas < 1) {
            return false;
        }
        c.policy = static_cast<kind>(k);
        byte_buffer samples;
        limit_.save_samples(samples);
        byte_reader kept{samples};
        *this = chosen_admission{c};
        [[maybe_unused]] bool const whole = limit_.restore_samples(kept);
        HPCSCHED_ASSERT(whole);
        return true;
    }

    /// The samples; what was observed of members is the observer's to tell again.
    void save_learned(byte_buffer& out) const { limit_.save_samples(out); }
    /// \return false where `save_learned` would not have written it so; it is as it was then
    [[nodiscard]] bool restore_learned(byte_reader& in) { return limit_.restore_samples(in); }

    /// Whether the same was chosen.
    friend bool operator==(chosen_admission const& a, chosen_admission const& b) { return a.config_ == b.config_; }

  private:
    config config_;
    subscription_limit limit_;
    service_level level_;
};
static_assert(admission_policy<chosen_admission>);

} // namespace hpcsched::gpu

#endif

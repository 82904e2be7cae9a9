// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_CHOSEN_QUEUEING_HPP
#define HPCSCHED_GPU_CHOSEN_QUEUEING_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger_image.hpp>
#include <hpcsched/gpu/queueing.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace hpcsched::gpu {

/// A queueing policy that is chosen while the program runs, by name; for programs whose users choose.
class chosen_queueing {
  public:
    enum class kind : std::uint8_t {
        fifo = 0,       ///< `gpu::fifo`
        shortest = 1,   ///< `shortest_first`
        aged = 2,       ///< `gpu::aged`
        fair_share = 3, ///< `gpu::fair_share`
    };
    /// In the order of `kind`.
    static constexpr std::array<std::string_view, 4> names{"fifo", "shortest", "aged", "fair-share"};
    /// \return nothing where no policy has that name
    [[nodiscard]] static std::optional<kind> named(std::string_view name) noexcept {
        auto const at = std::find(names.begin(), names.end(), name);
        return at == names.end() ? std::nullopt : std::optional{static_cast<kind>(at - names.begin())};
    }

    struct config {
        kind policy = kind::fifo;
        duration patience = unlimited;                 ///< >= 0; of all but the shortest first, which holds nobody up
        std::map<std::uint32_t, std::int64_t> quota{}; ///< of `fair_share`: thousandths of devices by tenant, >= 0
        std::int64_t default_quota = whole_device;     ///< the same, of a tenant not named there

        friend bool operator==(config const&, config const&) = default;
    };

    chosen_queueing() : chosen_queueing{config{}} {}
    explicit chosen_queueing(config c) : config_{std::move(c)}, policy_{made(config_)} {}

    [[nodiscard]] config const& chosen() const noexcept { return config_; }
    [[nodiscard]] std::string_view name() const noexcept { return names[static_cast<std::size_t>(config_.policy)]; }

    [[nodiscard]] queue_rank rank(waiting_want const& w, time_point now, tenant_usage const& usage) const noexcept {
        return std::visit([&](auto const& p) { return p.rank(w, now, usage); }, policy_);
    }
    [[nodiscard]] bool holds_up(waiting_want const& w, time_point now) const noexcept {
        return std::visit([&](auto const& p) { return p.holds_up(w, now); }, policy_);
    }

    void save(byte_buffer& out) const {
        put_word(out, static_cast<std::uint64_t>(config_.policy));
        put_word(out, static_cast<std::uint64_t>(config_.patience.count()));
        put_word(out, static_cast<std::uint64_t>(config_.default_quota));
        put_word(out, config_.quota.size());
        for (auto const& [tenant, amount] : config_.quota) {
            put_word(out, tenant);
            put_word(out, static_cast<std::uint64_t>(amount));
        }
    }
    /// \return false where `save` would not have written it so; it is as it was then
    [[nodiscard]] bool restore(byte_reader& in) {
        config c;
        std::uint64_t const k = in.word();
        c.patience = duration{ledger_image::take<std::int64_t>(in)};
        c.default_quota = ledger_image::take<std::int64_t>(in);
        std::uint64_t const quotas = in.word();
        bool right = k < names.size() && c.patience >= duration{0} && c.default_quota >= 0;
        for (std::uint64_t i = 0; i < quotas && in.good() && right; ++i) {
            auto const tenant = ledger_image::take<std::uint32_t>(in);
            auto const amount = ledger_image::take<std::int64_t>(in);
            right = amount >= 0 && (c.quota.empty() || c.quota.rbegin()->first < tenant);
            c.quota.emplace(tenant, amount);
        }
        if (!in.good() || !right) {
            return false;
        }
        c.policy = static_cast<kind>(k);
        *this = chosen_queueing{std::move(c)};
        return true;
    }

    friend bool operator==(chosen_queueing const& a, chosen_queueing const& b) { return a.config_ == b.config_; }

  private:
    using any = std::variant<fifo, shortest_first, aged, fair_share>;

    [[nodiscard]] static any made(config const& c) {
        switch (c.policy) {
        case kind::shortest:
            return shortest_first{};
        case kind::aged:
            return aged{.patience = c.patience};
        case kind::fair_share:
            return fair_share{c.quota, c.default_quota, c.patience};
        case kind::fifo:
            break;
        }
        return fifo{.patience = c.patience};
    }

    config config_;
    any policy_;
};
static_assert(queueing_policy<chosen_queueing>);

} // namespace hpcsched::gpu

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_KEEP_ALIVE_HPP
#define HPCSCHED_FAAS_HOST_KEEP_ALIVE_HPP

#include <hpcsched/core/time.hpp>

#include <concepts>
#include <memory>
#include <utility>

namespace hpcsched::faas_host {

/// What becomes of a worker that has nothing to do.
struct warm_windows {
    duration prewarm{};    ///< > 0: it ends now, and one is started so long after the last invocation ended
    duration keep_alive{}; ///< it ends so long after it became idle or was started ahead; `unlimited`: never

    friend bool operator==(warm_windows const&, warm_windows const&) = default;
};

namespace detail {

/// Part of keep_alive_policy: learns how long a function had nothing to do.
template <class P>
concept observes_idle_times = requires(P& p, duration idle) {
    { p.observe(idle) } noexcept -> std::same_as<void>;
};

/// Part of keep_alive_policy: says what becomes of a worker.
template <class P>
concept gives_windows = requires(P const& p) {
    { p.windows() } noexcept -> std::same_as<warm_windows>;
};

} // namespace detail

/// Decides how long workers of one function stay warm.
///
/// | expression        | effect                                                                                       |
/// |-------------------|----------------------------------------------------------------------------------------------|
/// | `p.observe(idle)` | learns that `idle`, >= 0, passed from the end of the last invocation to the arrival of a new
/// one | | `c.windows()`     | what holds for a worker that becomes idle now; both windows >= 0 |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal observations in equal order give equal windows.
/// 2. `windows()` has no side effect.
template <class P>
concept keep_alive_policy = std::copyable<P> && detail::observes_idle_times<P> && detail::gives_windows<P>;

/// The same time for all: what most platforms do.
class fixed_keep_alive {
  public:
    /// \param length  `unlimited`: a worker stays until the host ends
    explicit fixed_keep_alive(duration length = std::chrono::minutes{10}) noexcept : length_{length} {}

    void observe(duration) noexcept {}
    [[nodiscard]] warm_windows windows() const noexcept { return {.keep_alive = length_}; }

  private:
    duration length_;
};
static_assert(keep_alive_policy<fixed_keep_alive>);

/// Any keep-alive policy, for a host whose configuration names it.
class any_keep_alive {
  public:
    template <class P>
        requires(!std::same_as<P, any_keep_alive>) && keep_alive_policy<P>
    any_keep_alive(P policy) : held_{std::make_unique<model<P>>(std::move(policy))} {} // implicit: it is one
    any_keep_alive() : any_keep_alive{fixed_keep_alive{}} {}
    any_keep_alive(any_keep_alive const& other) : held_{other.held_->copy()} {}
    any_keep_alive(any_keep_alive&&) noexcept = default; ///< what is left may be assigned to or destroyed
    any_keep_alive& operator=(any_keep_alive other) noexcept {
        held_.swap(other.held_);
        return *this;
    }
    ~any_keep_alive() = default;

    void observe(duration idle) noexcept { held_->observe(idle); }
    [[nodiscard]] warm_windows windows() const noexcept { return held_->windows(); }

  private:
    struct anything {
        anything() = default;
        anything(anything const&) = default;
        anything& operator=(anything const&) = delete;
        virtual ~anything() = default;
        [[nodiscard]] virtual std::unique_ptr<anything> copy() const = 0;
        virtual void observe(duration idle) noexcept = 0;
        [[nodiscard]] virtual warm_windows windows() const noexcept = 0;
    };
    template <class P>
    struct model final : anything {
        explicit model(P p) : policy{std::move(p)} {}
        [[nodiscard]] std::unique_ptr<anything> copy() const override { return std::make_unique<model>(*this); }
        void observe(duration idle) noexcept override { policy.observe(idle); }
        [[nodiscard]] warm_windows windows() const noexcept override { return policy.windows(); }
        P policy;
    };

    std::unique_ptr<anything> held_;
};
static_assert(keep_alive_policy<any_keep_alive>);

} // namespace hpcsched::faas_host

#endif

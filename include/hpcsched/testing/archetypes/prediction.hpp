// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_PREDICTION_HPP
#define HPCSCHED_TESTING_ARCHETYPES_PREDICTION_HPP

#include <hpcsched/predict/executor.hpp>
#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/question.hpp>
#include <hpcsched/predict/world.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace hpcsched::testing {

/// No more than `predict::world` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only. So are those of the others here.
class minimal_world {
  public:
    class state {
      public:
        state() = delete;
        state(state const&);
        state& operator=(state const&);
        ~state();
    };
    class run {
      public:
        run() = delete;
        run(run&&) noexcept;
        run& operator=(run&&) noexcept;
        run(run const&) = delete;
        run& operator=(run const&) = delete;
        ~run();
    };

    minimal_world() = delete;
    minimal_world(minimal_world&&) noexcept;
    minimal_world& operator=(minimal_world&&) noexcept;
    minimal_world(minimal_world const&) = delete;
    minimal_world& operator=(minimal_world const&) = delete;
    ~minimal_world();

    [[nodiscard]] run make_run() const;
    void begin(run&, state const&) const;
    [[nodiscard]] predict::progress step(run&) const;
};

static_assert(predict::world<minimal_world>);

/// No more than `predict::noise_model` asks for.
class minimal_noise {
  public:
    static constexpr std::array<std::string_view, 1> source_names{"chance"};

    minimal_noise() = delete;
    minimal_noise(minimal_noise const&);
    minimal_noise& operator=(minimal_noise const&);
    ~minimal_noise();

    void perceive(minimal_world::state&, predict::noise_streams<1>&) const;
    void disturb(minimal_world::run&, predict::noise_streams<1>&) const;
    [[nodiscard]] minimal_noise scaled(std::size_t, double) const;
};

static_assert(predict::noise_model<minimal_noise, minimal_world>);

/// No more than `predict::question` asks for.
class minimal_question {
  public:
    minimal_question() = delete;
    minimal_question(minimal_question&&) noexcept;
    minimal_question& operator=(minimal_question&&) noexcept;
    minimal_question(minimal_question const&) = delete;
    minimal_question& operator=(minimal_question const&) = delete;
    ~minimal_question();

    [[nodiscard]] bool outcome(minimal_world::run const&) const;
    [[nodiscard]] bool settled(minimal_world::run const&) const;
};

static_assert(predict::question<minimal_question, minimal_world>);

/// No more than `predict::executor` asks for.
class minimal_executor {
  public:
    minimal_executor() = delete;
    minimal_executor(minimal_executor const&) = delete;
    minimal_executor& operator=(minimal_executor const&) = delete;
    ~minimal_executor();

    [[nodiscard]] std::size_t worker_count() const;
    template <class Function>
    void for_each(std::size_t, Function const& f) { // defined, since a lambda's type has no linkage
        f(std::size_t{0}, std::size_t{0});
    }
};

static_assert(predict::executor<minimal_executor>);

} // namespace hpcsched::testing

#endif

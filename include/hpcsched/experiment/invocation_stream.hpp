// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_INVOCATION_STREAM_HPP
#define HPCSCHED_EXPERIMENT_INVOCATION_STREAM_HPP

#include <hpcsched/workload/invocation.hpp>

#include <memory>
#include <utility>

namespace hpcsched::experiment {

/// Any invocation source, chosen at run time: a preset, a file, or an embedder's own. Models
/// `workload::invocation_source`; one virtual call per invocation.
/// \thread_safety none; one stream per run
class invocation_stream {
  public:
    invocation_stream() = default;
    invocation_stream(invocation_stream const&) = delete;
    invocation_stream& operator=(invocation_stream const&) = delete;
    virtual ~invocation_stream() = default;

    /// As `workload::invocation_source` says.
    [[nodiscard]] virtual result<bool> next(workload::invocation& out) = 0;
};

static_assert(workload::invocation_source<invocation_stream>);

namespace detail {

template <workload::invocation_source Source>
class owned_stream final : public invocation_stream {
  public:
    explicit owned_stream(Source source) : source_{std::move(source)} {}
    [[nodiscard]] result<bool> next(workload::invocation& out) override { return source_.next(out); }

  private:
    Source source_;
};

} // namespace detail

/// Any source as a stream that owns it.
template <workload::invocation_source Source>
[[nodiscard]] std::unique_ptr<invocation_stream> make_stream(Source source) {
    return std::make_unique<detail::owned_stream<Source>>(std::move(source));
}

} // namespace hpcsched::experiment

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_FUNCTION_DRIFT_HPP
#define HPCSCHED_WORKLOAD_FUNCTION_DRIFT_HPP

namespace hpcsched::workload {

/// How the shares of functions drift, while their long-run means stay.
///
/// Invocations come in phases of random length, geometric with mean `length`. Each phase draws its own shares from the
/// Dirichlet distribution with the population's shares as means. Whatever is observed of invocations k apart then has
/// the correlation `correlation * (1 - 1 / length)^k`, of service times as of anything else that follows from the
/// function; the variance of the sum of many is 1 + 2 * correlation * (length - 1) times that of independent draws.
/// A short stream may therefore carry a tenth more or less work than it is expected to; where its load must be exact,
/// measure it and scale it (`measure_work`, `scale_to_load`).
/// \source own model; a Dirichlet mixture is the conjugate one for shares. SFS repository, trace `test1`, for the
/// values `sfs_test1_drift`: they reproduce how the work of 100 and 1,000 requests varies
struct function_drift {
    double correlation = 0; ///< in [0, max_correlation]; 0: each invocation's function is drawn independently
    double length = 250;    ///< invocations, in [1, max_length]

    static constexpr double max_correlation = 0.5;
    static constexpr double max_length = 1e6;

    friend bool operator==(function_drift const&, function_drift const&) = default;
};

/// The drift of SFS's shipped trace.
inline constexpr function_drift sfs_test1_drift{0.035, 250};

} // namespace hpcsched::workload

#endif

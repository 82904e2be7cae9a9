// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_RESULT_HPP
#define HPCSCHED_CORE_RESULT_HPP

#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace hpcsched {

/// What a person needs to mend a failed operation: one clear line, with the place and the fix in it.
struct error {
    std::string message;

    friend bool operator==(error const&, error const&) = default;
};

/// A value, or the error that a caller can act on. `Error` is `error` where the caller is a person, a
/// component's `errc` where the caller is a program.
template <class Value, class Error = error>
using result = boost::system::result<Value, Error>;

/// Found by Boost.System when `value()` is called on a failed result: a contract violation in this library,
/// so it needs neither exceptions nor run-time types.
[[noreturn]] void throw_exception_from_error(error const& failure, boost::source_location const& where);

} // namespace hpcsched

#include <hpcsched/core/assert.hpp>

namespace hpcsched {

inline void throw_exception_from_error(error const& failure, boost::source_location const& where) {
    detail::contract_broken(failure.message.c_str(), where.file_name(), static_cast<int>(where.line()));
}

} // namespace hpcsched

#endif

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_WORKLOAD_READING_HPP
#define HPCSCHED_TESTS_WORKLOAD_READING_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::test {

/// A byte source that gives at most so many bytes at a time, and may fail in place of its end.
class trickle {
  public:
    explicit trickle(std::string_view text, std::size_t step = 1, std::optional<std::string> failure = {})
        : rest_{text}, step_{step}, failure_{std::move(failure)} {}

    [[nodiscard]] result<std::size_t> read(std::span<char> room) {
        if (rest_.empty() && failure_) {
            return error{*failure_};
        }
        std::size_t const size = std::min({step_, room.size(), rest_.size()});
        std::memcpy(room.data(), rest_.data(), size);
        rest_.remove_prefix(size);
        return size;
    }

  private:
    std::string_view rest_;
    std::size_t step_;
    std::optional<std::string> failure_;
};

static_assert(workload::byte_source<trickle>);

/// A text as the file "trace.csv".
inline workload::named_source<workload::text_source> text_file(std::string_view text, std::string name = "trace.csv") {
    return {workload::text_source{text}, std::move(name)};
}

/// What came out of a source, to its end.
struct read_result {
    std::vector<workload::invocation> invocations;
    std::string failure; ///< empty: none
};

/// Reads at most `count_max` invocations.
template <workload::invocation_source Source>
read_result read_all(Source&& source, std::size_t count_max = 1'000'000) {
    read_result out;
    workload::invocation i;
    while (out.invocations.size() < count_max) {
        auto const more = source.next(i);
        if (!more) {
            out.failure = more.error().message;
            break;
        }
        if (!*more) {
            break;
        }
        out.invocations.push_back(i);
    }
    return out;
}

} // namespace hpcsched::test

#endif

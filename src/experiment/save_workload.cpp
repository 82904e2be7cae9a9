// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/save_workload.hpp>
#include <hpcsched/workload/write_csv.hpp>

#include "byte_file.hpp"

#include <utility>

namespace hpcsched::experiment {
namespace {

/// A sink that leaves the file with its owner, who has to commit it.
struct borrowed_file {
    detail::output_file* file;
    [[nodiscard]] result<void> write(std::span<char const> bytes) { return file->write(bytes); }
};

} // namespace

result<std::uint64_t> save_workload(std::filesystem::path const& file, invocation_stream& stream,
                                    workload::function_names const& names) {
    auto output = detail::output_file::create(file);
    if (!output) {
        return output.error();
    }
    auto count = workload::write_csv(stream, names, borrowed_file{&*output});
    if (!count) {
        return count;
    }
    if (auto const done = output->commit(); !done) {
        return done.error();
    }
    return count;
}

} // namespace hpcsched::experiment

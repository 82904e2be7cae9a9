// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_trace_file.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/read_idlt.hpp>
#include <hpcsched/workload/read_notebook_csv.hpp>

#include "byte_file.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::experiment {
namespace {

/// Notes what became of the rows, where somebody wants to know.
template <class Reader>
result<workload::notebook_trace> counted(result<workload::notebook_trace> trace, Reader const& reader,
                                         workload::read_counts* counts) {
    if (counts != nullptr) {
        *counts = reader.counts();
    }
    return trace;
}

} // namespace

result<workload::notebook_trace> read_notebook_trace(std::filesystem::path const& path, workload::row_policy rows,
                                                     workload::read_counts* counts) {
    auto opened = detail::input_file::open(path);
    if (!opened) {
        return opened.error();
    }
    auto const start = opened->peek(4096);
    if (!start) {
        return start.error();
    }
    std::string const header{start->substr(0, start->find('\n'))};
    std::string const name = opened->name();
    workload::named_source<detail::input_file> input{std::move(*opened), name};
    if (header.find("submit_s") != std::string::npos) {
        workload::notebook_csv_reader reader{std::move(input), {.rows = rows}};
        auto trace = workload::collect_cells(reader);
        return counted(std::move(trace), reader, counts);
    }
    if (header.find("num_gpu") != std::string::npos) {
        workload::idlt_reader reader{std::move(input), {.rows = rows}};
        auto trace = reader.read();
        return counted(std::move(trace), reader, counts);
    }
    return error{name + ":1:1: not a trace of notebooks; it begins with a header that names "
                        "submit_s,session,gpus,run_s, or num_gpu,submit_time,duration"};
}

} // namespace hpcsched::experiment

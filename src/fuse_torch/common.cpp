// SPDX-License-Identifier: Apache-2.0
#include "states.hpp"
#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>

#include <algorithm>

namespace hpcsched::fuse_torch::detail {

error failure_of(std::exception_ptr thrown) {
    try {
        std::rethrow_exception(std::move(thrown));
    } catch (script_fault const& fault) {
        return {fault.message};
    } catch (c10::Error const& fault) {
        std::string const said = fault.what_without_backtrace();
        if (said.find("allocate memory") != std::string::npos || said.find("out of memory") != std::string::npos) {
            return {"out of memory: " + first_line(said) + "; use fewer samples or a smaller batch"};
        }
        return {first_line(said)};
    } catch (std::bad_alloc const&) {
        return {"out of memory; use fewer samples or a smaller batch"};
    } catch (std::exception const& fault) {
        // TorchScript's own begin with the place in its interpreter; what went wrong stands in the last line.
        std::string const said = fault.what();
        auto const end = said.find_last_not_of(" \n");
        auto const begin = end == std::string::npos ? end : said.rfind('\n', end);
        return {begin == std::string::npos ? first_line(said) : first_line(said.substr(begin + 1))};
    }
}

std::vector<at::Tensor> forward(torch::jit::Module& network, at::Tensor const& x) {
    c10::IValue const given = network.forward({x});
    std::vector<at::Tensor> outputs;
    if (given.isTensor()) {
        outputs.push_back(given.toTensor());
        return outputs;
    }
    if (!given.isTuple()) {
        throw script_fault{"gives something else than tensors"};
    }
    for (c10::IValue const& each : given.toTupleRef().elements()) {
        if (!each.isTensor()) {
            throw script_fault{"gives something else than tensors"};
        }
        outputs.push_back(each.toTensor());
    }
    return outputs;
}

std::vector<at::Tensor> forward_all(torch::jit::Module& network, at::Tensor const& x, std::int64_t batch,
                                    std::string const& device) {
    c10::NoGradGuard const no_grad;
    std::vector<std::vector<at::Tensor>> parts;
    for (std::int64_t first = 0; first < x.size(0); first += batch) {
        at::Tensor const piece = x.narrow(0, first, std::min(batch, x.size(0) - first)).to(at::Device{device});
        auto const outputs = forward(network, piece);
        parts.resize(outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            parts[i].push_back(outputs[i].to(at::kCPU));
        }
    }
    std::vector<at::Tensor> whole;
    for (auto const& each : parts) {
        whole.push_back(each.size() == 1 ? each.front() : at::cat(each));
    }
    return whole;
}

} // namespace hpcsched::fuse_torch::detail

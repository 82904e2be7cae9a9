// SPDX-License-Identifier: Apache-2.0

// A FaaS function that serves a fused network: a shared object for a host of faas_host, such as hpcsched serve with
//
//   [functions.faces]
//   kind = "shared-object"
//   command = "/srv/libexample_fused_function.so"
//   environment = { FUSED_MODEL = "/srv/fused.pt" }
//   memory = "1GiB"
//
// The event is an array of samples, each an array of its numbers, the last dimension fastest. The answer has for each
// task an array with the outputs of each sample.
#include <hpcsched/faas_host/shared_function.h>
#include <hpcsched/fuse_torch/fused_model.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace hpcsched;
using fuse_torch::tensor;
namespace json = boost::json;

/// Loaded by the first invocation of a worker, and warm from then on.
result<fuse_torch::fused_model> const& model() {
    static result<fuse_torch::fused_model> const loaded = [] {
        char const* const file = std::getenv("FUSED_MODEL");
        return fuse_torch::fused_model::load(file == nullptr ? "fused.pt" : file);
    }();
    return loaded;
}

template <class Number>
result<tensor> samples_of(json::array const& samples, std::vector<std::int64_t> const& extents) {
    std::size_t width = 1;
    for (std::int64_t const extent : extents) {
        width *= static_cast<std::size_t>(extent);
    }
    error const wrong{"a sample is an array of " + std::to_string(width) + " numbers"};
    std::vector<Number> numbers;
    for (json::value const& sample : samples) {
        if (!sample.is_array() || sample.as_array().size() != width) {
            return wrong;
        }
        for (json::value const& each : sample.as_array()) {
            boost::system::error_code none;
            numbers.push_back(static_cast<Number>(each.to_number<double>(none)));
            if (none) {
                return wrong;
            }
        }
    }
    std::vector<std::int64_t> all{static_cast<std::int64_t>(samples.size())};
    all.insert(all.end(), extents.begin(), extents.end());
    return tensor::of(all, std::span<Number const>{numbers});
}

result<std::string> answer_to(std::string_view event) {
    if (!model()) {
        return model().error();
    }
    boost::system::error_code wrong;
    json::value const asked = json::parse({event.data(), event.size()}, wrong);
    if (wrong || !asked.is_array() || asked.as_array().empty()) {
        return error{"expected an array of samples"};
    }
    auto const& described = model()->description();
    auto const batch = described.reads_reals ? samples_of<float>(asked.as_array(), described.sample)
                                             : samples_of<std::int64_t>(asked.as_array(), described.sample);
    if (!batch) {
        return batch.error();
    }
    auto const outputs = model()->run(*batch);
    if (!outputs) {
        return outputs.error();
    }
    json::object answer;
    for (std::size_t task = 0; task < outputs->size(); ++task) {
        std::vector<float> const numbers = (*outputs)[task].reals();
        std::size_t const width = numbers.size() / asked.as_array().size();
        json::array rows;
        for (std::size_t at = 0; at < numbers.size(); at += width) {
            rows.push_back(json::value_from(std::span{numbers}.subspan(at, width)));
        }
        answer[described.tasks[task]] = std::move(rows);
    }
    return result<std::string>{boost::system::in_place_value, json::serialize(answer)};
}

} // namespace

extern "C" int hpcsched_function(hpcsched_invocation* invocation) {
    auto const answer = answer_to({invocation->event, invocation->event_size});
    std::string const& text = answer ? *answer : answer.error().message;
    invocation->write(invocation, text.data(), text.size());
    return answer ? 0 : 1;
}

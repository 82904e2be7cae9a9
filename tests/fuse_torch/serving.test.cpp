// SPDX-License-Identifier: Apache-2.0
// A fused network as a function of a FaaS host: examples/fused_function.cpp in a real hpcsched serve.
#include <hpcsched/fuse_torch/fused_model.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "authored.hpp"
#include "cli/serving_program.hpp"
#include <temporary_folder.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

namespace json = boost::json;
using hpcsched::test::http_answer;
using hpcsched::test::serving_program;
using hpcsched::test::temporary_folder;

std::string const invoke = "/2015-03-31/functions/faces/invocations";

/// A fused file of two networks for 3 x 8 x 8 numbers, with 3 and 5 classes.
void write_fused(temporary_folder const& folder, std::string const& file) {
    use_one_thread();
    write(vgg_like{.side = 8, .widths = {8, 0, 8}, .hidden = 8}, folder / "shape.pt", 1);
    write(vgg_like{.side = 8, .widths = {8, 0, 8}, .hidden = 8, .classes = 5}, folder / "hue.pt", 2);
    std::array<std::filesystem::path, 2> const files{folder / "shape.pt", folder / "hue.pt"};
    auto const networks = teacher_networks::load(files, noise({4, 3, 8, 8}, 1)).value();
    auto const forest = fuse::model_graph::forest(networks.teachers());
    REQUIRE(fused_network::build(networks, forest, 1)->save(file).has_value());
}

json::array rows_of(tensor const& samples) {
    std::vector<float> const numbers = samples.reals();
    std::size_t const width = numbers.size() / static_cast<std::size_t>(samples.rows());
    json::array rows;
    for (std::size_t at = 0; at < numbers.size(); at += width) {
        json::array row;
        for (std::size_t i = at; i < at + width; ++i) {
            row.push_back(double{numbers[i]});
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace

TEST_CASE("serving: a FaaS function gives what the fused network gives, and says what is wrong with an event") {
    temporary_folder const folder;
    std::string const file = folder / "fused.pt";
    write_fused(folder, file);
    serving_program host{
        {"--functions", "functions.toml", "--policy", "none"},
        {{"functions.toml", std::string{"[functions.faces]\nkind = \"shared-object\"\ncommand = \""} +
                                HPCSCHED_FUSED_FUNCTION + "\"\nenvironment = { FUSED_MODEL = \"" + file +
                                "\" }\nmemory = \"2GiB\"\ntimeout = \"60s\"\ninit_timeout = \"60s\"\n"}}};
    auto const samples = noise({3, 3, 8, 8}, 7);
    auto const wanted = fused_model::load(file)->run(samples).value();
    for (int call = 0; call < 2; ++call) { // a cold one and a warm one
        http_answer const answer = host.ask("POST", invoke, json::serialize(rows_of(samples)));
        REQUIRE(answer.status == 200);
        CHECK(answer.field("X-Amz-Function-Error") == "");
        json::value const given = json::parse(answer.body);
        for (auto const& [task, outputs] : {std::pair{"shape", wanted[0]}, std::pair{"hue", wanted[1]}}) {
            auto const numbers = outputs.reals();
            std::size_t const width = numbers.size() / 3;
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                double const number = given.at(task).at(i / width).at(i % width).to_number<double>();
                CHECK(number == doctest::Approx(double{numbers[i]}).epsilon(1e-4));
            }
            CHECK(given.at(task).as_array().size() == 3);
        }
    }
    for (auto const& [event, message] :
         {std::pair{"{}", "expected an array of samples"}, std::pair{"[]", "expected an array of samples"},
          std::pair{"[[1, 2]]", "a sample is an array of 192 numbers"}}) {
        http_answer const refused = host.ask("POST", invoke, event);
        CHECK(refused.status == 200);
        CHECK(refused.field("X-Amz-Function-Error") == "Unhandled");
        CHECK(refused.body.find(message) != std::string::npos);
    }
    CHECK(host.end().status == 0);
}

} // namespace hpcsched::fuse_torch::test

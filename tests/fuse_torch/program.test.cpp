// SPDX-License-Identifier: Apache-2.0
#include "cli/program.hpp"

#include <hpcsched/fuse_torch/fused_model.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "authored.hpp"
#include "pictures.hpp"
#include <sys/wait.h>
#include <temporary_folder.hpp>

#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

template <class Number>
void write_npy(std::string const& file, char const* type, std::string const& shape, std::vector<Number> const& values) {
    std::string header = std::string{"{'descr': '"} + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    header.resize((header.size() + 11 + 63) / 64 * 64 - 10, ' ');
    header.back() = '\n';
    std::ofstream out{file, std::ios::binary};
    out << "\x93NUMPY\x01" << '\0' << static_cast<char>(header.size() & 0xffU) << static_cast<char>(header.size() >> 8U)
        << header;
    out.write(reinterpret_cast<char const*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(Number)));
}

struct outcome {
    int status = -1;
    std::string out{};
};

std::string command_of(std::string const& arguments) {
    return std::string{"OMP_NUM_THREADS=1 exec "} + HPCSCHED_PROGRAM + " fuse " + arguments;
}

outcome run_program(std::string const& arguments, std::string const& log) {
    int const status = std::system((command_of(arguments) + " >" + log + " 2>&1").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, hpcsched::test::read_text(log)};
}

bool has(std::string const& text, char const* part) {
    return text.find(part) != std::string::npos;
}

/// All of the search is in it, and it agrees with itself.
void check_record(std::string const& text) {
    auto const v = boost::json::parse(text);
    CHECK(v.at("schema").as_string() == "hpcsched.fusion");
    CHECK(v.at("found").as_bool());
    CHECK(v.at("confidence").to_number<double>() == 0.8);
    REQUIRE(v.at("tasks").as_array().size() == 2);
    for (auto const& task : v.at("tasks").as_array()) {
        CHECK(task.at("validation").at("high_95").to_number<double>() >
              task.at("validation").at("drop").to_number<double>());
        CHECK(task.at("confirmation").at("drop").to_number<double>() <= 0.1);
        CHECK(task.at("test").at("separate").to_number<double>() - task.at("test").at("fused").to_number<double>() ==
              doctest::Approx(task.at("test").at("drop").to_number<double>()));
    }
    CHECK(v.at("separate").at("nodes").as_array().size() == 22);
    CHECK(v.at("fused").at("nodes").as_array().size() < 24);
    for (auto const& node : v.at("fused").at("nodes").as_array()) {
        CHECK((node.at("parent").is_null() || node.at("parent").is_string()));
    }
    CHECK(v.at("fused").at("multiply_adds").to_number<double>() <
          v.at("separate").at("multiply_adds").to_number<double>());
    auto const& search = v.at("search");
    CHECK(search.at("started").to_number<std::size_t>() ==
          v.at("candidates").as_array().size() + search.at("failed").to_number<std::size_t>());
    // Each step of the curve is a candidate that kept what is tolerated, faster than the one before.
    double before = INFINITY;
    for (auto const& step : search.at("curve").as_array()) {
        double const latency = step.at("latency").to_number<double>();
        CHECK(latency < before);
        before = latency;
    }
    bool seen = false;
    for (auto const& c : v.at("candidates").as_array()) {
        bool const is_best = c.at("latency").is_number() && c.at("latency").to_number<double>() == before;
        seen = seen || (is_best && c.at("drop").to_number<double>() <= 0.1);
    }
    CHECK(seen);
}

/// It holds what it shows, and asks for nothing.
void check_page(std::string const& html) {
    CHECK(html.starts_with("<!doctype html>"));
    CHECK(html.ends_with("</html>\n"));
    CHECK(!has(html, "<script"));
    CHECK(!has(html, "src="));
    CHECK(!has(html, "href="));
    for (char const* const part : {"Before", "After", "class=\"fuse-1\"", "class=\"fuse-2\"", "shape: features.m0",
                                   "Latency against drop", "The best so far", "confirmation", "--confidence 0.8"}) {
        CAPTURE(part);
        CHECK(has(html, part));
    }
}

} // namespace

TEST_CASE("program: the program fuses files, tells what it does, and leaves the best so far at Ctrl-C") {
    use_one_thread();
    hpcsched::test::temporary_folder const folder;
    pictures const shown = draw_pictures(600, 3);
    vgg_like const network{.widths = {6, 0, 8, 0}, .hidden = 12};
    write(network, folder / "shape.pt", 1);
    write(network, folder / "hue.pt", 2);
    train(folder / "shape.pt", shown.images, shown.shapes, 5, 5e-3, 1);
    train(folder / "hue.pt", shown.images, shown.hues, 3, 5e-3, 2);
    write_npy(folder / "x.npy", "<f4", "600, 3, 16, 16", shown.images.reals());
    write_npy(folder / "shape.npy", "<i8", "600,", shown.shapes);
    write_npy(folder / "hue.npy", "<i8", "600,", shown.hues);
    write_npy(folder / "few.npy", "<i8", "3,", std::vector<std::int64_t>{0, 1, 2});
    CHECK(greatest_difference(tensor::load(folder / "x.npy").value(), shown.images) == 0);
    std::string const models = folder / "shape.pt" + ' ' + folder / "hue.pt" + " --threads 1 -i " + folder / "x.npy";
    std::string const log = folder / "log";
    auto const parsed = run_program(models + " --parse", log);
    CHECK(parsed.status == 0);
    CHECK(has(parsed.out, "shape: 11 blocks, reads 3x16x16"));
    CHECK(has(parsed.out, "single changes are possible"));
    CHECK(!std::filesystem::exists("fused.pt"));
    std::string const out = folder / "fused.pt";
    auto const fused = run_program(models + " -l " + folder / "shape.npy" + " -l " + folder / "hue.npy" +
                                       " --drop 0.1 --budget 20s --iterations 30 --epochs 4 --confidence 0.8 --json " +
                                       folder / "fused.json" + " --report " + folder / "fused.html" + " -o " + out,
                                   log);
    INFO(fused.out);
    REQUIRE(fused.status == 0);
    CHECK(has(fused.out, "candidate  epoch      drop  latency"));
    CHECK(has(fused.out, "written: "));
    check_record(hpcsched::test::read_text(folder / "fused.json"));
    check_page(hpcsched::test::read_text(folder / "fused.html"));
    auto const inspected = run_program("inspect " + out, log);
    CHECK(inspected.status == 0);
    CHECK(has(inspected.out, "outputs: shape hue"));
    auto const timed = run_program(
        "bench " + out + " --rounds 5 --against " + folder / "shape.pt" + " --against " + folder / "hue.pt", log);
    CHECK(timed.status == 0);
    CHECK(has(timed.out, "originals, frozen"));
    // Interrupted, it still writes what it has.
    std::string const second = folder / "second.pt";
    hpcsched::test::program searching;
    searching.start({"sh", "-c", command_of(models + " --budget 10m --drop 0 --epochs 10000 -o " + second)});
    for (int i = 0; i < 60'000 && !has(hpcsched::test::read_text(searching / ".err"), "candidate  epoch"); ++i) {
        hpcsched::test::wait_for_the_program(1);
    }
    hpcsched::test::wait_for_the_program(500); // into the first candidate's training
    searching.send(SIGINT);
    auto const interrupted = searching.wait();
    INFO(interrupted.out);
    INFO(interrupted.err);
    CHECK(interrupted.status == 0);
    CHECK(describe_file(second).has_value());
    auto const mismatched = run_program(models + " -l " + folder / "few.npy" + " -l " + folder / "few.npy", log);
    CHECK(mismatched.status == 3);
    CHECK(has(mismatched.out, "network 1: 3 labels for 600 inputs"));
    CHECK(run_program(models + " -l " + folder / "few.npy", log).status == 2);
    CHECK(run_program(models + " --metric elegance", log).status == 2);
    CHECK(run_program("inspect " + folder / "shape.pt", log).status == 3);
}

} // namespace hpcsched::fuse_torch::test

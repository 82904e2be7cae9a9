// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"

#include <fstream>
#include <string>
#include <vector>

namespace hpcsched::test {
namespace {

namespace json = boost::json;

/// A ball that is pushed along x towards a pad, and may reach it.
std::string scene_line(int n, bool answered) {
    std::string const number = std::to_string(n);
    std::string out = R"({"stimulus":"made_)" + number + R"(","scenario":")" + (n % 2 == 0 ? "collide" : "roll") +
                      R"(","contact":)" + (n > 5 ? "true" : "false") + R"(,"first_contact_frame":null,"frames":60,)";
    if (answered) {
        out += R"("human_correct":0.)" + std::to_string(5 + n % 4) + R"(,"human_count":40,)";
    }
    auto const object = [](int id, char const* name, double x, double scale) {
        return R"({"type":"add_object","id":)" + std::to_string(id) + R"(,"name":")" + name + R"(","scale_factor":)" +
               std::to_string(scale) + R"(,"position":{"x":)" + std::to_string(x) +
               R"(,"y":0,"z":0},"rotation":{"x":0,"y":0,"z":0}},)";
    };
    return out + R"("commands":[)" + object(1, "cube", 1.2, 0.5) +
           R"({"type":"set_kinematic_state","id":1,"is_kinematic":true},)" + object(2, "sphere", 0, 0.3) +
           R"({"type":"apply_force_at_position","id":2,"force":{"x":)" + std::to_string(0.4 * n) +
           R"(,"y":0,"z":0},"position":{"x":0,"y":0.15,"z":0}}]})" + "\n";
}

void write_scenes(std::string const& path, int count, int answered) {
    std::ofstream out{path};
    for (int n = 0; n < count; ++n) {
        out << scene_line(n, n < answered);
    }
}

} // namespace

TEST_CASE("predict physics: every scene of a file is answered, those without people's answers as well") {
    program hpcsched;
    write_scenes(hpcsched / "s.jsonl", 12, 4);
    std::vector<std::string> const words{"predict", "physics", "--scenes", "s.jsonl",   "--worlds",
                                         "4",       "--out",   "a.json",   "--threads", "2"};
    finished_program const ended = hpcsched.hpcsched(words);
    CHECK(ended.status == 0);
    CHECK(ended.out.find("12 scenes, 4 futures of each") != std::string::npos);
    json::value const document = json::parse(read_text(hpcsched / "a.json"));
    json::array const& answers = document.at("answers").as_array();
    REQUIRE(answers.size() == 12);
    CHECK(answers[0].as_object().contains("people_yes"));
    CHECK_FALSE(answers[11].as_object().contains("people_yes"));
    CHECK(answers[0].at("yes").to_number<double>() == 0);
    CHECK(answers[11].at("yes").to_number<double>() > 0.5);
    CHECK(answers[11].at("worlds").to_number<int>() == 4);
    CHECK(document.at("noise").as_object().contains("random force"));
    std::string const first = read_text(hpcsched / "a.json");
    std::vector<std::string> other = words;
    other.back() = "1";
    CHECK(hpcsched.hpcsched(other).status == 0);
    // The command apart, which says how many threads there were.
    CHECK(json::parse(read_text(hpcsched / "a.json")).at("answers") == json::parse(first).at("answers"));
}

TEST_CASE("predict physics: a study writes its tables, JSON and a page, the same again") {
    program hpcsched;
    write_scenes(hpcsched / "s.jsonl", 24, 20);
    std::vector<std::string> const words{
        "predict", "physics",      "--scenes", "s.jsonl",       "--study", "--worlds",      "4", "--fit-scenes",
        "3",       "--fit-worlds", "3",        "--evaluations", "4",       "--made-scenes", "1", "--out",
        "r.json",  "--page",       "r.html"};
    finished_program const ended = hpcsched.hpcsched(words);
    REQUIRE(ended.status == 0);
    for (char const* const part : {"Without noise", "Fitted on all families", "Share of yes on the tested half",
                                   "From some families to the others", "From one question to the other"}) {
        INFO(part);
        CHECK(ended.out.find(part) != std::string::npos);
    }
    json::value const document = json::parse(read_text(hpcsched / "r.json"));
    CHECK(document.at("agreement").as_array().back().at("scenes").to_number<int>() == 24);
    CHECK(document.at("fits").as_array().size() == 3);
    CHECK(document.at("comparison").as_array().back().at("name") == "all");
    CHECK(document.at("other_families").as_array().size() == 3);
    CHECK(document.at("other_question").as_array().size() == 2);
    std::size_t const tested = document.at("stimuli").as_array().size();
    CHECK(tested > 2);
    CHECK(tested < 18);
    CHECK(read_text(hpcsched / "r.html").find("<circle") != std::string::npos);
    CHECK(hpcsched.hpcsched(words).out == ended.out);
}

TEST_CASE("predict physics: what is wrong is said in one line, with what to do") {
    program hpcsched;
    write_scenes(hpcsched / "s.jsonl", 4, 1);
    std::ofstream{hpcsched / "bad.jsonl"} << scene_line(1, false) << "{}\n";
    auto const said = [&](std::vector<std::string> more, int status) {
        std::vector<std::string> words{"predict", "physics"};
        words.insert(words.end(), more.begin(), more.end());
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.status == status);
        return ended.err;
    };
    CHECK(said({}, 2).find("--scenes FILE or --generate N") != std::string::npos);
    CHECK(said({"--generate", "1", "--families", "explode"}, 2).find("there is no family") != std::string::npos);
    CHECK(said({"--generate", "1", "--study"}, 2).find("--study needs --scenes") != std::string::npos);
    CHECK(said({"--generate", "1", "--worlds", "0"}, 2).find("--worlds") != std::string::npos);
    CHECK(said({"--scenes", "missing.jsonl"}, 3).find("missing.jsonl") != std::string::npos);
    CHECK(said({"--scenes", "bad.jsonl"}, 3).find("line 2: 'stimulus' is missing") != std::string::npos);
    CHECK(said({"--scenes", "s.jsonl", "--families", "drop"}, 3).find("no scene of these families") !=
          std::string::npos);
    CHECK(said({"--scenes", "s.jsonl", "--study"}, 3).find("people's answers to two scenes") != std::string::npos);
}

TEST_CASE("predict physics: interrupted, it writes the answers so far and exits with 130") {
    program hpcsched;
    hpcsched.start(program::hpcsched_words({"predict", "physics", "--generate", "2000", "--families", "support",
                                            "--worlds", "50", "--threads", "1", "--out", "a.json"}));
    for (int i = 0; i < 60'000 && read_text(hpcsched / ".err").find("scenes foreseen") == std::string::npos; ++i) {
        wait_for_the_program(1);
    }
    hpcsched.send(SIGINT);
    finished_program const ended = hpcsched.wait();
    CHECK(ended.status == 130);
    CHECK(ended.err.find("interrupted after") != std::string::npos);
    std::size_t const answered = json::parse(read_text(hpcsched / "a.json")).at("answers").as_array().size();
    CHECK(answered > 0);
    CHECK(answered < 2000);
}

} // namespace hpcsched::test

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/fields.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using hpcsched::test::text_file;

namespace {

struct split_row {
    std::vector<std::string> texts;
    std::vector<std::size_t> columns;
    std::string fault;
    std::size_t fault_column = 0;
};

split_row split(std::string_view row) {
    field_cursor cursor{row};
    split_row out;
    for (field f; cursor.next(f);) {
        out.texts.emplace_back(f.text);
        out.columns.push_back(f.column);
    }
    out.fault = cursor.fault();
    out.fault_column = cursor.fault_column();
    return out;
}

using texts = std::vector<std::string>;
using columns = std::vector<std::size_t>;

} // namespace

TEST_CASE("field_cursor: splits at commas, empty fields included") {
    CHECK(split("a,b,c").texts == texts{"a", "b", "c"});
    CHECK(split("a,b,c").columns == columns{1, 3, 5});
    CHECK(split("").texts == texts{""});
    CHECK(split(",").texts == texts{"", ""});
    CHECK(split("a,,").texts == texts{"a", "", ""});
    CHECK(split(" a , b").texts == texts{" a ", " b"});
}

TEST_CASE("field_cursor: quotes hold commas, and doubled quotes one") {
    CHECK(split(R"("a,b",c)").texts == texts{"a,b", "c"});
    CHECK(split(R"("a,b",c)").columns == columns{1, 7});
    CHECK(split(R"("say ""hi""","")").texts == texts{R"(say "hi")", ""});
    CHECK(split(R"(a"b,c"")").texts == texts{R"(a"b)", R"(c"")"});
    CHECK(split(R"("","",x)").texts == texts{"", "", "x"});
    CHECK(split(R"("""")").texts == texts{R"(")"});
}

TEST_CASE("field_cursor: texts that were quoted stay where they are while more follow") {
    std::string row;
    for (int i = 0; i < 100; ++i) {
        row += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
    }
    field_cursor cursor{row};
    std::vector<field> found;
    for (field f; cursor.next(f);) {
        found.push_back(f);
    }
    REQUIRE(found.size() == 100);
    for (std::size_t i = 0; i < 100; ++i) {
        CHECK(found[i].text == std::to_string(i));
    }
}

TEST_CASE("field_cursor: broken quotes are a fault, with its place") {
    CHECK(split(R"(a,"b)").fault == "a quote that is not closed");
    CHECK(split(R"(a,"b)").fault_column == 3);
    CHECK(split(R"(a,"b"c,d)").fault == "text after a closing quote");
    CHECK(split(R"(a,"b"c,d)").fault_column == 6);
    CHECK(split(R"(a,"b"c,d)").texts == texts{"a"});
    CHECK(split(R"(")").fault == "a quote that is not closed");
    CHECK(split(R"(""")").fault == "a quote that is not closed");
    CHECK(split(R"(a"b)").fault.empty());
}

TEST_CASE("word_cursor: words are separated by any number of blanks and tabs") {
    word_cursor cursor{"  a\tbc   d "};
    std::vector<std::string> found;
    std::vector<std::size_t> places;
    for (field f; cursor.next(f);) {
        found.emplace_back(f.text);
        places.push_back(f.column);
    }
    CHECK(found == texts{"a", "bc", "d"});
    CHECK(places == columns{3, 5, 10});
}

TEST_CASE("join_fields: points into the row where the fields stand side by side, and else gives the same text") {
    std::string scratch;
    std::string const plain = "ab,cd,ef,gh";
    field_cursor cursor{plain};
    std::array<field, 4> f;
    for (field& each : f) {
        REQUIRE(cursor.next(each));
    }
    std::string_view const joined = join_fields(std::span{f}.first(3), scratch);
    CHECK(joined == "ab,cd,ef");
    CHECK(joined.data() == plain.data());
    std::array const apart{f[0], f[2]};
    CHECK(join_fields(apart, scratch) == "ab,ef");
    std::array const turned{f[1], f[0]};
    CHECK(join_fields(turned, scratch) == "cd,ab");

    field_cursor quoted{R"("ab","cd",ef)"};
    for (field& each : std::span{f}.first(3)) {
        REQUIRE(quoted.next(each));
    }
    CHECK(join_fields(std::span{f}.first(3), scratch) == "ab,cd,ef");
    CHECK(join_fields(std::span{f}.first(1), scratch) == "ab");
}

TEST_CASE("column_map: finds columns by name in any order, and passes over others") {
    row_reader<text_source> rows{text_file("x,b,a,y\n1,2,3,4\n"), {}};
    column_map<3> map{{"a", "b", "c"}, "a table", 2};
    REQUIRE(map.read_header(rows));
    CHECK(map.has(0));
    CHECK(map.has(1));
    CHECK_FALSE(map.has(2));
    REQUIRE(rows.next());
    field_cursor cursor{rows.row()};
    std::array<field, 3> f;
    REQUIRE(map.split(rows, cursor, f));
    CHECK(f[0].text == "3");
    CHECK(f[0].column == 5);
    CHECK(f[1].text == "2");
    CHECK(f[2].text.empty());
}

TEST_CASE("describe_fault: says what is wrong, and with what") {
    CHECK(describe_fault("n", {"", 1}, number_fault::missing, "a number") == "n is missing");
    CHECK(describe_fault("n", {"-3", 1}, number_fault::negative, "a number") == "n is '-3', below zero");
    CHECK(describe_fault("n", {"1e99", 1}, number_fault::too_large, "a number") == "n is '1e99', too large");
    CHECK(describe_fault("n", {"x", 1}, number_fault::malformed, "a number") == "n is 'x', not a number");
}

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/journal.hpp>
#include <hpcsched/experiment/results_io.hpp>

#include <doctest/doctest.h>

#include "sample_cell.hpp"
#include "temporary_folder.hpp"

#include <string>
#include <utility>

namespace hpcsched::experiment {

using test::read_text;
using test::sample_cell;
using test::temporary_folder;
using test::write_text;

TEST_CASE("journal: what was written is found again, by this object and by the next") {
    temporary_folder const folder;
    std::string const path = folder / "cells.jsonl";
    {
        auto opened = journal::open(path);
        REQUIRE(opened.has_value());
        CHECK(opened->cell_count() == 0);
        for (std::uint64_t i = 1; i <= 20; ++i) {
            REQUIRE(opened->append(i * 0x0123456789abcdefULL, sample_cell(i)).has_value());
        }
        CHECK(to_json(opened->find(3 * 0x0123456789abcdefULL).value()) == to_json(sample_cell(3)));
    }
    auto const again = journal::open(path);
    REQUIRE(again.has_value());
    CHECK(again->cell_count() == 20);
    for (std::uint64_t i = 1; i <= 20; ++i) {
        auto const found = again->find(i * 0x0123456789abcdefULL);
        REQUIRE(found.has_value());
        CHECK(to_json(*found) == to_json(sample_cell(i)));
    }
    CHECK(!again->find(5).has_value());
}

TEST_CASE("journal: of two lines of one cell the last counts") {
    temporary_folder const folder;
    std::string const path = folder / "cells.jsonl";
    {
        auto opened = journal::open(path);
        REQUIRE(opened.has_value());
        REQUIRE(opened->append(1, sample_cell(1)).has_value());
        REQUIRE(opened->append(1, sample_cell(2)).has_value());
        CHECK(to_json(opened->find(1).value()) == to_json(sample_cell(2)));
    }
    auto const again = journal::open(path);
    REQUIRE(again.has_value());
    CHECK(again->cell_count() == 1);
    CHECK(to_json(again->find(1).value()) == to_json(sample_cell(2)));
}

TEST_CASE("journal: a file cut off anywhere keeps every whole line, and goes on") {
    temporary_folder const folder;
    std::string const path = folder / "cells.jsonl";
    {
        auto opened = journal::open(path);
        REQUIRE(opened.has_value());
        REQUIRE(opened->append(1, sample_cell(1)).has_value());
        REQUIRE(opened->append(2, sample_cell(2)).has_value());
    }
    std::string const whole = read_text(path);
    std::size_t const second = whole.find('\n') + 1;
    for (std::size_t const kept : {std::size_t{0}, std::size_t{5}, std::size_t{30}, second - 1, second, second + 1,
                                   second + 39, second + 300, whole.size() - 1}) {
        CAPTURE(kept);
        write_text(path, whole.substr(0, kept));
        {
            auto opened = journal::open(path);
            REQUIRE(opened.has_value());
            CHECK(opened->find(1).has_value() == (kept >= second));
            CHECK(!opened->find(2).has_value());
            REQUIRE(opened->append(3, sample_cell(3)).has_value());
            CHECK(to_json(opened->find(3).value()) == to_json(sample_cell(3)));
        }
        auto const again = journal::open(path);
        REQUIRE(again.has_value());
        CHECK(again->find(1).has_value() == (kept >= second - 1)); // a line that lacks only its end is whole
        CHECK(to_json(again->find(3).value()) == to_json(sample_cell(3)));
    }
}

TEST_CASE("journal: a damaged line is a cell that was not finished") {
    temporary_folder const folder;
    std::string const path = folder / "cells.jsonl";
    {
        auto opened = journal::open(path);
        REQUIRE(opened.has_value());
        REQUIRE(opened->append(1, sample_cell(1)).has_value());
        REQUIRE(opened->append(2, sample_cell(2)).has_value());
    }
    std::string text = read_text(path);
    text.replace(text.find("\"makespan\""), 10, "\"makespan?");
    write_text(path, "not a journal line\n" + text);
    auto const opened = journal::open(path);
    REQUIRE(opened.has_value());
    CHECK(!opened->find(1).has_value());
    CHECK(opened->find(2).has_value());
}

TEST_CASE("journal: two at a time is an error that says so") {
    temporary_folder const folder;
    auto const first = journal::open(folder / "cells.jsonl");
    REQUIRE(first.has_value());
    auto const second = journal::open(folder / "cells.jsonl");
    REQUIRE(second.has_error());
    CHECK(second.error().message == "another process is writing to '" + (folder / "cells.jsonl") +
                                        "': wait until it has ended, or give another output folder");
}

TEST_CASE("journal: a place that cannot be written is named") {
    temporary_folder const folder;
    auto const opened = journal::open(folder / "missing/cells.jsonl");
    REQUIRE(opened.has_error());
    CHECK(opened.error().message ==
          "cannot open '" + (folder / "missing/cells.jsonl") + "': No such file or directory");
}

} // namespace hpcsched::experiment

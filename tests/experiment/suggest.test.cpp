// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/suggest.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace hpcsched::experiment {

TEST_CASE("suggest: a mistyped name finds what was meant") {
    std::vector<std::string> const names{"eevdf", "cfs", "sfs", "alps", "serpt", "srpt", "alps-nice"};
    struct mistake {
        std::string typed, meant;
    };
    for (mistake const& m : {mistake{"evdf", "eevdf"}, mistake{"eedvf", "eevdf"}, mistake{"SERPT", "serpt"},
                             mistake{"alsp", "alps"}, mistake{"alps-nce", "alps-nice"}, mistake{"sprt", "srpt"},
                             mistake{"zfs", "cfs"}, mistake{"banana", ""}, mistake{"", ""}}) {
        CAPTURE(m.typed);
        CHECK(nearest_name(m.typed, names) == m.meant);
    }
}

TEST_CASE("suggest: where nothing is near all names are listed") {
    std::vector<std::string> const names{"on", "off"};
    CHECK(suggestion("oof", names, "words") == "did you mean 'off'?");
    CHECK(suggestion("banana", names, "words") == "the words are on, off");
}

} // namespace hpcsched::experiment

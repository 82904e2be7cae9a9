// SPDX-License-Identifier: Apache-2.0

// Every umbrella header of this build, twice here and once more in odr_again.cpp: a definition that is not inline
// does not link, a header without a guard does not compile.
#include "every_umbrella.hpp"
#include "every_umbrella.hpp" // NOLINT(readability-duplicate-include)

int included_again();

int main() {
    return included_again();
}

// SPDX-License-Identifier: Apache-2.0
#include "every_umbrella.hpp"

int included_again();

int included_again() {
    return 0;
}

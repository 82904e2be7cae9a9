// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_HPP
#define HPCSCHED_TESTING_HPP

/// \file
/// All of hpcsched::testing; a program that is built often includes what it uses instead.


#endif

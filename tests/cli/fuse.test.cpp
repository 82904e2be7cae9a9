// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "program.hpp"
#include <skip.hpp>

namespace hpcsched::test {

TEST_CASE("fuse: becomes the program with LibTorch in it, with the same command line") {
#if HPCSCHED_HAS_FUSE_TORCH
    program hpcsched;
    finished_program const missing = hpcsched.hpcsched({"fuse", "inspect", "nothing.pt"});
    CHECK(missing.status == 3);
    CHECK(missing.err.find("nothing.pt: cannot be read") != std::string::npos);
    // Without a command it is `run`.
    finished_program const refused = hpcsched.hpcsched({"fuse", "a.pt", "b.pt", "--inputs", "nothing.npy"});
    CHECK(refused.status == 3);
    CHECK(refused.err.find("nothing.npy: cannot be opened") != std::string::npos);
    CHECK(hpcsched.hpcsched({"fuse", "--help"}).out.find("inspect") != std::string::npos);
#else
    HPCSCHED_SKIP("hpcsched::fuse_torch is not built (HPCSCHED_WITH_FUSE_TORCH)");
#endif
}

} // namespace hpcsched::test

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_HOST_RUN_CONFORMANCE_HPP
#define HPCSCHED_TESTS_NOTEBOOK_HOST_RUN_CONFORMANCE_HPP

#include <doctest/doctest.h>

#include "skip.hpp"
#include "temporary_folder.hpp"
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace hpcsched::test {

/// Runs a script of this folder, with the Python that has Debian's packages.
inline void run_python(std::string const& words) {
    temporary_folder const folder;
    std::string const says = folder / "says";
    std::string const command = "HPCSCHED_CHUNKS=" HPCSCHED_CHUNKS_LIBRARY " /usr/bin/python3 " HPCSCHED_JUPYTER_TESTS
                                "/" +
                                words + " >" + says + " 2>&1";
    int const status = std::system(command.c_str()); // NOLINT(cert-env33-c, concurrency-mt-unsafe): a test's own words
    std::ifstream stream{says};
    std::string const said{std::istreambuf_iterator<char>{stream}, {}};
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
        HPCSCHED_SKIP((said + " (of Debian it needs python3-jupyter-client, python3-ipykernel, python3-nbclient, "
                              "python3-cloudpickle; for pages chromium; for servers what cmake/debian.sh lists)")
                          .c_str());
    }
    CAPTURE(said);
    CHECK(status == 0);
    MESSAGE(said);
}

/// A case of conformance.py: through a proxy with one kernel behind, or, with hosts, of a kernel in replicas on so
/// many.
inline void conforms(std::string const& name, unsigned hosts = 0) {
    std::string const program = HPCSCHED_PROGRAM;
    if (program.empty()) {
        HPCSCHED_SKIP("the program hpcsched is not built");
    }
    run_python("conformance.py " + name + " " + program + (hosts == 0 ? std::string{} : " " + std::to_string(hosts)));
}

} // namespace hpcsched::test

#endif

// SPDX-License-Identifier: Apache-2.0

// The program that a host of the tests starts as the worker of a shared object: doctest's main is not asked first.
#include <hpcsched/faas_host/shared_function_worker.hpp>

int main(int argument_count, char** argument_values) {
    return hpcsched::faas_host::run_if_worker(argument_count, argument_values).value_or(2);
}

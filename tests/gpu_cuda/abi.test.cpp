// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "driver_api.hpp"
#include "nvml_api.hpp"
#include "skip.hpp"

namespace hpcsched::test {

extern int const cuda_header_version;
extern int const nvml_header_version;

} // namespace hpcsched::test

using namespace hpcsched;

TEST_CASE("abi: what is declared of CUDA is what the toolkit's header says") {
    if (test::cuda_header_version == 0) {
        HPCSCHED_SKIP("no cuda.h: no toolkit was found when this was configured (CUDA_HOME names one)");
    }
    CHECK(test::cuda_header_version >= 12'080); // with the process checkpoint; the rest was held when this was built
}

TEST_CASE("abi: what is declared of NVML is what its header says") {
    if (test::nvml_header_version == 0) {
        HPCSCHED_SKIP("no nvml.h: no toolkit with it was found when this was configured (CUDA_HOME names one)");
    }
    CHECK(test::nvml_header_version >= 12);
}

TEST_CASE("abi: the arguments of the process checkpoint are 64 bytes each") {
    namespace cuda = gpu_cuda::cuda;
    CHECK(sizeof(cuda::lock_arguments) == 64);
    CHECK(sizeof(cuda::checkpoint_arguments) == 64);
    CHECK(sizeof(cuda::restore_arguments) == 64);
    CHECK(sizeof(cuda::unlock_arguments) == 64);
    CHECK(sizeof(cuda::gpu_pair) == 32);
}

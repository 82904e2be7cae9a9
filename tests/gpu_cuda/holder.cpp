// SPDX-License-Identifier: Apache-2.0

// Holds device memory and knows nothing of hpcsched: what a process is that is taken off its device.
//
//   gpu_cuda_holder <ordinal> <bytes>
//
// Fills the memory, prints "ready <ms since it began>", waits for a line or the end of its input, then looks whether
// the memory is as it left it and prints "whole" or "changed". Exit status: 0 whole, 1 changed, 2 it could not begin.
#include <dlfcn.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

template <class Function>
Function find(void* library, char const* symbol) {
    auto const found = reinterpret_cast<Function>(dlsym(library, symbol));
    if (found == nullptr) {
        std::printf("failed: no %s\n", symbol);
        std::exit(2);
    }
    return found;
}

void must(int code, char const* what) {
    if (code != 0) {
        std::printf("failed: %s: CUDA's error %d\n", what, code);
        std::exit(2);
    }
}

/// A word that depends on its place.
std::uint64_t word_at(std::uint64_t index) {
    return (index + 1) * 0x9E37'79B9'7F4A'7C15ULL;
}

} // namespace

int main(int argument_count, char** arguments) {
    if (argument_count != 3) {
        std::puts("usage: gpu_cuda_holder <ordinal> <bytes>");
        return 2;
    }
    auto const began = std::chrono::steady_clock::now();
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    void* const library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == nullptr) {
        std::puts("failed: no libcuda.so.1");
        return 2;
    }
    void* context = nullptr;
    unsigned long long memory = 0;
    std::uint64_t const bytes = std::strtoull(arguments[2], nullptr, 10);
    must(find<int (*)(unsigned)>(library, "cuInit")(0), "cuInit");
    must(find<int (*)(void**, int)>(library, "cuDevicePrimaryCtxRetain")(&context, std::atoi(arguments[1])), "context");
    must(find<int (*)(void*)>(library, "cuCtxSetCurrent")(context), "context");
    must(find<int (*)(unsigned long long*, std::size_t)>(library, "cuMemAlloc_v2")(&memory, bytes), "memory");
    auto const to_device = find<int (*)(unsigned long long, void const*, std::size_t)>(library, "cuMemcpyHtoD_v2");
    auto const to_host = find<int (*)(void*, unsigned long long, std::size_t)>(library, "cuMemcpyDtoH_v2");
    std::vector<std::uint64_t> chunk(std::size_t{8} << 20U); // 64 MiB
    std::uint64_t const step = chunk.size() * sizeof(std::uint64_t);
    auto const in_chunks = [&](auto const& act) {
        for (std::uint64_t at = 0; at < bytes; at += step) {
            act(at, static_cast<std::size_t>(step < bytes - at ? step : bytes - at));
        }
    };
    in_chunks([&](std::uint64_t at, std::size_t count) {
        for (std::size_t i = 0; i < chunk.size(); ++i) {
            chunk[i] = word_at(at / sizeof(std::uint64_t) + i);
        }
        must(to_device(memory + at, chunk.data(), count), "copy");
    });
    auto const took = std::chrono::steady_clock::now() - began;
    std::printf("ready %lld\n",
                static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    (void)std::getchar();
    bool whole = true;
    in_chunks([&](std::uint64_t at, std::size_t count) {
        must(to_host(chunk.data(), memory + at, count), "copy");
        for (std::size_t i = 0; i < count / sizeof(std::uint64_t); ++i) {
            whole = whole && chunk[i] == word_at(at / sizeof(std::uint64_t) + i);
        }
    });
    std::puts(whole ? "whole" : "changed");
    return whole ? 0 : 1;
}

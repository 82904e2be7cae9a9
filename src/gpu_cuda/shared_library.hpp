// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_SHARED_LIBRARY_HPP
#define HPCSCHED_SRC_GPU_CUDA_SHARED_LIBRARY_HPP

#include <hpcsched/core/result.hpp>

#include <dlfcn.h>

#include <string>
#include <utility>

namespace hpcsched::gpu_cuda {

/// A library that is loaded while the program runs.
class shared_library {
  public:
    shared_library() = default;
    shared_library(shared_library&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    shared_library& operator=(shared_library&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~shared_library() {
        if (handle_ != nullptr) {
            dlclose(handle_);
        }
    }

    /// \error  it is not there, or cannot be loaded: what the loader says
    [[nodiscard]] static result<shared_library> load(std::string const& path) {
        shared_library l;
        l.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (l.handle_ == nullptr) {
            char const* const why = dlerror();
            return error{why == nullptr ? path + " cannot be loaded" : why};
        }
        return l;
    }

    /// Sets `function` to a symbol; null where it has none.
    template <class Function>
    void find(char const* symbol, Function& function) const noexcept {
        function = reinterpret_cast<Function>(dlsym(handle_, symbol));
    }

    [[nodiscard]] bool loaded() const noexcept { return handle_ != nullptr; }

  private:
    void* handle_ = nullptr;
};

} // namespace hpcsched::gpu_cuda

#endif

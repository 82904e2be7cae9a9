// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_TENSOR_HPP
#define HPCSCHED_FUSE_TORCH_TENSOR_HPP

#include <hpcsched/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace hpcsched::fuse_torch {

/// Samples, or what networks make of them: an array of numbers whose first dimension counts the samples. A handle:
/// copies share the numbers, which never change.
/// \thread_safety any thread
class tensor {
  public:
    struct state; ///< where LibTorch is

    /// Of no samples.
    tensor() = default;
    explicit tensor(std::shared_ptr<state const> held) noexcept : state_{std::move(held)} {}

    /// \pre the product of the extents is the number of values
    [[nodiscard]] static tensor of(std::vector<std::int64_t> const& extents, std::span<float const> values);
    [[nodiscard]] static tensor of(std::vector<std::int64_t> const& extents, std::span<std::int64_t const> values);

    /// Reads a file of NumPy (.npy: 4 or 8 byte floats, integers of 1 to 8 bytes, in C order) or a tensor that
    /// torch.save wrote. Real numbers become 4 byte floats, integers 8 byte ones.
    /// \error the file and what is wrong with it
    [[nodiscard]] static result<tensor> load(std::filesystem::path const& file);

    [[nodiscard]] bool empty() const noexcept { return state_ == nullptr || rows() == 0; }
    /// Samples.
    [[nodiscard]] std::int64_t rows() const noexcept;
    /// Samples first.
    [[nodiscard]] std::vector<std::int64_t> extents() const;
    /// Real numbers, not integers.
    [[nodiscard]] bool is_real() const noexcept;
    /// No NaN and no infinity in it.
    [[nodiscard]] bool is_finite() const;

    /// Samples [first, first + count), not copied.
    /// \pre they are there
    [[nodiscard]] tensor slice(std::int64_t first, std::int64_t count) const;
    /// The samples with these numbers, copied.
    [[nodiscard]] tensor select(std::span<std::int64_t const> rows) const;

    /// All numbers, the last dimension fastest.
    [[nodiscard]] std::vector<float> reals() const;
    [[nodiscard]] std::vector<std::int64_t> integers() const;

    [[nodiscard]] std::shared_ptr<state const> const& held() const noexcept { return state_; }

  private:
    std::shared_ptr<state const> state_;
};

/// The greatest difference between two numbers in the same place; infinite where shapes differ, or something is NaN in
/// one of them alone.
[[nodiscard]] double greatest_difference(tensor const& a, tensor const& b);

} // namespace hpcsched::fuse_torch

#endif

// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include "states.hpp"
#include <ATen/ATen.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

namespace hpcsched::fuse_torch {
namespace {

using detail::script_fault;
using detail::wrap;

at::Tensor settled(at::Tensor const& value) {
    return value.is_floating_point() ? value.to(at::kFloat).contiguous() : value.to(at::kLong).contiguous();
}

std::optional<at::ScalarType> type_of_npy(std::string_view code) {
    if (code == "<f4") {
        return at::kFloat;
    }
    if (code == "<f8") {
        return at::kDouble;
    }
    if (code == "<i8") {
        return at::kLong;
    }
    if (code == "<i4") {
        return at::kInt;
    }
    if (code == "<i2") {
        return at::kShort;
    }
    if (code == "|i1") {
        return at::kChar;
    }
    return code == "|u1" || code == "|b1" ? std::optional{at::kByte} : std::nullopt;
}

/// What stands behind 'key': in the header of a .npy file, a literal of Python.
std::string_view entry_of(std::string_view header, std::string_view key) {
    auto at = header.find(key);
    if (at == std::string_view::npos) {
        throw script_fault{"has a header without " + std::string{key}};
    }
    at = header.find(':', at);
    at = at == std::string_view::npos ? at : header.find_first_not_of(": ", at);
    if (at == std::string_view::npos) {
        throw script_fault{"has a header that says nothing of " + std::string{key}};
    }
    char const closing = header[at] == '(' ? ')' : header[at] == '\'' ? '\'' : ',';
    auto const begin = header[at] == '(' || header[at] == '\'' ? at + 1 : at;
    return header.substr(begin, header.find(closing, begin) - begin);
}

at::Tensor read_npy(std::vector<char> const& bytes) {
    bool const wide = bytes[6] >= 2;
    std::size_t const begin = wide ? 12 : 10;
    if (bytes.size() < begin) {
        throw script_fault{"ends within its header"};
    }
    std::size_t length = 0;
    for (std::size_t i = begin; i-- > 8;) {
        length = length << 8U | static_cast<unsigned char>(bytes[i]);
    }
    if (bytes.size() < begin + length) {
        throw script_fault{"ends within its header"};
    }
    std::string_view const header{bytes.data() + begin, length};
    auto const type = type_of_npy(entry_of(header, "descr"));
    if (!type || entry_of(header, "fortran_order") != "False") {
        throw script_fault{"holds numbers of another type or order; save it as numpy.ascontiguousarray(x, 'float32')"};
    }
    std::vector<std::int64_t> extents;
    std::string_view shape = entry_of(header, "shape");
    std::int64_t elements = 1;
    while (!shape.empty()) {
        std::int64_t n = 0;
        bool any = false;
        for (; !shape.empty() && shape.front() != ','; shape.remove_prefix(1)) {
            if (shape.front() >= '0' && shape.front() <= '9' && n < 1'000'000'000) {
                n = n * 10 + (shape.front() - '0');
                any = true;
            }
        }
        shape.remove_prefix(shape.empty() ? 0 : 1);
        if (any) {
            extents.push_back(n);
            elements = n == 0 || elements <= std::int64_t{1} << 40U ? elements * n : elements;
        }
    }
    at::Tensor const made = at::empty(extents, *type);
    if (bytes.size() - begin - length < made.nbytes() || elements != made.numel()) {
        throw script_fault{"ends before its numbers do"};
    }
    std::memcpy(made.data_ptr(), bytes.data() + begin + length, made.nbytes());
    return made;
}

at::Tensor read(std::filesystem::path const& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in) {
        throw script_fault{"cannot be opened"};
    }
    std::vector<char> const bytes{std::istreambuf_iterator<char>{in}, {}};
    if (bytes.size() > 8 && std::memcmp(bytes.data(), "\x93NUMPY", 6) == 0) {
        return read_npy(bytes);
    }
    if (bytes.size() < 4 || std::memcmp(bytes.data(), "PK", 2) != 0) {
        throw script_fault{"is neither a .npy file nor a tensor that torch.save wrote"};
    }
    // Reads numbers and containers alone, no Python objects.
    c10::IValue const value = torch::jit::pickle_load(bytes);
    if (!value.isTensor()) {
        throw script_fault{"holds no tensor by itself; save one with torch.save(x, file)"};
    }
    return value.toTensor();
}

} // namespace

tensor tensor::of(std::vector<std::int64_t> const& extents, std::span<float const> values) {
    at::Tensor const made = at::empty(extents, at::kFloat);
    HPCSCHED_ASSERT(static_cast<std::size_t>(made.numel()) == values.size());
    std::memcpy(made.data_ptr(), values.data(), values.size_bytes());
    return wrap(made);
}

tensor tensor::of(std::vector<std::int64_t> const& extents, std::span<std::int64_t const> values) {
    at::Tensor const made = at::empty(extents, at::kLong);
    HPCSCHED_ASSERT(static_cast<std::size_t>(made.numel()) == values.size());
    std::memcpy(made.data_ptr(), values.data(), values.size_bytes());
    return wrap(made);
}

result<tensor> tensor::load(std::filesystem::path const& file) {
    auto value = detail::guarded([&] {
        at::Tensor const made = settled(read(file));
        if (made.dim() == 0) {
            throw script_fault{"holds a single number; its first dimension is to count the samples"};
        }
        return wrap(made);
    });
    if (!value) {
        return error{file.string() + ": " + value.error().message};
    }
    return value;
}

std::int64_t tensor::rows() const noexcept {
    return state_ == nullptr || state_->value.dim() == 0 ? 0 : state_->value.size(0);
}

std::vector<std::int64_t> tensor::extents() const {
    return state_ == nullptr ? std::vector<std::int64_t>{0} : state_->value.sizes().vec();
}

bool tensor::is_real() const noexcept {
    return state_ != nullptr && state_->value.is_floating_point();
}

bool tensor::is_finite() const {
    return state_ == nullptr || !is_real() || at::isfinite(state_->value).all().item<bool>();
}

tensor tensor::slice(std::int64_t first, std::int64_t count) const {
    HPCSCHED_ASSERT(first >= 0 && count >= 0 && first + count <= rows());
    return state_ == nullptr ? tensor{} : wrap(state_->value.narrow(0, first, count));
}

tensor tensor::select(std::span<std::int64_t const> rows) const {
    at::Tensor const index = at::empty({static_cast<std::int64_t>(rows.size())}, at::kLong);
    std::memcpy(index.data_ptr(), rows.data(), rows.size_bytes());
    return wrap(state_->value.index_select(0, index));
}

std::vector<float> tensor::reals() const {
    if (state_ == nullptr) {
        return {};
    }
    at::Tensor const flat = state_->value.detach().to(at::kCPU, at::kFloat).contiguous();
    auto const* const begin = flat.data_ptr<float>();
    return {begin, begin + flat.numel()};
}

std::vector<std::int64_t> tensor::integers() const {
    if (state_ == nullptr) {
        return {};
    }
    at::Tensor const flat = state_->value.detach().to(at::kCPU, at::kLong).contiguous();
    auto const* const begin = flat.data_ptr<std::int64_t>();
    return {begin, begin + flat.numel()};
}

double greatest_difference(tensor const& a, tensor const& b) {
    double const infinite = std::numeric_limits<double>::infinity();
    if (a.extents() != b.extents()) {
        return infinite;
    }
    auto const left = a.reals();
    auto const right = b.reals();
    double greatest = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (std::bit_cast<std::uint32_t>(left[i]) == std::bit_cast<std::uint32_t>(right[i])) {
            continue;
        }
        double const apart = std::abs(static_cast<double>(left[i]) - static_cast<double>(right[i]));
        greatest = apart >= 0 ? std::max(greatest, apart) : infinite;
    }
    return greatest;
}

} // namespace hpcsched::fuse_torch

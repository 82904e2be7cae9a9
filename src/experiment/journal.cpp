// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/journal.hpp>
#include <hpcsched/experiment/results_io.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::experiment {
namespace {

// Every line begins with this, the identity and a quote: the index needs no JSON parser.
constexpr std::string_view line_prefix = R"({"journal":1,"identity":")";
constexpr std::size_t identity_digits = 16;

std::optional<std::uint64_t> identity_of(std::string_view line) {
    if (line.size() < line_prefix.size() + identity_digits || !line.starts_with(line_prefix)) {
        return std::nullopt;
    }
    std::string_view const digits = line.substr(line_prefix.size(), identity_digits);
    std::uint64_t identity = 0;
    auto const parsed = std::from_chars(digits.data(), digits.data() + digits.size(), identity, 16);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
        return std::nullopt;
    }
    return identity;
}

} // namespace

error journal::failure(char const* what) const {
    return error{std::string{"cannot "} + what + " '" + path_ + "': " + std::strerror(errno)};
}

result<journal> journal::open(std::string path) {
    journal opened{std::move(path)};
    opened.file_ = ::open(opened.path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (opened.file_ < 0) {
        return opened.failure("open");
    }
    if (::flock(opened.file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return error{"another process is writing to '" + opened.path_ +
                     "': wait until it has ended, or give another output folder"};
    }
    if (auto const read = opened.read_index(); read.has_error()) {
        return read.error();
    }
    return opened;
}

journal::journal(journal&& other) noexcept
    : path_{std::move(other.path_)}, file_{std::exchange(other.file_, -1)}, size_{other.size_},
      ends_in_mid_line_{other.ends_in_mid_line_}, lines_{std::move(other.lines_)} {}

journal& journal::operator=(journal&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(file_, other.file_);
    std::swap(size_, other.size_);
    std::swap(ends_in_mid_line_, other.ends_in_mid_line_);
    std::swap(lines_, other.lines_);
    return *this;
}

journal::~journal() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

result<void> journal::read_index() {
    std::vector<char> block(std::size_t{1} << 20U);
    // Of a line only its head is kept: the prefix and the identity.
    std::string head;
    std::uint64_t line_start = 0;
    for (;;) {
        ssize_t const got = ::pread(file_, block.data(), block.size(), static_cast<off_t>(size_));
        if (got < 0) {
            return failure("read");
        }
        if (got == 0) {
            break;
        }
        std::string_view rest{block.data(), static_cast<std::size_t>(got)};
        while (!rest.empty()) {
            std::size_t const end = rest.find('\n');
            std::string_view const part = rest.substr(0, end);
            head.append(part.substr(0, line_prefix.size() + identity_digits -
                                           std::min(head.size(), line_prefix.size() + identity_digits)));
            size_ += part.size();
            if (end == std::string_view::npos) {
                break;
            }
            if (auto const identity = identity_of(head)) {
                lines_[*identity] = {line_start, static_cast<std::size_t>(size_ - line_start)};
            }
            head.clear();
            line_start = ++size_;
            rest.remove_prefix(end + 1);
        }
    }
    ends_in_mid_line_ = size_ != line_start;
    return {};
}

std::optional<cell_result> journal::find(std::uint64_t identity) const {
    auto const found = lines_.find(identity);
    if (found == lines_.end()) {
        return std::nullopt;
    }
    std::string text(found->second.length, '\0');
    ssize_t const got = ::pread(file_, text.data(), text.size(), static_cast<off_t>(found->second.offset));
    if (got != static_cast<ssize_t>(text.size())) {
        return std::nullopt;
    }
    auto cell = cell_from_json(text);
    return cell.has_value() ? std::optional{std::move(*cell)} : std::nullopt;
}

result<void> journal::append(std::uint64_t identity, cell_result const& cell) {
    std::array<char, identity_digits + 1> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(identity));
    std::string text = ends_in_mid_line_ ? "\n" : "";
    std::uint64_t const offset = size_ + text.size();
    // to_json gives an object with at least one field: its opening brace makes room for two more.
    text.append(line_prefix).append(digits.data()).append("\",").append(to_json(cell).substr(1));
    std::size_t const length = static_cast<std::size_t>(size_ + text.size() - offset);
    text += '\n';
    ssize_t const written = ::write(file_, text.data(), text.size());
    if (written < 0) {
        return failure("write");
    }
    size_ += static_cast<std::uint64_t>(written);
    ends_in_mid_line_ = static_cast<std::size_t>(written) != text.size();
    if (ends_in_mid_line_) {
        errno = ENOSPC;
        return failure("write");
    }
    lines_[identity] = {offset, length};
    return {};
}

} // namespace hpcsched::experiment

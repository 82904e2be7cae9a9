// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace hpcsched::raft_log::detail {
namespace {

constexpr std::size_t direct_unit = 4096; // what O_DIRECT wants offsets, sizes and addresses to be multiples of

std::string text_of(int number) {
    return std::error_code{number, std::generic_category()}.message();
}

error failure(std::string const& what, std::string const& path, int number) {
    std::string advice;
    if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
        advice = "; make room, then open the log anew";
    } else if (number == EIO) {
        advice = "; the disk fails: look at the kernel's log before the log is opened anew";
    }
    return error{"cannot " + what + " '" + path + "': " + text_of(number) + advice};
}

class file_handle {
  public:
    explicit file_handle(int number = -1) noexcept : number_{number} {}
    file_handle(file_handle&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    file_handle& operator=(file_handle&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~file_handle() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    [[nodiscard]] int get() const noexcept { return number_; }

  private:
    int number_;
};

class posix_file final : public file {
  public:
    posix_file(file_handle number, std::string path, bool direct)
        : number_{std::move(number)}, path_{std::move(path)}, direct_{direct} {}

    result<void> allocate(std::uint64_t size) override {
        int outcome = 0;
        do {
            outcome = ::posix_fallocate(number_.get(), 0, static_cast<off_t>(size));
        } while (outcome == EINTR);
        return outcome == 0 ? result<void>{} : failed("allocate", outcome);
    }

    result<void> write(std::uint64_t offset, std::span<std::byte const> bytes) override {
        while (!bytes.empty()) {
            ssize_t const size = ::pwrite(number_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (size < 0 && errno == EINTR) {
                continue;
            }
            if (size <= 0) {
                return failed("write", size < 0 ? errno : EIO);
            }
            bytes = bytes.subspan(static_cast<std::size_t>(size));
            offset += static_cast<std::uint64_t>(size);
        }
        return {};
    }

    result<std::size_t> read(std::uint64_t offset, std::span<std::byte> bytes) const override {
        if (!direct_) {
            return read_plain(offset, bytes);
        }
        std::uint64_t const begin = offset / direct_unit * direct_unit;
        std::size_t const size =
            (static_cast<std::size_t>(offset - begin) + bytes.size() + direct_unit - 1) / direct_unit * direct_unit;
        auto const free_it = [](void* p) { std::free(p); };
        std::unique_ptr<void, decltype(free_it)> const memory{std::aligned_alloc(direct_unit, size), free_it};
        if (memory == nullptr) {
            return failed("read", ENOMEM);
        }
        std::span const area{static_cast<std::byte*>(memory.get()), size};
        auto got = read_plain(begin, area);
        if (!got) {
            return got;
        }
        std::size_t const skip = std::min<std::size_t>(static_cast<std::size_t>(offset - begin), *got);
        std::size_t const count = std::min(bytes.size(), *got - skip);
        std::memcpy(bytes.data(), area.data() + skip, count);
        return count;
    }

    result<void> truncate(std::uint64_t size) override {
        return ::ftruncate(number_.get(), static_cast<off_t>(size)) == 0 ? result<void>{} : failed("cut", errno);
    }

    result<void> sync() override {
        return ::fdatasync(number_.get()) == 0 ? result<void>{} : failed("make durable", errno);
    }

    result<std::uint64_t> size() const override {
        struct stat found{};
        return ::fstat(number_.get(), &found) == 0 ? result<std::uint64_t>{static_cast<std::uint64_t>(found.st_size)}
                                                   : failed("look at", errno);
    }

    int descriptor() const noexcept override { return number_.get(); }

    error failed(char const* what, int number) const override { return failure(what, path_, number); }

  private:
    result<std::size_t> read_plain(std::uint64_t offset, std::span<std::byte> bytes) const {
        std::size_t done = 0;
        while (done < bytes.size()) {
            ssize_t const size =
                ::pread(number_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
            if (size < 0 && errno == EINTR) {
                continue;
            }
            if (size < 0) {
                return failed("read", errno);
            }
            if (size == 0) {
                break;
            }
            done += static_cast<std::size_t>(size);
        }
        return done;
    }

    file_handle number_;
    std::string path_;
    bool direct_;
};

class posix_directory final : public file_system {
  public:
    posix_directory(std::filesystem::path path, file_handle directory, file_handle lock)
        : path_{std::move(path)}, directory_{std::move(directory)}, lock_{std::move(lock)} {}

    result<std::unique_ptr<file>> open(std::string const& name, open_mode mode, bool direct) override {
        int const flags = (mode == open_mode::read ? O_RDONLY : O_RDWR) |
                          (mode == open_mode::create ? O_CREAT | O_TRUNC : 0) | (direct ? O_DIRECT : 0) | O_CLOEXEC;
        int const number = ::openat(directory_.get(), name.c_str(), flags, 0640);
        if (number < 0) {
            auto failed = failure("open", path(name), errno);
            if (direct && errno == EINVAL) {
                failed.message += "; its file system has no direct I/O: leave it out";
            }
            return failed;
        }
        return std::unique_ptr<file>{std::make_unique<posix_file>(file_handle{number}, path(name), direct)};
    }

    result<std::vector<std::string>> list() const override {
        std::vector<std::string> names;
        std::error_code wrong;
        for (auto at = std::filesystem::directory_iterator{path_, wrong};
             !wrong && at != std::filesystem::directory_iterator{}; at.increment(wrong)) {
            names.push_back(at->path().filename().string());
        }
        if (wrong) {
            return failure("list", path_.string(), wrong.value());
        }
        std::ranges::sort(names);
        return names;
    }

    result<void> rename(std::string const& from, std::string const& to) override {
        return ::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) == 0
                   ? result<void>{}
                   : failure("rename to", path(to), errno);
    }

    result<void> remove(std::string const& name) override {
        return ::unlinkat(directory_.get(), name.c_str(), 0) == 0 || errno == ENOENT
                   ? result<void>{}
                   : failure("remove", path(name), errno);
    }

    result<void> sync_directory() override {
        return ::fsync(directory_.get()) == 0 ? result<void>{} : failure("make durable", path_.string(), errno);
    }

    std::string path(std::string const& name) const override { return (path_ / name).string(); }

    std::uint64_t salt() override {
        std::uint64_t number = 0;
        while (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
        }
        return number;
    }

  private:
    std::filesystem::path path_;
    file_handle directory_;
    file_handle lock_;
};

error open_elsewhere(std::filesystem::path const& directory) {
    return error{"the log in '" + directory.string() +
                 "' is open already, by this or another process: stop that first"};
}

} // namespace

result<std::unique_ptr<file_system>> open_directory(std::filesystem::path const& directory) {
    std::error_code wrong;
    std::filesystem::create_directories(directory, wrong);
    if (wrong) {
        return failure("make the folder", directory.string(), wrong.value());
    }
    file_handle folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.get() < 0) {
        return failure("open", directory.string(), errno);
    }
    // A new folder is as durable as its entry in the one above it.
    file_handle const above{::openat(folder.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (above.get() >= 0) {
        (void)::fsync(above.get());
    }
    file_handle lock{::openat(folder.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
    if (lock.get() < 0) {
        return failure("open", (directory / "lock").string(), errno);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? open_elsewhere(directory) : failure("lock", (directory / "lock").string(), errno);
    }
    return std::unique_ptr<file_system>{
        std::make_unique<posix_directory>(directory, std::move(folder), std::move(lock))};
}

result<std::unique_ptr<file_system>> view_directory(std::filesystem::path const& directory) {
    file_handle folder{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.get() < 0) {
        return failure("open", directory.string(), errno);
    }
    file_handle lock{::openat(folder.get(), "lock", O_RDONLY | O_CLOEXEC)};
    if (lock.get() >= 0 && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0) {
        return open_elsewhere(directory);
    }
    return std::unique_ptr<file_system>{
        std::make_unique<posix_directory>(directory, std::move(folder), std::move(lock))};
}

result<std::vector<std::byte>> read_whole(file const& from) {
    auto const size = from.size();
    if (!size) {
        return size.error();
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(*size));
    auto const got = from.read(0, bytes);
    if (!got) {
        return got.error();
    }
    bytes.resize(*got);
    return bytes;
}

} // namespace hpcsched::raft_log::detail

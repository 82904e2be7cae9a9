// SPDX-License-Identifier: Apache-2.0
#include "byte_file.hpp"

#include <hpcsched/core/assert.hpp>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ios>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace hpcsched::experiment::detail {
namespace {

namespace io = boost::iostreams;

constexpr std::streamsize filter_bytes = std::streamsize{256} << 10;

std::string reason(int code) {
    return std::generic_category().message(code);
}

/// An open file of the operating system. The standard streams are not closed.
class descriptor {
  public:
    explicit descriptor(int number) noexcept : number_{number} {}
    descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor() { static_cast<void>(close()); }

    [[nodiscard]] int number() const noexcept { return number_; }

    /// \return 0, or the error's number
    int close() noexcept {
        int const number = std::exchange(number_, -1);
        return number > STDERR_FILENO && ::close(number) != 0 ? errno : 0;
    }

  private:
    int number_;
};

/// \return bytes read, 0 at the end
result<std::size_t> read_some(int from, std::span<char> room, std::string const& name) {
    for (;;) {
        if (ssize_t const got = ::read(from, room.data(), room.size()); got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno != EINTR) {
            return error{name + ": cannot be read: " + reason(errno)};
        }
    }
}

result<void> write_all(int into, std::span<char const> bytes, std::string const& name) {
    while (!bytes.empty()) {
        ssize_t const put = ::write(into, bytes.data(), bytes.size());
        if (put >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(put));
        } else if (errno != EINTR) {
            return error{name + ": cannot be written: " + reason(errno)};
        }
    }
    return {};
}

/// Thrown through Boost.Iostreams, whose devices have no other way to tell a failure.
class device_failure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What Boost.Iostreams reads compressed bytes from. It is copied, so it only points.
class compressed_device {
  public:
    using char_type = char;
    using category = io::source_tag;

    compressed_device(int from, std::string_view* first_bytes, std::string const* name) noexcept
        : from_{from}, first_bytes_{first_bytes}, name_{name} {}

    std::streamsize read(char* room, std::streamsize size) {
        if (!first_bytes_->empty()) {
            std::size_t const count = std::min(first_bytes_->size(), static_cast<std::size_t>(size));
            std::memcpy(room, first_bytes_->data(), count);
            first_bytes_->remove_prefix(count);
            return static_cast<std::streamsize>(count);
        }
        auto const got = read_some(from_, {room, static_cast<std::size_t>(size)}, *name_);
        if (!got) {
            throw device_failure{got.error().message};
        }
        return *got == 0 ? -1 : static_cast<std::streamsize>(*got);
    }

  private:
    int from_;
    std::string_view* first_bytes_;
    std::string const* name_;
};

/// What Boost.Iostreams writes compressed bytes to. The compressor is handed it for each call: a chain of Boost's,
/// which would own it, has no way to end that tells of a failure.
class file_device {
  public:
    using char_type = char;
    using category = io::sink_tag;

    file_device(int into, std::string const* name) noexcept : into_{into}, name_{name} {}

    std::streamsize write(char const* bytes, std::streamsize size) {
        auto const written = write_all(into_, {bytes, static_cast<std::size_t>(size)}, *name_);
        if (!written) {
            throw device_failure{written.error().message};
        }
        return size;
    }

  private:
    int into_;
    std::string const* name_;
};

std::string describe(io::gzip_error const& failure, std::string const& name) {
    constexpr int ended_early = -5; // Z_BUF_ERROR
    switch (failure.error()) {
    case io::gzip::zlib_error:
        if (failure.zlib_error_code() == ended_early) {
            return name + ": the compressed file ends early, it was cut off; get it again";
        }
        break;
    case io::gzip::bad_footer:
        return name + ": the compressed file ends early, it was cut off; get it again";
    case io::gzip::bad_header:
        return name + ": the compressed file is cut off, or other bytes follow it; get it again";
    case io::gzip::bad_crc:
    case io::gzip::bad_length:
    default:
        break;
    }
    return name + ": the compressed file is damaged; get it again";
}

struct foreign_format {
    std::string_view first_bytes;
    std::string_view what;
    std::string_view remedy;
};

constexpr std::array<foreign_format, 7> foreign_formats{{
    {"Rar!\x1a\x07", "a RAR archive", "unpack it first: unrar x"},
    {{"PK\x03\x04", 4}, "a ZIP archive", "unpack it first: unzip"},
    {"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first: 7z x"},
    {{"\xfd"
      "7zXZ\0",
      6},
     "compressed with xz",
     "decompress it first: xz -d"},
    {"\x28\xb5\x2f\xfd", "compressed with Zstandard", "decompress it first: zstd -d"},
    {"BZh", "compressed with bzip2", "decompress it first: bzip2 -d"},
    {"PAR1", "a Parquet file", "convert it to CSV first"},
}};

} // namespace

// --- input -------------------------------------------------------------------------------------------------------

class input_file::content {
  public:
    content(descriptor from, std::string first_bytes, std::string const& name)
        : from_{std::move(from)}, first_bytes_{std::move(first_bytes)}, rest_of_first_{first_bytes_}, name_{name} {
        if (first_bytes_.starts_with("\x1f\x8b")) {
            gzip_.emplace();
            gzip_->push(io::gzip_decompressor{io::zlib::default_window_bits, filter_bytes}, filter_bytes);
            gzip_->push(compressed_device{from_.number(), &rest_of_first_, &name_}, filter_bytes);
        }
    }

    result<std::size_t> read(std::span<char> room) {
        if (gzip_) {
            return read_compressed(room);
        }
        if (!rest_of_first_.empty()) {
            std::size_t const count = std::min(room.size(), rest_of_first_.size());
            std::memcpy(room.data(), rest_of_first_.data(), count);
            rest_of_first_.remove_prefix(count);
            return count;
        }
        return read_some(from_.number(), room, name_);
    }

  private:
    result<std::size_t> read_compressed(std::span<char> room) {
        try {
            std::streamsize const got = gzip_->sgetn(room.data(), static_cast<std::streamsize>(room.size()));
            return got <= 0 ? std::size_t{0} : static_cast<std::size_t>(got);
        } catch (io::gzip_error const& failure) {
            return error{describe(failure, name_)};
        } catch (device_failure const& failure) {
            return error{failure.what()};
        } catch (std::ios_base::failure const&) {
            return error{name_ + ": the compressed file is damaged; get it again"};
        }
    }

    descriptor from_;
    std::string first_bytes_;
    std::string_view rest_of_first_;
    std::string name_;
    std::optional<io::filtering_streambuf<io::input>> gzip_;
};

result<input_file> input_file::open(std::filesystem::path const& path) {
    bool const is_standard = path == "-";
    std::string name = is_standard ? std::string{"standard input"} : path.string();
    descriptor from{is_standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (from.number() < 0) {
        return error{name + ": cannot be opened: " + reason(errno) + "; check the path"};
    }
    struct stat status{};
    if (::fstat(from.number(), &status) == 0 && S_ISDIR(status.st_mode)) {
        return error{name + ": is a folder; name a file"};
    }
    std::array<char, 8> magic{};
    std::size_t size = 0;
    while (size < magic.size()) {
        auto const got = read_some(from.number(), std::span{magic}.subspan(size), name);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            break;
        }
        size += *got;
    }
    std::string first_bytes{magic.data(), size};
    for (foreign_format const& foreign : foreign_formats) {
        if (first_bytes.starts_with(foreign.first_bytes)) {
            return error{name + ": is " + std::string{foreign.what} + "; " + std::string{foreign.remedy}};
        }
    }
    auto from_file = std::make_unique<content>(std::move(from), std::move(first_bytes), name);
    return input_file{std::move(name), std::move(from_file)};
}

input_file::input_file(std::string name, std::unique_ptr<content> from)
    : name_{std::move(name)}, content_{std::move(from)} {}
input_file::input_file(input_file&&) noexcept = default;
input_file& input_file::operator=(input_file&&) noexcept = default;
input_file::~input_file() = default;

result<std::string_view> input_file::peek(std::size_t size) {
    HPCSCHED_ASSERT(ahead_position_ == 0);
    std::size_t have = ahead_.size();
    while (have < size) {
        ahead_.resize(size);
        auto const got = content_->read(std::span{ahead_}.subspan(have));
        if (!got) {
            ahead_.resize(have);
            return got.error();
        }
        if (*got == 0) {
            break;
        }
        have += *got;
    }
    ahead_.resize(have);
    return std::string_view{ahead_}.substr(0, size);
}

result<std::size_t> input_file::read(std::span<char> room) {
    if (ahead_position_ < ahead_.size()) {
        std::size_t const count = std::min(room.size(), ahead_.size() - ahead_position_);
        std::memcpy(room.data(), ahead_.data() + ahead_position_, count);
        ahead_position_ += count;
        return count;
    }
    return content_->read(room);
}

// --- output ------------------------------------------------------------------------------------------------------

class output_file::content {
  public:
    content(descriptor into, std::filesystem::path path, std::filesystem::path part)
        : into_{std::move(into)}, path_{std::move(path)}, part_{std::move(part)}, name_{path_.string()} {
        if (path_.extension() == ".gz") {
            gzip_.emplace(io::gzip_params{}, filter_bytes);
        }
    }
    content(content const&) = delete;
    content& operator=(content const&) = delete;
    ~content() {
        if (!part_.empty()) {
            std::error_code ignored;
            std::filesystem::remove(part_, ignored);
        }
    }

    result<void> write(std::span<char const> bytes) {
        if (!gzip_) {
            return write_all(into_.number(), bytes, name_);
        }
        return guarded([&] {
            file_device device{into_.number(), &name_};
            gzip_->write(device, bytes.data(), static_cast<std::streamsize>(bytes.size()));
        });
    }

    result<void> commit() {
        if (gzip_) {
            auto const ended = guarded([&] {
                file_device device{into_.number(), &name_};
                gzip_->close(device, std::ios_base::out);
            });
            if (!ended) {
                return ended;
            }
        }
        if (int const code = into_.close(); code != 0) {
            return error{name_ + ": cannot be written: " + reason(code)};
        }
        if (!part_.empty()) {
            std::error_code failure;
            std::filesystem::rename(part_, path_, failure);
            if (failure) {
                return error{name_ + ": cannot be given its name: " + failure.message()};
            }
            part_.clear();
        }
        return {};
    }

  private:
    template <class Action>
    result<void> guarded(Action&& action) {
        try {
            action();
            return {};
        } catch (device_failure const& failure) {
            return error{failure.what()};
        } catch (std::ios_base::failure const& failure) {
            return error{name_ + ": cannot be written: " + failure.what()};
        }
    }

    descriptor into_;
    std::filesystem::path path_;
    std::filesystem::path part_; // empty: there is none, or no longer
    std::string name_;
    std::optional<io::gzip_compressor> gzip_;
};

result<output_file> output_file::create(std::filesystem::path const& path) {
    if (path == "-") {
        return output_file{std::make_unique<content>(descriptor{STDOUT_FILENO}, "standard output", "")};
    }
    // A device or a pipe is written as it is: it must not be replaced by a file.
    std::error_code unknown;
    std::filesystem::file_status const status = std::filesystem::status(path, unknown);
    bool const is_plain = !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
    std::filesystem::path part;
    if (is_plain) {
        part = path;
        part += ".part";
    }
    constexpr mode_t everyone = 0666; // less what the umask takes
    descriptor into{::open(is_plain ? part.c_str() : path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, everyone)};
    if (into.number() < 0) {
        return error{path.string() + ": cannot be written: " + reason(errno) + "; check the folder"};
    }
    return output_file{std::make_unique<content>(std::move(into), path, std::move(part))};
}

output_file::output_file(std::unique_ptr<content> into) : content_{std::move(into)} {}
output_file::output_file(output_file&&) noexcept = default;
output_file& output_file::operator=(output_file&&) noexcept = default;
output_file::~output_file() = default;

result<void> output_file::write(std::span<char const> bytes) {
    return content_->write(bytes);
}
result<void> output_file::commit() {
    return content_->commit();
}

} // namespace hpcsched::experiment::detail

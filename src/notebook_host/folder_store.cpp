// SPDX-License-Identifier: Apache-2.0
#include "folder_store.hpp"

#include "byte_areas.hpp"
#include "hexadecimal.hpp"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

constexpr std::string_view chunks = "chunks";
constexpr std::string_view objects = "objects";
constexpr std::string_view clock = "now";
constexpr std::string_view unfinished = ".XXXXXX"; // as mkostemp wants it
constexpr std::string_view gone = ".gone-";        // which mkostemp never makes

[[nodiscard]] error failure(std::string const& what, std::string const& path, int number) {
    std::string advice;
    if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
        advice = "; the store is full: make room there";
    } else if (number == EACCES || number == EPERM || number == EROFS) {
        advice = "; the user that it runs as has to be allowed to";
    }
    return error{"cannot " + what + " '" + path + "': " + std::generic_category().message(number) + advice};
}

/// An open file, closed at the end of the scope.
class descriptor {
  public:
    explicit descriptor(int number) noexcept : number_{number} {}
    descriptor(descriptor const&) = delete;
    descriptor& operator=(descriptor const&) = delete;
    ~descriptor() { (void)close(); }

    [[nodiscard]] int get() const noexcept { return number_; }
    /// \return 0, or why what was written may be lost: some file systems say so only now
    [[nodiscard]] int close() noexcept {
        int const number = std::exchange(number_, -1);
        return number < 0 || ::close(number) == 0 || errno == EINTR ? 0 : errno;
    }

  private:
    int number_;
};

/// A file with a name of its own, removed at the end of the scope unless it was renamed.
class temporary_file {
  public:
    explicit temporary_file(std::string const& path)
        : path_{path + std::string{unfinished}}, file_{::mkostemp(path_.data(), O_CLOEXEC)}, failed_{errno},
          is_there_{file_.get() >= 0} {}
    temporary_file(temporary_file const&) = delete;
    temporary_file& operator=(temporary_file const&) = delete;
    ~temporary_file() {
        if (is_there_) {
            ::unlink(path_.c_str());
        }
    }

    /// Why there is none, a number of errno; 0 where there is.
    [[nodiscard]] int failed() const noexcept { return is_there_ ? 0 : failed_; }
    [[nodiscard]] std::string const& path() const noexcept { return path_; }
    [[nodiscard]] descriptor& file() noexcept { return file_; }

    [[nodiscard]] result<void> rename(std::string const& to) {
        if (int const number = file_.close(); number != 0) {
            return failure("write", path_, number);
        }
        if (::rename(path_.c_str(), to.c_str()) != 0) {
            return failure("rename to", to, errno);
        }
        is_there_ = false;
        return {};
    }

  private:
    std::string path_;
    descriptor file_;
    int failed_;
    bool is_there_;
};

/// \return 0 or a number of errno
[[nodiscard]] int write_all(int file, byte_parts pieces) {
    byte_areas areas;
    areas.add(pieces);
    for (auto next = areas.next(); !next.empty(); next = areas.next()) {
        ssize_t const size = ::writev(file, next.data(), static_cast<int>(next.size()));
        if (size < 0 && errno != EINTR) {
            return errno;
        }
        areas.written(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    return 0;
}

/// \return how many bytes there were, fewer only at the end of the file; less than 0: a number of errno, negative
[[nodiscard]] std::int64_t read_all(int file, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        ssize_t const size = ::read(file, into.data() + done, into.size() - done);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return -errno;
        }
        if (size == 0) {
            break;
        }
        done += static_cast<std::size_t>(size);
    }
    return static_cast<std::int64_t>(done);
}

/// Opens a file for reading. Where it is not there, a collector may be about to give it its name back, so it is waited
/// for, 31 ms in all.
/// \return less than 0: see errno
[[nodiscard]] int open_patiently(std::string const& path) {
    for (int const wait : {1, 5, 25}) {
        int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file >= 0 || errno != ENOENT) {
            return file;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{wait});
    }
    return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

[[nodiscard]] std::string folder_of(std::string const& path) {
    return path.substr(0, path.rfind('/'));
}

/// Makes the folder of a file, which is two below `root`, and `root`.
[[nodiscard]] result<void> make_folders(std::string const& root, std::string const& path) {
    std::string const last = folder_of(path);
    for (std::string const& folder : {root, folder_of(last), last}) {
        if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
            return failure("make the folder", folder, errno);
        }
    }
    return {};
}

[[nodiscard]] result<void> sync_folder(std::string const& folder) {
    descriptor const open{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (open.get() < 0 || ::fsync(open.get()) != 0) {
        return failure("make durable", folder, errno);
    }
    return {};
}

[[nodiscard]] bool is_later(timespec const& a, timespec const& b) noexcept {
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/// Gives a file its name back, as one that was just put. Another collector may be faster.
[[nodiscard]] result<void> bring_back(std::string const& from, std::string const& to) {
    if ((::utimensat(AT_FDCWD, from.c_str(), nullptr, 0) != 0 || ::rename(from.c_str(), to.c_str()) != 0) &&
        errno != ENOENT) {
        return failure("rename to", to, errno);
    }
    return {};
}

/// Calls `visit` with the names in a folder, which need not be there, until it fails.
[[nodiscard]] result<void> walk_names(std::string const& folder,
                                      std::function<result<void>(std::string_view name)> const& visit) {
    std::unique_ptr<DIR, int (*)(DIR*)> const open{::opendir(folder.c_str()), &::closedir};
    if (open == nullptr) {
        return errno == ENOENT ? result<void>{} : failure("list", folder, errno);
    }
    for (;;) {
        errno = 0;
        dirent const* const entry = ::readdir(open.get()); // NOLINT(concurrency-mt-unsafe): a stream of its own
        if (entry == nullptr) {
            return errno == 0 ? result<void>{} : failure("list", folder, errno);
        }
        std::string_view const name{entry->d_name};
        if (name != "." && name != "..") {
            if (auto const done = visit(name); !done) {
                return done;
            }
        }
    }
}

} // namespace

result<std::unique_ptr<chunk_store>> folder_store::open(std::string folder, chunk_store_config config) {
    while (folder.size() > 1 && folder.back() == '/') {
        folder.pop_back();
    }
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return failure("make the folder", folder, errno);
    }
    struct stat found{};
    if (::stat(folder.c_str(), &found) != 0) {
        return failure("look at", folder, errno);
    }
    if (!S_ISDIR(found.st_mode)) {
        return failure("use as a store", folder, ENOTDIR);
    }
    return std::unique_ptr<chunk_store>{new folder_store{std::move(folder), config}};
}

std::string folder_store::path_of(std::string_view kind, chunk_digest const& name) const {
    std::string const text = hexadecimal(name);
    std::string path = folder_;
    path.append("/").append(kind).append("/").append(text, 0, 2).append("/").append(text);
    return path;
}

result<notebook::chunk_pointer> folder_store::put(std::span<std::span<std::byte const> const> parts) {
    return put_object(parts, 1, [&](kept_kind kind, std::span<kept_bytes const> what) {
        return keep(path_of(kind == kept_kind::chunk ? chunks : objects, what[0].digest), what[0]);
    });
}

result<void> folder_store::keep(std::string const& path, kept_bytes const& what) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) {
        if (errno != ENOENT) {
            return failure("look at", path, errno);
        }
    } else if (static_cast<std::uint64_t>(found.st_size) == what.size) { // else a loss of power cut it short
        if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0 && errno != ENOENT) {
            return failure("mark as used", path, errno);
        }
        // A collector that renamed it before it was marked does not see the mark; see folder_store.
        if (descriptor const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}; file.get() >= 0) {
            return {};
        }
    }
    return write_file(path, what.pieces);
}

result<void> folder_store::write_file(std::string const& path, byte_parts pieces) {
    std::optional<temporary_file> temporary{path};
    if (temporary->failed() == ENOENT) {
        if (auto const made = make_folders(folder_, path); !made) {
            return made;
        }
        temporary.emplace(path);
    }
    if (temporary->failed() != 0) {
        return failure("write", path, temporary->failed());
    }
    int const file = temporary->file().get();
    if (int const number = write_all(file, pieces); number != 0) {
        return failure("write", path, number);
    }
    if (config_.durable && ::fdatasync(file) != 0) {
        return failure("make durable", path, errno);
    }
    if (auto const renamed = temporary->rename(path); !renamed) {
        return renamed;
    }
    return config_.durable ? sync_folder(folder_of(path)) : result<void>{};
}

result<found_list> folder_store::find_list(chunk_digest const& object, bool patiently) const {
    std::string const path = path_of(objects, object);
    descriptor const file{patiently ? open_patiently(path) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat found{};
    if (file.get() < 0 || ::fstat(file.get(), &found) != 0) {
        if (errno == ENOENT) {
            return found_list{{}, "object " + hexadecimal(object) + " is not in the store '" + folder_ + "'"};
        }
        return failure("read", path, errno);
    }
    auto const size = static_cast<std::uint64_t>(found.st_size);
    byte_buffer bytes(size <= object_list_max ? static_cast<std::size_t>(size) : 0);
    if (std::int64_t const got = read_all(file.get(), bytes); got < 0) {
        return failure("read", path, static_cast<int>(-got));
    }
    return check_list(object, bytes);
}

result<std::uint64_t> folder_store::size(chunk_digest const& object) {
    auto const list = list_or_error(find_list(object, true));
    return list ? result<std::uint64_t>{list->size} : list.error();
}

result<void> folder_store::get(chunk_digest const& object, std::span<std::byte> into) {
    auto const list = list_or_error(find_list(object, true));
    if (!list) {
        return list.error();
    }
    return get_object(*list, into, 1, [&](std::span<listed_chunk const> listed, std::span<std::byte> room) {
        return get_chunk(listed[0], room);
    });
}

result<void> folder_store::get_chunk(listed_chunk const& chunk, std::span<std::byte> into) const {
    std::string const path = path_of(chunks, chunk.digest);
    descriptor const file{open_patiently(path)};
    struct stat found{};
    if (file.get() < 0 || ::fstat(file.get(), &found) != 0) {
        return errno == ENOENT ? error{"chunk " + hexadecimal(chunk.digest) + " is not in the store '" + folder_ + "'"}
                               : failure("read", path, errno);
    }
    std::int64_t const got = read_all(file.get(), into);
    if (got < 0) {
        return failure("read", path, static_cast<int>(-got));
    }
    if (static_cast<std::uint64_t>(found.st_size) != into.size() || static_cast<std::size_t>(got) != into.size() ||
        sha256(into) != chunk.digest) {
        return error{"chunk " + hexadecimal(chunk.digest) + " is damaged, in '" + path + "'"};
    }
    return {};
}

result<void> folder_store::walk(std::string_view kind, visitor const& visit) const {
    std::string const top = folder_ + '/' + std::string{kind};
    return walk_names(top, [&](std::string_view below) -> result<void> {
        std::string const folder = top + '/' + std::string{below};
        if (below.size() != 2) { // not ours
            return {};
        }
        return walk_names(folder, [&](std::string_view name) { return visit(folder + '/' + std::string{name}, name); });
    });
}

result<timespec> folder_store::now() const {
    std::string const path = folder_ + '/' + std::string{clock};
    descriptor const file{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    struct stat found{};
    if (file.get() < 0 || ::futimens(file.get(), nullptr) != 0 || ::fstat(file.get(), &found) != 0) {
        return failure("write", path, errno);
    }
    return found.st_mtim;
}

result<void> folder_store::tidy(std::string_view kind, timespec const& cutoff) const {
    return walk(kind, [&](std::string const& path, std::string_view name) -> result<void> {
        std::size_t const point = name.find('.');
        if (point == std::string_view::npos) {
            return {};
        }
        if (name.substr(point).starts_with(gone)) {
            return bring_back(path, path.substr(0, path.size() - (name.size() - point)));
        }
        struct stat found{};
        if (::stat(path.c_str(), &found) == 0 && !is_later(found.st_mtim, cutoff)) {
            ::unlink(path.c_str());
        }
        return {};
    });
}

result<std::optional<std::uint64_t>> folder_store::drop(std::string const& path, timespec const& cutoff) const {
    using bytes_or_none = std::optional<std::uint64_t>;
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0 || is_later(found.st_mtim, cutoff)) {
        return bytes_or_none{};
    }
    std::string const away = path + std::string{gone} + random_digits<8>();
    if (::rename(path.c_str(), away.c_str()) != 0) {
        return errno == ENOENT ? result<bytes_or_none>{bytes_or_none{}} : failure("remove", path, errno);
    }
    descriptor const file{::open(away.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.get() < 0 || ::fstat(file.get(), &found) != 0 || is_later(found.st_mtim, cutoff)) {
        auto const back = bring_back(away, path); // unless another collector has done so
        return back ? result<bytes_or_none>{bytes_or_none{}} : back.error();
    }
    if (::unlink(away.c_str()) != 0) {
        return errno == ENOENT ? result<bytes_or_none>{bytes_or_none{}} : failure("remove", path, errno);
    }
    return bytes_or_none{static_cast<std::uint64_t>(found.st_size)};
}

result<chunk_counts> folder_store::collect(std::span<chunk_digest const> live, duration age) {
    auto const present = now();
    if (!present) {
        return present.error();
    }
    auto const whole = std::chrono::floor<std::chrono::seconds>(age);
    timespec cutoff{present->tv_sec - whole.count(), present->tv_nsec - (age - whole).count()};
    if (cutoff.tv_nsec < 0) {
        cutoff.tv_sec -= 1;
        cutoff.tv_nsec += 1'000'000'000;
    }
    chunk_counts removed;
    digest_set named;
    digest_set const living{live};
    auto const visit_object = [&](std::string const& path, std::string_view name) -> result<void> {
        auto const digest = digest_of(name);
        if (!digest) {
            return {};
        }
        if (!living.contains(*digest)) {
            auto const bytes = drop(path, cutoff);
            if (!bytes) {
                return bytes.error();
            }
            if (*bytes) {
                removed.objects += 1;
                removed.bytes += **bytes;
                return {};
            }
        }
        auto const found = find_list(*digest, false);
        if (!found) {
            return found.error();
        }
        if (found->list) { // a damaged one names nothing: nobody can get it
            named.add_chunks_of(*found->list);
        }
        return {};
    };
    auto const visit_chunk = [&](std::string const& path, std::string_view name) -> result<void> {
        auto const digest = digest_of(name);
        if (!digest || named.contains(*digest)) {
            return {};
        }
        auto const bytes = drop(path, cutoff);
        if (!bytes) {
            return bytes.error();
        }
        removed.chunks += *bytes ? 1U : 0U;
        removed.bytes += bytes->value_or(0);
        return {};
    };
    auto done = tidy(objects, cutoff);
    done = done ? tidy(chunks, cutoff) : done;
    done = done ? walk(objects, visit_object) : done;
    named.sort();
    done = done ? walk(chunks, visit_chunk) : done;
    return done ? result<chunk_counts>{removed} : done.error();
}

result<void> folder_store::remove_all() {
    // Folders that others have put something into meanwhile stay.
    auto const remove_folder = [](std::string const& folder) -> result<void> {
        bool const good = ::rmdir(folder.c_str()) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ||
                          errno == ENOTDIR || errno == EBUSY; // a file system is mounted there
        return good ? result<void>{} : failure("remove", folder, errno);
    };
    auto const remove_file = [](std::string const& path, std::string_view) -> result<void> {
        return ::unlink(path.c_str()) == 0 || errno == ENOENT ? result<void>{} : failure("remove", path, errno);
    };
    // The objects first: whoever reads meanwhile finds nothing rather than half of something.
    for (std::string_view const kind : {objects, chunks}) {
        std::string const top = folder_ + '/' + std::string{kind};
        auto done = walk(kind, remove_file);
        done = done ? walk_names(top,
                                 [&](std::string_view below) { return remove_folder(top + '/' + std::string{below}); })
                    : done;
        done = done ? remove_folder(top) : done;
        if (!done) {
            return done;
        }
    }
    auto const done = remove_file(folder_ + '/' + std::string{clock}, clock);
    return done ? remove_folder(folder_) : done;
}

result<chunk_counts> folder_store::usage() {
    chunk_counts found;
    auto const count = [&](std::uint64_t chunk_counts::* what) {
        return [&found, what](std::string const& path, std::string_view name) -> result<void> {
            struct stat file{};
            if (digest_of(name) && ::stat(path.c_str(), &file) == 0) {
                found.*what += 1;
                found.bytes += static_cast<std::uint64_t>(file.st_size);
            }
            return {};
        };
    };
    auto done = walk(objects, count(&chunk_counts::objects));
    done = done ? walk(chunks, count(&chunk_counts::chunks)) : done;
    return done ? result<chunk_counts>{found} : done.error();
}

} // namespace hpcsched::notebook_host

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_TEMPORARY_FOLDER_HPP
#define HPCSCHED_TESTS_TEMPORARY_FOLDER_HPP

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace hpcsched::test {

/// A folder of its own, gone at the end of the scope.
class temporary_folder {
  public:
    explicit temporary_folder(std::filesystem::path const& below = std::filesystem::temp_directory_path()) {
        std::string pattern = (below / "hpcsched-test-XXXXXX").string();
        char const* const made = ::mkdtemp(pattern.data());
        if (made == nullptr) {
            std::abort();
        }
        path_ = made;
    }
    temporary_folder(temporary_folder const&) = delete;
    temporary_folder& operator=(temporary_folder const&) = delete;
    ~temporary_folder() {
        std::error_code left_behind; // by a process that ends a little later
        std::filesystem::remove_all(path_, left_behind);
    }

    /// The path of a file in it.
    [[nodiscard]] std::string operator/(std::string const& name) const { return (path_ / name).string(); }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

inline std::string read_text(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

inline void write_text(std::string const& path, std::string const& text) {
    std::ofstream{path, std::ios::binary} << text;
}

} // namespace hpcsched::test

#endif

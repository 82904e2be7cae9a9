// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_EXPERIMENT_TEMPORARY_FOLDER_HPP
#define HPCSCHED_TESTS_EXPERIMENT_TEMPORARY_FOLDER_HPP

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace hpcsched::test {

/// A folder of its own, gone at the end of the scope.
class temporary_folder {
  public:
    temporary_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "hpcsched-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    temporary_folder(temporary_folder const&) = delete;
    temporary_folder& operator=(temporary_folder const&) = delete;
    ~temporary_folder() { std::filesystem::remove_all(path_); }

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

// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_PAGE_BROWSER_HPP
#define HPCSCHED_TESTS_PAGE_BROWSER_HPP

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include "temporary_folder.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::test {

/// A text as one word of the shell.
inline std::string shell_word(std::string const& text) {
    std::string word = "'";
    for (char const c : text) {
        word += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    }
    return word + '\'';
}

/// A Chromium on this machine; HPCSCHED_CHROMIUM names another one.
inline std::optional<std::string> find_chromium() {
    char const* const named = std::getenv("HPCSCHED_CHROMIUM");
    for (std::string const& name : {std::string{named == nullptr ? "" : named}, std::string{"chromium"},
                                    std::string{"chromium-browser"}, std::string{"google-chrome"}}) {
        std::string const question = "command -v " + shell_word(name) + " >/dev/null 2>&1";
        if (!name.empty() && std::system(question.c_str()) == 0) {
            return name;
        }
    }
    return std::nullopt;
}

/// What a visit left behind.
struct visit {
    int status = -1;
    std::string document; ///< the page as it was in the end
    std::string log;      ///< what the browser and the page's console said
};

/// Opens an address in a fresh headless browser that talks to nobody else, lets its clock run for 20 simulated seconds,
/// and closes it.
inline visit open_address(std::string const& browser, temporary_folder const& folder, std::string const& address,
                          std::vector<std::string> const& flags) {
    std::string const log = folder / "browser.log";
    std::string const profile = folder / "profile";
    std::string command = "timeout 240 " + shell_word(browser) +
                          " --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
                          " --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
                          " --force-color-profile=srgb --enable-logging=stderr --virtual-time-budget=20000"
                          " --user-data-dir=" +
                          shell_word(profile);
    for (std::string const& flag : flags) {
        command += ' ' + shell_word(flag);
    }
    command += ' ' + shell_word(address) + " 2>" + shell_word(log);
    visit made;
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::vector<char> chunk(65536);
    for (std::size_t read = 0; (read = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
        made.document.append(chunk.data(), read);
    }
    made.status = ::pclose(pipe);
    made.log = read_text(log);
    std::filesystem::remove_all(profile);
    return made;
}

/// Opens a local file.
inline visit open_page(std::string const& browser, temporary_folder const& folder, std::string const& file,
                       std::vector<std::string> const& flags) {
    return open_address(browser, folder, "file://" + file, flags);
}

/// The lines of the log that the page's console wrote.
inline std::vector<std::string> console_lines(visit const& from) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < from.log.size();) {
        std::size_t const end = std::min(from.log.find('\n', at), from.log.size());
        std::string const line = from.log.substr(at, end - at);
        if (line.find(":CONSOLE") != std::string::npos) {
            lines.push_back(line);
        }
        at = end + 1;
    }
    return lines;
}

/// `page` with a script of the tests before its end.
inline std::string with_script(std::string page, std::string const& script) {
    std::size_t const end = page.rfind("</body>");
    REQUIRE(end != std::string::npos);
    return page.insert(end, "<script>\n" + script + "</script>\n");
}

/// What the probe wrote into the document.
inline boost::json::object probe_of(visit const& from) {
    std::string const begin = "<script type=\"application/json\" id=\"probe\">";
    std::size_t const at = from.document.find(begin);
    INFO(from.log);
    REQUIRE(at != std::string::npos);
    std::size_t const end = from.document.find("</script>", at);
    REQUIRE(end != std::string::npos);
    return boost::json::parse(from.document.substr(at + begin.size(), end - at - begin.size())).as_object();
}

} // namespace hpcsched::test

#endif

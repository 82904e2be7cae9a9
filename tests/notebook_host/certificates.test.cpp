// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/certificates.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"
#include "temporary_folder.hpp"
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

using test::read_text;
using test::temporary_folder;
using test::write_text;

std::string failure(certificates_wanted const& wanted) {
    auto const made = make_certificates(wanted);
    return made ? "it works" : made.error().message;
}

std::vector<std::string> files_of(std::string const& folder, std::vector<std::string> const& names) {
    std::vector<std::string> all;
    for (std::string const& name : names) {
        all.push_back(folder + '/' + name + ".key");
        all.push_back(folder + '/' + name + ".pem");
    }
    return all;
}

/// What the openssl command makes of it.
bool openssl_says(std::string const& words) {
    return std::system(("openssl " + words + " >/dev/null 2>&1").c_str()) == 0; // NOLINT(cert-env33-c, *-mt-unsafe)
}

TEST_CASE("certificates: an authority and what it signed, for their owner's eyes alone, each key another") {
    temporary_folder const folder;
    std::string const tls = folder / "deeper/tls";
    auto const made = make_certificates({.folder = tls, .names = {"node-1", "node-2", "ada"}});
    REQUIRE(made.has_value());
    CHECK(*made == files_of(tls, {"authority", "node-1", "node-2", "ada"}));
    std::set<std::string> keys;
    for (std::string const& file : *made) {
        CAPTURE(file);
        struct stat facts{};
        REQUIRE(::stat(file.c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777U) == 0600U);
        keys.insert(read_text(file));
    }
    CHECK(keys.size() == made->size());
    struct stat facts{};
    REQUIRE(::stat(tls.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777U) == 0700U);
    CHECK(*name_in_certificate(tls + "/ada.pem") == "ada");
    CHECK(*name_in_certificate(tls + "/node-2.pem") == "node-2");
    CHECK(name_in_certificate(tls + "/authority.pem").error().message.find("carries no DNS name") != std::string::npos);
    CHECK(name_in_certificate(tls + "/ada.key").error().message.find("is no certificate") != std::string::npos);
    CHECK(name_in_certificate(tls + "/nobody.pem").error().message.find("cannot read") != std::string::npos);
}

TEST_CASE("certificates: the openssl command takes them for what they are, and those of another authority for none") {
    if (!openssl_says("version")) {
        HPCSCHED_SKIP("the openssl command is missing (Debian package openssl)");
    }
    temporary_folder const folder;
    std::string const a = folder / "a";
    std::string const b = folder / "b";
    REQUIRE(make_certificates({.folder = a, .names = {"node-1"}, .days = 30}).has_value());
    REQUIRE(make_certificates({.folder = b, .names = {"node-1"}, .days = 30}).has_value());
    std::string const own = "verify -x509_strict -verify_hostname node-1 -CAfile " + a + "/authority.pem ";
    for (char const* const purpose : {"sslserver", "sslclient"}) {
        CHECK(openssl_says(own + "-purpose " + purpose + " " + a + "/node-1.pem"));
    }
    CHECK_FALSE(openssl_says(own + b + "/node-1.pem"));
    CHECK_FALSE(openssl_says("verify -verify_hostname node-2 -CAfile " + a + "/authority.pem " + a + "/node-1.pem"));
    // Who has node-1's key is no authority.
    CHECK_FALSE(openssl_says("verify -x509_strict -CAfile " + a + "/node-1.pem " + a + "/node-1.pem"));
    CHECK(openssl_says("x509 -checkend " + std::to_string(29 * 86'400) + " -noout -in " + a + "/node-1.pem"));
    CHECK_FALSE(openssl_says("x509 -checkend " + std::to_string(31 * 86'400) + " -noout -in " + a + "/node-1.pem"));
}

TEST_CASE("certificates: further ones are signed by the authority that is there, and none is overwritten") {
    temporary_folder const folder;
    std::string const tls = folder / "tls";
    REQUIRE(make_certificates({.folder = tls, .names = {"node-1"}, .days = 10}).has_value());
    std::string const authority = read_text(tls + "/authority.pem");
    std::string const first = read_text(tls + "/node-1.pem");
    auto const more = make_certificates({.folder = tls, .names = {"node-1", "node-2"}});
    REQUIRE(more.has_value());
    CHECK(*more == files_of(tls, {"node-2"}));
    CHECK(read_text(tls + "/authority.pem") == authority);
    CHECK(read_text(tls + "/node-1.pem") == first);
    if (openssl_says("version")) { // good no longer than the authority
        CHECK(openssl_says("verify -CAfile " + tls + "/authority.pem " + tls + "/node-2.pem"));
        CHECK_FALSE(
            openssl_says("x509 -checkend " + std::to_string(11 * 86'400) + " -noout -in " + tls + "/node-2.pem"));
    }
    CHECK(make_certificates({.folder = tls, .names = {"node-1", "node-2"}})->empty());
}

TEST_CASE("certificates: what is in the way is named, and stays as it is") {
    temporary_folder const folder;
    std::string const tls = folder / "tls";
    for (std::string const& name : {std::string{"a/b"}, std::string{}, std::string{".."}, std::string{"authority"},
                                    std::string{"-x"}, std::string{"a,DNS:b"}, std::string(65, 'n')}) {
        CHECK(failure({.folder = tls, .names = {name}}).find("is no name for a certificate") != std::string::npos);
    }
    CHECK_FALSE(std::filesystem::exists(tls));
    REQUIRE(make_certificates({.folder = tls, .names = {"node-1"}}).has_value());
    write_text(tls + "/ada.key", "mine");
    CHECK(failure({.folder = tls, .names = {"ada"}}).find("ada.key is there, and " + tls + "/ada.pem is not") !=
          std::string::npos);
    std::filesystem::create_symlink(folder / "elsewhere", tls + "/bob.key");
    std::filesystem::create_symlink(folder / "elsewhere", tls + "/bob.pem");
    CHECK(make_certificates({.folder = tls, .names = {"bob"}})->empty());
    CHECK_FALSE(std::filesystem::exists(folder / "elsewhere"));
    CHECK(read_text(tls + "/ada.key") == "mine");

    std::filesystem::copy_file(tls + "/node-1.pem", tls + "/authority.pem",
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(failure({.folder = tls, .names = {"node-3"}}).find("no certificate and its key") != std::string::npos);
    std::filesystem::copy_file(tls + "/node-1.key", tls + "/authority.key",
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(failure({.folder = tls, .names = {"node-3"}}).find("is no authority's certificate") != std::string::npos);
    write_text(folder / "file", "");
    CHECK(failure({.folder = folder / "file/tls", .names = {"a"}}).find("cannot make the folder") != std::string::npos);
}

} // namespace
} // namespace hpcsched::notebook_host

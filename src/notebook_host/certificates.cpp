// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/certificates.hpp>

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<&X509_EXTENSION_free>>;
using memory_ptr = std::unique_ptr<BIO, freed_by<&BIO_free_all>>;
using file_ptr = std::unique_ptr<std::FILE, freed_by<&std::fclose>>;

/// A certificate, and the key to it.
struct identity {
    key_ptr key{};
    certificate_ptr certificate{};
};

constexpr std::string_view authority_name = "authority";

[[nodiscard]] error openssl_failed(std::string const& what) {
    unsigned long const code = ERR_peek_last_error();
    char const* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return error{what + ": " + (text == nullptr ? "OpenSSL says no more" : text)};
}

[[nodiscard]] bool is_name(std::string_view name) {
    auto const allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    };
    constexpr std::size_t longest = 64; // of a common name
    return !name.empty() && name.size() <= longest && std::ranges::all_of(name, allowed) && name.front() != '.' &&
           name.front() != '-' && name != authority_name;
}

[[nodiscard]] bool extend(X509& to, X509& issuer, int what, std::string const& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
    extension_ptr const made{X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str())};
    return made && X509_add_ext(&to, made.get(), -1) == 1;
}

// 127 bits that nobody has drawn before: two certificates of an authority must not have one number.
[[nodiscard]] bool number(X509& certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        return false;
    }
    bytes[0] &= 0x7fU;
    std::unique_ptr<BIGNUM, freed_by<&BN_free>> const drawn{
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)};
    return drawn && BN_to_ASN1_INTEGER(drawn.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

[[nodiscard]] bool name(X509& certificate, std::string const& as) {
    X509_NAME* const subject = X509_get_subject_name(&certificate);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<unsigned char const*>(as.data()),
                                      static_cast<int>(as.size()), -1, 0) == 1; // NOLINT(*-reinterpret-cast): bytes
}

// Good from a little before now: clocks differ.
[[nodiscard]] bool date(X509& certificate, std::uint32_t days, X509 const* issuer) {
    constexpr long an_hour = 3'600;
    if (X509_gmtime_adj(X509_getm_notBefore(&certificate), -an_hour) == nullptr ||
        X509_time_adj_ex(X509_getm_notAfter(&certificate), static_cast<int>(days), 0, nullptr) == nullptr) {
        return false;
    }
    if (issuer != nullptr && ASN1_TIME_compare(X509_get0_notAfter(issuer), X509_get0_notAfter(&certificate)) < 0) {
        return X509_set1_notAfter(&certificate, X509_get0_notAfter(issuer)) == 1;
    }
    return true;
}

/// A new key and its certificate, signed by `signer`, or by itself where that is null: an authority then.
[[nodiscard]] result<identity> make(std::string const& as, std::uint32_t days, identity const* signer) {
    identity made{key_ptr{EVP_EC_gen("P-256")}, certificate_ptr{X509_new()}};
    if (!made.key || !made.certificate) {
        return openssl_failed("cannot draw a key for " + as);
    }
    X509& own = *made.certificate;
    X509& issuer = signer == nullptr ? own : *signer->certificate;
    bool good = X509_set_version(&own, X509_VERSION_3) == 1 && number(own) && name(own, as) &&
                date(own, days, signer == nullptr ? nullptr : &issuer) &&
                X509_set_issuer_name(&own, X509_get_subject_name(&issuer)) == 1 &&
                X509_set_pubkey(&own, made.key.get()) == 1 && extend(own, issuer, NID_subject_key_identifier, "hash");
    if (signer == nullptr) {
        good = good && extend(own, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
               extend(own, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else { // hosts accept and dial; clients dial
        good = good && extend(own, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
               extend(own, issuer, NID_authority_key_identifier, "keyid") &&
               extend(own, issuer, NID_key_usage, "critical,digitalSignature") &&
               extend(own, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
               extend(own, issuer, NID_subject_alt_name, "DNS:" + as);
    }
    EVP_PKEY* const key = signer == nullptr ? made.key.get() : signer->key.get();
    if (!good || X509_sign(&own, key, EVP_sha256()) == 0) {
        return openssl_failed("cannot make the certificate of " + as);
    }
    return result<identity>{boost::system::in_place_value, std::move(made)};
}

[[nodiscard]] std::string bytes_of(BIO& memory) {
    char* at = nullptr;
    long const size = BIO_get_mem_data(&memory, &at);
    return {at, static_cast<std::size_t>(std::max(size, 0L))};
}

// O_EXCL: what is there is not overwritten, and a link that somebody has laid there is not followed.
[[nodiscard]] result<void> write_new(std::string const& path, std::string const& text) {
    int const file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        return error{"cannot make " + path + ": " + std::generic_category().message(errno)};
    }
    bool const written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                         ::fchmod(file, 0600) == 0 && ::fsync(file) == 0;
    int const number = errno;
    ::close(file);
    if (!written) {
        ::unlink(path.c_str());
        return error{"cannot write " + path + ": " + std::generic_category().message(number)};
    }
    return {};
}

class certificate_folder {
  public:
    explicit certificate_folder(std::string path) : path_{std::move(path)} {}

    [[nodiscard]] std::string of(std::string_view name, char const* kind) const {
        return path_ + '/' + std::string{name} + kind;
    }
    /// Both files, or neither: one alone is in the way.
    [[nodiscard]] result<bool> has(std::string_view name) const {
        std::error_code failed;
        bool const key = std::filesystem::exists(std::filesystem::symlink_status(of(name, ".key"), failed));
        bool const certificate = std::filesystem::exists(std::filesystem::symlink_status(of(name, ".pem"), failed));
        if (key != certificate) {
            return error{of(name, key ? ".key" : ".pem") + " is there, and " + of(name, key ? ".pem" : ".key") +
                         " is not: move it away, or bring the other back"};
        }
        return key;
    }
    [[nodiscard]] result<void> save(std::string_view name, identity const& what, std::vector<std::string>& made) const {
        memory_ptr const key{BIO_new(BIO_s_mem())};
        memory_ptr const certificate{BIO_new(BIO_s_mem())};
        if (!key || !certificate ||
            PEM_write_bio_PKCS8PrivateKey(key.get(), what.key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
            PEM_write_bio_X509(certificate.get(), what.certificate.get()) != 1) {
            return openssl_failed("cannot write down the key of " + std::string{name});
        }
        for (auto const& [kind, text] :
             {std::pair{".key", bytes_of(*key)}, std::pair{".pem", bytes_of(*certificate)}}) {
            std::string path = of(name, kind);
            if (auto const written = write_new(path, text); !written) {
                return written;
            }
            made.push_back(std::move(path));
        }
        return {};
    }
    [[nodiscard]] result<identity> load(std::string_view name) const {
        file_ptr const key_file{std::fopen(of(name, ".key").c_str(), "re")};
        file_ptr const certificate_file{std::fopen(of(name, ".pem").c_str(), "re")};
        if (!key_file || !certificate_file) {
            return error{"cannot read " + of(name, key_file ? ".pem" : ".key") + ": " +
                         std::generic_category().message(errno)};
        }
        identity found{key_ptr{PEM_read_PrivateKey(key_file.get(), nullptr, nullptr, nullptr)},
                       certificate_ptr{PEM_read_X509(certificate_file.get(), nullptr, nullptr, nullptr)}};
        if (!found.key || !found.certificate || X509_check_private_key(found.certificate.get(), found.key.get()) != 1) {
            return openssl_failed(of(name, ".pem") + " and its key are no certificate and its key");
        }
        if (X509_check_ca(found.certificate.get()) != 1) {
            return error{of(name, ".pem") + " is no authority's certificate: it cannot sign others"};
        }
        if (X509_cmp_current_time(X509_get0_notAfter(found.certificate.get())) < 0) {
            return error{of(name, ".pem") + " is good no longer: make another authority in another folder"};
        }
        return result<identity>{boost::system::in_place_value, std::move(found)};
    }

  private:
    std::string path_;
};

[[nodiscard]] result<void> make_folder(std::string const& path) {
    std::error_code failed;
    std::filesystem::path const parent = std::filesystem::path{path}.parent_path();
    if (!parent.empty()) {
        std::filesystem::create_directories(parent, failed);
    }
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return error{"cannot make the folder '" + path + "': " + std::generic_category().message(errno)};
    }
    return {};
}

} // namespace

result<std::vector<std::string>> make_certificates(certificates_wanted const& wanted) {
    for (std::string const& each : wanted.names) {
        if (!is_name(each)) {
            return error{"'" + each +
                         "' is no name for a certificate: 1 to 64 letters, digits, - _ and ., and not "
                         "'authority'"};
        }
    }
    if (auto const there = make_folder(wanted.folder); !there) {
        return there.error();
    }
    certificate_folder const folder{wanted.folder};
    std::vector<std::string> made;
    auto const has_authority = folder.has(authority_name);
    if (!has_authority) {
        return has_authority.error();
    }
    std::string const label = "authority of a cluster of hpcsched";
    auto authority = *has_authority ? folder.load(authority_name) : make(label, wanted.days, nullptr);
    if (!authority) {
        return authority.error();
    }
    if (!*has_authority) {
        if (auto const saved = folder.save(authority_name, *authority, made); !saved) {
            return saved.error();
        }
    }
    for (std::string const& each : wanted.names) {
        auto const there = folder.has(each);
        if (!there) {
            return there.error();
        }
        if (*there) {
            continue;
        }
        auto const own = make(each, wanted.days, &*authority);
        if (!own) {
            return own.error();
        }
        if (auto const saved = folder.save(each, *own, made); !saved) {
            return saved.error();
        }
    }
    return made;
}

result<std::string> name_in_certificate(std::string const& file) {
    file_ptr const stream{std::fopen(file.c_str(), "re")};
    if (!stream) {
        return error{"cannot read the certificate " + file + ": " + std::generic_category().message(errno)};
    }
    certificate_ptr const certificate{PEM_read_X509(stream.get(), nullptr, nullptr, nullptr)};
    if (!certificate) {
        return openssl_failed(file + " is no certificate (PEM)");
    }
    std::unique_ptr<GENERAL_NAMES, freed_by<&GENERAL_NAMES_free>> const names{
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr))};
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        GENERAL_NAME const* const each = sk_GENERAL_NAME_value(names.get(), i);
        if (each->type == GEN_DNS) {
            auto const* const text = ASN1_STRING_get0_data(each->d.dNSName);
            return result<std::string>{boost::system::in_place_value, text, text + ASN1_STRING_length(each->d.dNSName)};
        }
    }
    return error{file + " carries no DNS name (subjectAltName): whom it names is not known"};
}

} // namespace hpcsched::notebook_host

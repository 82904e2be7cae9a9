// SPDX-License-Identifier: Apache-2.0
#include "stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

namespace hpcsched::raft_asio::detail {

namespace {

std::string reason_of(int number) {
    return std::error_code{number, std::generic_category()}.message();
}

std::string openssl_reason() {
    unsigned long const code = ERR_peek_last_error();
    char const* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return text == nullptr ? "no reason given" : text;
}

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a connection that is gone.
struct quiet_socket {
    static int descriptor(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

    static int write(BIO* bio, char const* bytes, int size) {
        return done(bio, ::send(descriptor(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL), true);
    }
    static int read(BIO* bio, char* room, int size) {
        return done(bio, ::recv(descriptor(bio), room, static_cast<std::size_t>(size), 0), false);
    }
    static int done(BIO* bio, ssize_t moved, bool writing) {
        BIO_clear_retry_flags(bio);
        if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            writing ? BIO_set_retry_write(bio) : BIO_set_retry_read(bio);
        }
        return static_cast<int>(moved);
    }
    static long control(BIO* /*bio*/, int what, long /*number*/, void* /*argument*/) {
        return what == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static BIO_METHOD const* method() {
        static std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> const made = [] {
            std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> m{
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals"), &BIO_meth_free};
            BIO_meth_set_write(m.get(), &write);
            BIO_meth_set_read(m.get(), &read);
            BIO_meth_set_ctrl(m.get(), &control);
            return m;
        }();
        return made.get();
    }
};

} // namespace

void openssl_free::operator()(ssl_ctx_st* context) const noexcept {
    SSL_CTX_free(context);
}
void openssl_free::operator()(ssl_st* session) const noexcept {
    SSL_free(session);
}

result<tls_context> make_tls_context(tls_files const& files) {
    if (files.empty()) {
        return tls_context{};
    }
    tls_context context{SSL_CTX_new(TLS_method())};
    auto const fail = [](std::string const& what, std::string const& file) {
        return error{"cannot use " + file + " as " + what + ": " + openssl_reason() + ": give a PEM file"};
    };
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_num_tickets(context.get(), 0); // connections are few and last
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (SSL_CTX_load_verify_locations(context.get(), files.authority.c_str(), nullptr) != 1) {
        return fail("the authority's certificate", files.authority);
    }
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
        return fail("the certificate", files.certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1) {
        return fail("the certificate's key", files.key);
    }
    return context;
}

std::string certificate_name(raft::node_id node) {
    return "node-" + std::to_string(node.value);
}

void stream::begin_tls(tls_context const& context, bool accepts, std::string const& expected_name) {
    tls_.reset(SSL_new(context.get()));
    BIO* const bio = BIO_new(quiet_socket::method());
    // A descriptor is all that is to be kept.
    BIO_set_data(bio, reinterpret_cast<void*>( // NOLINT(performance-no-int-to-ptr)
                          static_cast<std::intptr_t>(socket_.native_handle())));
    BIO_set_init(bio, 1);
    SSL_set_bio(tls_.get(), bio, bio);
    if (!expected_name.empty()) {
        SSL_set_hostflags(tls_.get(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        SSL_set1_host(tls_.get(), expected_name.c_str());
    }
    accepts ? SSL_set_accept_state(tls_.get()) : SSL_set_connect_state(tls_.get());
}

io_state stream::handshake() {
    ERR_clear_error();
    errno = 0;
    int const returned = SSL_do_handshake(tls_.get());
    if (returned == 1) {
        return io_state::moved;
    }
    io_state const state = outcome_of(returned).state;
    if (state == io_state::ended) {
        failure_ = "closed by the other end in the TLS handshake";
        return io_state::failed;
    }
    return state;
}

io_result stream::outcome_of(int returned) {
    switch (SSL_get_error(tls_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
        return {io_state::needs_read, 0};
    case SSL_ERROR_WANT_WRITE:
        return {io_state::needs_write, 0};
    case SSL_ERROR_ZERO_RETURN:
        return {io_state::ended, 0};
    case SSL_ERROR_SYSCALL:
        if (errno == 0) {
            return {io_state::ended, 0};
        }
        failure_ = reason_of(errno);
        return {io_state::failed, 0};
    default: {
        long const verdict = SSL_get_verify_result(tls_.get());
        failure_ = "TLS: " + openssl_reason();
        if (verdict != X509_V_OK) {
            failure_ += std::string{" ("} + X509_verify_cert_error_string(verdict) + ")";
        }
        return {io_state::failed, 0};
    }
    }
}

io_result stream::read(std::span<std::byte> room) {
    if (tls_) {
        ERR_clear_error();
        errno = 0;
        std::size_t got = 0;
        int const returned = SSL_read_ex(tls_.get(), room.data(), room.size(), &got);
        return returned == 1 ? io_result{io_state::moved, got} : outcome_of(returned);
    }
    ssize_t const got = ::recv(socket_.native_handle(), room.data(), room.size(), 0);
    if (got > 0) {
        return {io_state::moved, static_cast<std::size_t>(got)};
    }
    if (got == 0) {
        return {io_state::ended, 0};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return {io_state::needs_read, 0};
    }
    failure_ = reason_of(errno);
    return {io_state::failed, 0};
}

io_result stream::write(std::span<std::byte const> bytes) {
    if (tls_) {
        ERR_clear_error();
        errno = 0;
        std::size_t put = 0;
        int const returned = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &put);
        return returned == 1 ? io_result{io_state::moved, put} : outcome_of(returned);
    }
    ssize_t const put = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) {
        return {io_state::moved, static_cast<std::size_t>(put)};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return {io_state::needs_write, 0};
    }
    failure_ = reason_of(errno);
    return {io_state::failed, 0};
}

bool stream::has_pending() const noexcept {
    return tls_ && SSL_pending(tls_.get()) > 0;
}

bool stream::carries(std::string const& name) const {
    if (!tls_) {
        return false;
    }
    X509* const certificate = SSL_get0_peer_certificate(tls_.get());
    return certificate != nullptr &&
           X509_check_host(certificate, name.data(), name.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

} // namespace hpcsched::raft_asio::detail

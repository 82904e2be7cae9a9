// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_CERTIFICATES_HPP
#define HPCSCHED_NOTEBOOK_HOST_CERTIFICATES_HPP

#include <hpcsched/core/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {

/// What certificates are wanted.
struct certificates_wanted {
    std::string folder{};             ///< made where it is not there, for its user alone
    std::vector<std::string> names{}; ///< the DNS name of each: "node-1" for a node, a user's name for a client
    std::uint32_t days = 3650; ///< how long they are good; those of an authority that is there, no longer than it
};

/// Makes an authority of a cluster's own, authority.pem and authority.key, and for each name NAME.pem and NAME.key,
/// which it signs: what TLS between hosts and clients needs (`raft_asio::tls_files`). Where the folder has an authority
/// already, that one signs: a node or a client is added later.
///
/// Keys are of the curve P-256. All files are the user's alone (mode 0600), and none is ever overwritten; what there is
/// of a name already is left as it is. Who has authority.key can let anybody in: it need not be on any host.
/// \return the files that were made
/// \error a name that is none, a file that is in the way or cannot be written, or an authority that cannot sign: which
[[nodiscard]] result<std::vector<std::string>> make_certificates(certificates_wanted const& wanted);

/// The first DNS name that a certificate (PEM) carries: whom it names.
/// \error it cannot be read, or carries none
[[nodiscard]] result<std::string> name_in_certificate(std::string const& file);

} // namespace hpcsched::notebook_host

#endif

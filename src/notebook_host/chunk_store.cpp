// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/chunk_store.hpp>

#include "folder_store.hpp"
#include "redis_store.hpp"

namespace hpcsched::notebook_host {

result<std::unique_ptr<chunk_store>> chunk_store::open(std::string const& where, chunk_store_config config) {
    if (where.starts_with("redis:") || where.starts_with("redis+")) {
        auto address = parse_redis_address(where);
        return address ? redis_store::open(std::move(*address), config) : address.error();
    }
    if (where.empty() || where.find("://") != std::string::npos) {
        return error{"'" + where.substr(0, where.find("://")) +
                     "' is no store: give a folder, redis://HOST or redis+unix:///SOCKET"};
    }
    return folder_store::open(where, config);
}

} // namespace hpcsched::notebook_host

// nftables: a whole set of rules at once, or nothing of it.
//
// Called by daemon/overlay and daemon/runner; in the calling thread's network namespace. Threads: one call at a time in a process
// (libnftables keeps a scanner); calls wait for each other. Failure: permission_denied without CAP_NET_ADMIN; invalid_argument,
// with nft's own words, for rules that it does not understand: nothing has changed then.
#pragma once

#include <string>

#include "core/model/result.hpp"

namespace neonvm::network {

// rules: as for `nft -f`; one transaction.
Status apply_rules(const std::string& rules);
// What `nft list table FAMILY NAME` prints, without counters; not_found when there is no such table.
Result<std::string> listed_table(const std::string& family, const std::string& name);

}  // namespace neonvm::network

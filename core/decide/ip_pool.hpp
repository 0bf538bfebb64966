// ip_pool: an AddressPool's books as upstream's IPPools, one for each range, and back.
//
// Called by who keeps addresses where upstream can read them. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/decide/address_pool.hpp"
#include "core/model/ip_pool.hpp"

namespace neonvm::decide {

// Upstream's name of the pool of a range: "neonvm-10.100.0.0-16", and without a network's name "10.100.0.0-16". IPv6 has colons, which
// no object's name can have: they become dashes, too.
std::string ip_pool_name(const std::string& network, const IpNetwork& range);

// What of the leases is in this range. podref of entries that stay is kept from `before`.
IpPool ip_pool_of(const AddressPool& pool, const IpNetwork& range, const IpPool& before = {});

// Books what the stored pool says. What cannot be booked (no number, beyond the range, given to another already) is left out and
// told, each with its key: one bad entry is no reason to give anybody else's address away.
std::vector<std::string> hold_all(AddressPool& pool, const IpPool& stored);

}  // namespace neonvm::decide

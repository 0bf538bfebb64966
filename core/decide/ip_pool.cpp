#include "core/decide/ip_pool.hpp"

#include <algorithm>
#include <charconv>

namespace neonvm::decide {
namespace {

Result<IpAddress> address_at(const IpNetwork& range, const std::string& key) {
  std::uint64_t offset = 0;
  const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), offset);
  if (error != std::errc{} || stop != key.data() + key.size()) return Error{Code::invalid_argument, "is no distance from the network's address"};
  const auto address = plus(range.first, offset);
  if (!address || !range.contains(*address)) return Error{Code::invalid_argument, "is beyond " + to_string(range)};
  return *address;
}

}  // namespace

std::string ip_pool_name(const std::string& network, const IpNetwork& range) {
  std::string name = (network.empty() ? "" : network + "-") + to_string(range);
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '/' || c == ':'; }, '-');
  return name;
}

IpPool ip_pool_of(const AddressPool& pool, const IpNetwork& range, const IpPool& before) {
  IpPool record{to_string(range), {}};
  for (const auto& [owner, lease] : pool.leases()) {
    const auto offset = range.contains(lease.address) ? distance(range.first, lease.address) : std::nullopt;
    if (!offset) continue;
    const std::string key = std::to_string(*offset);
    IpAllocation& entry = record.allocations[key];
    entry.id = owner;
    if (const auto old = before.allocations.find(key); old != before.allocations.end() && old->second.id == owner) entry.podref = old->second.podref;
  }
  return record;
}

std::vector<std::string> hold_all(AddressPool& pool, const IpPool& stored) {
  const auto range = parse_network(stored.range);
  if (!range) return {"range: " + range.error().message};
  std::vector<std::string> faults;
  for (const auto& [key, entry] : stored.allocations) {
    const auto address = address_at(*range, key);
    const auto held = address ? pool.hold(entry.id, *address) : Result<AddressLease>(address.error());
    if (!held) faults.push_back("allocations." + key + ": " + held.error().message);
  }
  return faults;
}

}  // namespace neonvm::decide

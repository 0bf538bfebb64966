// Addresses, networks, pools of them, and the nodes' addresses as a cluster tells them.
#include <cstdint>

#include "core/decide/ip_pool.hpp"
#include "core/wire/ip_pool.hpp"
#include "core/wire/node_status.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::settles(text, parse_ip, [](const IpAddress& address) { return to_string(address); });
  fuzz::settles(text, parse_network, [](const IpNetwork& network) { return to_string(network); });
  fuzz::settles(text, wire::decode_ip_pool, [](const IpPool& pool) { return wire::encode(pool); });
  fuzz::settles(text, wire::decode_node_status, [](const NodeStatus& status) { return wire::encode(status); });
  if (const auto pool = wire::decode_ip_pool(text)) {
    auto books = decide::AddressPool::from({{pool->range, "", "", {}}});
    if (!books) return 0;
    const auto faults = decide::hold_all(*books, *pool);
    fuzz::require(faults.size() + books->leases().size() >= pool->allocations.size(), "an entry is neither booked nor told", text);
  }
  return 0;
}

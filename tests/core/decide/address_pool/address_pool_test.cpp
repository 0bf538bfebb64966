#include "core/decide/address_pool.hpp"

#include <rapidcheck.h>

#include <map>
#include <set>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

AddressPool pool_of(std::vector<AddressRange> ranges) {
  auto pool = AddressPool::from(ranges);
  REQUIRE(pool.ok());
  return std::move(pool).value();
}

std::string given(AddressPool& pool, const std::string& owner) {
  const auto lease = pool.acquire(owner);
  return lease ? to_string(lease->address) + "/" + std::to_string(lease->prefix) : to_string(lease.error().code);
}

}  // namespace

TEST_CASE("an owner gets the lowest free address, and the same one again") {
  AddressPool pool = pool_of({{"10.1.0.0/29", "", "", {}}});
  CHECK(given(pool, "a") == "10.1.0.1/29");
  CHECK(given(pool, "b") == "10.1.0.2/29");
  CHECK(given(pool, "a") == "10.1.0.1/29");
  pool.release("a");
  pool.release("a");
  CHECK(given(pool, "c") == "10.1.0.1/29");
}

TEST_CASE("a full pool says so, and ranges are used in order") {
  AddressPool pool = pool_of({{"10.1.0.0/30", "", "", {}}, {"10.2.0.8/31", "", "", {}}});
  CHECK(pool.capacity() == 4);
  CHECK(given(pool, "a") == "10.1.0.1/30");
  CHECK(given(pool, "b") == "10.1.0.2/30");
  CHECK(given(pool, "c") == "10.2.0.8/31");
  CHECK(given(pool, "d") == "10.2.0.9/31");
  CHECK(given(pool, "e") == "out of capacity");
  pool.release("d");
  CHECK(given(pool, "e") == "10.2.0.9/31");
}

TEST_CASE("bounds and holes are kept") {
  AddressPool pool = pool_of({{"10.100.0.0/16", "10.100.128.0", "10.100.128.5", {"10.100.128.1/32", "10.100.128.4/30"}}});
  CHECK(pool.capacity() == 3);
  CHECK(given(pool, "a") == "10.100.128.0/16");
  CHECK(given(pool, "b") == "10.100.128.2/16");
  CHECK(given(pool, "c") == "10.100.128.3/16");
  CHECK(given(pool, "d") == "out of capacity");
}

TEST_CASE("books are rebuilt from what the VMs say") {
  AddressPool pool = pool_of({{"10.1.0.0/24", "", "", {}}});
  CHECK(pool.hold("a", ipv4(0x0a010001)).ok());
  CHECK(pool.hold("a", ipv4(0x0a010001)).ok());
  CHECK(pool.hold("a", ipv4(0x0a010002)).error().code == Code::already_exists);
  CHECK(pool.hold("b", ipv4(0x0a010001)).error().code == Code::already_exists);
  CHECK(pool.hold("b", ipv4(0x0b010001)).error().code == Code::invalid_argument);
  CHECK(given(pool, "b") == "10.1.0.2/24");
  CHECK(pool.keep_only({"b"}) == std::vector<std::string>{"a"});
  CHECK(given(pool, "c") == "10.1.0.1/24");
}

TEST_CASE("ranges that make no sense are named") {
  const auto refused = [](const AddressRange& range) {
    const auto pool = AddressPool::from({range});
    return pool ? std::string("taken") : pool.error().message;
  };
  CHECK(refused({"10.1.0.0", "", "", {}}) == "\"10.1.0.0\" is not a range like 10.100.0.0/16");
  CHECK(refused({"10.1.0/24", "", "", {}}) == "\"10.1.0/24\" is not a range like 10.100.0.0/16");
  CHECK(refused({"10.1.0.0/33", "", "", {}}) == "\"10.1.0.0/33\" is not a range like 10.100.0.0/16");
  CHECK(refused({"10.1.0.0/24", "10.2.0.1", "", {}}) == "10.1.0.0/24: 10.2.0.1 is outside of its range");
  CHECK(refused({"10.1.0.0/24", "10.1.0.9", "10.1.0.3", {}}) == "10.1.0.0/24: it ends before it begins");
  CHECK(refused({"10.1.0.0/24", "10.1.0.256", "", {}}) == "10.1.0.0/24: \"10.1.0.256\" is not an IPv4 or IPv6 address");
}

TEST_CASE("two ranges may share a network, but not an address") {
  AddressPool pool = pool_of({{"10.1.0.0/24", "10.1.0.1", "10.1.0.1", {}}, {"10.1.0.0/24", "10.1.0.8", "10.1.0.8", {}}});
  CHECK(given(pool, "a") == "10.1.0.1/24");
  CHECK(given(pool, "b") == "10.1.0.8/24");
  for (const char* other : {"10.1.0.0/16", "10.1.0.0/25", "10.1.0.128/25"}) {
    const auto twice = AddressPool::from({{"10.1.0.0/24", "", "", {}}, {other, "", "", {}}});
    REQUIRE_FALSE(twice.ok());
    CHECK(twice.error().message == std::string(other) + " overlaps 10.1.0.0/24; give each address once");
  }
}

TEST_CASE("IPv6 ranges have no broadcast address, and may be larger than anybody can count") {
  AddressPool pool = pool_of({{"fd00:1::/126", "", "", {"fd00:1::2/128"}}, {"fd00:2::/32", "", "", {}}});
  CHECK(pool.capacity() == ~std::uint64_t{0});
  CHECK(given(pool, "a") == "fd00:1::1/126");
  CHECK(given(pool, "b") == "fd00:1::3/126");
  CHECK(given(pool, "c") == "fd00:2::1/32");
  pool.release("a");
  CHECK(pool.hold("d", parse_ip("fd00:2:ffff:ffff:ffff:ffff:ffff:ffff").value()).ok());
  CHECK(given(pool, "e") == "fd00:1::1/126");
}

namespace {

// What has been promised, kept by hand.
void obey_the_laws(const std::vector<AddressRange>& ranges, const std::vector<std::uint8_t>& deeds) {
  AddressPool pool = AddressPool::from(ranges).value();
  std::map<std::string, IpAddress> books;
  for (const std::uint8_t deed : deeds) {
    const std::string owner = "vm" + std::to_string(deed % 12);
    if (deed < 130) {
      const auto lease = pool.acquire(owner);
      if (lease.ok()) RC_ASSERT(books.emplace(owner, lease->address).first->second == lease->address);
      else RC_ASSERT(books.size() == pool.capacity());
    } else if (deed < 180) {
      const IpAddress wished = plus(parse_network(ranges[0].cidr).value().first, deed % 16).value();
      if (pool.hold(owner, wished).ok()) RC_ASSERT(books.emplace(owner, wished).first->second == wished);
    } else {
      pool.release(owner);
      books.erase(owner);
    }
    std::set<IpAddress> seen;
    for (const auto& [name, lease] : pool.leases()) RC_ASSERT(seen.insert(lease.address).second && books.at(name) == lease.address);
    RC_ASSERT(pool.leases().size() == books.size());
  }
  RC_ASSERT(pool.keep_only({}).size() == books.size());
  for (std::uint64_t i = 0; i < pool.capacity(); ++i) RC_ASSERT(pool.acquire("new" + std::to_string(i)).ok());
  RC_ASSERT(!pool.acquire("one more").ok());
}

}  // namespace

TEST_CASE("no address twice, none leaked, whatever happens") {
  neonvm::tests::sequences(10000);
  using Deeds = std::vector<std::uint8_t>;
  CHECK(rc::check("leases are distinct, in range, and given back", [](const Deeds& deeds) {
    obey_the_laws({{"10.1.0.0/28", "10.1.0.3", "10.1.0.9", {"10.1.0.6/31"}}, {"10.9.0.0/30", "", "", {}}}, deeds);
  }));
  CHECK(rc::check("IPv6 as well, across the middle of an address", [](const Deeds& deeds) {
    obey_the_laws({{"fd00::ffff:ffff:ffff:0/64", "fd00::ffff:ffff:ffff:fffa", "fd00::ffff:ffff:ffff:ffff", {"fd00::ffff:ffff:ffff:fffc/128"}},
                   {"fd00:1::/127", "", "", {}}}, deeds);
  }));
}

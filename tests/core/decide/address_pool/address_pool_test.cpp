#include "core/decide/address_pool.hpp"

#include <rapidcheck.h>

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
  CHECK(pool.hold("a", {0x0a010001}).ok());
  CHECK(pool.hold("a", {0x0a010001}).ok());
  CHECK(pool.hold("a", {0x0a010002}).error().code == Code::already_exists);
  CHECK(pool.hold("b", {0x0a010001}).error().code == Code::already_exists);
  CHECK(pool.hold("b", {0x0b010001}).error().code == Code::invalid_argument);
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
  CHECK(refused({"10.1.0.0/24", "10.1.0.256", "", {}}) == "10.1.0.0/24: \"10.1.0.256\" is not an IPv4 address");
}

TEST_CASE("no address twice, none leaked, whatever happens") {
  neonvm::tests::sequences(10000);
  const bool held = rc::check("leases are distinct, in range, and given back", [](const std::vector<std::uint8_t>& deeds) {
    AddressPool pool = AddressPool::from({{"10.1.0.0/29", "", "", {}}, {"10.9.0.0/30", "", "", {}}}).value();
    std::set<std::string> owners;
    for (const std::uint8_t deed : deeds) {
      const std::string owner = "vm" + std::to_string(deed % 12);
      if (deed < 150) {
        if (pool.acquire(owner).ok()) owners.insert(owner);
        else RC_ASSERT(pool.leases().size() == pool.capacity());
      } else {
        pool.release(owner);
        owners.erase(owner);
      }
      std::set<Ipv4> seen;
      for (const auto& [name, lease] : pool.leases()) RC_ASSERT(seen.insert(lease.address).second);
      RC_ASSERT(pool.leases().size() == owners.size());
    }
    for (const std::string& owner : owners) pool.release(owner);
    for (std::uint64_t i = 0; i < pool.capacity(); ++i) RC_ASSERT(pool.acquire("new" + std::to_string(i)).ok());
  });
  CHECK(held);
}

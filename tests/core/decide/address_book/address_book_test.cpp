// Who has which address: scenarios, and the laws under any sequence of deeds, restarts and rivals.
#include "core/decide/address_book.hpp"

#include <rapidcheck.h>

#include "core/wire/ip_pool.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

AddressBook book(const std::string& last = "10.100.128.9") {
  auto made = AddressBook::from({"neonvm", "10.100.0.0/16", "10.100.128.0", last});
  REQUIRE(made.ok());
  return *made;
}

std::string given(AddressBook& book, const std::string& owner, const std::string& wish = "") {
  const auto lease = book.claim(owner, wish.empty() ? std::nullopt : std::optional(parse_ip(wish).value()));
  return lease ? to_string(lease->address) : to_string(lease.error().code);
}

IpPool stored(const std::string& allocations) {
  return wire::decode_ip_pool(R"({"range":"10.100.0.0/16","allocations":)" + allocations + "}").value();
}

}  // namespace

TEST_CASE("a VM gets the first free address, and keeps it") {
  AddressBook mine = book();
  CHECK(mine.pool_name() == "neonvm-10.100.0.0-16");
  CHECK(given(mine, "default/web") == "10.100.128.0");
  CHECK(given(mine, "default/db") == "10.100.128.1");
  CHECK(given(mine, "default/web") == "10.100.128.0");
  mine.release("default/web");
  mine.release("default/web");
  CHECK_FALSE(mine.holds("default/web"));
  CHECK(given(mine, "default/new") == "10.100.128.0");
  CHECK(mine.taken() == 2);
  CHECK(mine.capacity() == 10);
}

TEST_CASE("one that had an address before its pool was lost has it again, unless somebody else has it now") {
  AddressBook mine = book();
  CHECK(given(mine, "a/x", "10.100.128.5") == "10.100.128.5");
  CHECK(given(mine, "a/y", "10.100.128.5") == "10.100.128.0");
  CHECK(given(mine, "a/z", "192.168.0.1") == "10.100.128.1");
  CHECK(given(mine, "a/x", "10.100.128.7") == "10.100.128.5");
}

TEST_CASE("a full pool names itself and what can be done") {
  AddressBook mine = book("10.100.128.0");
  CHECK(given(mine, "a/x") == "10.100.128.0");
  const auto no = mine.claim("a/y", {});
  REQUIRE_FALSE(no.ok());
  CHECK(no.error().code == Code::out_of_capacity);
  CHECK(no.error().message == "IPPool neonvm-10.100.0.0-16: all 1 addresses are in use; remove VMs with spec.extraNetwork, or give network.range more of them");
}

TEST_CASE("what is not understood is written back, and given to nobody") {
  AddressBook mine = book();
  const IpPool before = stored(R"({"32768":{"id":"a/x","podref":"p"},"32769":{"id":"a/x"},"4":{"id":"b/y"},"-1":{"id":"c/z"},"32770":{"id":"#1"}})");
  const auto faults = mine.read(before);
  REQUIRE(faults.ok());
  CHECK(faults->size() == 4);
  CHECK(mine.record() == before);
  CHECK(given(mine, "d/new") == "10.100.128.3");
  CHECK(given(mine, "a/x") == "10.100.128.0");
  CHECK(mine.owners() == std::vector<std::string>{"#1", "a/x", "b/y", "c/z", "d/new"});
  mine.release("a/x");
  CHECK(mine.record() == stored(R"({"4":{"id":"b/y"},"-1":{"id":"c/z"},"32770":{"id":"#1"},"32771":{"id":"d/new"}})"));
  CHECK(given(mine, "e/new") == "10.100.128.0");
  CHECK(given(mine, "f/new") == "10.100.128.1");
}

TEST_CASE("a pool of another range is not touched") {
  AddressBook mine = book();
  const auto read = mine.read({"10.200.0.0/16", {}});
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().message == "IPPool neonvm-10.100.0.0-16 is for \"10.200.0.0/16\", and its name says 10.100.0.0/16; remove it, or give the network another name");
  CHECK(mine.read({"10.100.7.7/16", {}}).ok());
  CHECK(mine.record().range == "10.100.7.7/16");
}

TEST_CASE("ranges that make no sense are refused") {
  CHECK(AddressBook::from({"n", "10.100.0.0", "", ""}).error().message == "\"10.100.0.0\" is not a range like 10.100.0.0/16");
  CHECK(AddressBook::from({"n", "fd00::/64", "", ""}).error().message == "fd00::/64: give an IPv4 range; a guest's kernel can be told no other address");
  CHECK(AddressBook::from({"n", "10.100.0.0/16", "10.101.0.0", ""}).error().message == "10.100.0.0/16: 10.101.0.0 is outside of its range");
}

TEST_CASE("no address twice, none leaked, whatever is done and whoever restarts") {
  neonvm::tests::sequences(1000);
  CHECK(rc::check("the stored pool is the VMs that asked and did not let go", [](const std::vector<std::uint8_t>& deeds) {
    AddressBook mine = book();
    std::map<std::string, std::string> has;                // owner to address
    for (const std::uint8_t deed : deeds) {
      const std::string owner = "ns/" + std::to_string(deed % 16);
      if (deed < 130) {
        const auto wish = deed % 3 == 0 ? std::optional(parse_ip("10.100.128." + std::to_string(deed % 12)).value()) : std::nullopt;
        const auto lease = mine.claim(owner, wish);
        RC_ASSERT(lease.ok() == (has.count(owner) != 0 || has.size() < 10));
        if (lease && has.count(owner) != 0) RC_ASSERT(has[owner] == to_string(lease->address));
        if (lease) has[owner] = to_string(lease->address);
      } else if (deed < 220) {
        mine.release(owner);
        has.erase(owner);
      } else {
        AddressBook successor = book();
        RC_ASSERT(successor.read(wire::decode_ip_pool(wire::encode(mine.record())).value()).value().empty());
        mine = successor;
      }
    }
    std::map<std::string, std::string> stands;
    for (const auto& [key, entry] : mine.record().allocations) {
      const auto address = plus(parse_ip("10.100.0.0").value(), std::stoull(key)).value();
      RC_ASSERT(stands.emplace(entry.id, to_string(address)).second);
    }
    RC_ASSERT(stands == has);
    std::set<std::string> addresses;
    for (const auto& [owner, address] : has) RC_ASSERT(addresses.insert(address).second);
  }));
}

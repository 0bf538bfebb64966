// The books as upstream's IPPool, and back: nothing lost, nothing given twice.
#include "core/decide/ip_pool.hpp"

#include <rapidcheck.h>

#include "core/wire/ip_pool.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

const IpNetwork shipped = parse_network("10.100.0.0/16").value();

AddressPool pool() { return AddressPool::from({{"10.100.0.0/16", "10.100.128.0", "", {}}, {"fd00:100::/64", "", "", {}}}).value(); }

}  // namespace

TEST_CASE("the first VM of the shipped range stands where upstream would put it") {
  AddressPool books = pool();
  REQUIRE(books.acquire("default/web").ok());
  const IpPool record = ip_pool_of(books, shipped);
  CHECK(wire::encode(record) == R"({"allocations":{"32768":{"id":"default/web"}},"range":"10.100.0.0/16"})");
  CHECK(ip_pool_name("neonvm", shipped) == "neonvm-10.100.0.0-16");
  CHECK(ip_pool_name("", parse_network("fd00:100::/64").value()) == "fd00-100---64");
}

TEST_CASE("what is stored is read, podref and all, and one bad entry spoils none of the others") {
  const auto stored = wire::decode_ip_pool(R"({"range":"10.100.0.0/16","allocations":{"32768":{"id":"a/x","podref":"p"},"32769":{"id":"a/x"},"4":{"id":"b/y"},
      "-1":{"id":"c/z"},"99999":{"id":"d/z"},"32770":{"id":"e/z"}}})");
  REQUIRE(stored.ok());
  AddressPool books = pool();
  CHECK(hold_all(books, *stored) == std::vector<std::string>{
      "allocations.-1: is no distance from the network's address", "allocations.32769: a/x has 10.100.128.0 already",
      "allocations.4: 10.100.0.4 is in none of the ranges", "allocations.99999: is beyond 10.100.0.0/16"});
  CHECK(books.leases().size() == 2);
  CHECK(ip_pool_of(books, shipped, *stored).allocations == std::map<std::string, IpAllocation>{{"32768", {"a/x", "p"}}, {"32770", {"e/z", ""}}});
  CHECK(hold_all(books, {"10.100/16", {}}) == std::vector<std::string>{"range: \"10.100/16\" is not a range like 10.100.0.0/16"});
  CHECK(wire::decode_ip_pool(R"({"range":"10.0.0.0/8","allocations":{"1":{}}})").error().message == "allocations.1.id: is missing");
}

TEST_CASE("any books survive being written and read") {
  neonvm::tests::sequences(2000);
  CHECK(rc::check("leases after reading are the leases before writing", [](const std::vector<std::uint8_t>& deeds) {
    AddressPool books = pool();
    for (const std::uint8_t deed : deeds) {
      const std::string owner = "ns/" + std::to_string(deed % 40);
      if (deed < 170) (void)books.acquire(owner);
      else if (deed < 200) (void)books.hold(owner, plus(parse_ip("fd00:100::1").value(), deed % 7).value());
      else books.release(owner);
    }
    AddressPool again = pool();
    for (const char* range : {"10.100.0.0/16", "fd00:100::/64"}) {
      const std::string text = wire::encode(ip_pool_of(books, parse_network(range).value()));
      RC_ASSERT(hold_all(again, wire::decode_ip_pool(text).value()).empty());
    }
    RC_ASSERT(again.leases() == books.leases());
  }));
}

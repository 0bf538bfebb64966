// Addresses of the overlay network: given before a VM starts, kept while it lives, free when it is gone.
#include "core/wire/ip_pool.hpp"
#include "core/wire/model_json.hpp"
#include "tests/core/daemon/town/town.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using namespace std::chrono_literals;

namespace {

const std::string pool_name = "neonvm-10.100.0.0-16";

decide::AddressSettings shared(const std::string& last = "") { return {"neonvm", "10.100.0.0/16", "10.100.128.0", last}; }

void connected(Town& town, const std::string& name) {
  Object object = town.vm(name, 0.25, 0.5);
  VmSpec spec = wire::decode_vm_spec(object).value();
  spec.overlay = true;
  wire::encode_vm_spec(spec, object);
  REQUIRE(town.orchestrator.update(object, std::chrono::steady_clock::now() + 5s));
}

IpPool pool(Town& town) {
  const auto stored = town.orchestrator.get(Kind::ip_pool, pool_name, std::chrono::steady_clock::now() + 5s);
  return stored ? wire::decode_ip_pool(stored->spec).value() : IpPool{};
}

std::string warned(Town& town, const std::string& reason) {
  const auto all = town.orchestrator.events(0, std::chrono::steady_clock::now() + 5s).value();
  for (const StoredEvent& each : all)
    if (each.event.reason == reason) return each.event.message;
  return "";
}

}  // namespace

TEST_CASE("VMs are given addresses before they start, keep them over a stop, and give them back when they go") {
  Town town;
  town.network = shared();
  town.node("n1", 8, 16);
  town.vm("plain", 0.25, 0.5);
  connected(town, "web");
  town.open();
  REQUIRE(town.until([&] { return town.runs("web") && town.runs("plain"); }));
  CHECK(town.status("web").overlay == OverlayAddress{"10.100.128.0", "255.255.0.0"});
  CHECK(town.status("plain").overlay.empty());
  CHECK(pool(town).allocations == std::map<std::string, IpAllocation>{{"32768", {"default/web", ""}}});
  connected(town, "db");
  REQUIRE(town.until([&] { return town.runs("db"); }));
  CHECK(town.status("db").overlay.ip == "10.100.128.1");
  town.edit("web", [](VmSpec& s) { s.stopped = true; });
  REQUIRE(town.until([&] { return town.status("web").phase == Phase::stopped; }));
  town.edit("web", [](VmSpec& s) { s.stopped = false; });
  REQUIRE(town.until([&] { return town.runs("web"); }));
  CHECK(town.status("web").overlay.ip == "10.100.128.0");
  town.remove("web");
  REQUIRE(town.until([&] { return !town.exists("web"); }));
  CHECK(pool(town).allocations == std::map<std::string, IpAllocation>{{"32769", {"default/db", ""}}});
  const std::string told = town.plane->metrics.text();
  CHECK(told.find("neonvm_overlay_addresses_taken 1\n") != std::string::npos);
  CHECK(told.find("ipam_ongoing_requests{action=\"acquire\"} 0\n") != std::string::npos);
  CHECK(told.find("ipam_request_duration_seconds_count{action=\"acquire\",outcome=\"success\"} 3\n") != std::string::npos);
}

TEST_CASE("a VM that wants the network no more gives its address back at its next start") {
  Town town;
  town.network = shared();
  town.node("n1", 8, 16);
  connected(town, "web");
  town.open();
  REQUIRE(town.until([&] { return town.runs("web"); }));
  town.edit("web", [](VmSpec& s) { s.overlay = false, s.stopped = true; });
  REQUIRE(town.until([&] { return town.status("web").phase == Phase::stopped; }));
  CHECK(town.status("web").overlay.ip == "10.100.128.0");
  town.edit("web", [](VmSpec& s) { s.stopped = false; });
  REQUIRE(town.until([&] { return town.runs("web"); }));
  CHECK(town.status("web").overlay.empty());
  CHECK(pool(town).allocations.empty());
}

TEST_CASE("a VM for which no address is left says so, and starts when one is") {
  Town town;
  town.network = shared("10.100.128.0");
  town.node("n1", 8, 16);
  connected(town, "first");
  town.open();
  REQUIRE(town.until([&] { return town.runs("first"); }));
  connected(town, "second");
  REQUIRE(town.until([&] { return !warned(town, "NoAddress").empty(); }));
  CHECK(town.status("second").why.find("IPPool neonvm-10.100.0.0-16: all 1 addresses are in use") == 0);
  CHECK(town.status("second").phase == Phase::pending);
  CHECK(town.status("second").overlay.empty());
  town.remove("first");
  REQUIRE(town.until([&] { return town.runs("second"); }));
  CHECK(town.status("second").overlay.ip == "10.100.128.0");
}

TEST_CASE("without a range a VM that wants an address waits and says what is missing; others run") {
  Town town;
  town.network = decide::AddressSettings{};
  town.node("n1", 8, 16);
  town.vm("plain", 0.25, 0.5);
  connected(town, "web");
  town.open();
  REQUIRE(town.until([&] { return town.runs("plain") && warned(town, "NoAddress").find("has no [network] range") != std::string::npos; }));
  town.remove("web");
  REQUIRE(town.until([&] { return !town.exists("web"); }));
}

TEST_CASE("at a desk there is no such network, and the wish counts for nothing") {
  Town town;
  town.node("n1", 8, 16);
  connected(town, "web");
  town.open();
  REQUIRE(town.until([&] { return town.runs("web"); }));
  CHECK(town.status("web").overlay.empty());
}

TEST_CASE("a successor finds every address where it was, and frees those of VMs that went without a word") {
  Town town;
  town.network = shared();
  town.node("n1", 8, 16);
  connected(town, "web");
  connected(town, "lost");
  town.open();
  REQUIRE(town.until([&] { return town.runs("web") && town.runs("lost"); }));
  const std::string address = town.status("web").overlay.ip;
  town.kill_control_plane();
  // Somebody takes the finalizer off, and another one writes what upstream would.
  Object lost = town.orchestrator.get(Kind::virtual_machine, "lost", std::chrono::steady_clock::now() + 5s).value();
  lost.finalizer = false;
  REQUIRE(town.orchestrator.update(lost, std::chrono::steady_clock::now() + 5s));
  town.remove("lost");
  Object stored = town.orchestrator.get(Kind::ip_pool, pool_name, std::chrono::steady_clock::now() + 5s).value();
  IpPool before = wire::decode_ip_pool(stored.spec).value();
  before.allocations["40000"] = {"elsewhere/vm", ""};
  before.allocations["40001"] = {"", "somebody/pod"};
  stored.spec = wire::encode(before);
  REQUIRE(town.orchestrator.update(stored, std::chrono::steady_clock::now() + 5s));
  town.open();
  REQUIRE(town.until([&] { return pool(town).allocations.size() == 3; }));
  IpPool after = pool(town);
  CHECK(std::erase_if(after.allocations, [](const auto& each) { return each.second.id == "default/web"; }) == 1);
  // Of another namespace, which this door does not see; and not a VM's.
  CHECK(after.allocations == std::map<std::string, IpAllocation>{{"40000", {"elsewhere/vm", ""}}, {"40001", {"", "somebody/pod"}}});
  CHECK(town.status("web").overlay.ip == address);
}

TEST_CASE("a rival's writes and lost answers give no address twice and leak none") {
  Town town;
  town.network = shared();
  town.node("n1", 8, 16);
  for (int i = 0; i < 6; ++i) connected(town, "vm" + std::to_string(i));
  town.open();
  int rivals = 0;
  const auto write_over = [&] {
    auto stored = town.orchestrator.get(Kind::ip_pool, pool_name, std::chrono::steady_clock::now() + 5s);
    if (!stored) return;
    IpPool now = wire::decode_ip_pool(stored->spec).value();
    now.allocations.emplace(std::to_string(32768 + rivals * 2), IpAllocation{"rival/vm" + std::to_string(rivals), ""});
    stored->spec = wire::encode(now);
    if (town.orchestrator.update(*stored, std::chrono::steady_clock::now() + 5s)) ++rivals;
    town.orchestrator.lose_next_replies(1);
  };
  REQUIRE(town.until([&] {
    if (rivals < 8) write_over();
    bool all = rivals == 8;
    for (int i = 0; i < 6; ++i) all = all && town.runs("vm" + std::to_string(i));
    return all;
  }));
  std::map<std::string, std::string> owners;               // of what the statuses say
  for (int i = 0; i < 6; ++i) {
    const std::string name = "vm" + std::to_string(i);
    CHECK(owners.emplace(town.status(name).overlay.ip, "default/" + name).second);
  }
  std::map<std::string, std::string> stored;
  for (const auto& [key, entry] : pool(town).allocations)
    if (entry.id.starts_with("default/")) stored.emplace(to_string(plus(parse_ip("10.100.0.0").value(), std::stoull(key)).value()), entry.id);
  CHECK(stored == owners);
  for (int i = 0; i < 6; ++i) town.remove("vm" + std::to_string(i));
  REQUIRE(town.until([&] {
    for (int i = 0; i < 6; ++i)
      if (town.exists("vm" + std::to_string(i))) return false;
    return true;
  }));
  for (const auto& [key, entry] : pool(town).allocations) CHECK(entry.id.starts_with("rival/"));
}

// Ports: what a pod's VM gets of the overlay network, and what is left of it when the pod is gone.
#include <sys/stat.h>

#include "tests/core/daemon/overlay/port_town.hpp"

using namespace neonvm;
using namespace neonvm::lab;

TEST_CASE("pods of two nodes are given taps of one Ethernet, and nobody else has them") {
  PortTown town;
  Pod web(town.folder1, "default_web-abcde");              // was there before the daemon
  town.start();
  Pod db(town.folder2, "a-namespace-with-a-long-name-as-kubernetes-allows-sixty-three-xx_a-pod-with-a-long-name-as-kubernetes-allows-sixty-three-xx-xxxxx");
  web.plug();
  until([&] { return std::filesystem::exists(town.folder2.path() / "ports"); }, "the folder");
  db.plug();
  db.say("hello from db");
  CHECK(web.hears("hello from db"));
  web.say("hello from web");
  CHECK(db.hears("hello from web"));
  CHECK(town.one.mtu_of(device_of(town.one)) == 1450);
  CHECK(device_of(town.one) == decide::port_device("default_web-abcde"));
  CHECK(web.ask() == wire::PortAnswer{0, device_of(town.one) + " is somebody's already"});
  struct stat facts {};
  REQUIRE(::stat((town.folder1.path() / "ports").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0700);
  REQUIRE(::stat(web.port().c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0666);
  // Counted after it was told.
  until([&] { return town.one.metrics().find("neonvm_overlay_port_refusals_total 1\n") != std::string::npos; }, "the refusal is counted");
  CHECK(town.one.metrics().find("neonvm_overlay_ports 1\n") != std::string::npos);
}

TEST_CASE("with the machine goes its port, and with the port the pod's folder") {
  PortTown town;
  town.start();
  Pod web(town.folder1, "default_web-a"), other(town.folder1, "default_other-a");
  web.plug();
  until([&] { return other.offered(); }, "the other's port");
  web.end();
  until([&] { return !web.exists(); }, "the folder goes");
  CHECK(device_of(town.one).empty());
  CHECK(other.exists());
  other.plug();
  CHECK_FALSE(device_of(town.one).empty());
}

TEST_CASE("a daemon that ends takes no VM's port away, and its successor knows them") {
  PortTown town;
  town.start();
  Pod web(town.folder1, "default_web-a"), db(town.folder2, "default_db-a");
  web.plug();
  db.plug();
  town.one.stop_daemon();
  web.say("without a daemon");
  CHECK(db.hears("without a daemon"));
  Pod late(town.folder1, "default_late-a");
  CHECK(late.ask().why.find("No such file") != std::string::npos);
  town.one.start_daemon((town.folder1.path() / "ports").string());
  late.plug();
  web.say("and with its successor");
  CHECK(late.hears("and with its successor"));
  CHECK(db.hears("and with its successor"));
  web.end();
  until([&] { return !web.exists(); }, "the folder of a VM that was there before");
}

TEST_CASE("a bridge that somebody removed comes back with the VMs that were on it") {
  PortTown town;
  town.start();
  Pod web(town.folder1, "default_web-a"), db(town.folder2, "default_db-a");
  web.plug();
  db.plug();
  (void)town.one.host().run("ip link delete neon-br0");
  until([&] { return town.one.host().run("ip -o link show type tun").find("master neon-br0") != std::string::npos; }, "the port is plugged in again");
  until([&] { return town.one.floods_to() == "10.0.0.2"; }, "and the rest of it");
  web.say("again");
  CHECK(db.hears("again"));
}

TEST_CASE("before there is a network a pod is told so, and may ask again") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  TempDir folder;
  Machine node(underlay, orchestrator, "n1", {"10.0.0.1"});
  REQUIRE(orchestrator.remove(Kind::node, "n1", daemon::call_deadline()).ok());
  node.start_daemon((folder.path() / "ports").string());
  Pod web(folder, "default_web-a");
  until([&] { return web.offered(); }, "its port is offered");
  CHECK(web.ask().why.find("neon-br0") != std::string::npos);
  node.register_node({"10.0.0.1"});
  web.plug();
}

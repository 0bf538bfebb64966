#include <array>

#include "core/plugin/catalog.hpp"
#include "core/wire/model_json.hpp"
#include "tests/core/plugin/scripted_hypervisor.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

const std::array<neonvm_plugin_getter, 1> builtins{neonvm_plugin_v1_hypervisor_scripted};
const Deadline deadline{Duration(77)};

std::unique_ptr<Hypervisor> fresh(const Settings& settings = {}, HostServices services = {}) {
  script() = {};
  auto hypervisor = Catalog(builtins, {}, std::move(services)).open_hypervisor("scripted", settings);
  REQUIRE(hypervisor);
  return std::move(*hypervisor);
}

std::unique_ptr<Machine> started(Hypervisor& hypervisor) {
  auto machine = hypervisor.start(sample_spec(), deadline);
  REQUIRE(machine);
  return std::move(*machine);
}

std::string last_call() { return script().calls.back(); }

}  // namespace

TEST_CASE("hypervisor tunnel: open passes the settings and the host's services") {
  std::vector<std::string> lines;
  HostServices services;
  services.log = [&](LogLevel level, std::string_view plugin, std::string_view message) {
    lines.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(plugin) + ": " + std::string(message));
  };
  services.cancelled = [] { return true; };
  const auto hypervisor = fresh({{"binary", "/usr/bin/qemu"}, {"empty", ""}}, services);
  CHECK(script().calls == std::vector<std::string>{"option binary=/usr/bin/qemu", "option empty=", "cancelled"});
  CHECK(lines == std::vector<std::string>{"2 hypervisor scripted: opened"});
}

TEST_CASE("hypervisor tunnel: a plugin whose constructor throws is not opened") {
  script() = {};
  script().throws = true;
  const auto opened = Catalog(builtins, {}).open_hypervisor("scripted");
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::internal);
  CHECK(opened.error().message == "hypervisor scripted: boom");
}

TEST_CASE("hypervisor tunnel: the plugin's own calls") {
  const auto hypervisor = fresh();
  const auto capabilities = hypervisor->probe(deadline);
  REQUIRE(capabilities.size() == 2);
  CHECK(capabilities[0].name == "kvm");
  CHECK_FALSE(capabilities[0].works);
  CHECK(capabilities[0].detail == "no /dev/kvm");
  CHECK(capabilities[0].next_step == "load the module");
  CHECK(capabilities[1].works);

  CHECK(hypervisor->create_disk("/a", "/b", Bytes{5}, deadline));
  CHECK(last_call() == "create_disk /a over /b 5 @77");
  const auto machine = started(*hypervisor);
  CHECK(last_call() == "start " + wire::encode(sample_spec()) + " @77");
  CHECK(hypervisor->attach(sample_spec(), Deadline::max()));
  CHECK(last_call() == "attach " + wire::encode(sample_spec()) + " @9223372036854775807");
}

TEST_CASE("hypervisor tunnel: a machine's states") {
  const auto hypervisor = fresh();
  const auto machine = started(*hypervisor);
  CHECK(wire::encode(*machine->inspect(deadline)) == wire::encode(sample_state()));

  const auto cpus = machine->set_cpus(3, deadline);
  CHECK(last_call() == "set_cpus 3 @77");
  CHECK((cpus->asked.value == 3000 && cpus->actual.value == 2000 && !cpus->settled && cpus->why == "slot 2 is stuck"));

  CHECK(machine->want_memory(Bytes{1234567890123}, deadline));
  CHECK(last_call() == "want_memory 1234567890123 @77");
  const auto memory = machine->memory(std::chrono::milliseconds(5), deadline);
  CHECK(last_call() == "memory 5000000 @77");
  CHECK((memory->asked == Bytes{5 * gib} && memory->actual == Bytes{7 * gib} && !memory->settled));
  CHECK(memory->why == "in use");
}

TEST_CASE("hypervisor tunnel: a machine's orders") {
  const auto hypervisor = fresh();
  const auto machine = started(*hypervisor);
  CHECK(machine->press_power_button(deadline));
  CHECK(last_call() == "press_power_button @77");
  CHECK(machine->quit(deadline));
  CHECK(last_call() == "quit @77");
  CHECK(machine->kill(deadline));
  CHECK(last_call() == "kill @77");
  CHECK(machine->pause(deadline));
  CHECK(last_call() == "pause @77");
  CHECK(machine->resume(deadline));
  CHECK(last_call() == "resume @77");
  CHECK(machine->add_forward({"http", 80, 8080, Protocol::tcp}, deadline));
  CHECK(last_call() == "add_forward http 8080:80/tcp @77");
  CHECK(machine->remove_forward({"", 53, 5353, Protocol::udp}, deadline));
  CHECK(last_call() == "remove_forward  5353:53/udp @77");
}

TEST_CASE("hypervisor tunnel: migration and events") {
  const auto hypervisor = fresh();
  const auto machine = started(*hypervisor);
  CHECK(*machine->listen(sample_state(), deadline) == "unix:/run/in.sock");
  CHECK(last_call() == "listen " + wire::encode(sample_state()) + " @77");
  CHECK(machine->migrate_to("unix:/x", sample_limits(), deadline));
  CHECK(last_call() == "migrate_to unix:/x " + wire::encode(sample_limits()) + " @77");
  CHECK(wire::encode(*machine->migration(deadline)) == wire::encode(sample_report()));
  CHECK(machine->cancel_migration(deadline));
  CHECK(last_call() == "cancel_migration @77");

  const auto event = machine->next_event(deadline);
  REQUIRE(event);
  CHECK(wire::encode(event->value()) == wire::encode(sample_event()));
  const auto none = machine->next_event(Deadline{});
  REQUIRE(none);
  CHECK_FALSE(none->has_value());
  CHECK(machine->wake());
  CHECK(last_call() == "wake @0");
}

TEST_CASE("hypervisor tunnel: errors and exceptions of every call") {
  const auto hypervisor = fresh();
  const auto machine = started(*hypervisor);
  const auto all = [&](const auto& check) {
    check(hypervisor->start(sample_spec(), deadline));
    check(hypervisor->attach(sample_spec(), deadline));
    check(hypervisor->create_disk("/a", "", Bytes{5}, deadline));
    check(machine->inspect(deadline));
    check(machine->set_cpus(1, deadline));
    check(machine->want_memory(Bytes{1}, deadline));
    check(machine->memory(Duration(1), deadline));
    check(machine->press_power_button(deadline));
    check(machine->quit(deadline));
    check(machine->kill(deadline));
    check(machine->pause(deadline));
    check(machine->resume(deadline));
    check(machine->listen(sample_state(), deadline));
    check(machine->migrate_to("a", {}, deadline));
    check(machine->migration(deadline));
    check(machine->cancel_migration(deadline));
    check(machine->add_forward({}, deadline));
    check(machine->remove_forward({}, deadline));
    check(machine->next_event(deadline));
    check(machine->wake());
  };
  script().error = Error{Code::failed_precondition, "not now"};
  all([](const auto& result) {
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Code::failed_precondition);
    CHECK(result.error().message == "not now");
  });
  script().throws = true;
  all([](const auto& result) {
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Code::internal);
    CHECK(result.error().message == "hypervisor scripted: boom");
  });
  // probe() has no error: a plugin that cannot even look is a capability that does not work.
  const auto capabilities = hypervisor->probe(deadline);
  REQUIRE(capabilities.size() == 1);
  CHECK_FALSE(capabilities[0].works);
  CHECK(capabilities[0].detail == "hypervisor scripted: boom");
}

TEST_CASE("hypervisor tunnel: long messages are cut cleanly") {
  const auto hypervisor = fresh();
  std::string message;
  while (message.size() < 5000) message += "ä";
  script().error = Error{Code::refused, message};
  const auto refused = hypervisor->start(sample_spec(), deadline);
  const std::string& text = refused.error().message;
  CHECK(text.size() <= NEONVM_MESSAGE_SIZE);
  CHECK(text.size() > NEONVM_MESSAGE_SIZE - 8);
  CHECK_THAT(text, Catch::EndsWith("ä…"));
}

TEST_CASE("hypervisor tunnel: a machine outlives the door and closes its plugin at last") {
  auto hypervisor = fresh();
  auto machine = started(*hypervisor);
  CHECK(script().alive == 2);
  hypervisor.reset();
  CHECK(script().alive == 2);
  CHECK(machine->quit(deadline));
  machine.reset();
  CHECK(script().alive == 0);
}

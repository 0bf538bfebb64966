#include "core/plugin/slots.hpp"

#include <array>

#include "core/plugin/catalog.hpp"
#include "core/plugin/descriptor_check.hpp"
#include "tests/core/plugin/scripted_hypervisor.hpp"
#include "tests/core/plugin/scripted_orchestrator.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

using HypervisorTable = neonvm_hypervisor_table;
using OrchestratorTable = neonvm_orchestrator_table;

// The scripted plugins as older ones would be: their tables end before the optional calls.
HypervisorTable old_hypervisor_table;
OrchestratorTable old_orchestrator_table;

template <typename Table, typename Slot>
void cut_before(const neonvm_plugin_descriptor& whole, Slot Table::*first_missing, Table& table) {
  table = *static_cast<const Table*>(whole.table);
  table.size = static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(&(table.*first_missing)) -
                                          reinterpret_cast<std::byte*>(&table));
}

const neonvm_plugin_descriptor* old_hypervisor() {
  static neonvm_plugin_descriptor old = *neonvm_plugin_v1_hypervisor_scripted();
  cut_before(*neonvm_plugin_v1_hypervisor_scripted(), &HypervisorTable::probe, old_hypervisor_table);
  old.table = &old_hypervisor_table;
  return &old;
}

const neonvm_plugin_descriptor* old_orchestrator() {
  static neonvm_plugin_descriptor old = *neonvm_plugin_v1_orchestrator_scripted();
  cut_before(*neonvm_plugin_v1_orchestrator_scripted(), &OrchestratorTable::record, old_orchestrator_table);
  old.table = &old_orchestrator_table;
  return &old;
}

const std::array<neonvm_plugin_getter, 2> old_ones{old_hypervisor, old_orchestrator};
const Deadline deadline{Duration(77)};

template <typename T>
void check_lacks(const T& result, const std::string& what) {
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == Code::unsupported);
  CHECK(result.error().message == what);
}

}  // namespace

TEST_CASE("slots: inside the size and not null") {
  HypervisorTable table = *static_cast<const HypervisorTable*>(neonvm_plugin_v1_hypervisor_scripted()->table);
  CHECK(has(table, &HypervisorTable::wake));
  table.size -= 1;
  CHECK_FALSE(has(table, &HypervisorTable::wake));
  CHECK(has(table, &HypervisorTable::remove_forward));
  table.remove_forward = nullptr;
  CHECK_FALSE(has(table, &HypervisorTable::remove_forward));
  table.size = sizeof table + 64;  // a newer plugin of this major
  CHECK(has(table, &HypervisorTable::wake));
}

TEST_CASE("slots: every required call is required") {
  const auto refusal_without = [](auto whole, auto slot) {
    auto table = *static_cast<const std::decay_t<decltype(whole)>*>(static_cast<const void*>(&whole));
    table.*slot = nullptr;
    neonvm_plugin_descriptor d = std::is_same_v<decltype(whole), HypervisorTable>
                                     ? *neonvm_plugin_v1_hypervisor_scripted()
                                     : *neonvm_plugin_v1_orchestrator_scripted();
    d.table = &table;
    const Status checked = check_descriptor(&d);
    return checked ? std::string() : checked.error().message;
  };
  const auto& h = *static_cast<const HypervisorTable*>(neonvm_plugin_v1_hypervisor_scripted()->table);
  const auto& o = *static_cast<const OrchestratorTable*>(neonvm_plugin_v1_orchestrator_scripted()->table);
  CHECK(refusal_without(h, &HypervisorTable::machine_close) ==
        "lacks the required call \"machine_close\" (its table has 184 bytes)");
  CHECK_THAT(refusal_without(h, &HypervisorTable::next_event), Catch::Contains("\"next_event\""));
  CHECK_THAT(refusal_without(h, &HypervisorTable::start), Catch::Contains("\"start\""));
  CHECK_THAT(refusal_without(o, &OrchestratorTable::watch_wake), Catch::Contains("\"watch_wake\""));
  CHECK_THAT(refusal_without(o, &OrchestratorTable::release_lease), Catch::Contains("\"release_lease\""));
  CHECK(refusal_without(o, &OrchestratorTable::vm_directory).empty());
  CHECK(refusal_without(h, &HypervisorTable::listen).empty());
}

TEST_CASE("slots: an older hypervisor works without the optional calls") {
  script() = {};
  auto hypervisor = Catalog(old_ones, {}).open_hypervisor("scripted");
  REQUIRE(hypervisor);
  CHECK((*hypervisor)->probe(deadline).empty());
  check_lacks((*hypervisor)->create_disk("/a", "", Bytes{1}, deadline), "hypervisor scripted has no create_disk");
  auto started = (*hypervisor)->start(sample_spec(), deadline);
  REQUIRE(started);
  Machine& machine = **started;
  CHECK(machine.inspect(deadline));
  check_lacks(machine.set_cpus(1, deadline), "hypervisor scripted has no set_cpus");
  check_lacks(machine.press_power_button(deadline), "hypervisor scripted has no press_power_button");
  check_lacks(machine.pause(deadline), "hypervisor scripted has no pause");
  check_lacks(machine.resume(deadline), "hypervisor scripted has no resume");
  check_lacks(machine.listen({}, deadline), "hypervisor scripted has no listen");
  check_lacks(machine.migrate_to("", {}, deadline), "hypervisor scripted has no migrate_to");
  check_lacks(machine.migration(deadline), "hypervisor scripted has no migration");
  check_lacks(machine.cancel_migration(deadline), "hypervisor scripted has no cancel_migration");
  check_lacks(machine.add_forward({}, deadline), "hypervisor scripted has no add_forward");
  check_lacks(machine.remove_forward({}, deadline), "hypervisor scripted has no remove_forward");
  check_lacks(machine.wake(), "hypervisor scripted has no wake");
}

TEST_CASE("slots: an older orchestrator works without the optional calls") {
  script() = {};
  auto orchestrator = Catalog(old_ones, {}).open_orchestrator("scripted");
  REQUIRE(orchestrator);
  CHECK((*orchestrator)->list(Kind::node, deadline));
  check_lacks((*orchestrator)->record(sample_happening(), deadline), "orchestrator scripted has no record");
  check_lacks((*orchestrator)->events(0, deadline), "orchestrator scripted has no events");
  check_lacks((*orchestrator)->wait_events(0, deadline), "orchestrator scripted has no wait_events");
  CHECK((*orchestrator)->vm_directory("web").empty());
  CHECK((*orchestrator)->list_runners("web", deadline)->size() == 2);  // all that are listed
  CHECK((*orchestrator)->runner_access("web", deadline)->token.empty());
  check_lacks((*orchestrator)->webhook_authority(deadline), "orchestrator scripted has no webhook_authority");
  check_lacks((*orchestrator)->bind_pod("web-1", "u", "n1", deadline), "orchestrator scripted has no bind_pod");
  check_lacks((*orchestrator)->show_room("n1", {}, false, deadline), "orchestrator scripted has no show_room");
  check_lacks((*orchestrator)->lead_service({}, deadline), "orchestrator scripted has no lead_service");
  check_lacks((*orchestrator)->scheduler_access(deadline), "orchestrator scripted has no scheduler_access");
  CHECK(*(*orchestrator)->tend(sample_object("a"), deadline) == std::nullopt);
  check_lacks((*orchestrator)->runner_log("web-1", -1, false, [](std::string_view) {}, deadline), "orchestrator scripted has no runner_log");
}

#include "core/plugin/machine_proxy.hpp"

#include "core/plugin/slots.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::plugin {
namespace {

using Table = neonvm_hypervisor_table;

std::string text_of(const neonvm_fixed_reason& reason) {
  return std::string(fixed_text(reason.text, sizeof reason.text));
}

}  // namespace

MachineProxy::~MachineProxy() { table().machine_close(handle_); }

Status MachineProxy::run(Simple slot, std::string_view name, Deadline deadline) {
  if (!has(table(), slot)) return lacks(opened_->place(), name);
  return opened_->call([&](neonvm_error* error) { return (table().*slot)(handle_, to_ns(deadline), error); });
}

Status MachineProxy::run(ForPort slot, std::string_view name, const Port& port, Deadline deadline) {
  if (!has(table(), slot)) return lacks(opened_->place(), name);
  const neonvm_port as_struct{to_text(port.name), port.guest, port.host,
                              port.protocol == Protocol::udp ? NEONVM_UDP : NEONVM_TCP};
  return opened_->call(
      [&](neonvm_error* error) { return (table().*slot)(handle_, &as_struct, to_ns(deadline), error); });
}

Result<MachineState> MachineProxy::inspect(Deadline deadline) {
  Kept state;
  const Status status = opened_->call(
      [&](neonvm_error* error) { return table().inspect(handle_, to_ns(deadline), state.sink(), error); });
  if (!status) return status.error();
  const auto json = state.one(opened_->place());
  return json ? wire::decode_machine_state(*json) : json.error();
}

Result<CpuState> MachineProxy::set_cpus(std::uint32_t count, Deadline deadline) {
  if (!has(table(), &Table::set_cpus)) return lacks(opened_->place(), "set_cpus");
  neonvm_cpu_state state{};
  const Status status = opened_->call(
      [&](neonvm_error* error) { return table().set_cpus(handle_, count, to_ns(deadline), &state, error); });
  if (!status) return status.error();
  return CpuState{MilliCpu{state.asked_milli_cpu}, MilliCpu{state.actual_milli_cpu}, state.settled != 0,
                  text_of(state.why)};
}

Status MachineProxy::want_memory(Bytes pluggable, Deadline deadline) {
  return opened_->call(
      [&](neonvm_error* error) { return table().want_memory(handle_, pluggable.value, to_ns(deadline), error); });
}

Result<MemoryState> MachineProxy::memory(Duration quiet, Deadline deadline) {
  neonvm_memory_state state{};
  const Status status = opened_->call(
      [&](neonvm_error* error) { return table().memory(handle_, quiet.count(), to_ns(deadline), &state, error); });
  if (!status) return status.error();
  return MemoryState{Bytes{state.asked}, Bytes{state.actual}, state.settled != 0, text_of(state.why)};
}

Status MachineProxy::press_power_button(Deadline deadline) {
  return run(&Table::press_power_button, "press_power_button", deadline);
}
Status MachineProxy::quit(Deadline deadline) { return run(&Table::quit, "quit", deadline); }
Status MachineProxy::kill(Deadline deadline) { return run(&Table::kill, "kill", deadline); }
Status MachineProxy::pause(Deadline deadline) { return run(&Table::pause, "pause", deadline); }
Status MachineProxy::resume(Deadline deadline) { return run(&Table::resume, "resume", deadline); }

Result<std::string> MachineProxy::listen(const MachineState& replay, Deadline deadline) {
  if (!has(table(), &Table::listen)) return lacks(opened_->place(), "listen");
  const std::string json = wire::encode(replay);
  Kept address;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().listen(handle_, to_text(json), to_ns(deadline), address.sink(), error);
  });
  if (!status) return status.error();
  return address.one(opened_->place());
}

Status MachineProxy::migrate_to(const std::string& address, const MigrationSpec& limits, Deadline deadline) {
  if (!has(table(), &Table::migrate_to)) return lacks(opened_->place(), "migrate_to");
  const std::string json = wire::encode(limits);
  return opened_->call([&](neonvm_error* error) {
    return table().migrate_to(handle_, to_text(address), to_text(json), to_ns(deadline), error);
  });
}

Result<MigrationReport> MachineProxy::migration(Deadline deadline) {
  if (!has(table(), &Table::migration)) return lacks(opened_->place(), "migration");
  Kept report;
  const Status status = opened_->call(
      [&](neonvm_error* error) { return table().migration(handle_, to_ns(deadline), report.sink(), error); });
  if (!status) return status.error();
  const auto json = report.one(opened_->place());
  return json ? wire::decode_migration_report(*json) : json.error();
}

Status MachineProxy::cancel_migration(Deadline deadline) {
  return run(&Table::cancel_migration, "cancel_migration", deadline);
}

Status MachineProxy::add_forward(const Port& port, Deadline deadline) {
  return run(&Table::add_forward, "add_forward", port, deadline);
}
Status MachineProxy::remove_forward(const Port& port, Deadline deadline) {
  return run(&Table::remove_forward, "remove_forward", port, deadline);
}

Result<std::optional<MachineEvent>> MachineProxy::next_event(Deadline deadline) {
  Kept kept;
  const Status status = opened_->call(
      [&](neonvm_error* error) { return table().next_event(handle_, to_ns(deadline), kept.sink(), error); });
  if (!status) return status.error();
  const auto json = kept.at_most_one(opened_->place());
  if (!json) return json.error();
  if (!json->has_value()) return std::optional<MachineEvent>();
  auto event = wire::decode_machine_event(**json);
  if (!event) return event.error().at(opened_->place());
  return std::optional<MachineEvent>(std::move(*event));
}

Status MachineProxy::wake() {
  if (!has(table(), &Table::wake)) return lacks(opened_->place(), "wake");
  return opened_->call([&](neonvm_error* error) { return table().wake(handle_, error); });
}

}  // namespace neonvm::plugin

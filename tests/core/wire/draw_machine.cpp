#include "tests/core/wire/draw.hpp"

namespace neonvm::draw {
namespace {

MigrationProgress progress() {
  return {text(), size(), size(), size(), millis(), millis(), number()};
}

MachineDisk disk() { return {text(), text(), text(), coin(), coin(), text(), size()}; }

std::uint32_t count() { return static_cast<std::uint32_t>(number()); }

MachineNetwork network() { return {one_of(NetworkKind::tap), text(), text(), list(port), coin(), text(), text(), count()}; }

GuestMount mount() {
  return {one_of(MountKind::files), text(), text(), text(), coin(), coin(), coin(), coin(), coin(), size()};
}

GuestPlan plan() { return {list(mount), list(text), text(), size()}; }

FileItem item() { return {text(), text(), maybe(count)}; }

MachineFiles files() { return {text(), text(), coin(), coin(), coin(), count(), list(item)}; }

}  // namespace

FilesState files_state() { return {text(), text()}; }

MigrationSpec migration_spec() {
  return {text(), text(), coin(), coin(), coin(), whole_seconds(), number()};
}

MigrationStatus migration_status() {
  return {one_of(MigrationPhase::cancelled), text(), text(), text(), text(), text(), progress(), time(), time()};
}

MigrationReport migration_report() { return {one_of(MigrationState::cancelled), progress(), text()}; }

MachineSpec machine_spec() {
  MachineSpec m;
  m.name = text();
  m.uuid = text();
  m.run_dir = text();
  m.machine_type = text();
  m.accelerator = one_of(Accelerator::tcg);
  m.max_cpus = count();
  m.boot_cpus = count();
  m.online_cpus = count();
  m.cpu_mode = one_of(CpuScalingMode::qmp);
  m.base_memory = size();
  m.pluggable_memory = size();
  m.memory_block = size();
  m.plugged_at_start = size();
  m.kernel = text();
  m.initrd = text();
  m.cmdline = text();
  m.disks = list(disk);
  m.networks = list(network);
  m.guest = plan();
  m.files = list(files);
  m.guest_socket = text();
  m.console_socket = text();
  m.console_log = text();
  m.incoming = coin();
  m.carries_disks = coin();
  m.tls_dir = text();
  m.migration_host = text();
  m.migration_port = static_cast<std::uint16_t>(number());
  m.tls_name = text();
  m.tls_peer = text();
  m.extra_args = list(text);
  return m;
}

MachineState machine_state() {
  return {one_of(MachinePhase::gone), whole(), text(), text(), text(), count(), list(count), size(), size(), size(),
          millis()};
}

MachineEvent machine_event() {
  return {one_of(MachineEventKind::gone), size(), migration_report(), text()};
}

Node node() { return {label(), resources(), static_cast<double>(1 + below(1000)) / 1000, coin(), texts(), static_cast<std::uint32_t>(below(1000))}; }

RunnerSpec runner_spec() { return {text(), text(), text(), one_of(RunnerRole::target), text(), coin()}; }

RunnerStatus runner_status() {
  return {one_of(RunnerPhase::failed), text(), whole(), text(), time(), time(), coin()};
}

Object object() {
  Object o;
  o.kind = one_of(Kind::ip_pool);
  o.ns = label();
  o.name = label();
  o.uid = text();
  o.version = number();
  o.generation = number();
  o.created = time();
  o.deleting = maybe(time);
  o.finalizer = coin();
  o.labels = texts();
  o.annotations = texts();
  o.owner_uid = text();
  o.spec = coin() ? R"({"a":[1,2.5,null],"b":{"c":"d"}})" : "{}";
  o.status = coin() ? R"({"x":"y"})" : "{}";
  return o;
}

Event event() { return {time(), one_of(Kind::ip_pool), label(), text(), coin(), text(), text(), whole()}; }

}  // namespace neonvm::draw

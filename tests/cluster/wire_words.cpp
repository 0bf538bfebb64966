// Speaks the desk's own JSON to the tests of the cluster.
//   wire_words sample    a VirtualMachine and a VirtualMachineMigration with every member of the model set, one JSON a line
//   wire_words read      reads such an object from standard input, strictly; exit code 1 and the reason if it will not
#include <iostream>
#include <iterator>
#include <string>

#include "core/wire/model_json.hpp"

namespace neonvm {
namespace {

constexpr Bytes slot{512 * mib};
const WallTime moment = WallTime{} + std::chrono::seconds(1767323045);

Disk disk(const char* name, DiskSource source) {
  Disk d;
  d.name = name;
  d.mount_path = std::string("/mnt/") + name;
  d.source = source;
  d.read_only = true;
  d.watch = true;
  if (source == DiskSource::empty || source == DiskSource::tmpfs) d.size = Bytes{64 * mib};
  if (source == DiskSource::empty) d.discard = d.quotas = true;
  if (source != DiskSource::empty && source != DiskSource::tmpfs) d.reference = "named";
  if (source == DiskSource::config_map || source == DiskSource::secret) {
    d.items = {{"key", "path", 0400u}, {"other", "place", {}}};
    d.optional = true;
    d.default_mode = 0440;
  }
  return d;
}

VmSpec full_spec() {
  VmSpec spec;
  spec.cpu = {MilliCpu{250}, MilliCpu{1500}, MilliCpu{4000}};
  spec.memory = {slot, Bytes{2 * slot.value}, Bytes{8 * slot.value}, slot};
  spec.root_image = "image:1";
  spec.root_size = Bytes{8 * gib};
  spec.kernel = "kernel:1";
  spec.kernel_cmdline = "quiet";
  spec.command = {"/bin/run"};
  spec.args = {"--now"};
  spec.env = {{"A", "b"}, {"EMPTY", ""}};
  spec.ports = {{"pg", 5432, 15432, Protocol::tcp}, {"stats", 8125, 0, Protocol::udp}};
  spec.disks = {disk("e", DiskSource::empty), disk("c", DiskSource::config_map), disk("s", DiskSource::secret),
                disk("t", DiskSource::tmpfs), disk("i", DiskSource::image)};
  spec.sysctl = {"vm.swappiness=1"};
  spec.swap = Bytes{1 * gib};
  spec.restart_policy = RestartPolicy::on_failure;
  spec.grace = std::chrono::seconds(30);
  spec.acceleration = false;
  spec.cpu_scaling_mode = CpuScalingMode::sysfs;
  spec.node_selector = {{"disk", "nvme"}};
  spec.target_revision = Revision{7, Revision::upscale};
  spec.target_revision_at = moment;
  spec.scaling.enabled = spec.scaling.may_migrate = true;
  spec.scaling.policy = "pressure";
  spec.scaling.policy_options = {{"target", "0.5"}};
  spec.scaling.bound_min = spec.min();
  spec.scaling.bound_max = spec.use();
  spec.stopped = true;
  return spec;
}

VmStatus full_status() {
  VmStatus status;
  status.phase = Phase::scaling;
  status.why = "growing";
  status.cpu = {MilliCpu{4000}, MilliCpu{1500}, false, "the guest is slow"};
  status.memory = {Bytes{8 * slot.value}, slot, false, "the guest refused"};
  status.node = "node1";
  status.runner = "vm-abcde";
  status.endpoint = "10.0.0.1:25183";
  status.migration = "away";
  status.restarts = 2;
  status.restart_at = moment;
  status.last_exit = "guest panicked";
  status.guest_connected = true;
  status.guest_version = "0.1.0";
  status.health = {Health::unhealthy, "exit code 1"};
  status.swap = MemoryState{Bytes{2 * gib}, Bytes{gib}, false, "in use"};
  status.files = {{"secrets", "not there"}, {"settings", ""}};
  status.clock_news = "set back by 6 s";
  status.clock_warning = true;
  status.notices = {"postgres: shared_buffers wants a restart"};
  status.accelerator = "tcg";
  status.current_revision = Revision{6, Revision::downscale};
  status.current_revision_at = moment;
  status.conditions = {{"Available", true, "Running", "it runs", moment}, {"Degraded", false, "", "", {}}};
  return status;
}

MigrationSpec full_migration() { return {"full", "node2", false, true, true, std::chrono::seconds(90), 100 * mib}; }

MigrationStatus full_migration_status() {
  MigrationStatus status;
  status.phase = MigrationPhase::cancelled;
  status.why = "asked to";
  status.source_node = "node1";
  status.target_node = "node2";
  status.source_runner = "vm-abcde";
  status.target_runner = "vm-fghij";
  status.progress = {"copying", Bytes{3}, Bytes{2}, Bytes{1}, std::chrono::milliseconds(5), std::chrono::milliseconds(4), 9};
  status.started = status.ended = moment;
  return status;
}

int print_samples() {
  Object vm;
  vm.name = "full";
  vm.finalizer = true;
  wire::encode_vm_spec(full_spec(), vm);
  vm.status = wire::encode(full_status());
  Object migration;
  migration.kind = Kind::migration;
  migration.name = "full-away";
  migration.spec = wire::encode(full_migration());
  migration.status = wire::encode(full_migration_status());
  std::cout << wire::encode_object(vm) << "\n" << wire::encode_object(migration) << "\n";
  return 0;
}

Status read_parts(const Object& object) {
  if (object.kind == Kind::virtual_machine) {
    if (auto spec = wire::decode_vm_spec(object); !spec) return spec.error();
    if (auto status = wire::decode_vm_status(object.status); !status) return status.error().at("status");
    return {};
  }
  if (auto spec = wire::decode_migration_spec(object.spec); !spec) return spec.error().at("spec");
  if (auto status = wire::decode_migration_status(object.status); !status) return status.error().at("status");
  return {};
}

int read_object() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  const auto object = wire::decode_object(text);
  const Status good = object ? read_parts(*object) : Status(object.error());
  if (good.ok()) return 0;
  std::cerr << good.error().message << "\n";
  return 1;
}

}  // namespace
}  // namespace neonvm

int main(int argc, char** argv) {
  const std::string word = argc == 2 ? argv[1] : "";
  if (word == "sample") return neonvm::print_samples();
  if (word == "read") return neonvm::read_object();
  std::cerr << "usage: wire_words sample|read\n";
  return 2;
}

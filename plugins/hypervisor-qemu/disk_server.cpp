#include "plugins/hypervisor-qemu/disk_server.hpp"

#include "plugins/hypervisor-qemu/disk_commands.hpp"

namespace neonvm::qemu {

namespace {
// Refusals have no codes of their own.
Status unless_said(const Result<std::string>& answer, const char* words) {
  if (answer || answer.error().message.find(words) != std::string::npos) return {};
  return answer.error();
}
}  // namespace

Status serve_disks(Monitor& monitor, const MachineSpec& spec, const MigrationPlace& place, Deadline deadline) {
  // By us before, or by the holder before us.
  const auto started = unless_said(monitor.execute(start_disk_server(place, !spec.tls_peer.empty()), deadline), "already running");
  if (!started) return started.error().at("to take the disks");
  for (const MachineDisk& disk : spec.disks) {
    if (disk.read_only) continue;
    const auto served = unless_said(monitor.execute(export_disk(disk.id), deadline), "already in use");
    if (!served) return served.error().at("to take disk " + disk.id);
  }
  return {};
}

Status stop_serving_disks(Monitor& monitor, Deadline deadline) {
  return unless_said(monitor.execute(stop_disk_server(), deadline), "not running");
}

}  // namespace neonvm::qemu

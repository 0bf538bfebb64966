#include "core/decide/guest_planning.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

constexpr const char* swap_id = "swap";
constexpr std::uint32_t config_mode = 0644, secret_mode = 0400;

MachineDisk disk_of(const Disk& disk, const std::string& id, const std::string& directory) {
  MachineDisk planned;
  planned.id = id;
  planned.format = "qcow2";
  planned.path = directory + "/disk-" + disk.name + ".qcow2";
  planned.discard = disk.discard;
  planned.size = disk.size;
  if (disk.source == DiskSource::image) planned.backing = disk.reference;
  // What is empty has to be made first; the guest mounts it read-only all the same.
  planned.read_only = disk.read_only && disk.source == DiskSource::image;
  return planned;
}

// By its name in the folder of all, or by a path of the host.
Result<std::string> source_of(const Disk& disk, const MachineDefaults& defaults) {
  if (disk.reference.starts_with('/')) return disk.reference;
  const bool secret = disk.source == DiskSource::secret;
  const std::string& folder = secret ? defaults.secrets : defaults.configs;
  if (!folder.empty()) return folder + "/" + disk.reference;
  return Error{Code::unsupported, "spec.disks." + disk.name + ": no " + (secret ? "Secrets" : "ConfigMaps") +
                                      " are kept here; give the path of a folder instead of \"" + disk.reference + "\""};
}

MachineFiles files_of(const Disk& disk, std::string source) {
  MachineFiles files;
  files.name = disk.name;
  files.source = std::move(source);
  files.secret = disk.source == DiskSource::secret;
  files.optional = disk.optional;
  files.watch = disk.watch;
  files.mode = disk.default_mode.value_or(files.secret ? secret_mode : config_mode);
  files.items = disk.items;
  return files;
}

GuestMount mount_of(const Disk& disk) {
  GuestMount mount;
  mount.name = disk.name;
  mount.path = plain_path(disk.mount_path);
  mount.read_only = disk.read_only;
  mount.discard = disk.discard;
  mount.quotas = disk.quotas;
  if (disk.source == DiskSource::tmpfs) {
    mount.kind = MountKind::tmpfs;
    mount.size = disk.size;
  } else if (disk.source == DiskSource::empty || disk.source == DiskSource::image) {
    mount.format = disk.source == DiskSource::empty;
  } else {
    mount.kind = MountKind::files;
    mount.read_only = true;
    mount.secret = disk.source == DiskSource::secret;
  }
  return mount;
}

void plan_swap(const VmSpec& spec, const std::string& directory, MachineSpec& machine) {
  if (!spec.swap) return;
  MachineDisk disk;
  disk.id = swap_id;
  disk.format = "qcow2";
  disk.path = directory + "/swap.qcow2";
  disk.discard = true;
  disk.size = Bytes{swap_areas * swap_area_room.value};  // thin: it takes of the host what is written
  machine.disks.push_back(std::move(disk));
  machine.guest.swap_disk = swap_id;
  machine.guest.swap = *spec.swap;
}

}  // namespace

Status plan_guest(const VmSpec& spec, const std::string& directory, const MachineDefaults& defaults, MachineSpec& machine) {
  std::size_t index = 0;
  for (const Disk& disk : spec.disks) {
    GuestMount mount = mount_of(disk);
    if (mount.kind == MountKind::disk) {
      mount.disk = "d" + std::to_string(index++);
      machine.disks.push_back(disk_of(disk, mount.disk, directory));
    } else if (mount.kind == MountKind::files) {
      auto source = source_of(disk, defaults);
      if (!source) return source.error();
      machine.files.push_back(files_of(disk, std::move(*source)));
    }
    machine.guest.mounts.push_back(std::move(mount));
  }
  const auto depth = [](const GuestMount& mount) { return std::count(mount.path.begin(), mount.path.end(), '/'); };
  std::stable_sort(machine.guest.mounts.begin(), machine.guest.mounts.end(),
                   [depth](const GuestMount& a, const GuestMount& b) { return depth(a) < depth(b); });
  machine.guest.sysctl = spec.sysctl;
  plan_swap(spec, directory, machine);
  return {};
}

}  // namespace neonvm::decide

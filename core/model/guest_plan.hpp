// GuestPlan: what the init of a guest makes ready before its workload starts: mounts, kernel settings, swap.
//
// Made by decide/machine_plan as a part of the MachineSpec, handed to the guest by the hypervisor plugin, read by
// guest/init. It holds no secret: of files it names the place, and what is in them comes over the guest link.
#pragma once

#include <string>
#include <vector>

#include "core/model/resources.hpp"

namespace neonvm {

// files: a folder that the host fills and keeps as its own is (wire/guest_protocol, putFiles).
enum class MountKind { disk, tmpfs, files };

struct GuestMount {
  MountKind kind = MountKind::disk;
  std::string name;         // of the disk in the VM's spec; of `files` also on the link
  std::string path;         // absolute
  std::string disk;         // disk: its serial number
  bool read_only = false;
  bool discard = false;     // disk: what is deleted is given back to the host
  bool quotas = false;      // disk: its use can be limited
  bool format = false;      // disk: one that is blank gets a file system
  bool secret = false;      // files: never written to swap
  Bytes size;               // tmpfs

  friend bool operator==(const GuestMount&, const GuestMount&) = default;
};

struct GuestPlan {
  std::vector<GuestMount> mounts;     // those that others are mounted in come first
  std::vector<std::string> sysctl;    // "vm.swappiness=10"
  std::string swap_disk;              // serial number; empty: this machine has none
  Bytes swap;                         // of it, from the start

  [[nodiscard]] bool empty() const { return *this == GuestPlan{}; }
  friend bool operator==(const GuestPlan&, const GuestPlan&) = default;
};

// How much swap a machine can be given while it runs: four areas of one thin disk, so that one can be made while another
// is emptied.
constexpr unsigned swap_areas = 4;
constexpr Bytes swap_area_room{256 * gib};
constexpr Bytes most_swap = swap_area_room;

}  // namespace neonvm

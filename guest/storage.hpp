// storage: taking the real file systems down at a machine's end.
//
// Called by guest/init and guest/power. Blocks as long as the disks need. Failure: told in words, one for each mount point; the
// others are taken down all the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neonvm::guest {

// Mount points on real storage in /proc/mounts' text, deepest first. Pure.
std::vector<std::string> storage_mounts(std::string_view proc_mounts);
// Unmounts them, or makes them read-only when they are in use, so that a power-off loses nothing. Returns what stays as it is.
std::vector<std::string> leave_storage();
// For what is still written to: everything is on disk and the journals are empty when this returns, and writers wait for ever
// (FIFREEZE, Documentation/admin-guide of fsfreeze(8)). Nothing may follow but the end of the machine.
void freeze_storage();

}  // namespace neonvm::guest

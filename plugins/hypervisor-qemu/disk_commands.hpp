// The QMP commands that carry disks from one QEMU to another, and what their answers say.
//
// Used by disk_copies (source) and disk_server (target). Pure. A disk is named by its MachineDisk::id; of each one come
// the export ID at the target, and the node and the job "mirror-ID" at the source. Failure: as qmp_commands.hpp says.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/migration_place.hpp"
#include "plugins/hypervisor-qemu/qmp_message.hpp"

namespace neonvm::qemu {

// The credentials that the stream and the disks share, read from the folder when they are made.
constexpr const char* credentials_id = "migration-tls";
QmpCommand make_credentials(const std::string& folder, bool server);
QmpCommand drop_credentials();
// Who may be at the other end of them, of those whose certificates are good: the holder of that one subject, "CN=…".
constexpr const char* peer_id = "migration-peer";
QmpCommand make_peer(const std::string& subject);
QmpCommand drop_peer();

// Target. only_peer: make_peer() was done.
QmpCommand start_disk_server(const MigrationPlace& place, bool only_peer);
QmpCommand stop_disk_server();
QmpCommand export_disk(const std::string& id);

// Source.
QmpCommand open_remote_disk(const std::string& id, const MigrationPlace& place, const std::string& tls_name);
QmpCommand close_remote_disk(const std::string& id);
// Ends its connection whatever it waits for, even when QEMU's main loop waits with it.
QmpCommand cut_remote_disk(const std::string& id);
// How much a mirror sends before it waits until its limit allows that. speed: bytes/s. 64 KiB to 16 MiB (QEMU's own), a quarter of a second of
// the limit in between: while it waits it learns of nothing, not even that the target is lost (QEMU's block/mirror.c: mirror_run sleeps).
std::uint64_t mirror_buffer(std::uint64_t speed);
// over_backing: only what is above the backing image. speed: bytes/s, 0: as fast as can be.
QmpCommand start_mirror(const std::string& id, bool over_backing, std::uint64_t speed);
// gently: once both sides are the same, so that the target is whole; else at once, worthless. Only while the guest stands still: QEMU frees the
// map of what is on its way before a guest's write in flight has cleared its own part of it (block/mirror.c: mirror_run at immediate_exit,
// active_write_settle), and the VM dies of it, at once or later. Seen in one of thirteen runs with 7.2 on a busy machine.
QmpCommand end_mirror(const std::string& id, bool gently);
QmpCommand forget_mirror(const std::string& id);

struct Mirror {
  std::string disk;
  std::string status;        // "running", "ready", "standby", …, "concluded"
  std::string error;
  Bytes total, copied;
};
// query-block-jobs: disks whose mirror waits because its target could not be written.
Result<std::set<std::string>> read_stuck_mirrors(std::string_view body);
// query-jobs: the mirrors among them.
Result<std::vector<Mirror>> read_mirrors(std::string_view body);
// query-named-block-nodes, flat: the disks that lie over a backing image.
QmpCommand ask_nodes();
Result<std::set<std::string>> read_disks_over_backing(std::string_view body);
// query-blockstats of the nodes: how far the remote disks have been written, summed. It moves while a mirror still
// clears its target, of which query-jobs says nothing.
QmpCommand ask_written();
Result<std::uint64_t> read_written(std::string_view body);

}  // namespace neonvm::qemu

#include "plugins/orchestrator-local/process.hpp"
#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {
namespace {

struct Lease {
  std::string holder, boot, pids;
  Duration until{};
  ProcessId process;
};

Result<std::optional<Lease>> read_lease(Connection& connection, const std::string& name) {
  auto query = connection.ask("SELECT holder, boot, until, pids, pid, start FROM leases WHERE name = ?", name);
  if (!query) return query.error();
  const auto row = query->step();
  if (!row) return row.error();
  if (!*row) return std::optional<Lease>{};
  Lease lease;
  lease.holder = query->text(0);
  lease.boot = query->text(1);
  lease.until = Duration(query->integer(2));
  lease.pids = query->text(3);
  lease.process.pid = static_cast<pid_t>(query->integer(4));
  lease.process.start = static_cast<std::uint64_t>(query->integer(5));
  return std::optional<Lease>{lease};
}

// The holder's time is over, or its process ended without giving the lease back: then nobody need wait for the time.
// A process of another pid namespace cannot be looked up from here, so there the time alone counts.
bool is_void(const Lease& lease, const Clock& clock, const std::string& pids) {
  if (lease.boot != clock.boot_id || lease.until <= clock.since_boot()) return true;
  return lease.pids == pids && !is_alive(lease.process);
}

}  // namespace

Result<bool> Store::hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline deadline) {
  const ProcessId self = this_process();
  const std::string pids = pid_namespace();
  return write(Bell::Topic::leases, Durability::process, deadline, [&]() -> Result<bool> {
    const auto lease = read_lease(*writer_, name);
    if (!lease) return lease.error();
    // The same name used by two processes is two holders.
    const bool ours = *lease && (*lease)->holder == holder && (*lease)->process == self && (*lease)->pids == pids;
    if (*lease && !ours && !is_void(**lease, clock_, pids)) return false;
    const Duration until = clock_.since_boot() + ttl;
    const Status written = writer_->tell(
        "INSERT OR REPLACE INTO leases(name, holder, boot, until, pids, pid, start) VALUES(?, ?, ?, ?, ?, ?, ?)", name,
        holder, clock_.boot_id, std::int64_t{until.count()}, pids, std::int64_t{self.pid}, self.start);
    if (!written) return written.error();
    return true;
  });
}

Status Store::release_lease(const std::string& name, const std::string& holder, Deadline deadline) {
  return write(Bell::Topic::leases, Durability::process, deadline, [&]() -> Status {
    return writer_->tell("DELETE FROM leases WHERE name = ? AND holder = ?", name, holder);
  });
}

}  // namespace neonvm::local

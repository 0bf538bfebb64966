// DiskCopies: the source's side of carried disks; next_deed(): what a migration with disks does next.
//
// Used by live_migration. Each writable disk is mirrored to the target, while the guest writes, until its memory has been
// copied and it stands still; then the mirrors end and the two sides are the same. The guest writes to its own file all
// the time, so that giving up at any moment leaves it as it was.
// Threads: one at a time. Failure: that of QMP.
#pragma once

#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/migration_place.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"

namespace neonvm::qemu {

// Pure.
enum class CarryStage {
  none,       // nothing is mirrored: before, after, or without disks
  copying,    // the disks, and not yet the memory
  mirrored,   // the memory; what the guest writes goes to both sides
  ending,     // the guest stands still, the mirrors end
  undoing,    // they end at once
};
enum class CarryDeed { wait, send_memory, end_copies, go_on, undo, clear };
struct CarryFacts {
  CarryStage stage = CarryStage::none;
  std::string status;        // of the memory's migration, in QEMU's words; "" before it
  bool ready = false;        // every disk is the same on both sides
  bool ended = false;        // every mirror
  bool some_ended = false;   // which is too soon before all were told to
  bool failed = false;       // one of them
  bool give_up = false;
};
CarryDeed next_deed(const CarryFacts& facts);

class DiskCopies {
 public:
  DiskCopies(Monitor& monitor, const MachineSpec& spec);

  // Connects to every disk of the target; all or none.
  Status open(const MigrationPlace& place, Deadline deadline);
  Status mirror(std::uint64_t speed, Deadline deadline);

  struct State {
    bool ready = false, ended = false;  // all of them
    bool some_ended = false;
    bool any = false;                   // a mirror is there
    bool failed = false;
    std::string error;       // of the first that has one
    Bytes total, copied;
    std::string position;    // unchanged: they stand still
  };
  Result<State> look(Deadline deadline);

  void end(Deadline deadline);    // as soon as both sides are the same
  void disconnect(Deadline deadline);  // even of a QEMU that does not answer because it waits for the target
  // Now, whatever they wait for; with memory, its migration, too. A guest that runs stands still for the moment that this takes.
  void cut(bool memory, Deadline deadline);
  void clear(Deadline deadline);  // what has ended

 private:
  template <typename Command>
  void each(Command command, Deadline deadline);

  Monitor& monitor_;
  std::vector<std::string> disks_;
  const std::string tls_name_;
};

}  // namespace neonvm::qemu

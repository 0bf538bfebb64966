#include "plugins/hypervisor-qemu/disk_copies.hpp"

#include <algorithm>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/disk_commands.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"

namespace neonvm::qemu {

namespace {

// For what waits for nobody but a target that may be lost.
constexpr Duration prompt = std::chrono::seconds(1);

}  // namespace

CarryDeed next_deed(const CarryFacts& facts) {
  const bool memory_lost = facts.stage != CarryStage::copying && (facts.status == "failed" || facts.status == "cancelled");
  switch (facts.stage) {
    case CarryStage::none: return CarryDeed::wait;
    case CarryStage::undoing: return facts.ended ? CarryDeed::clear : CarryDeed::wait;
    case CarryStage::copying:
    case CarryStage::mirrored:
    case CarryStage::ending: break;
  }
  const bool too_soon = facts.some_ended && facts.stage != CarryStage::ending;
  if (facts.give_up || facts.failed || too_soon || memory_lost) return CarryDeed::undo;
  if (facts.stage == CarryStage::copying) return facts.ready ? CarryDeed::send_memory : CarryDeed::wait;
  if (facts.stage == CarryStage::mirrored) return facts.status == "pre-switchover" ? CarryDeed::end_copies : CarryDeed::wait;
  return facts.ended ? CarryDeed::go_on : CarryDeed::wait;
}

DiskCopies::DiskCopies(Monitor& monitor, const MachineSpec& spec) : monitor_(monitor), tls_name_(spec.tls_name) {
  for (const MachineDisk& disk : spec.disks) {
    if (!disk.read_only) disks_.push_back(disk.id);
  }
}

// Their failures show in look(), or matter to nobody.
template <typename Command>
void DiskCopies::each(Command command, Deadline deadline) {
  std::vector<QmpCommand> commands;
  for (const std::string& disk : disks_) commands.push_back(command(disk));
  if (!commands.empty()) (void)monitor_.execute_all(commands, deadline);
}

Status DiskCopies::open(const MigrationPlace& place, Deadline deadline) {
  // Of a holder that died while it cleared up.
  each(close_remote_disk, deadline);
  for (const std::string& disk : disks_) {
    auto opened = monitor_.execute(open_remote_disk(disk, place, tls_name_), deadline);
    if (opened) continue;
    each(cut_remote_disk, deadline);
    each(close_remote_disk, deadline);
    return opened.error().at("the target's disk " + disk);
  }
  return {};
}

Status DiskCopies::mirror(std::uint64_t speed, Deadline deadline) {
  auto nodes = monitor_.execute(ask_nodes(), deadline);
  if (!nodes) return nodes.error();
  auto over_backing = read_disks_over_backing(*nodes);
  if (!over_backing) return over_backing.error();
  const std::uint64_t share = speed / std::max<std::size_t>(disks_.size(), 1);
  for (const std::string& disk : disks_) {
    auto begun = monitor_.execute(start_mirror(disk, over_backing->contains(disk), share), deadline);
    if (!begun) return begun.error().at("disk " + disk);
  }
  return {};
}

Result<DiskCopies::State> DiskCopies::look(Deadline deadline) {
  const std::vector<QmpCommand> questions{plain("query-jobs"), ask_written(), plain("query-block-jobs")};
  const auto answers = monitor_.execute_all(questions, deadline);
  if (!answers[0]) return answers[0].error();
  auto mirrors = read_mirrors(*answers[0]);
  if (!mirrors) return mirrors.error();
  if (!answers[2]) return answers[2].error();
  const auto stuck = read_stuck_mirrors(*answers[2]);
  if (!stuck) return stuck.error();
  State state;
  if (answers[1]) state.position = std::to_string(read_written(*answers[1]).value_or(0));
  std::size_t ready = 0, ended = disks_.size();
  for (const Mirror& mirror : *mirrors) {
    state.total = state.total + mirror.total;
    state.copied = state.copied + mirror.copied;
    state.position += " " + mirror.status + " " + std::to_string(mirror.copied.value);
    // "standby": ready, and paused for a moment.
    if (mirror.status == "ready" || mirror.status == "standby") ++ready;
    if (mirror.status != "concluded") --ended;
    const std::string error = stuck->contains(mirror.disk) ? "the target cannot be written" : mirror.error;
    if (!error.empty() && state.error.empty()) state.error = "disk " + mirror.disk + ": " + error;
  }
  state.ready = ready == disks_.size();
  state.ended = ended == disks_.size();
  state.some_ended = ended > 0;
  state.any = !mirrors->empty();
  state.failed = !state.error.empty();
  return state;
}

void DiskCopies::end(Deadline deadline) {
  each([](const std::string& disk) { return end_mirror(disk, true); }, deadline);
}

void DiskCopies::disconnect(Deadline deadline) { each(cut_remote_disk, deadline); }

// In one go: who sent it may die after it, and the guest runs on all the same.
void DiskCopies::cut(bool memory, Deadline deadline) {
  const auto body = monitor_.execute(plain("query-status"), deadline);
  const auto state = body ? read_run_state(*body) : body.error();
  const bool runs = state && *state == "running";
  std::vector<QmpCommand> commands;
  if (memory) commands.push_back(plain("migrate_cancel"));
  if (runs) commands.push_back(plain("stop"));
  for (const std::string& disk : disks_) commands.push_back(end_mirror(disk, false));
  if (runs) commands.push_back(plain("cont"));
  (void)monitor_.execute_all(commands, std::min<Deadline>(deadline, clock_now() + prompt));
  // What waits for the target keeps the mirrors from ending, and QEMU from standing still.
  disconnect(deadline);
}

void DiskCopies::clear(Deadline deadline) {
  each(forget_mirror, deadline);
  each(close_remote_disk, deadline);
}

}  // namespace neonvm::qemu

// The runner's way to a size. CPU and memory go their own ways at the same time; each has one deed in flight.
#include "core/daemon/runner.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using runtime::log_info;
using runtime::log_warning;

namespace {

constexpr Duration cpu_first_retry = std::chrono::milliseconds(500);
constexpr Duration cpu_max_retry = std::chrono::seconds(5);
constexpr Duration memory_first_poll = std::chrono::milliseconds(20);
constexpr Duration memory_max_poll = std::chrono::milliseconds(500);

wire::RunnerReply accepted() {
  wire::RunnerReply reply;
  reply.ok = true;
  return reply;
}

}  // namespace

bool Runner::migrating() const {
  const MigrationState state = report_.migration.state;
  return state == MigrationState::setup || state == MigrationState::active || state == MigrationState::switching ||
         report_.phase == MachinePhase::incoming;
}

void Runner::resize(const wire::Resize& order, const Answer& answer) {
  const Bytes most = base_memory_ + settings_.machine.pluggable_memory;
  if (order.size.cpu.whole_cpus() > report_.max_cpus || order.size.cpu.value == 0 || order.size.memory > most) {
    wire::RunnerReply reply;
    reply.code = Code::invalid_argument;
    reply.why = to_string(order.size) + " is outside of what this VM was started with: up to " +
                std::to_string(report_.max_cpus) + " CPU and " + to_string(most);
    return answer(reply);
  }
  answer(accepted());
  // Whoever asks for less than the base cannot have it: the base never leaves.
  const Bytes memory = std::max(order.size.memory, base_memory_);
  const bool new_cpu = order.size.cpu != report_.cpu.asked;
  const bool new_memory = memory != report_.memory.asked;
  if (order.revision.value != 0) report_.revision = order.revision;
  log_info("runner", "resize", {{"vm", report_.vm}, {"to", to_string(order.size)},
                                {"rev", std::to_string(order.revision.value)}});
  report_.cpu.asked = order.size.cpu;
  report_.memory.asked = memory;
  if (migrating()) {
    deferred_ = true;
    return changed();
  }
  if (new_cpu || report_.cpu.actual != report_.cpu.asked) {
    cpu_backoff_ = cpu_first_retry;
    drive_cpus();
  }
  if (new_memory) drive_memory();
  changed();
}

void Runner::drive_cpus() {
  if (cpu_busy_ || migrating() || ended_) return;
  cpu_retry_.cancel();
  const std::uint32_t wanted = report_.cpu.asked.whole_cpus();
  if (report_.cpu.actual == report_.cpu.asked) {
    report_.cpu.settled = true;
    return;
  }
  report_.cpu.settled = false;
  if (settings_.machine.cpu_mode == CpuScalingMode::qmp) {
    cpu_busy_ = true;
    hold_->command(settings_.command_limit,
                   [wanted](Machine& machine, Deadline deadline) { return machine.set_cpus(wanted, deadline); },
                   [this, wanted](const Result<CpuState>& state) {
                     cpu_busy_ = false;
                     if (state) {
                       report_.cpu.why = state->why;
                       // Present is not online: with a monitor, its next sample tells; without, slots are all we know.
                       if (!guest_->connected()) note_online(state->actual.whole_cpus());
                     } else {
                       report_.cpu.why = state.error().message;
                       report_.cpu.settled = true;
                     }
                     if (report_.cpu.asked.whole_cpus() != wanted) drive_cpus();
                     changed();
                   });
    return;
  }
  if (!guest_->connected()) {
    report_.cpu.why = "no monitor answers in the guest, and only it can switch CPUs";
    report_.cpu.settled = true;
    return changed();
  }
  cpu_busy_ = true;
  wire::SetCpus order;
  order.count = wanted;
  order.revision = report_.revision;
  guest_->request(order, settings_.guest_limit,
                  [this, wanted](const Result<wire::Reply>& reply) { cpus_answered(reply, wanted); });
}

void Runner::cpus_answered(const Result<wire::Reply>& reply, std::uint32_t wanted) {
  cpu_busy_ = false;
  if (ended_) return;
  if (reply) {
    report_.cpu.why = reply->ok ? "" : reply->why;
    if (reply->cpus_online) note_online(*reply->cpus_online);
  } else {
    report_.cpu.why = reply.error().message;
  }
  if (report_.cpu.asked.whole_cpus() != wanted) {
    drive_cpus();
  } else if (report_.cpu.actual != report_.cpu.asked) {
    // A CPU that would not move now may move later; the guest gives no event for that.
    report_.cpu.settled = true;
    cpu_retry_ = loop_.after(cpu_backoff_, [this] { drive_cpus(); });
    cpu_backoff_ = std::min(std::max(cpu_backoff_ * 2, cpu_first_retry), cpu_max_retry);
  }
  changed();
}

void Runner::note_online(std::uint32_t online) {
  const bool reached = online == report_.cpu.asked.whole_cpus();
  const MilliCpu actual = reached ? report_.cpu.asked : MilliCpu{online * 1000};
  if (actual == report_.cpu.actual && (!reached || report_.cpu.settled)) return;
  report_.cpu.actual = actual;
  if (reached) {
    report_.cpu.settled = true;
    report_.cpu.why.clear();
    cpu_retry_.cancel();
  }
  changed();
}

void Runner::drive_memory() {
  if (migrating() || ended_) return;
  const Bytes pluggable = report_.memory.asked - base_memory_;
  report_.memory.settled = report_.memory.actual == report_.memory.asked;
  if (memory_busy_) return;
  memory_busy_ = true;
  hold_->command(settings_.command_limit,
                 [pluggable](Machine& machine, Deadline deadline) { return machine.want_memory(pluggable, deadline); },
                 [this, pluggable](const Status& status) {
                   memory_busy_ = false;
                   if (report_.memory.asked - base_memory_ != pluggable) return drive_memory();
                   if (!status) {
                     report_.memory.why = status.error().message;
                     report_.memory.settled = true;
                     return changed();
                   }
                   report_.memory.why.clear();
                   memory_poll_ = memory_first_poll;
                   follow_memory();
                 });
}

// QEMU tells of virtio-mem's steps at most once a second, and so perhaps not of the last one for a second: asking at
// short, growing distances until it has settled is how its arrival is seen when it happens.
void Runner::follow_memory() {
  if (ended_ || memory_busy_) return;
  memory_busy_ = true;
  hold_->command(settings_.command_limit,
                 [quiet = settings_.memory_quiet](Machine& machine, Deadline deadline) {
                   return machine.memory(quiet, deadline);
                 },
                 [this](const Result<MemoryState>& state) { memory_stands(state); });
}

void Runner::memory_stands(const Result<MemoryState>& state) {
  memory_busy_ = false;
  if (ended_) return;
  if (!state) {
    log_warning("runner", "cannot ask where the memory stands", {{"error", state.error().message}});
  } else {
    report_.memory.actual = base_memory_ + state->actual;
    if (base_memory_ + state->asked != report_.memory.asked && !migrating()) {
      // The block size rounds wishes up; anything else is a wish that came meanwhile.
      const Bytes rounded = round_up(report_.memory.asked - base_memory_, settings_.machine.memory_block.value);
      if (rounded != state->asked) return drive_memory();
      report_.memory.asked = base_memory_ + rounded;
    }
    report_.memory.settled = state->settled;
    report_.memory.why = state->why;
    changed();
    if (state->settled) return;
  }
  memory_timer_ = loop_.after(memory_poll_, [this] { follow_memory(); });
  memory_poll_ = std::min(std::max(memory_poll_ * 2, memory_first_poll), memory_max_poll);
}

}  // namespace neonvm::daemon

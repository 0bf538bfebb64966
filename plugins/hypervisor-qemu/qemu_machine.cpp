#include "plugins/hypervisor-qemu/qemu_machine.hpp"

#include <csignal>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/command_line.hpp"
#include "plugins/hypervisor-qemu/disk_server.hpp"
#include "plugins/hypervisor-qemu/forwards.hpp"
#include "plugins/hypervisor-qemu/unix_socket.hpp"

namespace neonvm::qemu {

namespace {
// A process whose connection has just broken is on its way out.
constexpr Duration dying = std::chrono::seconds(1);

bool says_ended(const Error& error) { return error.code == Code::not_found || error.code == Code::unavailable; }

// The order of `facts` in begin().
enum Fact : std::size_t { kvm_fact, type_fact, memory_fact };
}  // namespace

QemuMachine::QemuMachine(Hold hold, const Settings& settings)
    : hold_(std::move(hold)),
      link_(RunDir(hold_.spec.run_dir).monitor, hold_.process,
            {[this](const QmpEvent& event) { hear(event); }, [this] { gone(); }, [this] { events_.wake(); }}),
      cpus_(link_),
      memory_(link_),
      migration_(link_, settings, hold_.spec) {}

QemuMachine::~QemuMachine() { link_.close(); }

Status QemuMachine::begin(Deadline deadline) {
  if (auto connected = link_.connect(deadline); !connected) return connected;
  const std::vector<QmpCommand> facts{plain("query-kvm"), qom_get("/machine", "type"),
                                      plain("query-memory-size-summary")};
  const auto answers = link_.execute_all(facts, deadline);
  for (const auto& answer : answers) {
    if (!answer) return answer.error();
  }
  auto kvm = read_kvm_enabled(*answers[kvm_fact]);
  auto type = read_machine_type(*answers[type_fact]);
  if (!kvm) return kvm.error();
  if (!type) return type.error();
  const auto base = read_base_memory(*answers[memory_fact]);
  if (!base) return base.error();
  base_loses_writes_ = !*kvm && *base != base_memory_for(*base, *kvm);
  if (*kvm) cpus_.unplug_is_safe();
  if (auto taken = migration_.take_over(deadline); !taken) return taken;
  const QmpGreeting greeting = link_.greeting();
  const std::lock_guard lock(mutex_);
  last_state_.pid = hold_.process->pid();
  last_state_.accelerator = *kvm ? "kvm" : "tcg";
  last_state_.machine_type = *type;
  last_state_.version = "QEMU " + std::to_string(greeting.major) + "." + std::to_string(greeting.minor) + "." +
                        std::to_string(greeting.micro);
  // As it was ordered: the few KiB more under TCG are our own affair.
  last_state_.base_memory = hold_.spec.base_memory;
  return {};
}

Result<MachineState> QemuMachine::inspect(Deadline deadline) {
  const std::vector<QmpCommand> questions{plain("query-status"), plain("query-hotpluggable-cpus"),
                                          plain("query-memory-devices")};
  const auto answers = link_.execute_all(questions, deadline);
  for (const auto& answer : answers) {
    if (answer) continue;
    if (!says_ended(answer.error()) || !hold_.process->wait_end(sooner(deadline, dying))) return answer.error();
    const std::lock_guard lock(mutex_);
    last_state_.phase = end_;
    return last_state_;
  }
  auto status = read_run_state(*answers[0]);
  auto slots = read_cpu_slots(*answers[1]);
  auto memory = read_memory_device(*answers[2]);
  if (!status) return status.error();
  if (!slots) return slots.error();
  if (!memory) return memory.error();

  const std::lock_guard lock(mutex_);
  last_state_.phase = phase_of(*status);
  last_state_.cpu_slots.clear();
  for (const CpuSlot& slot : *slots) {
    if (slot.filled) last_state_.cpu_slots.push_back(slot.number);
  }
  last_state_.cpus_present = static_cast<std::uint32_t>(last_state_.cpu_slots.size());
  last_state_.plugged_memory = *memory ? (*memory)->size : Bytes{0};
  last_state_.plugged_wish = *memory ? (*memory)->requested : Bytes{0};
  last_state_.migration_downtime = migration_.last_known().progress.downtime;
  return last_state_;
}

Result<std::string> QemuMachine::run_state(Deadline deadline) {
  auto body = link_.execute(plain("query-status"), deadline);
  if (!body) return body.error();
  return read_run_state(*body);
}

Status QemuMachine::command(const char* name, Deadline deadline) {
  auto done = link_.execute(plain(name), deadline);
  if (!done) return done.error();
  return {};
}

Status QemuMachine::not_while_migrating(const char* what) {
  if (!migration_.under_way()) return {};
  return Error{Code::failed_precondition, std::string(what) + " stay as they are while a migration is under way"};
}

Result<CpuState> QemuMachine::set_cpus(std::uint32_t count, Deadline deadline) {
  if (auto may = not_while_migrating("CPU slots"); !may) return may.error();
  auto state = cpus_.set(count, deadline);
  if (state) events_.push({MachineEventKind::cpus_changed, {}, {}, state->why});
  return state;
}

Status QemuMachine::want_memory(Bytes pluggable, Deadline deadline) {
  // A wish in the middle of a migration is taken and then forgotten for the better part of a minute.
  if (auto may = not_while_migrating("memory sizes"); !may) return may;
  auto done = memory_.want(pluggable, deadline);
  events_.wake();
  return done;
}

Result<MemoryState> QemuMachine::memory(Duration quiet, Deadline deadline) { return memory_.state(quiet, deadline); }

Status QemuMachine::press_power_button(Deadline deadline) { return command("system_powerdown", deadline); }

Status QemuMachine::quit(Deadline deadline) {
  auto done = command("quit", deadline);
  if (!done && !says_ended(done.error())) return done;
  if (hold_.process->wait_end(deadline)) return {};
  return Error{Code::deadline_exceeded, "QEMU was told to quit and has not ended"};
}

Status QemuMachine::kill(Deadline deadline) {
  hold_.process->signal(SIGKILL);
  if (hold_.process->wait_end(std::max(deadline, clock_now() + dying))) return {};
  return Error{Code::deadline_exceeded, "QEMU was killed and the kernel has not let go of it"};
}

Status QemuMachine::pause(Deadline deadline) { return command("stop", deadline); }

Status QemuMachine::resume(Deadline deadline) {
  auto state = run_state(deadline);
  if (!state) return state.error();
  if (*state == "running") return {};
  // QEMU would take it as an order to run by itself as soon as the stream has come.
  if (*state == "inmigrate") return Error{Code::failed_precondition, "it waits for a migration"};
  if (hold_.spec.carries_disks && hold_.spec.incoming) {
    if (auto stopped = stop_serving_disks(link_, deadline); !stopped) return stopped;
  }
  auto done = command("cont", deadline);
  if (!done) {
    const bool locked = done.error().message.find("lock") != std::string::npos;
    if (locked) return Error{Code::already_exists, done.error().message};
    return done;
  }
  if (came_by_migration_.exchange(false)) (void)memory_.nudge(deadline);
  events_.wake();
  return {};
}

MigrationPlace QemuMachine::place() const {
  const MachineSpec& spec = hold_.spec;
  if (!spec.migration_host.empty()) return {"", spec.migration_host, spec.migration_port, spec.carries_disks};
  MigrationPlace here{RunDir(spec.run_dir).migration, "", 0, spec.carries_disks};
  // QEMU works in run_dir, and whoever runs as the same user gets there by its pid.
  if (here.disks_path().size() > longest_socket_path) {
    here.path = "/proc/" + std::to_string(hold_.process->pid()) + "/cwd/migration.sock";
  }
  return here;
}

Status QemuMachine::replay_slots(const MachineState& replay, Deadline deadline) {
  std::vector<std::uint32_t> numbers = replay.cpu_slots;
  for (std::uint32_t i = 0; replay.cpu_slots.empty() && i < replay.cpus_present; ++i) numbers.push_back(i);
  return cpus_.fill(numbers, deadline);
}

Result<std::string> QemuMachine::listen(const MachineState& replay, Deadline deadline) {
  auto state = run_state(deadline);
  if (!state) return state.error();
  if (*state != "inmigrate") return Error{Code::failed_precondition, "it is " + *state + ", not waiting for a migration"};
  const MigrationPlace here = place();
  if (auto done = replay_slots(replay, deadline); !done) return done.error();
  if (auto done = memory_.want(replay.plugged_wish, deadline); !done) return done.error();
  came_by_migration_ = true;
  auto done = migration_.listen(here, deadline);
  // "The incoming migration has already been started": by us, or by the holder before us.
  if (!done && done.error().message.find("already been started") == std::string::npos) return done.error();
  if (here.takes_disks) {
    if (auto served = serve_disks(link_, hold_.spec, here, deadline); !served) return served.error();
  }
  return to_text(here);
}

// TCG forgets writes to a RAM block whose size is a multiple of 256 KiB while it is copied. The base memory is made odd
// for that where we start QEMU; a virtio-mem block cannot be. Then the copy is made while the VM stands still.
Result<bool> QemuMachine::loses_writes(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (last_state_.accelerator != "tcg") return false;
  }
  if (base_loses_writes_) return true;
  auto memory = memory_.state(Duration::zero(), deadline);
  if (!memory) return memory.error();
  return memory->actual.value > 0;
}

Status QemuMachine::migrate_to(const std::string& address, const MigrationSpec& limits, Deadline deadline) {
  auto there = parse_place(address);
  if (!there) return there.error();
  if (there->takes_disks != hold_.spec.carries_disks) {
    return Error{Code::invalid_argument, hold_.spec.carries_disks ? address + " does not take this VM's disks"
                                                                  : address + " wants disks that this VM does not carry"};
  }
  if (migration_.under_way()) return Error{Code::failed_precondition, "a migration is under way"};
  auto state = run_state(deadline);
  if (!state) return state.error();
  if (*state != "running" && *state != "paused") {
    return Error{Code::failed_precondition, "a VM that is " + *state + " cannot be migrated"};
  }
  auto lossy = loses_writes(deadline);
  if (!lossy) return lossy.error();
  auto begun = migration_.begin(*there, limits, *lossy && *state == "running", deadline);
  events_.wake();
  return begun;
}

Result<MigrationReport> QemuMachine::migration(Deadline deadline) {
  auto report = migration_.report(deadline);
  if (report || !says_ended(report.error())) return report;
  if (!hold_.process->wait_end(sooner(deadline, dying))) return report;
  (void)migration_.process_ended(why_gone());
  return migration_.last_known();
}

Status QemuMachine::cancel_migration(Deadline deadline) {
  auto done = migration_.cancel(deadline);
  events_.wake();
  return done;
}

Result<NetworkEnd> QemuMachine::user_network() const {
  for (std::size_t i = 0; i < hold_.spec.networks.size(); ++i) {
    if (hold_.spec.networks[i].kind == NetworkKind::user) return NetworkEnd{&hold_.spec.networks[i], network_id(i)};
  }
  return Error{Code::unsupported, hold_.spec.name + " has no user networking, so no ports to forward"};
}

Status QemuMachine::add_forward(const Port& port, Deadline deadline) {
  auto network = user_network();
  if (!network) return network.error();
  return qemu::add_forward(link_, *network, port, deadline);
}

Status QemuMachine::remove_forward(const Port& port, Deadline deadline) {
  auto network = user_network();
  if (!network) return network.error();
  return qemu::remove_forward(link_, *network, port, deadline);
}

}  // namespace neonvm::qemu

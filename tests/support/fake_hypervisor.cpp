#include "tests/support/fake_hypervisor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/fake_machine.hpp"

namespace neonvm::fakes {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

bool is_running(const FakeProcess& process) { return process.alive && process.state.phase == MachinePhase::running; }

// Kinds of which only the newest says something.
bool replaces_older(MachineEventKind kind) {
  return kind == MachineEventKind::memory_changed || kind == MachineEventKind::migration ||
         kind == MachineEventKind::cpus_changed || kind == MachineEventKind::shutdown_requested;
}
}  // namespace

FakeWorld::FakeWorld() = default;
FakeWorld::~FakeWorld() = default;

void FakeWorld::behave(const std::string& vm_name, FakeBehaviour behaviour) {
  const std::lock_guard lock(mutex_);
  behaviours_[vm_name] = std::move(behaviour);
  changed_.notify_all();
}

void FakeWorld::behave_by_default(FakeBehaviour behaviour) {
  const std::lock_guard lock(mutex_);
  default_behaviour_ = std::move(behaviour);
  changed_.notify_all();
}

bool FakeWorld::kill(const std::string& run_dir, const std::string& why) {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  const Process process = find(run_dir);
  if (process) end(*process, MachinePhase::gone, why);
  return process != nullptr;
}

bool FakeWorld::panic(const std::string& run_dir) {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  const Process process = find(run_dir);
  if (!process) return false;
  emit(*process, {MachineEventKind::panicked, {}, {}, "guest panicked"});
  end(*process, MachinePhase::panicked, "guest panicked");
  return true;
}

bool FakeWorld::power_off(const std::string& run_dir) {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  const Process process = find(run_dir);
  if (!process) return false;
  emit(*process, {MachineEventKind::powered_off, {}, {}, "guest powered off"});
  end(*process, MachinePhase::shut_down, "guest powered off");
  return true;
}

bool FakeWorld::reboot(const std::string& run_dir) {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  const Process process = find(run_dir);
  if (!process) return false;
  emit(*process, {MachineEventKind::reset, {}, {}, "guest rebooted"});
  end(*process, MachinePhase::gone, "guest rebooted");
  return true;
}

std::vector<std::string> FakeWorld::alive() {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  std::vector<std::string> names;
  for (const auto& [run_dir, process] : by_run_dir_) {
    if (process->alive) names.push_back(run_dir);
  }
  return names;
}

std::optional<MachineState> FakeWorld::state(const std::string& run_dir) {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  const auto found = by_run_dir_.find(run_dir);
  if (found == by_run_dir_.end()) return std::nullopt;
  return found->second->state;
}

std::optional<std::string> FakeWorld::disk_holder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  const auto found = writers_.find(path);
  if (found == writers_.end()) return std::nullopt;
  return found->second;
}

std::uint64_t FakeWorld::starts() {
  const std::lock_guard lock(mutex_);
  return starts_;
}

std::vector<std::string> FakeWorld::crimes() {
  const std::lock_guard lock(mutex_);
  run_due(clock_now());
  return crimes_;
}

FakeWorld::Process FakeWorld::find(const std::string& run_dir) {
  const auto found = by_run_dir_.find(run_dir);
  return found != by_run_dir_.end() && found->second->alive ? found->second : nullptr;
}

void FakeWorld::at(const Process& process, Instant when, std::function<void()> action) {
  due_.emplace(when, Due{process, std::move(action)});
  process->due.insert(when);
  process->stirred.notify_all();
  changed_.notify_all();
}

void FakeWorld::run_due(Instant now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    auto first = due_.extract(due_.begin());
    if (const auto process = first.mapped().of.lock()) process->due.erase(process->due.find(first.key()));
    first.mapped().action();
    note_crimes();
    changed_.notify_all();
  }
}

bool FakeWorld::wait_until(Lock& lock, Deadline deadline, const std::function<bool()>& done) {
  while (true) {
    const Instant now = clock_now();
    run_due(now);
    if (done()) return true;
    if (now >= deadline) return false;
    // A Deadline may be "for ever"; a condition variable may not.
    Instant until = std::min(deadline, now + std::chrono::hours(1));
    if (!due_.empty()) until = std::min(until, due_.begin()->first);
    changed_.wait_until(lock, until);
  }
}

void FakeWorld::listen_to(FakeProcess& process, Lock& lock, Deadline deadline) {
  while (true) {
    const Instant now = clock_now();
    run_due(now);
    if (!process.events.empty() || !process.alive || process.woken || now >= deadline) return;
    Instant until = std::min(deadline, now + std::chrono::hours(1));
    if (!process.due.empty()) until = std::min(until, *process.due.begin());
    process.stirred.wait_until(lock, until);
  }
}

void FakeWorld::emit(FakeProcess& process, MachineEvent event) {
  if (!process.alive) return;
  if (replaces_older(event.kind)) {
    std::erase_if(process.events, [&](const MachineEvent& old) { return old.kind == event.kind; });
  }
  process.events.push_back(std::move(event));
  process.stirred.notify_all();
  changed_.notify_all();
}

void FakeWorld::end(FakeProcess& process, MachinePhase phase, const std::string& why) {
  if (!process.alive) return;
  end_migration_of(process, why);
  process.alive = false;
  process.state.phase = phase;
  process.gone_why = why;
  release_disks(process);
  if (!process.listening.empty()) listening_.erase(process.listening);
  process.stirred.notify_all();
  changed_.notify_all();
}

// A side that dies in the middle: the source runs on, a target without its source is worth nothing.
void FakeWorld::end_migration_of(FakeProcess& process, const std::string& why) {
  if (!process.migrating()) return;
  process.migration.state = MigrationState::failed;
  process.migration.why = why;
  emit(process, {MachineEventKind::migration, {}, process.migration, why});
  const Process peer = process.peer.lock();
  process.peer.reset();
  if (!peer || !peer->migrating()) return;
  peer->peer.reset();
  peer->migration.state = MigrationState::failed;
  peer->migration.why = "the other side ended: " + why;
  emit(*peer, {MachineEventKind::migration, {}, peer->migration, peer->migration.why});
  if (peer->state.phase == MachinePhase::incoming) end(*peer, MachinePhase::gone, peer->migration.why);
}

void FakeWorld::release_disks(const FakeProcess& process) {
  std::erase_if(writers_, [&](const auto& entry) { return entry.second == process.spec.run_dir; });
  for (auto& [path, holders] : readers_) holders.erase(process.spec.run_dir);
}

Status FakeWorld::take_disks(const FakeProcess& process) {
  const std::string& me = process.spec.run_dir;
  for (const MachineDisk& disk : process.spec.disks) {
    if (::access(disk.path.c_str(), F_OK) != 0) return Error{Code::not_found, disk.path + " is not there"};
    const auto writer = writers_.find(disk.path);
    const bool written = writer != writers_.end() && writer->second != me;
    const auto& readers = readers_[disk.path];
    const bool read = readers.size() > readers.count(me);
    if (written || (read && !disk.read_only)) {
      return Error{Code::already_exists, disk.path + " is in use by another machine"};
    }
  }
  for (const MachineDisk& disk : process.spec.disks) {
    if (disk.read_only) readers_[disk.path].insert(me);
    else writers_[disk.path] = me;
  }
  return {};
}

void FakeWorld::note_crimes() {
  std::map<std::string, std::string> running;
  for (const auto& [run_dir, process] : by_run_dir_) {
    if (!is_running(*process) || process->spec.uuid.empty()) continue;
    const auto [other, fresh] = running.emplace(process->spec.uuid, run_dir);
    if (!fresh) crimes_.push_back(process->spec.name + " runs twice: " + other->second + " and " + run_dir);
  }
}

FakeHypervisor::FakeHypervisor(std::shared_ptr<FakeWorld> world) : world_(std::move(world)) {}

std::vector<Capability> FakeHypervisor::probe(Deadline) {
  return {{"kvm", false, "the fake has none", "use a real hypervisor"},
          {"virtio-mem", true, "fake", ""},
          {"user-network", true, "fake", ""},
          {"cpu-hotplug", true, "fake", ""},
          {"cpu-unplug", true, "fake", ""},
          {"live-migration", true, "fake", ""}};
}

Result<std::unique_ptr<Machine>> FakeHypervisor::start(const MachineSpec& spec, Deadline deadline) {
  FakeWorld& world = *world_;
  FakeWorld::Lock lock(world.mutex_);
  world.run_due(clock_now());
  const auto found = world.behaviours_.find(spec.name);
  const FakeBehaviour behaviour = found == world.behaviours_.end() ? world.default_behaviour_ : found->second;
  if (behaviour.start_fails) return *behaviour.start_fails;
  if (spec.boot_cpus < 1 || spec.boot_cpus > spec.max_cpus) {
    return Error{Code::invalid_argument, "boot_cpus must be between 1 and max_cpus"};
  }
  if (world.find(spec.run_dir)) return Error{Code::already_exists, "a machine runs in " + spec.run_dir};

  auto process = std::make_shared<FakeProcess>();
  process->spec = spec;
  for (std::uint32_t slot = 0; slot < spec.boot_cpus; ++slot) process->slots.insert(slot);
  process->state.machine_type = spec.machine_type.empty() ? "fake-1" : spec.machine_type;
  process->state.version = "fake 1.0";
  process->state.accelerator = "fake";
  process->state.pid = ++world.next_pid_;
  process->state.cpus_present = spec.boot_cpus;
  process->state.base_memory = spec.base_memory;
  process->memory_moved = clock_now();
  // As QEMU: a target of a migration takes its locks when the source has let go.
  if (!spec.incoming) {
    if (auto taken = world.take_disks(*process); !taken) return taken.error();
  }
  world.by_run_dir_[spec.run_dir] = process;
  ++world.starts_;
  const Instant ready = clock_now() + behaviour.start_lag;
  if (!world.wait_until(lock, std::min(ready, deadline), [&] { return !process->alive; }) && ready > deadline) {
    world.end(*process, MachinePhase::gone, "did not start in time");
    return Error{Code::deadline_exceeded, "the fake machine did not start in time"};
  }
  if (!process->alive) return Error{Code::unavailable, "ended while it started: " + process->gone_why};
  process->state.phase = spec.incoming ? MachinePhase::incoming : MachinePhase::running;
  world.note_crimes();
  auto machine = std::make_unique<FakeMachine>(world_, process);
  lock.unlock();
  if (spec.plugged_at_start.value > 0) {
    if (auto wanted = machine->want_memory(spec.plugged_at_start, deadline); !wanted) return wanted.error();
  }
  return std::unique_ptr<Machine>(std::move(machine));
}

Result<std::unique_ptr<Machine>> FakeHypervisor::attach(const MachineSpec& spec, Deadline) {
  const std::lock_guard lock(world_->mutex_);
  world_->run_due(clock_now());
  const auto process = world_->find(spec.run_dir);
  if (!process) return Error{Code::not_found, "no machine runs in " + spec.run_dir};
  if (process->held) return Error{Code::already_exists, "somebody holds the machine of " + spec.run_dir};
  process->events.clear();
  return std::unique_ptr<Machine>(std::make_unique<FakeMachine>(world_, process));
}

Status FakeHypervisor::create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline) {
  if (backing.empty() && size.value == 0) return Error{Code::invalid_argument, path + ": an empty disk needs a size"};
  if (!backing.empty() && ::access(backing.c_str(), R_OK) != 0) return Error{Code::not_found, backing + " is not there"};
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return Error{Code::already_exists, path + " is there already"};
  if (fd < 0) return Error{Code::not_found, path + " cannot be made"};
  const std::string text = "fake disk over '" + backing + "' of " + std::to_string(size.value) + " bytes\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  if (!written) return Error{Code::out_of_capacity, path + ": cannot write"};
  return {};
}

}  // namespace neonvm::fakes

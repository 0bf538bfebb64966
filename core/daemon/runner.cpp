#include "core/daemon/runner.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "core/daemon/metric_families.hpp"
#include "core/daemon/runner_stopping.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using runtime::log_info;
using runtime::log_warning;

namespace {

// With it two corrections by the same amount are two pieces of news.
std::string in_words(WallTime time) {
  const std::time_t now = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

std::vector<Port> take_forwards(MachineSpec& machine) {
  std::vector<Port> all;
  for (MachineNetwork& network : machine.networks) {
    if (network.kind != NetworkKind::user) continue;
    all.insert(all.end(), network.forwards.begin(), network.forwards.end());
    if (machine.incoming) network.forwards.clear();  // the source still holds these ports
  }
  return all;
}

Status make_missing_disks(Hypervisor& hypervisor, const MachineSpec& machine, Deadline deadline) {
  for (const MachineDisk& disk : machine.disks) {
    struct stat info {};
    if (stat(disk.path.c_str(), &info) == 0) continue;
    if (disk.backing.empty() && disk.size.value == 0) {
      return Error{Code::not_found, "disk " + disk.id + ": " + disk.path + " does not exist"};
    }
    auto made = hypervisor.create_disk(disk.path, disk.backing, disk.size, deadline);
    // Somebody else may have made it meanwhile: a migration's other side.
    if (!made && made.error().code != Code::already_exists) return made.error().at("disk " + disk.id);
  }
  return {};
}

// A workload that would miss its files is not started; a target takes over what the guest has already.
Status have_files(const MachineSpec& machine) {
  for (const MachineFiles& files : machine.files) {
    if (machine.incoming) return {};
    if (auto read = read_source(files); !read) return read.error().at("disk " + files.name);
  }
  return {};
}

using Had = std::pair<bool, Result<std::unique_ptr<Machine>>>;

Had attach_or_start(Hypervisor& hypervisor, const MachineSpec& machine, bool attach_only, Duration limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto attached = hypervisor.attach(machine, deadline);
  if (attached.ok() || attached.error().code != Code::not_found) return {true, std::move(attached)};
  if (attach_only) return {false, Error{Code::not_found, "the QEMU of a runner that vanished is gone too"}};
  if (auto disks = make_missing_disks(hypervisor, machine, deadline); !disks) return {false, disks.error()};
  if (auto files = have_files(machine); !files) return {false, files.error()};
  return {false, hypervisor.start(machine, deadline)};
}

}  // namespace

Runner::Runner(runtime::Loop& loop, Hypervisor& hypervisor, RunnerSettings settings, runtime::MetricsRegistry& metrics,
               std::function<void(RunnerStatus)> on_end)
    : loop_(loop),
      hypervisor_(hypervisor),
      settings_(std::move(settings)),
      metrics_(metrics),
      on_end_(std::move(on_end)),
      shape_(decide::shape_of(settings_.machine, "")) {
  forwards_ = take_forwards(settings_.machine);
  report_.vm = settings_.spec.vm;
  report_.runner = settings_.name;
  report_.max_cpus = settings_.machine.max_cpus;
  const MachineSpec& machine = settings_.machine;
  facts_.slots_filled = machine.boot_cpus;
  facts_.cpus_online = machine.cpu_mode == CpuScalingMode::sysfs ? machine.online_cpus : machine.boot_cpus;
  facts_.plugged_wish = machine.plugged_at_start;
  facts_.asked = {MilliCpu{facts_.cpus_online * 1000}, machine.base_memory + machine.plugged_at_start};
  GuestLink::Callbacks callbacks;
  callbacks.came = [this](const wire::Hello& hello) { guest_came(hello); };
  callbacks.went = [this](const std::string& why) { guest_went(why); };
  callbacks.sample = [this](wire::SampleMessage message) { guest_sampled(std::move(message)); };
  callbacks.want = [this](const wire::WantMemory& want) {
    log_info("runner", "the guest asks for memory", {{"vm", report_.vm}, {"memory", to_string(want.memory)}, {"why", want.why}});
    if (audience_) audience_->want({want.memory, want.why});
  };
  callbacks.workload_ended = [this](const wire::WorkloadEnded& news) { workload_ended(news); };
  callbacks.health = [this](const WorkloadHealth& health) {
    report_.health = health;
    changed();
  };
  callbacks.notices = [this](const std::vector<std::string>& notices) {
    report_.notices = notices;
    changed();
  };
  callbacks.data = [this](const wire::StreamData& data) { if (audience_) audience_->guest_data(data); };
  callbacks.ack = [this](const wire::Ack& ack) { if (!files_->acknowledged(ack) && audience_) audience_->guest_ack(ack); };
  guest_ = std::make_unique<GuestLink>(loop_, settings_.machine.guest_socket, std::move(callbacks));
  keep_clock();
  files_ = std::make_unique<FilesPush>(loop_, *guest_, settings_.machine.files, [this] {
    report_.files = files_->states();
    changed();
  });
  report_.files = files_->states();
  if (!settings_.machine.guest.swap_disk.empty()) report_.swap = MemoryState{settings_.machine.guest.swap, {}, true, ""};
}

void Runner::keep_clock() {
  GuestClock::Callbacks callbacks;
  callbacks.measured = [this](const decide::ClockOffset& offset) {
    metrics_.gauge(families::runner_clock_offset, {report_.vm}).set(-seconds(offset.behind));
    metrics_.gauge(families::runner_clock_error, {report_.vm}).set(seconds(offset.error));
  };
  callbacks.corrected = [this](const std::string& what, bool warning) {
    report_.clock_news = what + " at " + in_words(loop_.wall());
    report_.clock_warning = warning;
    changed();
  };
  clock_ = std::make_unique<GuestClock>(loop_, *guest_, std::move(callbacks));
}

Runner::~Runner() = default;

void Runner::start() {
  began_ = loop_.now();
  loop_.off_loop(
      [&hypervisor = hypervisor_, machine = settings_.machine, only = settings_.spec.attach_only,
       limit = settings_.start_limit] {
        return std::make_shared<Had>(attach_or_start(hypervisor, machine, only, limit));
      },
      [this, weak = std::weak_ptr(alive_)](const std::shared_ptr<Had>& had_it) {
        if (!weak.expired()) had(std::move(had_it->second), had_it->first);
      });
}

void Runner::had(Result<std::unique_ptr<Machine>> machine, bool attached) {
  if (!machine) {
    // Only a clear answer tells that no QEMU of ours is left behind.
    const Code code = machine.error().code;
    const bool may_run = attached || code == Code::already_exists || code == Code::deadline_exceeded;
    return end(false, machine.error().message, !may_run);
  }
  hold_ = std::make_unique<MachineHold>(
      loop_, std::move(*machine), [this](const MachineEvent& event) { happened(event); },
      [this](const std::string& why) { end(false, "lost touch with QEMU: " + why, false); });
  // Of one that ran already, a copy under way is known before a word is said: whoever hears "running" may start another.
  using Known = std::pair<Result<MachineState>, std::optional<MigrationReport>>;
  hold_->command(
      settings_.command_limit,
      [attached](Machine& held, Deadline deadline) {
        std::optional<MigrationReport> copy;
        if (attached) {
          if (auto report = held.migration(deadline)) copy = std::move(*report);
        }
        return Known(held.inspect(deadline), std::move(copy));
      },
      [this, attached](const Known& known) {
        if (known.first) return learned(*known.first, attached, known.second);
        log_warning("runner", "cannot inspect the machine", {{"error", known.first.error().message}});
      });
}

void Runner::learned(const MachineState& state, bool attached, const std::optional<MigrationReport>& copy) {
  const bool waits = state.phase == MachinePhase::incoming || state.phase == MachinePhase::starting;
  has_vm_ = !settings_.machine.incoming || (attached && !waits);
  report_.phase = state.phase;
  report_.pid = state.pid;
  report_.accelerator = state.accelerator;
  report_.machine_type = state.machine_type;
  report_.hypervisor_version = state.version;
  shape_ = decide::shape_of(settings_.machine, state.accelerator);
  facts_.phase = state.phase;
  note_slots(state);
  // What QEMU was asked for is what our predecessor was told; of CPUs only the guest knows.
  if (attached && !size_known_) facts_.asked.memory = decide::total_for(shape_, state.plugged_wish);
  note_memory(state.plugged_memory, state.plugged_wish);
  if (!settings_.machine.incoming || attached) report_.forwards = forwards_;
  log_info("runner", attached ? "took hold of a running VM" : "started the VM",
           {{"vm", report_.vm}, {"pid", std::to_string(state.pid)}, {"accelerator", state.accelerator},
            {"ms", std::to_string((loop_.now() - began_) / std::chrono::milliseconds(1))}});
  if (state.phase != MachinePhase::migrated_away) guest_->start();
  // A VM that runs here and whose migration has completed came by it, and did not leave.
  const bool arrived = copy && copy->state == MigrationState::completed && report_.phase != MachinePhase::migrated_away;
  if (copy && copy->state != MigrationState::none && !arrived) {
    sends_vm_ = has_vm_;
    migration_moved(*copy);
  }
  if (stopping_) press_harder();
  if (settings_.cpu_quota) set_quota();
  drive();
}

void Runner::happened(const MachineEvent& event) {
  switch (event.kind) {
    case MachineEventKind::memory_changed: note_memory(event.memory, facts_.plugged_wish); break;
    case MachineEventKind::cpus_changed: break;  // the answer to our order says more
    case MachineEventKind::shutdown_requested: break;
    case MachineEventKind::powered_off:
      report_.phase = MachinePhase::shut_down;
      if (cause_.empty() && workload_) cause_ = "workload " + workload_->why, clean_ = workload_->exit_code == 0;
      if (cause_.empty()) cause_ = event.why.empty() ? "guest powered off" : event.why, clean_ = true;
      break;
    case MachineEventKind::reset: cause_ = "guest rebooted", clean_ = false; break;
    case MachineEventKind::panicked:
      report_.phase = MachinePhase::panicked;
      cause_ = "guest panicked", clean_ = false;
      break;
    case MachineEventKind::paused:
      if (report_.phase == MachinePhase::running) report_.phase = MachinePhase::paused;
      break;
    case MachineEventKind::resumed:
      report_.phase = MachinePhase::running;
      has_vm_ = true;
      if (guest_->connected()) clock_->check();
      break;
    case MachineEventKind::migration: migration_moved(event.migration); break;
    case MachineEventKind::gone:
      if (report_.phase == MachinePhase::migrated_away) return end(true, "migrated away", true);
      return end(clean_, cause_.empty() ? event.why : cause_, true);
  }
  facts_.phase = report_.phase;
  drive();
}

void Runner::end(bool success, const std::string& reason, bool vm_ended) {
  if (ended_) return;
  ended_ = true;
  report_.exit_reason = reason;
  report_.phase = MachinePhase::gone;
  ++report_.sequence;
  if (vm_ended) drop_quota();
  if (audience_) audience_->report(report_);
  log_info("runner", "the VM ended", {{"vm", report_.vm}, {"reason", reason}});
  RunnerStatus status;
  status.phase = success ? RunnerPhase::succeeded : RunnerPhase::failed;
  status.exit_reason = reason;
  status.vm_ended = vm_ended;
  status.ended = loop_.wall();
  on_end_(status);
}

// Many things may change in one turn of the loop; the audience hears of them once.
void Runner::changed() {
  if (push_pending_ || ended_) return;
  push_pending_ = true;
  loop_.post([this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    push_pending_ = false;
    if (ended_) return;
    ++report_.sequence;
    if (audience_) audience_->report(report_);
  });
}

void Runner::guest_came(const wire::Hello& hello) {
  report_.guest_connected = true;
  report_.guest_version = hello.version;
  log_info("runner", "the monitor in the guest answers",
           {{"vm", report_.vm}, {"version", hello.version}, {"cpus", std::to_string(hello.cpus_online)},
            {"ms", std::to_string((loop_.now() - began_) / std::chrono::milliseconds(1))}});
  // A runner that took hold of a VM does not know what was asked of its predecessor: what the guest has, was.
  if (!size_known_ && hello.cpus_online > 0) facts_.asked.cpu = MilliCpu{hello.cpus_online * 1000};
  size_known_ = true;
  facts_.guest_connected = guest_ever_came_ = true;
  // Until it says more: what the plan wants may not be there yet, and its check has not been heard.
  const auto tells = [&hello](const char* what) {
    return std::find(hello.features.begin(), hello.features.end(), what) != hello.features.end();
  };
  if (tells("provisions") && !settings_.machine.guest.empty()) report_.health = {Health::starting, "the guest prepares itself"};
  if (tells("healthcheck")) report_.health = {Health::starting, ""};
  note_online(hello.cpus_online);
  clock_->check();
  files_->guest_came();
  drive();
}

// Told again in the guest's last moment; a restart in the guest is no end of the VM.
void Runner::workload_ended(const wire::WorkloadEnded& news) {
  const bool told = workload_ && workload_->starts == news.starts;
  workload_ = news.again ? std::nullopt : std::optional<wire::WorkloadEnded>(news);
  if (told) return;
  log_info("runner", news.again ? "the workload ended and is started again" : "the workload ended",
           {{"vm", report_.vm}, {"why", news.why}, {"starts", std::to_string(news.starts)}});
}

void Runner::guest_went(const std::string& why) {
  report_.guest_connected = false;
  report_.health = {};
  facts_.guest_connected = false;
  memory_plan_.reset();
  clock_->stop();
  facts_.memory_most.reset();
  facts_.memory_least.reset();
  files_->guest_went();
  log_warning("runner", "the guest does not answer any more", {{"vm", report_.vm}, {"why", why}});
  if (audience_) audience_->guest_gone();
  drive();
}

void Runner::guest_sampled(wire::SampleMessage message) {
  // While an order is open its answer says it better: this sample may be older.
  if (message.sample.online_cpus > 0 && !facts_.online.open) note_online(message.sample.online_cpus);
  plan_memory(message.sample);
  note_swap(message.sample);
  if (audience_) audience_->sample({std::move(message.sample), std::move(message.event)});
}

void Runner::request(const wire::RunnerBody& body, Answer answer) {
  const auto refuse = [&answer](Code code, const std::string& why) {
    wire::RunnerReply reply;
    reply.code = code;
    reply.why = why;
    answer(reply);
  };
  if (std::get_if<wire::GetReport>(&body)) {
    if (audience_) audience_->report(report_);
    wire::RunnerReply reply;
    reply.ok = true;
    return answer(reply);
  }
  if (ended_ || !hold_) return refuse(Code::unavailable, ended_ ? "the VM has ended" : "the VM is not started yet");
  if (const auto* order = std::get_if<wire::Resize>(&body)) return resize(*order, answer);
  if (const auto* order = std::get_if<wire::Consent>(&body)) return ask_consent(*order, std::move(answer));
  if (const auto* order = std::get_if<wire::Grown>(&body)) return tell_grown(*order, std::move(answer));
  if (const auto* order = std::get_if<wire::Swap>(&body)) return want_swap(*order, answer);
  if (const auto* order = std::get_if<wire::Quota>(&body)) return limit_disk(*order, std::move(answer));
  if (const auto* order = std::get_if<wire::Listen>(&body)) return listen(*order, std::move(answer));
  if (const auto* order = std::get_if<wire::MigrateTo>(&body)) return migrate_to(*order, std::move(answer));
  if (std::get_if<wire::CancelMigration>(&body)) return cancel_migration(std::move(answer));
  if (std::get_if<wire::Activate>(&body)) return activate(std::move(answer));
  if (const auto* order = std::get_if<wire::Abandon>(&body)) return abandon(*order, std::move(answer));
  if (const auto* order = std::get_if<wire::Stop>(&body)) {
    stop(order->grace);
    wire::RunnerReply reply;
    reply.ok = true;
    return answer(reply);
  }
  refuse(Code::unsupported, "this runner does not know that request");
}

}  // namespace neonvm::daemon

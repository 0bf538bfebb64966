#include "tests/core/plugin/scripted_hypervisor.hpp"

#include "core/wire/model_json.hpp"

namespace neonvm::plugin {
namespace {

std::string text_of(const Port& port) {
  return port.name + " " + std::to_string(port.host) + ":" + std::to_string(port.guest) +
         (port.protocol == Protocol::udp ? "/udp" : "/tcp");
}

class ScriptedMachine final : public Machine {
 public:
  ScriptedMachine() { ++script().alive; }
  ~ScriptedMachine() override { --script().alive; }

  Result<MachineState> inspect(Deadline d) override { return script().answer(sample_state(), "inspect", d); }
  Result<CpuState> set_cpus(std::uint32_t count, Deadline d) override {
    return script().answer(CpuState{MilliCpu{3000}, MilliCpu{2000}, false, "slot 2 is stuck"},
                           "set_cpus " + std::to_string(count), d);
  }
  Status want_memory(Bytes b, Deadline d) override {
    return script().answer("want_memory " + std::to_string(b.value), d);
  }
  Result<MemoryState> memory(Duration quiet, Deadline d) override {
    return script().answer(MemoryState{Bytes{5 * gib}, Bytes{7 * gib}, false, "in use"},
                           "memory " + std::to_string(quiet.count()), d);
  }
  Status press_power_button(Deadline d) override { return script().answer("press_power_button", d); }
  Status quit(Deadline d) override { return script().answer("quit", d); }
  Status kill(Deadline d) override { return script().answer("kill", d); }
  Status pause(Deadline d) override { return script().answer("pause", d); }
  Status resume(Deadline d) override { return script().answer("resume", d); }
  Result<std::string> listen(const MachineState& replay, Deadline d) override {
    return script().answer(std::string("unix:/run/in.sock"), "listen " + wire::encode(replay), d);
  }
  Status migrate_to(const std::string& address, const MigrationSpec& limits, Deadline d) override {
    return script().answer("migrate_to " + address + " " + wire::encode(limits), d);
  }
  Result<MigrationReport> migration(Deadline d) override { return script().answer(sample_report(), "migration", d); }
  Status cancel_migration(Deadline d) override { return script().answer("cancel_migration", d); }
  Status add_forward(const Port& port, Deadline d) override {
    return script().answer("add_forward " + text_of(port), d);
  }
  Status remove_forward(const Port& port, Deadline d) override {
    return script().answer("remove_forward " + text_of(port), d);
  }
  Result<std::optional<MachineEvent>> next_event(Deadline d) override {
    // Deadline 0: nothing came.
    std::optional<MachineEvent> event;
    if (d.time_since_epoch().count() != 0) event = sample_event();
    return script().answer(event, "next_event", d);
  }
  Status wake() override { return script().answer("wake", Deadline{}); }
};

class ScriptedHypervisor final : public Hypervisor {
 public:
  explicit ScriptedHypervisor(const Options& options) {
    ++script().alive;
    for (const auto& [name, value] : options.settings) script().calls.push_back("option " + name + "=" + value);
    options.host.log(Host::Level::warning, "opened");
    if (options.host.cancelled()) script().calls.push_back("cancelled");
    if (script().throws) throw std::runtime_error("boom");
  }
  ~ScriptedHypervisor() override { --script().alive; }

  std::vector<Capability> probe(Deadline d) override {
    script().note("probe", d);
    return {{"kvm", false, "no /dev/kvm", "load the module"}, {"virtio-mem", true, "", ""}};
  }
  Result<std::unique_ptr<Machine>> start(const MachineSpec& spec, Deadline d) override {
    return take_hold("start", spec, d);
  }
  Result<std::unique_ptr<Machine>> attach(const MachineSpec& spec, Deadline d) override {
    return take_hold("attach", spec, d);
  }
  Status create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline d) override {
    return script().answer("create_disk " + path + " over " + backing + " " + std::to_string(size.value), d);
  }

 private:
  static Result<std::unique_ptr<Machine>> take_hold(const std::string& how, const MachineSpec& spec, Deadline d) {
    const Status status = script().answer(how + " " + wire::encode(spec), d);
    if (!status) return status.error();
    return std::unique_ptr<Machine>(std::make_unique<ScriptedMachine>());
  }
};

}  // namespace

Script& script() {
  static Script the_script;
  return the_script;
}

MachineSpec sample_spec() {
  MachineSpec spec;
  spec.name = "web";
  spec.uuid = "9f2c1f0e-64a2-4d25-8f0a-6d6f6a3d1c11";
  spec.run_dir = "/run/neonvm/web \"quoted\" ä";
  spec.machine_type = "pc-q35-7.2";
  spec.accelerator = Accelerator::tcg;
  spec.max_cpus = 8;
  spec.boot_cpus = 2;
  spec.online_cpus = 1;
  spec.cpu_mode = CpuScalingMode::qmp;
  spec.base_memory = Bytes{768 * mib};
  spec.pluggable_memory = Bytes{4 * gib};
  spec.memory_block = Bytes{4 * mib};
  spec.plugged_at_start = Bytes{gib};
  spec.kernel = "/boot/vmlinuz";
  spec.initrd = "/boot/initrd";
  spec.cmdline = "console=ttyS0 quiet";
  MachineDisk& root = spec.disks.emplace_back();
  root.id = "root";
  root.path = "/var/web.qcow2";
  root.format = "qcow2";
  root.discard = true;
  root.backing = "/images/base.qcow2";
  root.size = Bytes{10 * gib};
  MachineDisk& data = spec.disks.emplace_back();
  data.id = "d0";
  data.path = "/var/d0.raw";
  data.format = "raw";
  data.read_only = true;
  spec.networks = {{NetworkKind::tap, "02:00:00:00:00:01", "tap7", {{"http", 80, 8080, Protocol::tcp}}, false}};
  spec.guest_socket = "/run/guest.sock";
  spec.console_socket = "/run/console.sock";
  spec.console_log = "/run/console.log";
  spec.incoming = true;
  spec.extra_args = {"-device", "edu"};
  return spec;
}

MachineState sample_state() {
  MachineState state;
  state.phase = MachinePhase::running;
  state.pid = 4711;
  state.accelerator = "tcg";
  state.machine_type = "pc-q35-7.2";
  state.version = "QEMU 7.2.22";
  state.cpus_present = 4;
  state.base_memory = Bytes{768 * mib};
  state.plugged_memory = Bytes{2 * gib};
  state.plugged_wish = Bytes{3 * gib};
  state.migration_downtime = std::chrono::milliseconds(12);
  return state;
}

MigrationReport sample_report() {
  MigrationReport report;
  report.state = MigrationState::failed;
  report.progress.step = "copying";
  report.progress.total = Bytes{4 * gib};
  report.progress.remaining = Bytes{gib};
  report.progress.transferred = Bytes{3 * gib};
  report.progress.total_time = std::chrono::milliseconds(2500);
  report.progress.downtime = std::chrono::milliseconds(30);
  report.progress.dirty_rate = 123456789;
  report.why = "the target went away";
  return report;
}

MachineEvent sample_event() {
  MachineEvent event;
  event.kind = MachineEventKind::migration;
  event.memory = Bytes{gib};
  event.migration = sample_report();
  event.why = "because";
  return event;
}

MigrationSpec sample_limits() {
  MigrationSpec limits;
  limits.vm = "web";
  limits.target_node = "node2";
  limits.prevent_same_node = false;
  limits.allow_post_copy = true;
  limits.cancel = true;
  limits.timeout = std::chrono::seconds(90);
  limits.max_bandwidth = 1000000;
  return limits;
}

}  // namespace neonvm::plugin

NEONVM_PLUGIN(scripted, hypervisor, neonvm::plugin::ScriptedHypervisor);

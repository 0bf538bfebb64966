#include "tests/core/daemon/scheduler/scheduler_fixture.hpp"

#include <nlohmann/json.hpp>

namespace neonvm::tests {

Resources size(double cpus, double gibs) {
  return {MilliCpu{static_cast<std::uint32_t>(cpus * 1000)}, Bytes{static_cast<std::uint64_t>(gibs * 1024) * mib}};
}

void Desk::until(const std::function<bool()>& holds) { REQUIRE(loop.run_until(holds)); }

void Desk::open(daemon::SchedulerSettings settings) {
  scheduler.emplace(loop, orchestrator, world, metrics, settings);
  scheduler->start();
  world.start();
  until([this] { return scheduler->ready(); });
}

void Desk::restart_scheduler(daemon::SchedulerSettings settings) {
  scheduler.emplace(loop, orchestrator, world, metrics, settings);
  scheduler->start();
}

void Desk::node(const std::string& name, double cpus, double gibs, double watermark) {
  Object object;
  object.kind = Kind::node;
  object.name = name;
  wire::encode_node({name, size(cpus, gibs), watermark, true, {}}, object);
  REQUIRE(orchestrator.create(object, daemon::call_deadline()));
}

Object Desk::vm(const std::string& name, double cpus, double gibs, bool scaling, bool may_migrate) {
  VmSpec spec;
  const Resources use = size(cpus, gibs);
  spec.cpu = {MilliCpu{250}, use.cpu, MilliCpu{16000}};
  spec.memory = {Bytes{512 * mib}, use.memory, Bytes{64 * gib}, Bytes{128 * mib}};
  spec.scaling.enabled = scaling;
  spec.scaling.may_migrate = may_migrate;
  Object object;
  object.name = name;
  wire::encode_vm_spec(spec, object);
  return orchestrator.create(object, daemon::call_deadline()).value();
}

Object Desk::runner(const std::string& vm, const std::string& name, const std::string& node, RunnerRole role,
                    bool attach_only) {
  RunnerSpec spec;
  spec.vm = vm;
  spec.vm_uid = orchestrator.get(Kind::virtual_machine, vm, daemon::call_deadline()).value().uid;
  spec.node = node;
  spec.role = role;
  spec.attach_only = attach_only;
  MachineSpec machine;
  // A successor takes over the run directory.
  if (attach_only) {
    for (const Object& before : orchestrator.list(Kind::runner, daemon::call_deadline()).value_or({})) {
      const auto of = wire::decode_runner_spec(before.spec).value();
      if (of.vm == vm && of.node == node) machine.run_dir = wire::decode_machine_spec(of.machine).value().run_dir;
    }
  }
  spec.machine = wire::encode(machine);
  Object object;
  object.kind = Kind::runner;
  object.name = name;
  object.owner_uid = spec.vm_uid;
  object.spec = wire::encode(spec);
  return orchestrator.start_runner(object, daemon::call_deadline()).value();
}

void Desk::run(const std::string& vm, const std::string& name, const std::string& node) {
  runner(vm, name, node, RunnerRole::source);
  const auto spec = wire::decode_vm_spec(orchestrator.get(Kind::virtual_machine, vm, daemon::call_deadline()).value());
  status(vm, [&](VmStatus& s) {
    s.phase = Phase::running;
    s.node = node;
    s.runner = name;
    s.endpoint = "fake:" + name;
    s.cpu.asked = s.cpu.actual = spec->cpu.use;
    s.memory.asked = s.memory.actual = spec->memory.use;
  });
}

void Desk::status(const std::string& vm, const std::function<void(VmStatus&)>& change) {
  Object object = orchestrator.get(Kind::virtual_machine, vm, daemon::call_deadline()).value();
  VmStatus status = wire::decode_vm_status(object.status).value();
  change(status);
  object.status = wire::encode(status);
  REQUIRE(orchestrator.update_status(object, daemon::call_deadline()));
}

void Desk::spec(const std::string& vm, const std::function<void(VmSpec&)>& change) {
  Object object = orchestrator.get(Kind::virtual_machine, vm, daemon::call_deadline()).value();
  VmSpec spec = wire::decode_vm_spec(object).value();
  change(spec);
  wire::encode_vm_spec(spec, object);
  REQUIRE(orchestrator.update(object, daemon::call_deadline()));
}

void Desk::raw_spec(const std::string& vm, const std::string& member) {
  Object object = orchestrator.get(Kind::virtual_machine, vm, daemon::call_deadline()).value();
  auto spec = nlohmann::json::parse(object.spec);
  spec.merge_patch(nlohmann::json::parse("{" + member + "}"));
  object.spec = spec.dump();
  REQUIRE(orchestrator.update(object, daemon::call_deadline()));
}

Result<wire::PermitResponse> Desk::ask(const std::string& runner, double cpus, double gibs, std::optional<Resources> last) {
  wire::PermitRequest request;
  request.runner = runner;
  request.compute_unit = default_compute_unit;
  request.wanted = size(cpus, gibs);
  request.last_permit = last;
  return scheduler->permit(request);
}

void Desk::neighbour(const std::string& name, const std::string& node, double cpus, double gibs) {
  Object object;
  object.kind = Kind::neighbour;
  object.name = name;
  object.spec = wire::encode(Neighbour{node, size(cpus, gibs)});
  REQUIRE(orchestrator.create(object, daemon::call_deadline()));
}

Result<std::string> Desk::place(const std::string& vm, const std::string& runner) {
  const Object object = orchestrator.get(Kind::virtual_machine, vm, daemon::call_deadline()).value();
  return scheduler->choose({object, runner, "", ""}, false);
}

}  // namespace neonvm::tests

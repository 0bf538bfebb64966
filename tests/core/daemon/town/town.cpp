#include "tests/core/daemon/town/town.hpp"

#include <algorithm>

#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::tests {

using namespace std::chrono_literals;

namespace {

Resources sized(double cpus, double gibs) {
  return {MilliCpu{static_cast<std::uint32_t>(cpus * 1000)}, Bytes{static_cast<std::uint64_t>(gibs * 1024) * mib}};
}

Deadline soon() { return daemon::call_deadline(); }

daemon::RunnerSettings settings_of(const Object& object) {
  daemon::RunnerSettings settings;
  settings.name = object.name;
  settings.spec = wire::decode_runner_spec(object.spec).value();
  settings.machine = wire::decode_machine_spec(settings.spec.machine).value();
  settings.memory_quiet = 50ms;
  settings.guest_limit = 500ms;
  return settings;
}

}  // namespace

Result<Goal> WishingPolicy::decide(const PolicyInput&) {
  Goal goal;
  goal.wish = *wish_;
  goal.because.push_back({"test", "the test wants it"});
  goal.ask_again = 50ms;
  return goal;
}

Town::Town() {
  orchestrator.set_hooks({[this](const Object& runner) -> Result<RunnerStatus> {
                            const auto settings = settings_of(runner);
                            std::filesystem::create_directories(settings.machine.run_dir);
                            loop.post([this, weak = std::weak_ptr(alive_), runner] {
                              if (!weak.expired()) start_runner(runner);
                            });
                            RunnerStatus status;
                            status.phase = RunnerPhase::running;
                            status.endpoint = "unix:" + settings.machine.run_dir + "/runner.sock";
                            return status;
                          },
                          [this](const Object& runner, Duration grace) {
                            loop.post([this, weak = std::weak_ptr(alive_), runner, grace] {
                              if (!weak.expired()) stop_runner(runner, grace);
                            });
                          }});
}

Town::~Town() {
  orchestrator.set_hooks({});
  plane.reset();
  runners_.clear();
}

void Town::node(const std::string& name, double cpus, double gibs) {
  Object object;
  wire::encode_node({name, sized(cpus, gibs), 1.0, true, {}}, object);
  REQUIRE(orchestrator.create(object, soon()));
}

Object Town::vm(const std::string& name, double cpus, double gibs, bool scaling, RestartPolicy policy) {
  VmSpec spec;
  const Resources use = sized(cpus, gibs);
  spec.cpu = {MilliCpu{250}, use.cpu, MilliCpu{8000}};
  spec.memory = {Bytes{512 * mib}, use.memory, Bytes{16 * gib}, Bytes{128 * mib}};
  spec.scaling.enabled = scaling;
  spec.scaling.policy = "wishing";
  spec.restart_policy = policy;
  spec.grace = 1s;
  Object object;
  object.name = name;
  wire::encode_vm_spec(spec, object);
  auto created = orchestrator.create(object, soon());
  REQUIRE(created);
  return *created;
}

void Town::edit(const std::string& name, const std::function<void(VmSpec&)>& change) {
  for (;;) {
    Object object = orchestrator.get(Kind::virtual_machine, name, soon()).value();
    VmSpec spec = wire::decode_vm_spec(object).value();
    change(spec);
    spec.target_revision = Revision{spec.target_revision.value_or(Revision{}).value + 1, 0};
    wire::encode_vm_spec(spec, object);
    const auto written = orchestrator.update(object, soon());
    if (written) return;
    REQUIRE(written.error().code == Code::conflict);
  }
}

Object Town::migrate(const std::string& vm, const std::string& to) {
  MigrationSpec spec;
  spec.vm = vm;
  spec.target_node = to;
  Object object;
  object.kind = Kind::migration;
  static int moves = 0;
  object.name = vm + "-move-" + std::to_string(++moves);
  object.spec = wire::encode(spec);
  auto created = orchestrator.create(object, soon());
  REQUIRE(created);
  return *created;
}

void LongWay::ask(const wire::PermitRequest& request, Answered done) {
  if (!cut_) return office_.ask(request, std::move(done));
  loop_.post([done = std::move(done)] { done(Error{Code::unavailable, "the scheduler does not answer"}); });
}

void LongWay::lend(const HeadroomRequest& request, Lent done) {
  if (!cut_) return office_.lend(request, std::move(done));
  loop_.post([done = std::move(done)] { done(Error{Code::unavailable, "the scheduler does not answer"}); });
}

void Town::cancel(const std::string& migration) {
  for (;;) {
    auto object = orchestrator.get(Kind::migration, migration, soon());
    if (!object) return;
    MigrationSpec spec = wire::decode_migration_spec(object->spec).value();
    spec.cancel = true;
    object->spec = wire::encode(spec);
    if (orchestrator.update(*object, soon())) return;
  }
}

void Town::remove(const std::string& vm) { (void)orchestrator.remove(Kind::virtual_machine, vm, soon()); }

void Town::open() {
  plane = std::make_unique<Plane>();
  plane->world = std::make_unique<daemon::World>(
      loop, orchestrator, std::vector<Kind>{Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner, Kind::neighbour});
  daemon::SchedulerSettings scheduling;
  scheduling.confirm_within = 1s;
  scheduling.leases.share = lent_share;
  scheduling.leases.length = 6s;       // and so much later it lends for the first time
  scheduling.leases.margin = 500ms;
  plane->scheduler = std::make_unique<daemon::Scheduler>(loop, orchestrator, *plane->world, plane->metrics, scheduling);
  if (agents_office) plane->office = agents_office();
  plane->way = std::make_unique<LongWay>(loop, plane->office ? *plane->office : *plane->scheduler, scheduler_away);
  daemon::ControllerSettings settings;
  settings.machine.kernel = "/vmlinuz";
  settings.permit_retry = 200ms;
  settings.order_retry = 50ms;
  settings.rest.patience = 60ms;       // links fall asleep and wake all the time here
  settings.rest.haste = 20ms;
  if (network) {
    daemon::AddressOfficeSettings addresses;
    if (!network->range.empty()) addresses.book = decide::AddressBook::from(*network).value();
    plane->addresses = std::make_unique<daemon::AddressOffice>(loop, orchestrator, plane->metrics, addresses);
  }
  if (way_to_places) plane->places = way_to_places(*plane->scheduler);
  daemon::PlacementOffice& places = plane->places ? *plane->places : *plane->scheduler;
  plane->controller = std::make_unique<daemon::Controller>(loop, orchestrator, *plane->world, places, *plane->scheduler, plane->metrics,
                                                           plane->addresses.get(), settings);
  daemon::AgentSettings scaling;
  scaling.node = agent_node;
  scaling.config = default_scaling_config();
  scaling.scaling.permit_denied_retry = 200ms;
  scaling.scaling.permit_refresh = 500ms;
  plane->agent = std::make_unique<daemon::Agent>(
      loop, orchestrator, *plane->world, *plane->way, plane->metrics,
      [this](const std::string& name, const auto& options) -> Result<std::unique_ptr<Policy>> {
        if (name != "wishing") return Error{Code::not_found, "there is no policy " + name};
        if (options.count("small") != 0) return std::unique_ptr<Policy>(std::make_unique<WishingPolicy>(std::make_shared<Resources>()));
        return std::unique_ptr<Policy>(std::make_unique<WishingPolicy>(wanted));
      },
      scaling);
  plane->scheduler->start();
  plane->controller->start();
  plane->agent->start();
  plane->world->start();
}

void Town::kill_control_plane() {
  if (!plane) return;
  plane->agent.reset();
  plane->controller.reset();
  plane->scheduler.reset();
  plane.reset();
}

void Town::start_runner(const Object& object) {
  auto process = std::make_unique<TownRunner>();
  TownRunner& it = *process;
  auto settings = settings_of(object);
  it.name = object.name;
  it.vm = settings.spec.vm;
  it.run_dir = settings.machine.run_dir;
  if (!guests[it.run_dir]) {
    // A guest that arrives has the CPUs online that it had where it came from.
    const auto source = guests.find(qemu_of(it.vm));
    const bool arrives = settings.machine.incoming && source != guests.end() && source->second;
    const std::uint32_t online = arrives ? source->second->cpus_online.load() : settings.machine.online_cpus;
    guests[it.run_dir] = std::make_unique<fakes::ScriptedGuest>(settings.machine.guest_socket, online);
  }
  it.server = std::make_unique<runtime::HttpServer>(loop);
  it.runner = std::make_unique<daemon::Runner>(loop, hypervisor, settings, it.metrics, [this, name = it.name](const RunnerStatus& status) {
    loop.post([this, weak = std::weak_ptr(alive_), name, status] {
      if (!weak.expired()) runner_ended(name, status);
    });
  });
  it.door = std::make_unique<daemon::RunnerDoor>(loop, *it.server, *it.runner, it.metrics);
  REQUIRE(it.server->listen({runtime::Endpoint::Scheme::unix_socket, it.run_dir + "/runner.sock", 0}));
  it.runner->start();
  runners_[object.name] = std::move(process);
}

void Town::runner_ended(const std::string& name, const RunnerStatus& status) {
  const auto at = runners_.find(name);
  if (at == runners_.end()) return;
  runners_.erase(at);
  orchestrator.runner_ended(name, status.phase, status.exit_reason, !status.vm_ended);
  adopt_ends();
}

// As the supervisor does: it asks the runner, or ends what a runner that is gone has left.
void Town::stop_runner(const Object& object, Duration grace) {
  const auto at = runners_.find(object.name);
  if (at != runners_.end()) return at->second->runner->stop(grace);
  const std::string run_dir = settings_of(object).machine.run_dir;
  const bool handed_on = std::any_of(runners_.begin(), runners_.end(), [&](const auto& r) { return r.second->run_dir == run_dir; });
  if (!handed_on) machines->kill(run_dir);
  orchestrator.runner_ended(object.name, RunnerPhase::failed, "stopped", false);
}

void Town::kill_runner(const std::string& name) {
  const auto at = runners_.find(name);
  if (at == runners_.end()) return;
  // A start under way ends on a worker here, which no kill reaches.
  if (at->second->runner->report().phase == MachinePhase::starting) return;
  const std::string run_dir = at->second->run_dir;
  runners_.erase(at);
  const auto object = orchestrator.get(Kind::runner, name, soon());
  // Its end had been ordered: the supervisor goes on with what it leaves.
  if (object && object->deleting) machines->kill(run_dir);
  const auto state = machines->state(run_dir);
  const bool runs_on = state && state->phase != MachinePhase::gone;
  orchestrator.runner_ended(name, RunnerPhase::failed, "killed by signal 9", runs_on);
}

void Town::kill_qemu(const std::string& run_dir) {
  machines->kill(run_dir);
  adopt_ends();
}

// The machine of a runner that is gone has ended: the supervisor sees that too.
void Town::adopt_ends() {
  const auto alive = machines->alive();
  for (const Object& object : objects(Kind::runner)) {
    const auto status = wire::decode_runner_status(object.status).value();
    const bool lost = status.phase == RunnerPhase::failed && !status.vm_ended;
    const std::string dir = settings_of(object).machine.run_dir;
    if (lost && std::find(alive.begin(), alive.end(), dir) == alive.end())
      orchestrator.runner_ended(object.name, RunnerPhase::failed, status.exit_reason, false);
  }
}

void Town::wish(double cpus, double gibs) { *wanted = sized(cpus, gibs); }

bool Town::until(const std::function<bool()>& holds, Duration limit) { return loop.run_until(holds, limit); }

void Town::turn(Duration time) {
  const auto end = std::chrono::steady_clock::now() + time;
  (void)loop.run_until([end] { return std::chrono::steady_clock::now() >= end; }, time + 1s);
}

std::vector<Object> Town::objects(Kind kind) { return orchestrator.list(kind, soon()).value_or({}); }

bool Town::exists(const std::string& vm) { return orchestrator.get(Kind::virtual_machine, vm, soon()).ok(); }

VmSpec Town::spec(const std::string& vm) {
  return wire::decode_vm_spec(orchestrator.get(Kind::virtual_machine, vm, soon()).value()).value();
}

VmStatus Town::status(const std::string& vm) {
  return wire::decode_vm_status(orchestrator.get(Kind::virtual_machine, vm, soon()).value().status).value();
}

MigrationStatus Town::migration(const std::string& name) {
  return wire::decode_migration_status(orchestrator.get(Kind::migration, name, soon()).value().status).value();
}

bool Town::has(const std::string& vm, double cpus, double gibs) {
  const VmStatus now = status(vm);
  return now.phase == Phase::running && Resources{now.cpu.actual, now.memory.actual} == sized(cpus, gibs);
}

std::vector<std::string> Town::live_runners() const {
  std::vector<std::string> names;
  for (const auto& [name, runner] : runners_) names.push_back(name);
  return names;
}

std::string Town::qemu_of(const std::string& vm) {
  if (!exists(vm)) return "";
  const VmStatus now = status(vm);
  const auto runner = runners_.find(now.runner);
  return runner == runners_.end() ? "" : runner->second->run_dir;
}

std::string Town::broken() {
  for (const std::string& crime : machines->crimes()) return crime;
  if (!plane || !plane->scheduler->ready()) return "";
  for (const auto& [name, node] : plane->scheduler->ledger().nodes()) {
    const auto totals = plane->scheduler->ledger().totals(name);
    if (fits_in(totals.reserved, totals.capacity)) continue;
    std::string text = name + " has promised " + to_string(totals.reserved) + " of " + to_string(totals.capacity);
    for (const auto& [holder, b] : plane->scheduler->ledger().bookings())
      text += "; " + holder + " on " + b.node + ": granted " + to_string(b.granted) + ", has " + to_string(b.actual);
    return text;
  }
  return "";
}

}  // namespace neonvm::tests

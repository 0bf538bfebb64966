// How long agents wait for permits, over HTTP on kept connections, when so many ask and so many VMs are in the books.
//   bench_permits [VMS [REQUESTS_PER_SECOND [SECONDS]]]
// Requests are due at fixed times, whether or not earlier ones were answered, and waiting counts from then. Every VM grows
// and shrinks by turns. Scheduler, server and callers are threads of one process, with the in-memory orchestrator.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "core/daemon/scheduler.hpp"
#include "core/daemon/scheduler_door.hpp"
#include "core/runtime/http_connections.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"
#include "tests/support/fake_orchestrator.hpp"

using namespace neonvm;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t vms_per_node = 50, callers = 16;

Deadline soon() { return Clock::now() + std::chrono::seconds(30); }
std::string vm_name(std::size_t i) { return "vm-" + std::to_string(i); }

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench_permits: %s\n", result.error().message.c_str());
  std::exit(1);
}

void fill(fakes::FakeOrchestrator& orchestrator, std::size_t vms) {
  for (std::size_t i = 0; i * vms_per_node < vms; ++i) {
    Object node;
    wire::encode_node({"node-" + std::to_string(i), {MilliCpu{128'000}, Bytes{512 * gib}}, 0.9, true, {}}, node);
    must(orchestrator.create(node, soon()));
  }
  for (std::size_t i = 0; i < vms; ++i) {
    Object vm;
    VmSpec spec;
    spec.cpu = {MilliCpu{250}, MilliCpu{1000}, MilliCpu{16'000}};
    spec.memory = {Bytes{gib}, Bytes{4 * gib}, Bytes{64 * gib}, Bytes{gib}};
    spec.scaling.enabled = spec.scaling.may_migrate = true;
    vm.name = vm_name(i);
    wire::encode_vm_spec(spec, vm);
    const Object stored = must(orchestrator.create(vm, soon()));
    RunnerSpec runner;
    runner.vm = vm.name;
    runner.vm_uid = stored.uid;
    runner.node = "node-" + std::to_string(i / vms_per_node);
    runner.machine = wire::encode(MachineSpec{});
    Object object;
    object.name = vm.name + "-0";
    object.spec = wire::encode(runner);
    must(orchestrator.start_runner(object, soon()));
    Object running = stored;
    VmStatus status;
    status.phase = Phase::running;
    status.runner = object.name;
    status.node = runner.node;
    status.cpu.actual = spec.cpu.use;
    status.memory.actual = spec.memory.use;
    running.status = wire::encode(status);
    must(orchestrator.update_status(running, soon()));
  }
}

struct Figures {
  std::vector<double> ms;
  std::size_t failed = 0;
};

// One of the callers: every callers-th request is its own.
Figures call(const runtime::Endpoint& door, std::size_t first, std::size_t vms, double per_second, std::size_t total, Clock::time_point begin) {
  auto connections = must(runtime::HttpConnections::open(door, {}));
  Figures figures;
  for (std::size_t i = first; i < total; i += callers) {
    const auto due = begin + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(static_cast<double>(i) / per_second));
    std::this_thread::sleep_until(due);
    wire::PermitRequest request;
    request.runner = vm_name(i % vms) + "-0";
    request.compute_unit = default_compute_unit;
    const bool grows = (i / vms) % 2 == 0;
    request.wanted = {MilliCpu{grows ? 2000u : 1000u}, Bytes{(grows ? 8 : 4) * gib}};
    request.last_permit = {{MilliCpu{grows ? 1000u : 2000u}, Bytes{(grows ? 4 : 8) * gib}}};
    const auto answer = connections->call({"POST", "/", {{"content-type", "application/json"}}, wire::encode(request), ""}, soon());
    if (!answer || answer->status != 200) ++figures.failed;
    figures.ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
  }
  return figures;
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t vms = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 5000;
  const double per_second = argc > 2 ? std::strtod(argv[2], nullptr) : 1000;
  const double seconds = argc > 3 ? std::strtod(argv[3], nullptr) : 20;
  runtime::LogOptions quiet;
  quiet.level = runtime::LogLevel::warning;
  if (!runtime::open_log(quiet)) return 1;
  fakes::FakeOrchestrator orchestrator;
  fill(orchestrator, vms);

  runtime::Loop loop;
  runtime::MetricsRegistry metrics;
  daemon::World world(loop, orchestrator, {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner});
  daemon::SchedulerSettings settings;
  settings.confirm_within = Duration::zero();
  settings.settle = std::chrono::milliseconds(100);  // as the daemons have it
  daemon::Scheduler scheduler(loop, orchestrator, world, metrics, settings);
  runtime::HttpServer server(loop);
  daemon::serve_permits(server, scheduler);
  const auto door = must(server.listen({runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0}));
  scheduler.start();
  world.start();
  if (!loop.run_until([&] { return scheduler.ready(); }, std::chrono::seconds(60))) return 1;

  const auto total = static_cast<std::size_t>(per_second * seconds);
  const auto begin = Clock::now() + std::chrono::milliseconds(100);
  std::vector<Figures> all(callers);
  std::atomic<std::size_t> busy{callers};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < callers; ++i)
    threads.emplace_back([&, i] {
      all[i] = call(door, i, vms, per_second, total, begin);
      --busy;
    });
  const double before = cpu_seconds();
  loop.run_until([&] { return busy == 0; }, std::chrono::seconds(300));
  const double used = cpu_seconds() - before;
  for (std::thread& thread : threads) thread.join();

  Figures sum;
  for (const Figures& each : all) {
    sum.ms.insert(sum.ms.end(), each.ms.begin(), each.ms.end());
    sum.failed += each.failed;
  }
  std::sort(sum.ms.begin(), sum.ms.end());
  const auto at = [&](double share) { return sum.ms[std::min(sum.ms.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sum.ms.size())))]; };
  std::printf("%zu VMs, %.0f requests a second for %.0f s: p50 %.2f ms, p99 %.2f ms, most %.2f ms; %zu failed; scheduler's thread %.0f %% of a core\n",
              vms, per_second, seconds, at(0.5), at(0.99), sum.ms.back(), sum.failed, 100 * used / seconds);
  return sum.failed == 0 ? 0 : 1;
}

// Runners without containers, for fake nodes: real doors by TLS before machines that only work in memory.
//
// One process for all pods, so that machines of several runners can migrate into each other and whoever runs a VM twice is seen.
// Told by lines on standard input, and answers on standard output (bench/kubelets.py):
//   start NAME ADDRESS FOLDER   FOLDER has runner.json and access/; ADDRESS:25183 is listened on   -> started NAME
//   stop NAME MILLISECONDS      as SIGTERM                                                        -> later: ended NAME STATUS
//   kill NAME                   as SIGKILL of everything in the container                          -> ended NAME
//   look                        what must never be, and what the guests have                       -> looked JSON
//   samples MILLISECONDS LOAD   from now on every guest tells its figures so often, with a load of about so many CPUs
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "core/daemon/runner.hpp"
#include "core/daemon/runner_door.hpp"
#include "core/model/pod_layout.hpp"
#include "core/runtime/http.hpp"
#include "core/wire/model_json.hpp"
#include "tests/support/fake_hypervisor.hpp"
#include "tests/support/scripted_guest.hpp"

using namespace neonvm;

namespace {

// A guest's samples are spread over their period, as those of guests that were started at any time.
constexpr std::size_t shares = 20;

struct Pod {
  std::unique_ptr<fakes::ScriptedGuest> guest;
  runtime::MetricsRegistry metrics;
  std::unique_ptr<runtime::HttpServer> server;
  std::unique_ptr<daemon::Runner> runner;
  std::unique_ptr<daemon::RunnerDoor> door;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Pods {
 public:
  explicit Pods(runtime::Loop& loop) : loop_(loop), world_(std::make_shared<fakes::FakeWorld>()), hypervisor_(world_) {
    fakes::FakeBehaviour behaviour;
    behaviour.migration_lag = std::chrono::milliseconds(300);  // long enough to be interrupted
    world_->behave_by_default(behaviour);
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string word, name, address, folder;
    words >> word >> name;
    if (word == "start" && words >> address >> folder) return start(name, address, folder);
    std::int64_t grace = 0;
    if (word == "stop" && words >> grace) return stop(name, std::chrono::milliseconds(grace));
    if (word == "kill") return kill(name);
    if (word == "look") return look();
    if (word == "samples") return begin_samples(name, words);
    say("cannot: " + line);
  }

 private:
  static void say(const std::string& line) { std::cout << line << std::endl; }

  void start(const std::string& name, const std::string& address, const std::string& folder) {
    daemon::RunnerSettings settings;
    settings.name = name;
    const auto spec = wire::decode_runner_spec(text_of(folder + "/runner.json"));
    const auto machine = spec ? wire::decode_machine_spec(spec->machine) : Result<MachineSpec>(spec.error());
    if (!machine) return say("cannot: " + machine.error().message);
    settings.spec = *spec;
    settings.machine = *machine;
    settings.memory_quiet = std::chrono::milliseconds(50);
    auto pod = std::make_unique<Pod>();
    pod->guest = std::make_unique<fakes::ScriptedGuest>(machine->guest_socket, machine->online_cpus);
    runtime::HttpServerOptions options;
    const std::string access = folder + "/access/";
    options.tls = runtime::TlsFiles{access + "tls.crt", access + "tls.key", "", ""};
    options.authorize = [token = "Bearer " + text_of(access + "token")](const runtime::HttpRequest& request) {
      const auto shown = request.headers.find("authorization");
      return shown != request.headers.end() && shown->second == token;
    };
    pod->server = std::make_unique<runtime::HttpServer>(loop_, std::move(options));
    pod->runner = std::make_unique<daemon::Runner>(loop_, hypervisor_, settings, pod->metrics, [this, name](const RunnerStatus& status) {
      loop_.post([this, name, status] { ended(name, wire::encode(status)); });
    });
    pod->door = std::make_unique<daemon::RunnerDoor>(loop_, *pod->server, *pod->runner, pod->metrics);
    if (auto open = pod->server->listen({runtime::Endpoint::Scheme::tls, address, pod::runner_port}); !open) return say("cannot: " + open.error().message);
    pod->runner->start();
    pods_[name] = std::move(pod);
    say("started " + name);
  }

  // CPUs as the guests count them, memory as their machines do; of those that live, whether they run or are to be run elsewhere.
  void look() {
    nlohmann::json found = {{"crimes", world_->crimes()}, {"sizes", nlohmann::json::object()}};
    const auto alive = world_->alive();
    for (const auto& [name, pod] : pods_) {
      const std::string& run_dir = pod->runner->settings().machine.run_dir;
      if (std::find(alive.begin(), alive.end(), run_dir) == alive.end()) continue;
      found["sizes"][name] = {pod->guest->cpus_online.load(), pod->runner->report().memory.actual.value};
    }
    say("looked " + found.dump());
  }

  void begin_samples(const std::string& milliseconds, std::istringstream& words) {
    words >> load_;
    period_ = std::chrono::milliseconds(std::atoll(milliseconds.c_str()));
    tell_samples();
  }

  void tell_samples() {
    std::size_t at = 0;
    ++turn_;
    for (const auto& [name, pod] : pods_)
      if (at++ % shares == turn_ % shares) pod->guest->send(sample_of(*pod));
    samples_ = loop_.after(period_ / shares, [this] { tell_samples(); });
  }

  // Never twice the same, so that nobody can make do with what he had.
  wire::SampleMessage sample_of(const Pod& pod) {
    wire::SampleMessage message;
    GuestSample& sample = message.sample;
    const double noise = 0.05 * static_cast<double>(random_() % 1000) / 1000;
    const Bytes total = pod.runner->report().memory.actual;
    sample.interval = std::chrono::duration<double>(period_).count();
    sample.online_cpus = pod.guest->cpus_online.load();
    sample.load1 = sample.load5 = sample.load15 = load_ + noise;
    sample.cpu_used = std::min(load_ + noise, static_cast<double>(sample.online_cpus));
    sample.cpu_stolen = noise;
    sample.runnable = sample.blocked = 0;
    for (Pressure* each : {&sample.cpu, &sample.memory, &sample.io}) *each = {noise, 0, noise, 0};
    sample.memory_total = total;
    sample.memory_free = sample.memory_available = Bytes{total.value / 2 + random_() % mib};
    sample.memory_anon = sample.memory_file = sample.memory_cached = Bytes{total.value / 4 + random_() % mib};
    sample.memory_shmem = sample.slab_reclaimable = sample.slab_unreclaimable = Bytes{total.value / 64};
    sample.swap_total = sample.swap_free = Bytes{};
    sample.refaults = sample.swapped_in = 0;
    return message;
  }

  void stop(const std::string& name, Duration grace) {
    const auto at = pods_.find(name);
    if (at != pods_.end()) at->second->runner->stop(grace);
  }

  void kill(const std::string& name) {
    const auto at = pods_.find(name);
    if (at == pods_.end()) return;
    // A start under way ends on a worker here, which no kill reaches.
    if (at->second->runner->report().phase == MachinePhase::starting) return loop_.post([this, name] { kill(name); });
    const std::string run_dir = at->second->runner->settings().machine.run_dir;
    pods_.erase(at);
    world_->kill(run_dir);
    say("ended " + name + " ");
  }

  void ended(const std::string& name, const std::string& status) {
    if (pods_.erase(name) != 0) say("ended " + name + " " + status);
  }

  runtime::Loop& loop_;
  const std::shared_ptr<fakes::FakeWorld> world_;
  fakes::FakeHypervisor hypervisor_;
  std::map<std::string, std::unique_ptr<Pod>> pods_;
  std::mt19937 random_{1};
  Duration period_{};
  double load_ = 0;
  std::size_t turn_ = 0;
  runtime::Timer samples_;
};

}  // namespace

int main() {
  runtime::Loop loop;
  Pods pods(loop);
  std::thread reader([&] {
    for (std::string line; std::getline(std::cin, line);) loop.post([&pods, line] { pods.obey(line); });
    loop.post([&loop] { loop.stop(0); });
  });
  const int code = loop.run();
  reader.join();
  return code;
}

// neonvm runner: holds one VM. Started by the orchestrator; people have no need to.
#include <fcntl.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "cli/commands_host.hpp"
#include "cli/runner_place.hpp"
#include "core/daemon/dhcp_server.hpp"
#include "core/daemon/runner.hpp"
#include "core/daemon/runner_door.hpp"
#include "core/decide/pod_network.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct RunnerOptions {
  std::string name, spec;
  RunnerPlace place;
};

constexpr Duration image_limit = std::chrono::minutes(10);  // another container's image may still be pulled

Result<daemon::RunnerSettings> settings_from(const RunnerOptions& options) {
  std::ifstream file(options.spec);
  if (!file) return Error{Code::not_found, "--spec: " + options.spec + " cannot be read"};
  std::ostringstream text;
  text << file.rdbuf();
  daemon::RunnerSettings settings;
  settings.name = options.name;
  auto spec = wire::decode_runner_spec(text.str());
  if (!spec) return spec.error().at(options.spec);
  settings.spec = std::move(*spec);
  auto machine = wire::decode_machine_spec(settings.spec.machine);
  if (!machine) return machine.error().at(options.spec + ": machine");
  settings.machine = std::move(*machine);
  if (settings.machine.run_dir.empty()) return Error{Code::invalid_argument, options.spec + ": machine.runDir is empty"};
  return settings;
}

// Whole or not at all: its reader takes a missing file for a crash.
void write_whole(const std::string& path, const std::string& text) {
  const std::string part = path + ".part";
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  if (!written || rename(part.c_str(), path.c_str()) != 0) {
    runtime::log_error("runner", "cannot write how it ended", {{"file", path}});
  }
}

// place.farewell is a file that is there already, where nothing can be renamed to.
void write_farewell(const std::string& run_dir, const RunnerPlace& place, const RunnerStatus& status) {
  const std::string text = wire::encode(status) + "\n";
  write_whole(run_dir + "/exit.json", text);
  if (place.farewell.empty()) return;
  std::ofstream file(place.farewell, std::ios::trunc);
  if (!(file << text << std::flush)) runtime::log_error("runner", "cannot write how it ended", {{"file", place.farewell}});
}

// It had nothing: only where it was to take hold of a predecessor's QEMU may one be left.
RunnerStatus never_held(const daemon::RunnerSettings& settings, const Error& error) {
  RunnerStatus status;
  status.phase = RunnerPhase::failed;
  status.exit_reason = error.message;
  status.vm_ended = !settings.spec.attach_only;
  return status;
}

std::uint32_t mtu_of_tap() {
  std::ifstream file(std::string("/sys/class/net/") + pod::tap + "/mtu");
  std::uint32_t mtu = 0;
  return file >> mtu ? mtu : 0;
}

// Whoever sends SIGTERM says before in stop.json how long the guest may take.
Duration grace_from(const daemon::RunnerSettings& settings) {
  try {
    const YAML::Node stop = YAML::LoadFile(settings.machine.run_dir + "/stop.json");
    return std::chrono::milliseconds(stop["graceMs"].as<std::int64_t>());
  } catch (const YAML::Exception&) {
    return settings.default_grace;
  }
}

bool is_routed(const MachineSpec& machine) { return !machine.networks.empty() && machine.networks.front().tap == pod::tap; }

// Where the pod routes for its VM: for a guest whose init does not know its address from its kernel's command line.
Result<std::unique_ptr<daemon::DhcpServer>> open_addresses(runtime::Loop& loop, const MachineSpec& machine) {
  if (!is_routed(machine)) return std::unique_ptr<daemon::DhcpServer>();
  wire::DhcpLease lease;
  const auto mac = wire::parse_mac(machine.networks.front().mac);
  if (!mac) return mac.error().at("machine.networks[0].mac");
  lease.mac = *mac;
  lease.address = decide::guest_address;
  lease.server = decide::gateway_address;
  lease.name_server = decide::gateway_address;
  lease.host_name = machine.name;
  lease.mtu = mtu_of_tap();
  auto server = daemon::DhcpServer::open(pod::tap, decide::pod_dhcp_port);
  if (!server) return server.error();
  auto kept = std::make_unique<daemon::DhcpServer>(std::move(*server));
  kept->serve(loop, lease);
  return kept;
}

Status open_runner_log(const Config& config, bool verbose) {
  runtime::LogOptions log;
  log.json = config.log_json;
  log.level = verbose || config.log_level == "debug" ? runtime::LogLevel::debug : runtime::LogLevel::info;
  return runtime::open_log(log);
}

Result<int> hold(Context& context, const RunnerOptions& options) {
  auto config = context.config();
  if (!config) return config.error();
  auto settings = settings_from(options);
  if (!settings) return settings.error();
  if (auto opened = open_runner_log(**config, context.globals().verbose); !opened) return opened.error();
  settings->cpu_quota = (*config)->cpu_quota;
  const RunnerPlace& place = options.place;
  const auto listening = runner_listening(place, settings->machine);
  if (!listening) return listening.error();
  const auto cannot = [&](const Error& error) {
    write_farewell(settings->machine.run_dir, place, never_held(*settings, error));
    return error;
  };
  if (auto settled = settle_in(place, settings->machine, std::chrono::steady_clock::now() + image_limit); !settled) return cannot(settled.error());
  // A guest with our init asks nobody for its address, and so hears of the MTU from its card.
  if (is_routed(settings->machine)) settings->machine.networks.front().mtu = mtu_of_tap();
  auto hypervisor = context.open_hypervisor();
  if (!hypervisor) return cannot(hypervisor.error());

  runtime::Loop loop;
  runtime::MetricsRegistry metrics;
  runtime::HttpServer server(loop, listening->options);
  const std::string run_dir = settings->machine.run_dir;
  const auto on_end = [&loop, &run_dir, &place](const RunnerStatus& status) {
    write_farewell(run_dir, place, status);
    // One turn more, so that those who listen hear the last report.
    loop.post([&loop, status] { loop.stop(status.phase == RunnerPhase::succeeded ? 0 : 1); });
  };
  auto addresses = open_addresses(loop, settings->machine);
  if (!addresses) return cannot(addresses.error());
  daemon::Runner runner(loop, **hypervisor, *settings, metrics, on_end);
  const daemon::RunnerDoor door(loop, server, runner, metrics);
  loop.on_signals({SIGTERM, SIGINT}, [&runner](int) { runner.stop(grace_from(runner.settings())); });
  if (auto open = server.listen(listening->endpoint); !open) return open.error();
  runner.start();
  return loop.run();
}

}  // namespace

Command runner_command() {
  return {"runner", "Daemons", "Hold one VM (started by the control plane)", [](Options& o) {
            auto options = std::make_shared<RunnerOptions>();
            o.text("--name", options->name, "NAME", "Name of the runner object", true);
            o.text("--spec", options->spec, "FILE", "RunnerSpec as JSON", true);
            RunnerPlace& place = options->place;
            o.text("--listen", place.listen, "ENDPOINT", "unix:PATH (default: runner.sock in the run directory), or https://ADDRESS:PORT");
            o.text("--credentials", place.credentials, "FOLDER", "tls.crt, tls.key, ca.crt, and token, which callers must show");
            o.text("--farewell", place.farewell, "FILE", "Where to write how it ended, besides the run directory");
            o.text("--image-door", place.image_door, "SOCKET", "Where the root disk's image is handed over as an open file");
            o.text("--forward-address", place.forward_address, "ADDRESS", "Where the guest's ports are opened (default: 127.0.0.1)");
            o.text("--migration-address", place.migration_address, "ADDRESS:PORT", "Where a VM may migrate to, by TLS (default: a Unix socket)");
            return [options](Context& context) { return hold(context, *options); };
          }};
}

}  // namespace neonvm::cli

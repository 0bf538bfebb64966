// neonvm overlay: this node's part of the network that VMs of all nodes share.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "cli/commands_host.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/metrics_options.hpp"
#include "core/daemon/overlay.hpp"
#include "core/daemon/overlay_ports.hpp"
#include "core/model/pod_layout.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::cli {

namespace {

using runtime::HttpRequest;
using runtime::HttpServer;
using runtime::Responder;

constexpr int not_permitted = 76;      // of the loop, never of the process

struct OverlayOptions {
  decide::OverlaySettings network;
  std::int64_t vni = 100, port = 4789, mtu = 0;
  std::string probes, ports;
  MetricsOptions metrics;
  bool open_ports = false, remove = false;
};

Result<decide::OverlaySettings> settings_of(const OverlayOptions& options) {
  decide::OverlaySettings settings = options.network;
  settings.id = static_cast<std::uint32_t>(options.vni);
  settings.port = static_cast<std::uint16_t>(options.port);
  settings.mtu = static_cast<std::uint32_t>(options.mtu);
  if (options.remove && settings.node.empty()) settings.node = "any";      // its name is of no matter then
  if (Status fits = decide::check(settings); !fits) return fits.error();
  return settings;
}

Result<int> take_away(const decide::OverlaySettings& settings) {
  const auto report = daemon::remove_cables(settings);
  if (!report) return report.error();
  for (const std::string& deed : report->deeds) std::printf("%s\n", deed.c_str());
  return 0;
}

class OverlayProcess {
 public:
  OverlayProcess(const Config& config, const OverlayOptions& options, decide::OverlaySettings settings)
      : config_(config), options_(options), settings_(std::move(settings)) {}

  Status open(Context& context) {
    auto orchestrator = context.catalog().open_orchestrator(config_.orchestrator, {{"json", orchestrator_settings(config_, Opener::part)}});
    if (!orchestrator) return orchestrator.error();
    orchestrator_ = std::move(*orchestrator);
    world_ = std::make_unique<daemon::World>(loop_, *orchestrator_, std::vector<Kind>{Kind::node});
    overlay_ = std::make_unique<daemon::Overlay>(loop_, *world_, metrics_, settings_, [this](const Error& error) {
      forbidden_ = error;
      loop_.stop(not_permitted);
    });
    if (Status opened = open_probes(); !opened) return opened.error().at("--probes");
    auto told = open_metrics_server(loop_, metrics_, config_, options_.metrics);
    if (!told) return told.error();
    metrics_server_ = std::move(*told);
    if (!options_.ports.empty()) {
      ports_ = std::make_unique<daemon::OverlayPorts>(loop_, metrics_, options_.ports, settings_, options_.open_ports);
      if (Status offered = ports_->start(); !offered) return offered.error().at("--ports");
    }
    return overlay_->start();
  }

  Result<int> run() {
    loop_.on_signals({SIGTERM, SIGINT}, [this](int signal) {
      runtime::log_info("overlay", "ends; the network stays as it is", {{"signal", std::to_string(signal)}});
      loop_.stop();
    });
    world_->start();
    runtime::log_info("overlay", "keeps the network", {{"node", settings_.node}, {"bridge", settings_.bridge}, {"pid", std::to_string(getpid())}});
    const int code = loop_.run();
    if (code == not_permitted) return forbidden_;
    return code;
  }

 private:
  Status open_probes() {
    if (options_.probes.empty()) return {};
    auto endpoint = runtime::parse_endpoint(options_.probes);
    if (!endpoint) return endpoint.error();
    server_ = std::make_unique<HttpServer>(loop_, runtime::HttpServerOptions{});
    const auto say = [](Responder& respond, const std::string& why) {
      respond({why.empty() ? 200 : 503, {{"content-type", "text/plain"}}, (why.empty() ? "ok" : why) + "\n"});
    };
    server_->route("GET", "/healthz", [say](const HttpRequest&, Responder respond) { say(respond, ""); });
    server_->route("GET", "/readyz", [this, say](const HttpRequest&, Responder respond) { say(respond, overlay_->why_not_ready()); });
    auto listening = server_->listen(*endpoint);
    if (!listening) return listening.error();
    runtime::log_info("overlay", "listens", {{"for", "probes"}, {"at", to_string(*listening)}});
    return {};
  }

  const Config& config_;
  const OverlayOptions& options_;
  const decide::OverlaySettings settings_;
  Error forbidden_;
  std::unique_ptr<Orchestrator> orchestrator_;
  runtime::MetricsRegistry metrics_;
  runtime::Loop loop_{2};
  std::unique_ptr<daemon::World> world_;
  std::unique_ptr<daemon::Overlay> overlay_;
  std::unique_ptr<daemon::OverlayPorts> ports_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<daemon::MetricsServer> metrics_server_;
};

Result<int> keep_overlay(Context& context, const OverlayOptions& options) {
  const auto settings = settings_of(options);
  if (!settings) return settings.error();
  if (Status may = daemon::may_lay_cables(); !may) return may.error();
  if (options.remove) return take_away(*settings);
  auto config = context.config();
  if (!config) return config.error();
  if (!context.remote_control_plane()) {
    return Error{Code::failed_precondition, "the nodes at a desk are parts of one machine; an overlay needs --orchestrator k8s"};
  }
  std::error_code error;
  std::filesystem::create_directories((*config)->home, error);
  if (error) return Error{Code::internal, (*config)->home + ": " + error.message()};
  if (auto opened = open_daemon_log(context, **config); !opened) return opened.error();
  OverlayProcess process(**config, options, *settings);
  if (Status opened = process.open(context); !opened) return opened.error();
  return process.run();
}

}  // namespace

Command overlay_command() {
  return {"overlay", "Daemons", "Keep this node's part of the network that VMs of all nodes share", [](Options& o) {
            auto options = std::make_shared<OverlayOptions>();
            o.text("--node", options->network.node, "NAME", "The node that this runs on, as the cluster calls it");
            o.text("--bridge", options->network.bridge, "DEVICE", "Bridge that VMs are plugged into");
            o.text("--device", options->network.vxlan, "DEVICE", "VXLAN between the nodes' bridges");
            o.number("--vni", options->vni, 1, 0xffffff, "N", "Number of the network, the same on all nodes");
            o.number("--port", options->port, 1, 0xffff, "N", "UDP port of the VXLAN, the same on all nodes");
            o.number("--mtu", options->mtu, 0, 0xffff, "BYTES", "Largest IP packet of the network (0: as the node's own device leaves room for)");
            o.text("--ports", options->ports, "FOLDER", std::string("Give VMs of pods their places in the network, each in its folder NAMESPACE_POD of this one: ") + pod::overlay_ports);
            o.flag("--open-ports", options->open_ports, "Let VMs use any Ethernet and IP address in the network; else only their own");
            o.text("--probes", options->probes, "ENDPOINT", "http://ADDRESS:PORT for /healthz and /readyz");
            add_metrics_options(o, options->metrics);
            o.flag("--remove", options->remove, "Take bridge, VXLAN and rules away instead, and end");
            return [options](Context& context) { return keep_overlay(context, *options); };
          }};
}

}  // namespace neonvm::cli

// neonvm serve, controller, agent: the control plane, whole or one part of it.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>

#include "cli/file_store.hpp"
#include "cli/commands_host.hpp"
#include "cli/daemon_process.hpp"
#include "cli/end_signal.hpp"
#include "cli/event_streams.hpp"
#include "cli/metrics_options.hpp"
#include "cli/scheduler_reach.hpp"
#include "core/daemon/agent.hpp"
#include "core/daemon/controller.hpp"
#include "core/daemon/leadership.hpp"
#include "core/daemon/scheduler.hpp"
#include "core/daemon/scheduler_client.hpp"
#include "core/daemon/scheduler_door.hpp"
#include "core/daemon/webhook_server.hpp"
#include "core/model/pod_layout.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/state.hpp"

namespace neonvm::cli {

namespace {

struct Parts {
  std::string name;
  bool controller = false, agent = false, scheduler = false;
};

struct ServeOptions {
  std::int64_t nodes = 0;
  std::string listen, scheduler, node;
  std::string webhooks, webhook_certificates;
  std::vector<std::string> webhook_names, unchecked;
  MetricsOptions metrics;
};

// As an API server writes them: "web" means the one in "default".
std::set<std::string> with_namespaces(const std::vector<std::string>& names) {
  std::set<std::string> found;
  for (const std::string& name : names) found.insert(name.find('/') == std::string::npos ? "default/" + name : name);
  return found;
}

constexpr Duration begin_again = std::chrono::seconds(1);

// Each VM that runs is a connection. What is allowed at first is often 1024, because of programs that use select(2).
void take_all_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// In a pod everything has its place.
decide::MachineDefaults pod_defaults(const Config& config) {
  decide::MachineDefaults machine;
  machine.kernel = pod::kernel;
  machine.initrd = pod::initrd;
  machine.cmdline = config.guest_cmdline;
  machine.machine_type = config.machine_type;
  machine.egress = config.egress;
  machine.configs = pod::config_maps;
  machine.secrets = pod::secrets;
  machine.directory = pod::disks;
  machine.overlay_port = pod::overlay_port;
  machine.forward_all = true;
  machine.routed = config.runner_network == "routed";
  return machine;
}

daemon::ControllerSettings controller_settings(Context& context, const Config& config) {
  daemon::ControllerSettings settings;
  if (context.remote_control_plane()) {
    settings.machine = pod_defaults(config);
    return settings;
  }
  if (auto guest = context.default_guest()) {
    settings.machine.kernel = guest->kernel;
    settings.machine.initrd = guest->initrd;
  } else {
    settings.machine.kernel_why = guest.error().message;
    runtime::log_warning("serve", "VMs without a kernel of their own cannot start", {{"why", guest.error().message}});
  }
  settings.machine.cmdline = config.guest_cmdline;
  settings.machine.machine_type = config.machine_type;
  settings.machine.egress = config.egress;
  settings.machine.configs = files_folder(config, FileKind::config_map);
  settings.machine.secrets = files_folder(config, FileKind::secret);
  return settings;
}

daemon::AgentSettings agent_settings(const Config& config, const std::string& node) {
  daemon::AgentSettings settings;
  settings.node = node;
  settings.config = config.scaling;
  settings.scaling.compute_unit = config.compute_unit;
  return settings;
}

// What the parts of one process share, in the order of their lifetimes.
class ControlPlane {
 public:
  ControlPlane(Context& context, const Config& config, const Parts& parts, ServeOptions options)
      : context_(context), config_(config), parts_(parts), options_(std::move(options)) {}

  Status open() {
    std::error_code error;
    std::filesystem::create_directories(config_.home, error);
    if (error) return Error{Code::internal, config_.home + ": " + error.message()};
    // Told now, and not by every runner.
    if (parts_.controller && !context_.remote_control_plane()) {
      if (auto hypervisor = context_.open_hypervisor(); !hypervisor) return hypervisor.error();
    }
    auto orchestrator = parts_.controller ? context_.open_supervising_orchestrator() : open_sharing();
    if (!orchestrator) return orchestrator.error();
    orchestrator_ = std::move(*orchestrator);
    std::vector<Kind> kinds{Kind::virtual_machine};
    if (parts_.controller || parts_.scheduler) kinds.insert(kinds.end(), {Kind::migration, Kind::node, Kind::runner});
    if (parts_.scheduler && context_.remote_control_plane()) kinds.push_back(Kind::neighbour);
    world_ = std::make_unique<daemon::World>(loop_, *orchestrator_, kinds);
    if (auto made = make_scheduler(); !made) return made;
    if (parts_.controller) {
      if (auto made = make_addresses(); !made) return made;
      controller_ = std::make_unique<daemon::Controller>(loop_, *orchestrator_, *world_, *places_, *permits_, metrics_, addresses_.get(),
                                                         controller_settings(context_, config_));
    }
    if (parts_.agent) {
      const auto open_policy = [this](const std::string& name, const std::map<std::string, std::string>& options) {
        return context_.open_policy(name, options);
      };
      agent_ = std::make_unique<daemon::Agent>(loop_, *orchestrator_, *world_, *permits_, metrics_, open_policy,
                                               agent_settings(config_, options_.node));
      auto events = EventStreams::open(loop_, *world_, metrics_, config_, options_.node);
      if (!events) return events.error();
      events_ = std::move(*events);
      agent_->on_scaling(events_->listener());
    }
    if (auto opened = open_webhooks(); !opened) return opened;
    auto told = open_metrics_server(loop_, metrics_, config_, options_.metrics);
    if (!told) return told.error();
    metrics_server_ = std::move(*told);
    return listen();
  }

  int run() {
    loop_.on_signals({SIGTERM, SIGINT}, [this](int signal) {
      runtime::log_info(parts_.name, "ends; the VMs run on", {{"signal", std::to_string(signal)}});
      loop_.stop();
    });
    if (context_.remote_control_plane()) take_all_descriptors();  // elsewhere runners would inherit it
    // An agent of one node has no rival: its pod is that node's.
    if (context_.remote_control_plane() && options_.node.empty()) {
      lead();
    } else {
      work();
    }
    const int code = loop_.run();
    if (leadership_) leadership_->resign();
    return code;
  }

 private:
  void work() {
    if (scheduler_) scheduler_->start();
    if (cluster_places_) client_->prepare();
    if (controller_) controller_->start();
    if (events_) events_->start();
    if (agent_) agent_->start();
    world_->start();
    runtime::log_info(parts_.name, "serves", {{"home", config_.home}, {"pid", std::to_string(getpid())}});
  }

  // Of replicas one works. What is known here dies with the lead: whoever leads next rebuilds it from the world.
  void lead() {
    daemon::LeadershipSettings settings;
    settings.lease = "neonvm-" + parts_.name;
    settings.holder = own_name();
    leadership_ = std::make_unique<daemon::Leadership>(loop_, *orchestrator_, settings, [this] { work(); }, [this] { loop_.stop(lost_the_lead); });
    leadership_->start();
  }

  Result<std::unique_ptr<Orchestrator>> open_sharing() {
    return context_.catalog().open_orchestrator(config_.orchestrator, {{"json", orchestrator_settings(config_, Opener::part, options_.node)}});
  }

  // At a desk there is no network that VMs could share.
  Status make_addresses() {
    if (!context_.remote_control_plane()) return {};
    daemon::AddressOfficeSettings settings;
    if (!config_.network.range.empty()) {
      auto book = decide::AddressBook::from(config_.network);
      if (!book) return book.error().at("[network]");
      settings.book = std::move(*book);
    }
    if (config_.kube_namespace == "*") settings.ns = config_.system_namespace;
    addresses_ = std::make_unique<daemon::AddressOffice>(loop_, *orchestrator_, metrics_, std::move(settings));
    return {};
  }

  Status make_scheduler() {
    if (parts_.scheduler) {
      daemon::SchedulerSettings settings;
      settings.settle = std::chrono::milliseconds(100);
      settings.vmm_counts = context_.remote_control_plane();
      scheduler_ = std::make_unique<daemon::Scheduler>(loop_, *orchestrator_, *world_, metrics_, settings);
      places_ = scheduler_.get();
      permits_ = scheduler_.get();
      return {};
    }
    const std::string where = options_.scheduler.empty() ? "unix:" + config_.home + "/scheduler.sock" : options_.scheduler;
    auto find = scheduler_reach(where, *orchestrator_);
    if (!find) return find.error().at("--scheduler");
    client_ = std::make_unique<daemon::SchedulerClient>(loop_, std::move(*find));
    places_ = client_.get();
    permits_ = client_.get();
    if (!context_.remote_control_plane() || !parts_.controller) return {};
    if (config_.runner_scheduler.empty())
      return Error{Code::invalid_argument, "--scheduler: kubernetes.scheduler is not set: runners must be the pods of a kube-scheduler that asks it"};
    cluster_places_ = std::make_unique<daemon::ClusterPlacement>(loop_, *client_);
    places_ = cluster_places_.get();
    return {};
  }

  // Replicas share it. Where the orchestrator has none to give, the folder's own is for others to fetch.
  Status adopt_authority() {
    const auto authority = orchestrator_->webhook_authority(soon());
    if (!authority && authority.error().code == Code::unsupported) return {};
    if (!authority) return authority.error().at("--webhooks");
    return webhooks_->adopt({authority->key, authority->certificate});
  }

  Status open_webhooks() {
    if (options_.webhooks.empty()) return {};
    auto endpoint = runtime::parse_endpoint(options_.webhooks);
    if (!endpoint) return endpoint.error().at("--webhooks");
    const std::string folder = options_.webhook_certificates.empty() ? config_.home + "/webhook" : options_.webhook_certificates;
    std::vector<std::string> names = options_.webhook_names;
    if (names.empty()) names = {"neonvm-webhook.neonvm-system.svc", endpoint->host};
    webhooks_ = std::make_unique<daemon::WebhookServer>(loop_, metrics_, folder, std::move(names));
    if (auto trusted = adopt_authority(); !trusted) return trusted;
    auto listening = webhooks_->open(*endpoint, {with_namespaces(options_.unchecked), {}});
    return listening ? Status{} : listening.error().at("--webhooks");
  }

  [[nodiscard]] std::string state() const {
    std::string all = leadership_ ? "\"leads\":" + std::string(leadership_->leads() ? "true" : "false") : "";
    if (scheduler_) all += (all.empty() ? "" : ",") + ("\"scheduler\":" + wire::encode(scheduler_->state()));
    if (agent_) all += (all.empty() ? "" : ",") + ("\"agent\":" + wire::encode(agent_->state()));
    return "{" + all + "}\n";
  }

  Status listen() {
    const bool whole = parts_.controller && parts_.agent;
    const std::string usual = "unix:" + (whole ? serve_socket_of(config_) : config_.home + "/" + parts_.name + ".sock");
    auto endpoint = runtime::parse_endpoint(options_.listen.empty() ? usual : options_.listen);
    if (!endpoint) return endpoint.error().at("--listen");
    if (endpoint->scheme != runtime::Endpoint::Scheme::unix_socket) {
      return Error{Code::unsupported, "--listen: only unix:PATH; whoever may connect there may book a node full"};
    }
    server_.route("GET", "/v1/health", [](const runtime::HttpRequest&, runtime::Responder respond) {
      respond({200, {{"content-type", "application/json"}}, "{\"ok\":true}\n"});
    });
    daemon::serve_metrics(server_, metrics_);
    server_.route("GET", "/v1/state", [this](const runtime::HttpRequest&, runtime::Responder respond) {
      respond({200, {{"content-type", "application/json"}}, state()});
    });
    if (scheduler_) {
      daemon::serve_placement(server_, *scheduler_);
      daemon::serve_permits(server_, *scheduler_);
    }
    if (agent_) agent_->serve(server_);
    auto listening = server_.listen(*endpoint);
    return listening ? Status{} : listening.error();
  }

  Context& context_;
  const Config& config_;
  const Parts parts_;
  const ServeOptions options_;
  std::unique_ptr<Orchestrator> orchestrator_;
  runtime::MetricsRegistry metrics_;
  runtime::Loop loop_{context_.remote_control_plane() ? waiting_workers : desk_workers};
  std::unique_ptr<daemon::World> world_;
  std::unique_ptr<daemon::Scheduler> scheduler_;
  std::unique_ptr<daemon::SchedulerClient> client_;
  std::unique_ptr<daemon::ClusterPlacement> cluster_places_;
  daemon::PlacementOffice* places_ = nullptr;
  daemon::PermitOffice* permits_ = nullptr;
  std::unique_ptr<daemon::AddressOffice> addresses_;
  std::unique_ptr<daemon::Controller> controller_;
  std::unique_ptr<EventStreams> events_;
  std::unique_ptr<daemon::Agent> agent_;
  std::unique_ptr<daemon::WebhookServer> webhooks_;
  std::unique_ptr<daemon::Leadership> leadership_;
  std::unique_ptr<daemon::MetricsServer> metrics_server_;
  runtime::HttpServer server_{loop_};
};

Result<int> serve(Context& context, const Parts& parts, const ServeOptions& options) {
  auto config = context.config();
  if (!config) return config.error();
  if (options.nodes > 0) context.override_nodes(options.nodes);
  const Config& mine = **config;
  if (context.remote_control_plane() && parts.controller && mine.runner_image.empty()) {
    return Error{Code::invalid_argument, "kubernetes.runner_image is not set: runners are pods of that image; scripts/container-images builds it"};
  }
  if (auto opened = open_daemon_log(context, mine); !opened) return opened.error();
  std::optional<EndSignal> end;
  while (!end || !end->came()) {
    ControlPlane plane(context, mine, parts, options);
    if (auto opened = plane.open(); !opened) {
      // It led before, so nothing is wrong with what it was told: the server is away, or not yet whole and knows nobody's rights.
      if (!end) return opened.error();
      runtime::log_warning(parts.name, "cannot begin again yet", {{"why", opened.error().message}});
      end->came(begin_again);
      continue;
    }
    if (!end) end.emplace();
    if (const int code = plane.run(); code != lost_the_lead) return code;
  }
  runtime::log_info(parts.name, "ends as it was told while it stepped down");
  return 0;
}

void add_webhook_options(Options& o, ServeOptions& options) {
  o.text("--webhooks", options.webhooks, "ENDPOINT", "https://ADDRESS:PORT on which to serve a Kubernetes API server's admission webhooks");
  o.text("--webhook-certificates", options.webhook_certificates, "FOLDER",
         "tls.crt and tls.key for that; made and renewed there if they are not somebody else's (default: in the home)");
  o.list("--webhook-name", options.webhook_names, "NAME", "What the API server calls it by; may repeat");
  o.list("--skip-update-validation-for", options.unchecked, "NAMESPACE/NAME", "Let updates of this object through with a warning; may repeat");
}

Command part_command(Parts parts, const std::string& summary, bool asks_scheduler, bool has_nodes) {
  const std::string name = parts.name;
  return {name, "Daemons", summary, [parts = std::move(parts), asks_scheduler, has_nodes](Options& o) {
            auto options = std::make_shared<ServeOptions>();
            if (has_nodes) o.number("--nodes", options->nodes, 1, 64, "N", "So many nodes with equal shares of this machine");
            if (asks_scheduler) o.text("--scheduler", options->scheduler, "ENDPOINT", has_nodes && parts.scheduler ? "A scheduler in another process, instead of one in this" : "Where the scheduler listens (default: in the home)");
            if (parts.controller) add_webhook_options(o, *options);
            if (parts.agent) o.text("--node", options->node, "NAME", "Only VMs on this node");
            o.text("--listen", options->listen, "ENDPOINT", "unix:PATH to listen on (default: in the home)");
            add_metrics_options(o, options->metrics);
            return [parts, options](Context& context) {
              Parts mine = parts;
              mine.scheduler = mine.scheduler && options->scheduler.empty();
              return serve(context, mine, *options);
            };
          }};
}

}  // namespace

Command serve_command() {
  return part_command({"serve", true, true, true}, "The whole control plane in one process, in the foreground", true, true);
}
Command controller_command() {
  return part_command({"controller", true, false, false}, "Only the controller: gives every VM the life it asks for", true, true);
}
Command agent_command() {
  return part_command({"agent", false, true, false}, "Only the agent: makes VMs scale by themselves", true, false);
}

}  // namespace neonvm::cli

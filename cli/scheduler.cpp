// neonvm scheduler: the books of the nodes in a process of their own: for parts of the control plane, and for a kube-scheduler.
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "cli/commands_host.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/end_signal.hpp"
#include "cli/door_credentials.hpp"
#include "cli/metrics_options.hpp"
#include "core/daemon/extender_door.hpp"
#include "core/daemon/leadership.hpp"
#include "core/daemon/scheduler.hpp"
#include "core/daemon/scheduler_door.hpp"
#include "core/daemon/service_lead.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/state.hpp"

namespace neonvm::cli {

namespace {

using runtime::Endpoint;
using runtime::HttpRequest;
using runtime::HttpServer;
using runtime::HttpServerOptions;
using runtime::Responder;

// What a kube-scheduler's certificate must say; Secret neonvm-scheduler-client has it.
constexpr const char* extender_client = "neonvm-scheduler-client";
constexpr std::size_t largest_review = 64 * 1024 * 1024;  // whole nodes by the thousand, where names would do

struct SchedulerOptions {
  std::string listen, extender, probes, credentials, service, address;
  std::vector<std::string> permits, ignored;
  bool anybody = false;            // may ask for permits
  MetricsOptions metrics;
};

// What one process of it is made of, in the order of their lifetimes.
class SchedulerProcess {
 public:
  SchedulerProcess(Context& context, const Config& config, const SchedulerOptions& options)
      : context_(context), config_(config), options_(options) {}

  Status open() {
    std::error_code error;
    std::filesystem::create_directories(config_.home, error);
    if (error) return Error{Code::internal, config_.home + ": " + error.message()};
    auto orchestrator = context_.catalog().open_orchestrator(config_.orchestrator, {{"json", orchestrator_settings(config_, Opener::part)}});
    if (!orchestrator) return orchestrator.error();
    orchestrator_ = std::move(*orchestrator);
    const bool remote = context_.remote_control_plane();
    std::vector<Kind> kinds{Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner};
    if (remote) kinds.push_back(Kind::neighbour);
    world_ = std::make_unique<daemon::World>(loop_, *orchestrator_, kinds);
    daemon::SchedulerSettings settings;
    settings.settle = std::chrono::milliseconds(100);
    settings.vmm_counts = remote;
    settings.show_room = remote;
    settings.leases.share = config_.headroom_share;
    settings.leases.length = std::chrono::seconds(config_.headroom_seconds);
    settings.epoch = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    settings.ignored_namespaces = {options_.ignored.begin(), options_.ignored.end()};
    scheduler_ = std::make_unique<daemon::Scheduler>(loop_, *orchestrator_, *world_, metrics_, settings);
    scheduler_->stand_by("this replica does not lead");
    if (Status opened = open_desk(); !opened) return opened;
    for (const std::string& permits : options_.permits)
      if (Status opened = open_permits(permits); !opened) return opened.error().at("--permits");
    if (Status opened = open_extender(); !opened) return opened.error().at("--extender");
    if (Status opened = open_probes(); !opened) return opened.error().at("--probes");
    if (options_.service.empty() != options_.address.empty()) return Error{Code::invalid_argument, "--service and --address: one is nothing without the other"};
    auto told = open_metrics_server(loop_, metrics_, config_, options_.metrics);
    if (!told) return told.error();
    metrics_server_ = std::move(*told);
    return {};
  }

  int run() {
    loop_.on_signals({SIGTERM, SIGINT}, [this](int signal) {
      runtime::log_info("scheduler", "ends; nobody grows meanwhile", {{"signal", std::to_string(signal)}});
      loop_.stop();
    });
    if (context_.remote_control_plane()) lead();
    else work();
    const int code = loop_.run();
    if (leadership_) leadership_->resign();
    return code;
  }

 private:
  void work() {
    scheduler_->start();
    if (!options_.service.empty()) {
      service_ = std::make_unique<daemon::ServiceLead>(loop_, *orchestrator_, ServicePlace{options_.service, options_.address, ports_});
      service_->start();
    }
    world_->start();
    runtime::log_info("scheduler", "serves", {{"home", config_.home}, {"pid", std::to_string(getpid())}});
  }

  // Of replicas one has the books. They die with the lead: whoever leads next rebuilds them from the world.
  void lead() {
    daemon::LeadershipSettings settings;
    settings.lease = "neonvm-scheduler";
    settings.holder = own_name();
    leadership_ = std::make_unique<daemon::Leadership>(loop_, *orchestrator_, settings, [this] { work(); }, [this] { loop_.stop(lost_the_lead); });
    leadership_->start();
  }

  HttpServer& server(HttpServerOptions options) {
    return *servers_.emplace_back(std::make_unique<HttpServer>(loop_, std::move(options)));
  }

  Status listen(HttpServer& server, const Endpoint& endpoint, const char* what) {
    auto listening = server.listen(endpoint);
    if (!listening) return listening.error();
    runtime::log_info("scheduler", "listens", {{"for", what}, {"at", to_string(*listening)}});
    if (listening->scheme == Endpoint::Scheme::tls) ports_[&server == extender_server_ ? "extender" : "permits"] = listening->port;
    return {};
  }

  Status open_desk() {
    auto endpoint = runtime::parse_endpoint(options_.listen.empty() ? "unix:" + config_.home + "/scheduler.sock" : options_.listen);
    if (!endpoint) return endpoint.error().at("--listen");
    if (endpoint->scheme != Endpoint::Scheme::unix_socket)
      return Error{Code::unsupported, "--listen: only unix:PATH; whoever may connect there may book a node full. For others: --permits, --extender"};
    HttpServer& desk = server({});
    desk.route("GET", "/v1/health", [](const HttpRequest&, Responder respond) {
      respond({200, {{"content-type", "application/json"}}, "{\"ok\":true}\n"});
    });
    desk.route("GET", "/v1/state", [this](const HttpRequest&, Responder respond) {
      respond({200, {{"content-type", "application/json"}}, "{\"scheduler\":" + wire::encode(scheduler_->state()) + "}\n"});
    });
    daemon::serve_metrics(desk, metrics_);
    daemon::serve_placement(desk, *scheduler_);
    daemon::serve_headroom(desk, *scheduler_);
    daemon::serve_permits(desk, *scheduler_);
    return listen(desk, *endpoint, "parts on this machine");
  }

  Status open_permits(const std::string& where) {
    auto endpoint = runtime::parse_endpoint(where);
    if (!endpoint) return endpoint.error();
    if (endpoint->scheme == Endpoint::Scheme::unix_socket) return Error{Code::invalid_argument, where + ": give https://ADDRESS:PORT; for unix:PATH there is --listen"};
    if (endpoint->scheme == Endpoint::Scheme::tcp) {
      if (!options_.anybody)
        return Error{Code::unsupported, where + ": without TLS nobody can be known; give https://ADDRESS:PORT with --credentials, or "
                                                "--allow-unauthenticated-permits for agents of another make"};
      // Nothing but permits: a place is booked only for those who are known.
      HttpServer& open = server({});
      daemon::serve_permits(open, *scheduler_);
      return listen(open, *endpoint, "permits, for anybody");
    }
    if (options_.credentials.empty()) return Error{Code::invalid_argument, "needs --credentials: a folder with tls.crt, tls.key, ca.crt and token"};
    auto made = token_door(options_.credentials, nullptr);
    if (!made) return made.error();
    HttpServer& door = server(std::move(*made));
    daemon::serve_placement(door, *scheduler_);
    daemon::serve_headroom(door, *scheduler_);
    daemon::serve_permits(door, *scheduler_);
    return listen(door, *endpoint, "permits and places");
  }

  Status open_extender() {
    if (options_.extender.empty()) return {};
    auto endpoint = runtime::parse_endpoint(options_.extender);
    if (!endpoint) return endpoint.error();
    if (!context_.remote_control_plane() || config_.kube_namespace != "*")
      return Error{Code::failed_precondition, "a kube-scheduler brings pods of the whole cluster; it needs --orchestrator k8s and --namespace '*'"};
    if (endpoint->scheme != Endpoint::Scheme::tls || options_.credentials.empty())
      return Error{Code::unsupported, "whoever may connect there may book a node full; give https://ADDRESS:PORT with --credentials"};
    auto made = certificate_door(options_.credentials, extender_client);
    if (!made) return made.error();
    made->max_body = largest_review;
    HttpServer& front = server(std::move(*made));
    extender_server_ = &front;
    extender_ = std::make_unique<daemon::ExtenderDoor>(loop_, *orchestrator_, *scheduler_, metrics_);
    extender_->serve(front);
    return listen(front, *endpoint, "kube-scheduler");
  }

  Status open_probes() {
    if (options_.probes.empty()) return {};
    auto endpoint = runtime::parse_endpoint(options_.probes);
    if (!endpoint) return endpoint.error();
    HttpServer& probes = server({});
    // Nobody is asked who he is, and so nothing is told but that.
    const auto say = [](Responder& respond, bool well) {
      respond({well ? 200 : 503, {{"content-type", "text/plain"}}, well ? "ok\n" : "not ready\n"});
    };
    probes.route("GET", "/healthz", [say](const HttpRequest&, Responder respond) { say(respond, true); });
    probes.route("GET", "/readyz", [this, say](const HttpRequest&, Responder respond) { say(respond, ready()); });
    return listen(probes, *endpoint, "probes");
  }

  // Where the service follows the lead, one that stands by is as it should be; else only being ready leads anybody here.
  [[nodiscard]] bool ready() const {
    if (options_.service.empty()) return scheduler_->ready();
    return leadership_ && !leadership_->leads() ? true : scheduler_->ready() && service_ && service_->there();
  }

  Context& context_;
  const Config& config_;
  const SchedulerOptions& options_;
  std::unique_ptr<Orchestrator> orchestrator_;
  runtime::MetricsRegistry metrics_;
  runtime::Loop loop_{context_.remote_control_plane() ? waiting_workers : desk_workers};
  std::unique_ptr<daemon::World> world_;
  std::unique_ptr<daemon::Scheduler> scheduler_;
  std::unique_ptr<daemon::ExtenderDoor> extender_;
  std::unique_ptr<daemon::Leadership> leadership_;
  std::unique_ptr<daemon::ServiceLead> service_;
  std::map<std::string, std::uint16_t> ports_;      // of the doors for others, as a service calls them
  const HttpServer* extender_server_ = nullptr;
  std::vector<std::unique_ptr<HttpServer>> servers_;
  std::unique_ptr<daemon::MetricsServer> metrics_server_;
};

Result<int> schedule(Context& context, const SchedulerOptions& options) {
  auto config = context.config();
  if (!config) return config.error();
  if (auto opened = open_daemon_log(context, **config); !opened) return opened.error();
  for (EndSignal end; !end.came();) {
    SchedulerProcess process(context, **config, options);
    if (auto opened = process.open(); !opened) return opened.error();
    if (const int code = process.run(); code != lost_the_lead) return code;
  }
  runtime::log_info("scheduler", "ends as it was told while it stepped down");
  return 0;
}

}  // namespace

Command scheduler_command() {
  return {"scheduler", "Daemons", "Only the scheduler: places VMs and gives permits to grow", [](Options& o) {
            auto options = std::make_shared<SchedulerOptions>();
            o.text("--listen", options->listen, "ENDPOINT", "unix:PATH to listen on (default: in the home)");
            o.list("--permits", options->permits, "ENDPOINT", "https://ADDRESS:PORT for agents and controllers elsewhere; may repeat");
            o.text("--extender", options->extender, "ENDPOINT", "https://ADDRESS:PORT on which to be a kube-scheduler's extender");
            o.text("--credentials", options->credentials, "FOLDER", "tls.crt, tls.key, ca.crt, and token, which callers of --permits must show");
            o.text("--probes", options->probes, "ENDPOINT", "http://ADDRESS:PORT for /healthz and /readyz");
            o.text("--service", options->service, "NAME", "Service without a selector that follows the lead, in the namespace of neonvm's own; with --address");
            o.text("--address", options->address, "ADDRESS", "Of this process, as others reach it: its pod's");
            o.list("--ignore-namespace", options->ignored, "NAMESPACE",
                   "Pods there take no room in the books, as of a cluster's overprovisioning; may repeat. VMs always do");
            add_metrics_options(o, options->metrics);
            o.flag("--allow-unauthenticated-permits", options->anybody,
                   "Let --permits have http:// endpoints, where anybody is answered who can connect, as upstream's agents expect");
            return [options](Context& context) { return schedule(context, *options); };
          }};
}

}  // namespace neonvm::cli

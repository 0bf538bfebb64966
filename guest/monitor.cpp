#include "guest/monitor.hpp"

#include <unistd.h>

#include <csignal>

#include "core/decide/guest_consent.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/log.hpp"
#include "core/runtime/loop.hpp"
#include "guest/consent_desk.hpp"
#include "guest/cpu_online.hpp"
#include "guest/guest_metrics.hpp"
#include "guest/health_check.hpp"
#include "guest/host_link.hpp"
#include "guest/host_requests.hpp"
#include "guest/init/workload_plan.hpp"
#include "guest/kernel_cmdline.hpp"
#include "guest/memory_blocks.hpp"
#include "guest/memory_watch.hpp"
#include "guest/power.hpp"
#include "guest/pressure.hpp"
#include "guest/process_setup.hpp"
#include "guest/sampler.hpp"
#include "guest/uevents.hpp"
#include "guest/upstream_door.hpp"
#include "guest/workload_news.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* room = "monitor";
// Samples that the host has not read are old news; more than that are not queued.
constexpr std::size_t most_queued = 64 * 1024;

// PID 1 gives up on disks and files before.
constexpr Duration longest_preparing = std::chrono::minutes(1);

// An image with a time daemon of its own: two who set one clock would fight.
bool keeps_own_clock() { return KernelCmdline::of_this_machine().find("neonvm.clock").value_or("host") == "own"; }

runtime::HttpResponse metrics_page(std::string text) { return {200, {{"content-type", "text/plain; version=0.0.4"}}, std::move(text)}; }

class Monitor {
 public:
  explicit Monitor(const MonitorOptions& options);
  int run();

 private:
  wire::Hello hello() const;
  LinkHandlers link_handlers();
  RequestDoors request_doors();
  void sampled(const GuestSample& sample, const std::string& event);
  [[nodiscard]] GuestSample with_floor(GuestSample sample) const;
  void pressed(Pressured what);
  bool wish(const decide::MemoryWish& wish);
  void looked(Instant now);
  void learn_kernel_share();
  void tell_of_workload();
  void workload_news();
  void watch_health();
  void tell_health();
  void prepared();
  void tell_notices();
  void begin_session();
  void device_seen(const Uevent& event);
  void look_at_devices();
  void power_off();
  void open_upstream_ports();
  Status serve(std::uint16_t port, runtime::HttpServer& server);

  MonitorOptions options_;
  std::string session_ = random_session();
  runtime::Loop loop_;
  decide::GuestConsent consent_;
  Hooks hooks_{loop_};
  ConsentDesk desk_{loop_, consent_, hooks_};
  CpuOnline cpus_;
  std::unique_ptr<ClockKeeper> clock_;
  MemoryBlocks memory_;
  HostLink link_;
  Streams streams_;
  Provisions provisions_{loop_, streams_};
  bool preparing_ = provisions_.any() && !is_prepared();
  runtime::Timer preparing_limit_;
  HostRequests requests_;
  Sampler sampler_;
  MemoryWatch memory_watch_;
  PressureWatch pressure_;
  Uevents uevents_;
  NewsWatch news_{[this] { workload_news(); }};
  std::unique_ptr<HealthCheck> health_;
  std::uint64_t told_starts_ = 0;            // in this session
  std::optional<std::vector<std::string>> told_notices_;
  PowerOff power_;
  runtime::Timer farewell_;
  GuestMetrics metrics_;
  std::unique_ptr<UpstreamDoor> upstream_;
  std::unique_ptr<runtime::HttpServer> monitor_server_, metrics_server_, cache_server_;
};

Monitor::Monitor(const MonitorOptions& options)
    : options_(options),
      cpus_(loop_, CpuTree()),
      clock_(keeps_own_clock() ? nullptr : std::make_unique<ClockKeeper>(loop_, system_wall())),
      link_(loop_, [port = options.port] { return open_port(port); }, link_handlers()),
      streams_(loop_, [this](const wire::GuestMessage& message) { link_.send(message, Lane::bulk); }),
      requests_(request_doors()),
      sampler_(loop_, [this](const GuestSample& sample, const std::string& event) { sampled(sample, event); },
               SamplerSettings{options.period}),
      memory_watch_(loop_, consent_, [this](const decide::MemoryWish& wanted) { return wish(wanted); }),
      pressure_(loop_, [this](Pressured what) { pressed(what); }),
      uevents_([this](const Uevent& event) { device_seen(event); }, [this] { look_at_devices(); }),
      power_(loop_) {}

wire::Hello Monitor::hello() const {
  wire::Hello hello;
  hello.session = session_;
  hello.version = NEONVM_VERSION;
  const auto [online, present] = cpus_.counts();
  hello.cpus_online = online;
  hello.cpus_present = present;
  hello.features = {"cpus", "consent", "exec", "files"};
  if (clock_) hello.features.emplace_back("clock");
  hello.features.emplace_back("provisions");
  if (health_) hello.features.emplace_back("healthcheck");
  if (pressure_.means() != PressureWatch::Means::none) hello.features.emplace_back("pressure");
  return hello;
}

LinkHandlers Monitor::link_handlers() {
  LinkHandlers handlers;
  handlers.hello = [this] { return hello(); };
  handlers.session_began = [this] { begin_session(); };
  handlers.message = [this](const wire::GuestMessage& message) { requests_.handle(message); };
  handlers.session_ended = [this](const std::string&) { requests_.session_ended(); };
  return handlers;
}

RequestDoors Monitor::request_doors() {
  return RequestDoors{loop_,
                      cpus_,
                      desk_,
                      streams_,
                      clock_.get(),
                      provisions_,
                      [this](const wire::GuestMessage& message) { link_.send(message); },
                      [this] { power_off(); },
                      [this] { memory_watch_.look(); }};
}

// The host's planner says what the guest's own rule would.
GuestSample Monitor::with_floor(GuestSample sample) const {
  if (!sample.layout) return sample;
  MemoryLayout layout = *sample.layout;
  layout.floor = consent_.floor(loop_.now()).value_or(unknown);
  sample.layout = std::make_shared<const MemoryLayout>(layout);
  return sample;
}

void Monitor::sampled(const GuestSample& sample, const std::string& event) {
  GuestSample whole = with_floor(sample);
  whole.working_set_pages = hooks_.working_set_pages();
  if (upstream_) metrics_.sampled(whole);
  if (link_.queued() < most_queued) link_.send(wire::SampleMessage{std::move(whole), event});
}

void Monitor::pressed(Pressured what) {
  sampler_.event(to_string(what));
  if (what == Pressured::memory) memory_watch_.look();
}

bool Monitor::wish(const decide::MemoryWish& wish) {
  const bool asked_upstream = upstream_ && upstream_->request_upscale();
  if (!link_.in_session()) return asked_upstream;
  runtime::log_info(room, "memory wanted", {{"size", to_string(wish.memory)}, {"why", wish.why}});
  link_.send(wire::WantMemory{wish.memory, wish.why});
  return true;
}

void Monitor::looked(Instant now) {
  const auto text = read_text("/sys/fs/cgroup/" + options_.cgroup + "/memory.stat");
  const auto anonymous = text ? read_cgroup_anonymous(*text) : std::nullopt;
  if (!anonymous) return;
  consent_.cgroup_sampled(*anonymous, now);
  if (upstream_) upstream_->cgroup_sampled(*anonymous);
}

void Monitor::learn_kernel_share() {
  const auto zones = read_text("/proc/zoneinfo");
  const auto ranges = read_text("/proc/iomem");
  if (!zones) return;
  const bool plugged = !ranges || has_plugged_memory(*ranges);
  const auto share = read_kernel_share(*zones, plugged, static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  if (!share) return;
  consent_.kernel_keeps(*share);
  runtime::log_info(room, "kept by the kernel", {{"memory", to_string(*share)}});
}

void Monitor::begin_session() {
  told_starts_ = 0;
  tell_of_workload();
  tell_health();
  told_notices_.reset();
  tell_notices();
  sampler_.start();
}

void Monitor::workload_news() {
  if (preparing_ && is_prepared()) prepared();
  tell_of_workload();
  const auto news = read_news();
  if (health_ && news && news->again) health_->start();
}

void Monitor::watch_health() {
  auto workload = read_workload();
  if (!workload || !workload->healthcheck || workload->healthcheck->argv.empty()) return;
  for (std::string& variable : KernelCmdline::of_this_machine().all("neonvm.env")) workload->env.push_back(std::move(variable));
  health_ = std::make_unique<HealthCheck>(loop_, *workload, [this] { tell_health(); });
  health_->start();
}

void Monitor::tell_health() {
  if (!link_.in_session()) return;
  if (preparing_) return link_.send(wire::HealthNews{{Health::starting, "its disks and files are being made ready"}});
  if (health_) return link_.send(wire::HealthNews{health_->health()});
  // Without a check nothing more is known, and the host is to know that.
  if (provisions_.any()) link_.send(wire::HealthNews{});
}

void Monitor::prepared() {
  preparing_ = false;
  preparing_limit_.cancel();
  tell_health();
}

// A monitor that has just started and heard no hook yet takes nothing back of what its predecessor told.
void Monitor::tell_notices() {
  auto notices = hooks_.notices();
  if (!notices || notices == told_notices_ || !link_.in_session()) return;
  told_notices_ = notices;
  link_.send(wire::Notices{std::move(*notices)});
}

void Monitor::tell_of_workload() {
  const auto news = read_news();
  if (!news || news->starts == told_starts_ || !link_.in_session()) return;
  told_starts_ = news->starts;
  link_.send(*news);
}

void Monitor::device_seen(const Uevent& event) {
  if (event.action != "add") return;
  if (event.subsystem == "cpu") {
    if (const auto cpu = device_number(event.path, "cpu")) cpus_.appeared(*cpu);
  } else if (event.subsystem == "memory") {
    const auto block = device_number(event.path, "memory");
    if (!block) return;
    const Status on = memory_.switch_on(*block);
    if (!on) runtime::log_warning(room, "memory block stays off", {{"why", on.error().message}});
    memory_watch_.look();
  } else if (event.subsystem == "virtio-ports") {
    link_.open();
  }
}

// At the start, and when the kernel had more to tell than it could keep.
void Monitor::look_at_devices() {
  for (const Error& refused : memory_.switch_all_on()) {
    runtime::log_warning(room, "memory block stays off", {{"why", refused.message}});
  }
  // With maxcpus= the host has chosen how many CPUs run; without, all that are there should.
  if (!KernelCmdline::of_this_machine().find("maxcpus")) {
    if (const auto map = CpuTree().read()) {
      for (const std::uint32_t cpu : map->offline) cpus_.appeared(cpu);
    }
  }
  link_.open();
}

// The reply to the host has to leave first.
void Monitor::power_off() {
  if (link_.queued() == 0) return power_.start();
  farewell_ = loop_.after(std::chrono::milliseconds(50), [this] { power_.start(); });
}

Status Monitor::serve(std::uint16_t port, runtime::HttpServer& server) {
  const auto bound = server.listen({runtime::Endpoint::Scheme::tcp, options_.upstream_address, port});
  if (!bound) return bound.error();
  runtime::log_info(room, "upstream port open, without authentication", {{"at", to_string(*bound)}});
  return {};
}

void Monitor::open_upstream_ports() {
  upstream_ = std::make_unique<UpstreamDoor>(loop_, consent_, desk_);
  runtime::HttpServerOptions open_to_all;
  open_to_all.authorize = [](const runtime::HttpRequest&) { return true; };  // upstream's protocol has no credentials
  monitor_server_ = std::make_unique<runtime::HttpServer>(loop_, open_to_all);
  monitor_server_->channel("/monitor", [this](const runtime::HttpRequest&, std::shared_ptr<runtime::Channel> channel) {
    upstream_->connected(std::move(channel));
  });
  metrics_server_ = std::make_unique<runtime::HttpServer>(loop_, open_to_all);
  metrics_server_->route("GET", "/metrics", [this](const runtime::HttpRequest&, runtime::Responder respond) {
    respond(metrics_page(metrics_.text() + hook_metrics_text(hooks_.metrics())));
  });
  cache_server_ = std::make_unique<runtime::HttpServer>(loop_, open_to_all);
  cache_server_->route("GET", "/metrics", [this](const runtime::HttpRequest&, runtime::Responder respond) {
    const std::string text = cache_metrics_text(hooks_.metrics(), hooks_.working_set_pages());
    respond(text.empty() ? runtime::HttpResponse{404, {}, "no hook tells of a local file cache\n"} : metrics_page(text));
  });
  for (const Status& opened : {serve(upstream_monitor_port, *monitor_server_), serve(upstream_metrics_port, *metrics_server_),
                               serve(upstream_cache_port, *cache_server_)}) {
    if (!opened) runtime::log_error(room, "upstream port not open", {{"why", opened.error().message}});
  }
}

int Monitor::run() {
  loop_.on_signals({SIGTERM, SIGINT}, [this](int) {
    tell_of_workload();  // the machine may be about to end, and this is why
    loop_.stop(0);
  });
  runtime::log_info(room, "started", {{"version", NEONVM_VERSION}, {"pressure", pressure_.word()}});
  for (const std::string& path : sampler_.missing()) runtime::log_warning(room, "not told by this kernel", {{"file", path}});
  if (const Status open = uevents_.open(loop_); !open) {
    runtime::log_warning(room, "hot-plug is not seen", {{"why", open.error().message}});
  }
  if (options_.upstream_ports || KernelCmdline::of_this_machine().is_on("neonvm.upstream")) open_upstream_ports();
  if (const Status open = news_.open(loop_); !open) {
    runtime::log_warning(room, "ends of the workload are not seen", {{"why", open.error().message}});
  }
  if (!options_.cgroup.empty()) memory_watch_.on_look([this](Instant now) { looked(now); });
  learn_kernel_share();
  sampler_.start();
  memory_watch_.look();
  look_at_devices();
  hooks_.on_told([this] { tell_notices(); });
  desk_.look();
  watch_health();
  // An init from elsewhere may hide PID 1's mark behind a /run of its own.
  if (preparing_) preparing_limit_ = loop_.after(longest_preparing, [this] { prepared(); });
  return loop_.run();
}

}  // namespace

int run_monitor(const MonitorOptions& options) {
  harden_process();
  MonitorOptions all = options;
  if (all.cgroup.empty()) all.cgroup = KernelCmdline::of_this_machine().find("neonvm.cgroup").value_or("");
  return Monitor(all).run();
}

}  // namespace neonvm::guest

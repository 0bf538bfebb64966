#include "cli/context.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "cli/output.hpp"
#include "cli/suggest.hpp"
#include "core/plugin/builtin_plugins.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/log.hpp"

extern char** environ;

namespace neonvm::cli {

namespace {

namespace fs = std::filesystem;

constexpr Duration serve_start_limit = std::chrono::seconds(20);

plugin::HostServices host_services() {
  plugin::HostServices services;
  services.log = [](plugin::LogLevel level, std::string_view name, std::string_view message) {
    runtime::log(static_cast<runtime::LogLevel>(static_cast<int>(level)), name, message);
  };
  return services;
}

bool serve_answers(const std::string& socket) {
  runtime::Endpoint endpoint{runtime::Endpoint::Scheme::unix_socket, socket, 0};
  runtime::HttpRequest request;
  request.method = "GET";
  request.target = "/v1/health";
  auto response = runtime::http_call(endpoint, request, std::chrono::steady_clock::now() + std::chrono::seconds(2));
  return response.ok() && response->status == 200;
}

// `neonvm serve` in a session of its own, its words in a log. The answer is readable when it ended.
Result<pid_t> spawn_serve(const std::vector<std::string>& argv, const std::string& log) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, words[0], &actions, &attributes, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return Error{Code::internal, std::string("cannot start ") + words[0] + ": " + std::strerror(failed)};
  return pid;
}

std::string kind_word(Kind kind) {
  switch (kind) {
    case Kind::virtual_machine: return "VM";
    case Kind::migration: return "migration";
    case Kind::node: return "node";
    case Kind::runner: return "runner";
    case Kind::neighbour: return "neighbour";
    case Kind::ip_pool: return "pool of addresses";
  }
  return "object";
}

}  // namespace

Deadline soon() { return std::chrono::steady_clock::now() + call_limit; }

std::string own_path() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).string();
}

std::string serve_socket_of(const Config& config) { return config.home + "/serve.sock"; }

namespace {

// Commands outside of the cluster cannot count on pods' addresses; a control plane speaks to many runners all the time.
bool through_server(const Config& config, Opener opener) {
  if (config.runners_through != "auto") return config.runners_through == "server";
  return opener == Opener::command && std::getenv("KUBERNETES_SERVICE_HOST") == nullptr;
}

std::string kubernetes_settings(const Config& config, Opener opener, const std::string& node) {
  return "{\"kubeconfig\":" + json_string(config.kubeconfig) + ",\"context\":" + json_string(config.kube_context) +
         ",\"namespace\":" + json_string(config.kube_namespace) + ",\"runnerImage\":" + json_string(config.runner_image) +
         ",\"systemNamespace\":" + json_string(config.system_namespace) + ",\"kvmResource\":" + json_string(config.kvm_resource) +
         ",\"schedulerName\":" + json_string(config.runner_scheduler) + ",\"onlyNode\":" + json_string(node) +
         ",\"markNodes\":\"" + (config.mark_nodes && opener == Opener::keeper ? "true" : "false") + '"' +
         ",\"publishUsage\":\"" + (config.publish_usage && opener == Opener::keeper ? "true" : "false") + '"' +
         ",\"runnersThrough\":\"" + (through_server(config, opener) ? "server" : "pods") + "\"}";
}

}  // namespace

std::string orchestrator_settings(const Config& config, Opener opener, const std::string& node) {
  if (config.orchestrator == "k8s") return kubernetes_settings(config, opener, node);
  std::string json = "{\"home\":" + json_string(config.home) + ",\"supervise\":" + (opener == Opener::keeper ? "true" : "false");
  json += ",\"runnerCommand\":[" + json_string(own_path()) + ",\"--home\"," + json_string(config.home);
  if (!config.file.empty()) json += ",\"--config\"," + json_string(config.file);
  json += ",\"runner\"],\"nodeCount\":" + std::to_string(config.nodes);
  json += ",\"watermark\":" + std::to_string(config.watermark) + ",\"nodes\":[";
  bool first = true;
  for (const Node& node : config.node) {
    json += std::string(first ? "" : ",") + "{\"name\":" + json_string(node.name) + ",\"cpu\":" +
            json_string(to_string(node.capacity.cpu)) + ",\"memory\":" + json_string(to_string(node.capacity.memory)) +
            ",\"watermark\":" + std::to_string(node.watermark) + "}";
    first = false;
  }
  return json + "]}";
}

std::string hypervisor_settings(const Config& config) {
  std::string json = "{\"owner\":" + json_string(config.owner);
  if (!config.qemu.empty()) json += ",\"binary\":" + json_string(config.qemu);
  if (!config.machine_type.empty()) json += ",\"machineType\":" + json_string(config.machine_type);
  if (config.owner == "libvirt") json += ",\"libvirtUri\":" + json_string(config.libvirt_uri);
  return json + "}";
}

Context::Context(GlobalOptions globals, std::vector<Command> commands)
    : globals_(std::move(globals)), commands_(std::move(commands)) {
  runtime::LogOptions log;
  log.level = globals_.verbose ? runtime::LogLevel::debug : runtime::LogLevel::warning;
  log.colour = stderr_is_terminal();
  (void)runtime::open_log(log);
}

Context::~Context() = default;

Result<const Config*> Context::config() {
  if (config_) return config_.get();
  const bool named = !globals_.config.empty();
  auto loaded = load_config(named ? globals_.config : default_config_path(), named);
  if (!loaded) return loaded.error();
  if (!globals_.home.empty()) {
    std::error_code error;
    loaded->home = fs::absolute(globals_.home, error).string();
    loaded->origin["home"] = "--home";
  }
  const auto flag = [&loaded](const std::string& given, std::string& into, const char* key, const char* name) {
    if (given.empty()) return;
    into = given;
    loaded->origin[key] = name;
  };
  flag(globals_.orchestrator, loaded->orchestrator, "orchestrator.plugin", "--orchestrator");
  flag(globals_.kubeconfig, loaded->kubeconfig, "kubernetes.kubeconfig", "--kubeconfig");
  flag(globals_.kube_context, loaded->kube_context, "kubernetes.context", "--context");
  flag(globals_.kube_namespace, loaded->kube_namespace, "kubernetes.namespace", "--namespace");
  config_ = std::make_unique<Config>(std::move(*loaded));
  return config_.get();
}

void Context::override_nodes(std::int64_t count) {
  if (!config_) return;
  config_->nodes = count;
  config_->node.clear();
  config_->origin["nodes"] = "--nodes";
}

plugin::Catalog& Context::catalog() {
  if (!catalog_) {
    catalog_ = std::make_unique<plugin::Catalog>(plugin::builtin_plugins(), plugin::Catalog::default_folders(),
                                                 host_services());
  }
  return *catalog_;
}

Result<std::unique_ptr<Orchestrator>> Context::open_supervising_orchestrator() {
  auto settings = config();
  if (!settings) return settings.error();
  return catalog().open_orchestrator((*settings)->orchestrator, {{"json", orchestrator_settings(**settings, Opener::keeper)}});
}

Result<Orchestrator*> Context::orchestrator() {
  if (orchestrator_) return orchestrator_.get();
  auto settings = config();
  if (!settings) return settings.error();
  auto opened = catalog().open_orchestrator((*settings)->orchestrator, {{"json", orchestrator_settings(**settings, Opener::command)}});
  if (!opened) return opened.error();
  orchestrator_ = std::move(*opened);
  return orchestrator_.get();
}

Result<std::unique_ptr<Hypervisor>> Context::open_hypervisor() {
  auto settings = config();
  if (!settings) return settings.error();
  // Who else may own a QEMU is a plugin of its own, so that not every command loads its library.
  const bool other = (*settings)->hypervisor == "qemu" && (*settings)->owner == "libvirt";
  return catalog().open_hypervisor(other ? (*settings)->owner : (*settings)->hypervisor,
                                   {{"json", hypervisor_settings(**settings)}});
}

Result<std::unique_ptr<Policy>> Context::open_policy(const std::string& name,
                                                     const std::map<std::string, std::string>& options) {
  return catalog().open_policy(name, options);
}

std::string Context::serve_socket() {
  auto settings = config();
  return settings ? serve_socket_of(**settings) : "";
}

bool Context::remote_control_plane() {
  auto settings = config();
  return settings && (*settings)->orchestrator == "k8s";
}

Status Context::need_serve() {
  if (remote_control_plane()) return {};
  auto settings = config();
  if (!settings) return settings.error();
  const std::string socket = serve_socket_of(**settings);
  if (serve_answers(socket)) return {};
  // Opening the store makes and checks $home, and tells what is wrong with it better than a log would.
  if (auto store = orchestrator(); !store) return store.error();
  const std::string log = (*settings)->home + "/serve.log";
  std::vector<std::string> argv{own_path(), "--home", (*settings)->home};
  if (!globals_.config.empty()) argv.insert(argv.end(), {"--config", globals_.config});
  argv.push_back("serve");
  auto pid = spawn_serve(argv, log);
  if (!pid) return pid.error();
  std::fprintf(stderr, "Started the control plane in the background (pid %d, log %s)\n", *pid, log.c_str());
  const Deadline deadline = std::chrono::steady_clock::now() + serve_start_limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (serve_answers(socket)) return {};
    // Another process may win the race for this home; ours then ends, and theirs answers.
    if (waitpid(*pid, nullptr, WNOHANG) == *pid && !serve_answers(socket)) {
      return Error{Code::unavailable, "the control plane ended at once; its log says why: " + log};
    }
    // The socket gives no event before it exists, and it is there within some tens of milliseconds.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Error{Code::deadline_exceeded, "the control plane does not answer; its log: " + log};
}

Result<Context::Guest> Context::default_guest() {
  auto settings = config();
  if (!settings) return settings.error();
  if (!(*settings)->guest_kernel.empty()) return Guest{(*settings)->guest_kernel, (*settings)->guest_initrd};
  std::vector<fs::path> folders;
  if (const char* named = std::getenv("NEONVM_GUEST"); named && *named) folders.emplace_back(named);
  folders.push_back(fs::path(own_path()).parent_path().parent_path() / "share/neonvm/guest");
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) {
    folders.push_back(fs::path(cache) / "neonvm/guest");
  } else if (const char* home = std::getenv("HOME")) {
    folders.push_back(fs::path(home) / ".cache/neonvm/guest");
  }
  std::string looked;
  for (const fs::path& folder : folders) {
    std::error_code error;
    if (fs::exists(folder / "vmlinuz", error) && fs::exists(folder / "initrd", error)) {
      return Guest{(folder / "vmlinuz").string(), (folder / "initrd").string()};
    }
    looked += (looked.empty() ? "" : ", ") + folder.string();
  }
  return Error{Code::not_found, "no default guest (vmlinuz and initrd) in " + looked +
                                    "; build it: scripts/guest-image, or name one: --kernel, guest.kernel"};
}

Result<Object> Context::find(Kind kind, const std::string& name) {
  auto store = orchestrator();
  if (!store) return store.error();
  auto object = (*store)->get(kind, name, soon());
  if (object || object.error().code != Code::not_found) return object;
  std::vector<std::string> known;
  if (auto all = (*store)->list(kind, soon())) {
    for (const Object& one : *all) known.push_back(one.name);
  }
  std::string text = "there is no " + kind_word(kind) + " \"" + name + "\"." + did_you_mean(name, known);
  if (known.empty()) text += kind == Kind::virtual_machine ? " There are no VMs; make one: neonvm run" : "";
  return Error{Code::not_found, text};
}

}  // namespace neonvm::cli

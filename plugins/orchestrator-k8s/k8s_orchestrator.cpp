#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"

#include <algorithm>
#include <utility>

#include "core/wire/model_json.hpp"
#include "core/wire/pod.hpp"
#include "core/wire/vm_tls.hpp"
#include "plugins/orchestrator-k8s/guest_secrets.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/runner_detour.hpp"
#include "plugins/orchestrator-k8s/scheduler_secrets.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"
#include "plugins/orchestrator-k8s/ssh_secret.hpp"
#include "plugins/orchestrator-k8s/webhook_trust.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* json_patch = "application/json-patch+json";

std::string called(const char* deed, Kind kind, const std::string& name) {
  return std::string(deed) + " " + to_string(kind) + (name.empty() ? "" : " " + name.substr(0, 80));
}

std::string binding_of(const std::string& ns, const std::string& pod, const std::string& uid, const std::string& node) {
  Json metadata = {{"name", pod}, {"namespace", ns}};
  // The server refuses a pod of that name that is another one by now.
  if (!uid.empty()) metadata["uid"] = uid;
  return dump({{"apiVersion", "v1"}, {"kind", "Binding"}, {"metadata", metadata},
               {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}});
}

Status ours_to_write(Kind kind) {
  if (kind == Kind::node) {
    return Error{Code::unsupported, "nodes are Kubernetes' own; to keep VMs off one: kubectl cordon, or its annotation " +
                                        std::string(watermark_annotation)};
  }
  if (kind == Kind::neighbour) return Error{Code::unsupported, "pods that are not ours are only read"};
  if (kind == Kind::runner) return Error{Code::invalid_argument, "a Runner is made by starting it, and its status is its pod's"};
  return {};
}

// Whether a VM, as the server has it, is at the beginning of its first life; a guess, where that matters to cost alone.
bool begins(const std::string& vm) {
  const Json json = Json::parse(vm, nullptr, false);
  const std::string phase = text_at(json, "/status/phase");
  return (phase.empty() || phase == "Pending") && number_at(json, "/status/restartCount") == 0;
}

// A status cannot be selected by. Only this VM, not a later one of its name.
void mark_node(WrittenBehind& behind, const Object& vm, const std::function<void(const std::string&)>& warn) {
  const auto status = wire::decode_vm_status(vm.status);
  const auto marked = vm.labels.find(node_label);
  const std::string before = marked == vm.labels.end() ? "" : marked->second;
  if (!status || status->node == before || vm.deleting) return;
  const Json label = status->node.empty() ? Json() : Json(status->node);
  behind.put(vm.uid, {called("mark the node of", vm.kind, vm.name), "PATCH", object_path(vm.kind, vm.ns, vm.name),
                      dump({{"metadata", {{"uid", vm.uid}, {"labels", {{node_label, label}}}}}}), "application/merge-patch+json"},
             warn);
}

Object with_secret_names(Object vm) {
  Json status = Json::parse(vm.status, nullptr, false);
  name_secrets(Json::parse(vm.spec, nullptr, false), vm.name, status);
  if (status.is_object()) vm.status = dump(status);
  return vm;
}

}  // namespace

Result<Server> Server::open(Access access, const PodSettings& pod) {
  auto client = ApiClient::open(std::move(access));
  if (!client) return client.error();
  const auto behind = std::make_shared<WrittenBehind>(*client);
  return Server{*client, std::make_shared<RunnerSecrets>(*client, pod.own_namespace),
                std::make_shared<VmCertificates>(*client, pod.own_namespace), std::make_shared<UnheldVersions>(),
                std::make_shared<WrittenVms>(), behind, std::make_shared<UsageOnPods>(behind)};
}

K8sOrchestrator::K8sOrchestrator(const Server& server, std::string ns, PodSettings pod, std::function<void(const std::string&)> warn)
    : client_(server.client), ns_(std::move(ns)), pod_(std::move(pod)), warn_(std::move(warn)), events_(client_, ns_),
      secrets_(server.secrets), certificates_(server.certificates), unheld_(server.unheld), written_(server.written),
      behind_(server.behind), usage_(server.usage) {}

Result<std::unique_ptr<K8sOrchestrator>> K8sOrchestrator::open(Access access, PodSettings pod,
                                                               std::function<void(const std::string&)> warn) {
  const std::string ns = access.ns;
  const auto server = Server::open(std::move(access), pod);
  if (!server) return server.error();
  return std::make_unique<K8sOrchestrator>(*server, ns, std::move(pod), std::move(warn));
}

std::string K8sOrchestrator::path(Kind kind, const std::string& name) const { return object_path(kind, ns_, name); }

Result<std::vector<Object>> K8sOrchestrator::list(Kind kind, Deadline deadline) { return list_where(kind, selector_of(kind), deadline); }

Result<std::vector<Object>> K8sOrchestrator::list_runners(const std::string& vm_name, Deadline deadline) {
  return runner_lists_.of(vm_name, deadline, [this, deadline](const std::set<std::string>& vms) {
    std::string selector = std::string(vm_name_label) + " in (";
    for (const std::string& vm : vms) selector += (vm == *vms.begin() ? "" : ",") + vm;
    return list_where(Kind::runner, selector + ")", deadline);
  });
}

Result<std::vector<Object>> K8sOrchestrator::list_where(Kind kind, const std::string& selector, Deadline deadline) {
  std::vector<Object> all;
  std::string next;
  do {
    ApiRequest request;
    request.what = called("list", kind, "");
    request.target = collection_path(kind, ns_) + "?limit=500";
    if (!selector.empty()) request.target += "&labelSelector=" + url_encoded(selector);
    if (const std::string fields = field_selector_of(kind); !fields.empty()) request.target += "&fieldSelector=" + url_encoded(fields);
    if (!next.empty()) request.target += "&continue=" + url_encoded(next);
    auto body = client_->call(request, deadline);
    if (!body) return body.error();
    auto page = decode_list(kind, *body);
    if (!page) return page.error();
    for (const Unreadable& each : page->unreadable) {
      if (warn_) warn_(each.why + "; it is left out");
    }
    for (Object& object : page->objects) {
      unheld_->saw(object);
      all.push_back(std::move(object));
    }
    next = page->next;
  } while (!next.empty());
  return all;
}

Result<Object> K8sOrchestrator::get(Kind kind, const std::string& name, Deadline deadline) {
  if (name.empty()) return Error{Code::not_found, called("get", kind, "\"\"") + ": a name is never empty"};
  ApiRequest request;
  request.what = called("get", kind, name);
  request.target = path(kind, name);
  auto object = write(request, kind, deadline);
  if (object && is_gone(*object)) return Error{Code::not_found, request.what + ": it has ended, and its pod is being removed"};
  return object;
}

Result<Object> K8sOrchestrator::write(const ApiRequest& request, Kind kind, Deadline deadline) {
  auto body = client_->call(request, deadline);
  if (!body) return body.error();
  auto object = decode(kind, *body);
  if (!object) return Error{Code::data_loss, object.error().message};
  unheld_->saw(*object);
  if (kind == Kind::virtual_machine && request.method == "PATCH") written_->put(object->uid, std::move(*body));
  return object;
}

Result<Object> K8sOrchestrator::create(const Object& object, Deadline deadline) {
  if (Status may = ours_to_write(object.kind); !may) return may.error();
  if (Status named = check_name(object.kind, object.name); !named) return named.error();
  return write({called("create", object.kind, object.name), "POST", collection_path(object.kind, ns_), encode_new(object, ns_)},
               object.kind, deadline);
}

Result<Object> K8sOrchestrator::update(const Object& object, Deadline deadline) {
  if (Status may = ours_to_write(object.kind); !may) return may.error();
  const std::string what = called("update", object.kind, object.name);
  if (object.kind == Kind::virtual_machine && object.deleting && !object.finalizer) remove_secrets(object, deadline);
  if (object.version != 0) {
    auto written = write({what, "PATCH", path(object.kind, object.name), update_patch(object, !unheld_->contains(object.version)), json_patch}, object.kind, deadline);
    if (written || written.error().code != Code::invalid_argument) return written;
  }
  // Other software has its part in the object, or the server does not like what is in it and will say so again.
  return merge_and_put(object, deadline);
}

Result<Object> K8sOrchestrator::merge_and_put(const Object& object, Deadline deadline) {
  const std::string what = called("update", object.kind, object.name);
  ApiRequest read;
  read.what = what;
  read.target = path(object.kind, object.name);
  auto stored = client_->call(read, deadline);
  if (!stored) return stored.error();
  const auto before = decode(object.kind, *stored);
  if (before && before->version != object.version) {
    return Error{Code::conflict, what + ": it was written by somebody else since it was read"};
  }
  auto merged = merge_into(*stored, object);
  if (!merged) return merged.error();
  if (!*merged) return before;
  return write({what, "PUT", path(object.kind, object.name), std::move(**merged)}, object.kind, deadline);
}

Result<Object> K8sOrchestrator::update_status(const Object& object, Deadline deadline) {
  if (Status may = ours_to_write(object.kind); !may) return may.error();
  const std::string what = called("update the status of", object.kind, object.name);
  // An empty status is not the same to the server as none, which would make a write of nothing.
  if (object.version == 0 || object.status == "{}") {
    auto there = get(object.kind, object.name, deadline);
    if (!there || (there->version == object.version && there->status == object.status)) return there;
    if (there->version != object.version) return Error{Code::conflict, what + ": it was written by somebody else since it was read"};
  }
  const std::string patch = status_patch(object.kind == Kind::virtual_machine ? with_secret_names(object) : object);
  return write({what, "PATCH", path(object.kind, object.name) + "/status", patch, json_patch}, object.kind, deadline);
}

Status K8sOrchestrator::remove(Kind kind, const std::string& name, Deadline deadline) {
  constexpr Duration default_grace = std::chrono::seconds(5);
  if (kind == Kind::runner) return stop_runner(name, default_grace, deadline);
  if (Status may = ours_to_write(kind); !may) return may;
  const auto gone = client_->call({called("delete", kind, name), "DELETE", path(kind, name),
                                   R"({"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"})"},
                                  deadline);
  return gone || gone.error().code == Code::not_found ? Status{} : gone.error();
}

Result<std::unique_ptr<Watch>> K8sOrchestrator::watch(Kind kind, Deadline deadline) {
  WatchOptions options;
  options.kind = kind;
  options.ns = ns_;
  options.warn = warn_;
  options.unheld = unheld_;
  options.node = pod_.only_node;
  const bool marks = pod_.mark_nodes && kind == Kind::virtual_machine;
  const bool tells = pod_.publish_usage && (kind == Kind::virtual_machine || kind == Kind::runner);
  if (marks || tells) {
    options.told = [marks, tells, behind = behind_, usage = usage_, warn = warn_](const Change& change) {
      if (change.kind == ChangeKind::synced) return;
      const bool gone = change.kind == ChangeKind::deleted;
      if (marks && !gone) mark_node(*behind, change.object, warn);
      if (tells) usage->saw(change.object, gone, warn);
    };
  }
  auto watch = K8sWatch::open(client_, std::move(options), deadline);
  if (!watch) return watch.error();
  return std::unique_ptr<Watch>(std::move(*watch));
}

// With the object's uid, by which `kubectl describe` finds its events; without it where that cannot be had quickly.
Status K8sOrchestrator::record(const Event& event, Deadline deadline) {
  std::string uid;
  ApiRequest about;
  about.what = called("get", event.kind, event.name);
  about.target = path(event.kind, event.name) + "?resourceVersion=0";
  if (auto body = client_->call(about, deadline)) {
    if (auto object = decode(event.kind, *body)) uid = object->uid;
  }
  return events_.record(event, uid, deadline);
}

Result<std::vector<StoredEvent>> K8sOrchestrator::events(std::uint64_t after, Deadline deadline) {
  return events_.events(after, deadline);
}

Result<std::vector<StoredEvent>> K8sOrchestrator::wait_events(std::uint64_t after, Deadline deadline) {
  return events_.wait(after, deadline);
}

// The answer to the write that came before; else from the API server's memory where that knows this VM: reading what is stored
// costs it twice as much.
Result<std::string> K8sOrchestrator::vm_text(const std::string& name, const std::string& uid, Deadline deadline) {
  if (auto last = written_->take(uid)) return std::move(*last);
  ApiRequest about{called("get", Kind::virtual_machine, name), "GET", path(Kind::virtual_machine, name) + "?resourceVersion=0"};
  auto text = client_->call(about, deadline);
  if (text && !uid.empty() && text->find('"' + uid + '"') != std::string::npos) return text;
  about.target = path(Kind::virtual_machine, name);
  return client_->call(about, deadline);
}

// Before the pod, which cannot begin without them.
Status K8sOrchestrator::make_secrets(const RunnerSpec& runner, const std::string& vm, Deadline deadline) {
  const Json vm_spec = Json::parse(vm, nullptr, false).value("spec", Json());
  const bool first = begins(vm);
  if (const auto made = secrets_->ensure(ns_, runner.vm, runner.vm_uid, first, deadline); !made) return made.error();
  if (wants_ssh(vm_spec)) {
    if (Status made = ensure_ssh_secret(*client_, ns_, runner.vm, runner.vm_uid, first, deadline); !made) return made;
  }
  // One that comes by migration has the certificate that its source has; a wish that came after that one's start is for the next.
  if (runner.role == RunnerRole::target) return {};
  const auto tls = wire::read_tls_wish(dump(vm_spec));
  if (!tls) return tls.error();
  if (!*tls) return {};
  const auto certified = certificates_->ensure({ns_, runner.vm, runner.vm_uid}, **tls, deadline);
  return certified ? Status{} : Status(certified.error());
}

// Kubernetes' collector would do it, as long as it works: after minutes without its server it was seen to leave them. What cannot be
// removed is its work again, and holds up nobody.
void K8sOrchestrator::remove_secrets(const Object& vm, Deadline deadline) {
  std::vector<std::string> names = {runner_secret_name(vm.name)};
  const Json spec = Json::parse(vm.spec, nullptr, false);
  if (wants_ssh(spec)) names.push_back(ssh_secret_name(vm.name));
  if (spec.is_object() && spec.contains("tls")) names.push_back(tls_secret_name(vm.name));
  for (const std::string& name : names) {
    const Status removed = remove_secret_of(*client_, ns_, name, vm.uid, deadline);
    if (!removed && warn_) return warn_(removed.error().message + "; it is left to Kubernetes' garbage collector");
  }
}

// Nobody is asked about a VM without spec.tls before the certificate of its runners can be due.
Result<std::optional<Duration>> K8sOrchestrator::tend(const Object& vm, Deadline deadline) {
  const auto tls = wire::read_tls_wish(vm.spec);
  if (!tls) return tls.error();
  WallTime due = RunnerSecrets::not_due_before(vm.created);
  if (due <= wall_now()) {
    const auto runners = secrets_->ensure(ns_, vm.name, vm.uid, false, deadline);
    if (!runners) return runners.error();
    due = *runners;
  }
  if (*tls) {
    const auto guests = certificates_->ensure({ns_, vm.name, vm.uid}, **tls, deadline);
    if (!guests) return guests.error();
    due = std::min(due, *guests);
  }
  return std::optional<Duration>(std::max<Duration>(due - wall_now(), std::chrono::seconds(1)));
}

Result<Object> K8sOrchestrator::start_runner(const Object& runner, Deadline deadline) {
  const auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec) return Error{Code::invalid_argument, "runner \"" + runner.name + "\": spec: " + spec.error().message};
  const auto vm = vm_text(spec->vm, spec->vm_uid, deadline);
  if (!vm) return vm.error();
  auto pod = encode_runner_pod(runner, *vm, ns_, pod_);
  if (!pod) return pod.error();
  if (Status made = make_secrets(*spec, *vm, deadline); !made) return made.error();
  return write({called("start", Kind::runner, runner.name), "POST", collection_path(Kind::runner, ns_), std::move(*pod)},
               Kind::runner, deadline);
}

Status K8sOrchestrator::stop_runner(const std::string& name, Duration grace, Deadline deadline) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::max(grace, Duration::zero())).count();
  const auto gone = client_->call({called("stop", Kind::runner, name), "DELETE", path(Kind::runner, name),
                                   R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":)" + std::to_string(seconds) + "}"},
                                  deadline);
  return gone || gone.error().code == Code::not_found ? Status{} : gone.error();
}

std::string K8sOrchestrator::vm_directory(const std::string&) { return ""; }

Result<RunnerAccess> K8sOrchestrator::runner_access(const std::string& vm_name, Deadline deadline) {
  auto access = secrets_->access(ns_, vm_name, deadline);
  if (!access || !pod_.through_server) return access;
  const auto vm = get(Kind::virtual_machine, vm_name, deadline);
  if (!vm) return vm.error();
  const auto status = wire::decode_vm_status(vm->status);
  if (!status) return status.error();
  if (status->runner.empty()) return Error{Code::failed_precondition, vm_name + " has no runner now"};
  auto proxy = runner_detour(*client_, ns_, status->runner, pod_.port, deadline);
  if (!proxy) return proxy.error();
  access->through = std::move(*proxy);
  return access;
}

Status K8sOrchestrator::bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) {
  ApiRequest request{"bind Pod " + pod.substr(0, 80), "POST", path(Kind::runner, pod) + "/binding", binding_of(ns_, pod, uid, node)};
  const auto bound = client_->call(request, deadline);
  if (bound || bound.error().code != Code::conflict) return bound ? Status{} : bound.error();
  // Perhaps by us, and the answer was lost.
  ApiRequest look;
  look.what = request.what;
  look.target = path(Kind::runner, pod);
  const auto now = client_->call(look, deadline);
  const auto has = now ? wire::decode_pod(*now) : Result<wire::Pod>(now.error());
  if (has && has->uid == uid && has->node == node) return {};
  return bound.error();
}

Result<RunnerAccess> K8sOrchestrator::scheduler_access(Deadline deadline) {
  return SchedulerSecrets(client_, *secrets_, pod_.own_namespace).access(deadline);
}

Result<Authority> K8sOrchestrator::webhook_authority(Deadline deadline) {
  auto authority = secrets_->authority(deadline);
  if (!authority) return authority.error();
  if (Status told = trust_webhooks(*client_, authority->certificate, deadline); !told) return told.error();
  return Authority{authority->certificate, authority->key};
}

}  // namespace neonvm::k8s

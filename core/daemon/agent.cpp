#include "core/daemon/agent.hpp"

#include <algorithm>
#include <utility>

#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/placement_protocol.hpp"

namespace neonvm::daemon {
namespace {

constexpr std::string_view explain_path = "/v1/explain/";
constexpr Duration long_poll = std::chrono::seconds(25);

bool scales(const VmSpec& spec, const VmStatus& status, const std::string& node) {
  const bool runs = is_alive(status.phase) && !status.runner.empty() && !status.endpoint.empty();
  return spec.scaling.enabled && !spec.stopped && runs && (node.empty() || status.node == node);
}

}  // namespace

wire::Explanation explanation_by_hand(const Object& vm, const VmSpec& spec, const VmStatus& status) {
  wire::Explanation all;
  all.vm = vm.name;
  all.runner = status.runner;
  all.node = status.node;
  all.guest_connected = status.guest_connected;
  all.min = spec.min();
  all.max = spec.max();
  all.asked = all.wish = spec.use();
  all.actual = {status.cpu.actual, status.memory.actual};
  if (spec.scaling.enabled) {
    all.policy = spec.scaling.policy;
    all.because.push_back({"not.running", std::string("is ") + to_string(status.phase) + (status.why.empty() ? "" : ": " + status.why)});
  } else {
    all.because.push_back({"by.hand", "somebody asked for " + to_string(spec.use()) + "; it does not scale by itself"});
  }
  for (const std::string& why : {status.cpu.why, status.memory.why})
    if (!why.empty()) all.because.push_back({"short", why});
  return all;
}

Agent::Agent(runtime::Loop& loop, Orchestrator& orchestrator, World& world, PermitOffice& permits,
             runtime::MetricsRegistry& metrics, OpenPolicy open_policy, AgentSettings settings)
    : loop_(loop),
      world_(world),
      tools_{loop,    orchestrator, world, permits, metrics, std::move(open_policy), std::move(settings),
             [this](const std::string& vm) { decided(vm); },
             [this](const std::string& vm, std::optional<std::uint64_t> newer, std::function<void(std::string)> done) {
               explain_later(vm, newer, [done = std::move(done)](const std::optional<wire::Explanation>& all) {
                 if (all) done(wire::encode(*all));
               });
             }} {}

Agent::~Agent() = default;

void Agent::start() {
  for (const auto& [name, object] : world_.all(Kind::virtual_machine)) changed({ChangeKind::added, object});
  subscriptions_.push_back(world_.listen(Kind::virtual_machine, [this](const Change& change) { changed(change); }));
}

void Agent::changed(const Change& change) {
  if (change.kind == ChangeKind::synced) return;
  const Object& object = change.object;
  const auto spec = wire::decode_vm_spec(object);
  const auto status = wire::decode_vm_status(object.status);
  const bool wanted = change.kind != ChangeKind::deleted && !object.deleting && spec && status && scales(*spec, *status, tools_.settings.node);
  const auto scaler = scalers_.find(object.name);
  const bool same = scaler != scalers_.end() && uids_[object.name] == object.uid;
  if (!wanted || !same) {
    scalers_.erase(object.name);
    uids_.erase(object.name);
    tools_.metrics.forget("vm", object.name);
  }
  if (!wanted) return;
  if (same) return scaler->second->vm_changed(object, *spec, *status);
  uids_[object.name] = object.uid;
  scalers_[object.name] = std::make_unique<VmScaler>(tools_, object, *spec, *status);
  runtime::log_info("agent", "a VM scales by itself from now on", {{"vm", object.name}, {"policy", spec->scaling.policy}});
}

std::optional<wire::Explanation> Agent::explain(const std::string& vm) const {
  if (const auto scaler = scalers_.find(vm); scaler != scalers_.end()) return scaler->second->explain();
  const Object* object = world_.find(Kind::virtual_machine, vm);
  const auto spec = object == nullptr ? Result<VmSpec>(Error{Code::not_found, vm}) : wire::decode_vm_spec(*object);
  const auto status = object == nullptr ? Result<VmStatus>(Error{Code::not_found, vm}) : wire::decode_vm_status(object->status);
  if (!spec || !status) return std::nullopt;
  return explanation_by_hand(*object, *spec, *status);
}

void Agent::serve(runtime::HttpServer& server) {
  server.route("GET", std::string(explain_path), [this](const runtime::HttpRequest& request, runtime::Responder respond) {
    asked(request, std::move(respond));
  });
}

void Agent::asked(const runtime::HttpRequest& request, runtime::Responder respond) {
  std::string_view path = request.target;
  std::string_view query;
  if (const auto mark = path.find('?'); mark != std::string_view::npos) {
    query = path.substr(mark + 1);
    path = path.substr(0, mark);
  }
  const std::string vm(path.substr(explain_path.size()));
  const auto answered = std::make_shared<runtime::Responder>(std::move(respond));
  explain_later(vm, wire::newer_of(query), [vm, answered](const std::optional<wire::Explanation>& all) {
    if (!all) return (*answered)({404, {{"content-type", "application/json"}}, wire::encode_error({Code::not_found, "there is no VM \"" + vm + "\""})});
    (*answered)({200, {{"content-type", "application/json"}}, wire::encode(*all)});
  });
}

void Agent::explain_later(const std::string& vm, std::optional<std::uint64_t> newer, Explained done) {
  const auto scaler = scalers_.find(vm);
  const bool waits = newer && (scaler == scalers_.end() || scaler->second->last_decision() <= *newer);
  const auto now = explain(vm);
  if (!waits || !now) return done(now);
  auto waiting = std::make_shared<Waiting>(Waiting{*newer, std::move(done), {}});
  waiting->patience = loop_.after(long_poll, [this, vm, weak = std::weak_ptr(waiting)] {
    const auto late = weak.lock();
    if (!late) return;
    late->done(explain(vm));
    std::erase(waiting_[vm], late);
  });
  waiting_[vm].push_back(std::move(waiting));
}

// Told from inside a scaler's work, so the answers are made afterwards.
void Agent::decided(const std::string& vm) {
  if (waiting_.find(vm) == waiting_.end()) return;
  loop_.post([this, weak = std::weak_ptr(alive_), vm] {
    if (weak.expired()) return;
    const auto there = waiting_.find(vm);
    if (there == waiting_.end()) return;
    const auto waiting = std::move(there->second);
    waiting_.erase(there);
    for (const auto& one : waiting) one->done(explain(vm));
  });
}

}  // namespace neonvm::daemon

#include "core/daemon/agent.hpp"

#include <algorithm>
#include <utility>

#include "core/daemon/vm_metrics.hpp"
#include "core/daemon/watch_metrics.hpp"
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
  if (spec.scaling.enabled) all.policy = spec.scaling.policy;
  if (spec.scaling.enabled || !is_alive(status.phase)) {
    all.because.push_back({"not.running", std::string("is ") + to_string(status.phase) + (status.why.empty() ? "" : ": " + status.why)});
  }
  if (!spec.scaling.enabled) {
    all.because.push_back({"by.hand", "somebody asked for " + to_string(spec.use()) + "; it does not scale by itself"});
  }
  if (!status.cpu.why.empty()) all.because.push_back({"short", status.cpu.why});
  if (!status.memory.why.empty() && status.memory.why != status.cpu.why) all.because.push_back({"short", status.memory.why});
  return all;
}

Agent::Agent(runtime::Loop& loop, Orchestrator& orchestrator, World& world, PermitOffice& permits,
             runtime::MetricsRegistry& metrics, OpenPolicy open_policy, AgentSettings settings)
    : loop_(loop),
      world_(world),
      life_(static_cast<std::uint64_t>(loop.wall().time_since_epoch() / std::chrono::nanoseconds{1})),
      tools_{loop,    orchestrator, world, permits, metrics, std::move(open_policy), std::move(settings),
             [this](const std::string& vm) { decided(vm); },
             [this](const std::string& vm, std::optional<std::uint64_t> newer, std::function<void(std::string)> done) {
               explain_later(vm, newer, [done = std::move(done)](const std::optional<wire::Explanation>& all) {
                 if (all) done(wire::encode(*all));
               });
             },
             nullptr,
             [this] { return headroom_ ? AskId{life_, ++questions_} : AskId{}; }} {
  if (tools_.settings.node.empty()) return;
  headroom_ = std::make_unique<NodeHeadroom>(loop, permits, metrics, tools_.settings.node, life_);
  tools_.headroom = headroom_.get();
}

Agent::~Agent() = default;

void Agent::start() {
  if (headroom_) headroom_->start();
  AgentMetrics(tools_.metrics).prepare();
  collected_ = tools_.metrics.at_scrape([this](std::vector<runtime::MetricSample>& out) { collect(out); });
  watches_ = tell_watches(tools_.metrics, world_, MetricPart::agent);
  for (const auto& [name, object] : world_.all(Kind::virtual_machine)) changed({ChangeKind::added, object});
  subscriptions_.push_back(world_.listen(Kind::virtual_machine, [this](const Change& change) { changed(change); }));
}

void Agent::changed(const Change& change) {
  if (change.kind == ChangeKind::synced) return;
  const Object& object = change.object;
  const auto spec = wire::decode_vm_spec(object);
  const auto status = wire::decode_vm_status(object.status);
  if (!spec && change.kind != ChangeKind::deleted)
    runtime::log_warning("agent", "a VM cannot be read; it keeps its size until that is mended", {{"vm", object.name}, {"error", spec.error().message}});
  const bool wanted = change.kind != ChangeKind::deleted && !object.deleting && spec && status && scales(*spec, *status, tools_.settings.node);
  const auto scaler = scalers_.find(object.name);
  const bool same = scaler != scalers_.end() && uids_[object.name] == object.uid;
  if (!wanted || !same) {
    // Only what scales has series, and to look for them takes time.
    if (scalers_.erase(object.name) != 0) tools_.metrics.forget("vm", object.name);
    uids_.erase(object.name);
  }
  if (!wanted) return;
  if (same) return scaler->second->vm_changed(object, *spec, *status);
  uids_[object.name] = object.uid;
  scalers_[object.name] = std::make_unique<VmScaler>(tools_, object, *spec, *status);
  runtime::log_info("agent", "a VM scales by itself from now on", {{"vm", object.name}, {"policy", spec->scaling.policy}});
}

void Agent::collect(std::vector<runtime::MetricSample>& out) const {
  std::map<std::pair<std::string, std::string>, int> runners;
  for (const char* endpoint : {"true", "false"})
    for (const char* state : {"ok", "stuck"}) runners[{endpoint, state}] = 0;
  for (const auto& [name, object] : world_.all(Kind::virtual_machine)) {
    const auto spec = wire::decode_vm_spec(object);
    const auto status = wire::decode_vm_status(object.status);
    if (!spec || !status || status->node.empty() || (!tools_.settings.node.empty() && status->node != tools_.settings.node)) continue;
    const auto scaler = scalers_.find(name);
    const bool scales = scaler != scalers_.end();
    if (scales) ++runners[{object.labels.count(endpoint_label) != 0 ? "true" : "false", scaler->second->stuck() ? "stuck" : "ok"}];
    collect_vm(object, *spec, *status, scales ? scaler->second->unbounded() : std::nullopt, tools_.settings.scaling.compute_unit, out);
  }
  for (const auto& [labels, count] : runners) out.push_back({&families::up_runners, {labels.first, labels.second}, static_cast<double>(count)});
}

std::optional<wire::Explanation> Agent::explain(const std::string& vm) const {
  if (const auto scaler = scalers_.find(vm); scaler != scalers_.end()) return scaler->second->explain();
  const Object* object = world_.find(Kind::virtual_machine, vm);
  const auto spec = object == nullptr ? Result<VmSpec>(Error{Code::not_found, vm}) : wire::decode_vm_spec(*object);
  const auto status = object == nullptr ? Result<VmStatus>(Error{Code::not_found, vm}) : wire::decode_vm_status(object->status);
  if (!spec || !status) return std::nullopt;
  return explanation_by_hand(*object, *spec, *status);
}

wire::AgentState Agent::state() const {
  wire::AgentState state{tools_.settings.node, headroom_ ? headroom_->open() : Resources{}, {}};
  for (const auto& [name, scaler] : scalers_) state.vms.push_back(scaler->explain());
  return state;
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

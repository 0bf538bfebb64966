#include "core/daemon/vm_scaler.hpp"

#include <algorithm>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using runtime::log_info;
using runtime::log_warning;

namespace {

bool moves(const VmStatus& status) {
  return !status.migration.empty() || status.phase == Phase::pre_migrating || status.phase == Phase::migrating;
}

Resources actual_of(const VmStatus& status) { return {status.cpu.actual, status.memory.actual}; }

}  // namespace

VmScaler::VmScaler(const AgentTools& tools, const Object& vm, const VmSpec& spec, const VmStatus& status)
    : tools_(tools), name_(vm.name), uid_(vm.uid), diary_(tools.metrics), counts_(tools.metrics) {
  counts_.started();
  vm_changed(vm, spec, status);
}

VmScaler::~VmScaler() = default;

decide::ScalingBounds VmScaler::bounds() const {
  decide::ScalingBounds bounds{spec_.min(), spec_.max(), spec_.memory.slot_size};
  const std::uint64_t step = std::max<std::uint64_t>(bounds.memory_step.value, 1);
  if (spec_.scaling.bound_min) bounds.min = field_min(field_max(bounds.min, *spec_.scaling.bound_min), bounds.max);
  if (spec_.scaling.bound_max) bounds.max = field_max(field_min(bounds.max, *spec_.scaling.bound_max), bounds.min);
  bounds.min.memory = std::min(round_up(bounds.min.memory, step), spec_.memory.max);
  bounds.max.memory = std::max(round_down(bounds.max.memory, step), bounds.min.memory);
  return bounds;
}

void VmScaler::vm_changed(const Object& vm, const VmSpec& spec, const VmStatus& status) {
  const Instant now = tools_.loop.now();
  spec_ = spec;
  config_ = overlaid(tools_.settings.config, spec.scaling.config);
  adopt_policy();
  adopt_shadows(vm);
  adopt_runner(status);
  status_ = status;
  if (!scaling_) return;
  scaling_->bounds_changed(bounds(), now);
  scaling_->asked_observed(spec.use(), spec.target_revision.value_or(Revision{}), now);
  moves(status) ? scaling_->held_back("a migration is under way", now) : scaling_->let_go(now);
  ask_policy("the VM's object changed");
}

// Another runner is another life, or the same VM elsewhere: permits and consents were the former one's.
void VmScaler::adopt_runner(const VmStatus& status) {
  if (status.runner == runner_ && status.endpoint == endpoint_) return;
  runner_ = status.runner;
  endpoint_ = status.endpoint;
  guest_ = false;
  samples_.clear();
  request_.reset();
  scaling_.emplace(tools_.settings.scaling, bounds(),
                   decide::ScalingStart{spec_.use(), actual_of(status), spec_.target_revision.value_or(Revision{})},
                   tools_.loop.now());
  RunnerLink::Callbacks callbacks;
  callbacks.report = [this](const wire::RunnerReport& report) { reported(report); };
  callbacks.sample = [this](const wire::SamplePush& push) { sampled(push); };
  callbacks.want = [this](const wire::WantPush& push) { wanted(push); };
  callbacks.explain = [this](std::optional<std::uint64_t> newer, std::function<void(std::string)> done) {
    tools_.explained(name_, newer, std::move(done));
  };
  callbacks.lost = [this](const Error&) { link_lost(); };
  RunnerLinkOptions options;
  options.subscribe = true;
  options.credentials = credentials_from(tools_.orchestrator, name_, tools_.settings.call_limit);
  link_ = std::make_unique<RunnerLink>(tools_.loop, endpoint_, options, std::move(callbacks));
  link_->start();
}

void VmScaler::adopt_policy() {
  const Scaling& wish = spec_.scaling;
  if (policy_ && policy_name_ == wish.policy && policy_options_ == wish.policy_options) return;
  if (!policy_ && !problem_.empty() && policy_name_ == wish.policy && policy_options_ == wish.policy_options) return;
  policy_name_ = wish.policy;
  policy_options_ = wish.policy_options;
  auto opened = tools_.open_policy(policy_name_, policy_options_);
  problem_.clear();
  if (opened) {
    policy_ = std::move(*opened);
    return log_info("agent", "policy", {{"vm", name_}, {"policy", policy_name_}});
  }
  policy_.reset();
  problem_ = "policy " + policy_name_ + ": " + opened.error().message;
  log_warning("agent", "a policy cannot be opened; the VM keeps its size", {{"vm", name_}, {"error", problem_}});
}

void VmScaler::reported(const wire::RunnerReport& report) {
  const Instant now = tools_.loop.now();
  const bool runs = report.phase == MachinePhase::running;
  scaling_->actual_observed({report.cpu.actual, report.memory.actual}, report.revision, !report.resizing && runs, now);
  const bool guest = runs && report.guest_connected;
  if (guest != std::exchange(guest_, guest)) guest ? scaling_->guest_connected(now) : scaling_->guest_lost(now);
  note_growth(report);
  if (runs && !report.resizing && report.revision.value != 0)
    diary_.reached(report.revision.value, "applied", to_string(Resources{report.cpu.actual, report.memory.actual}), now);
  act("the VM's size changed");
}

// The runner tells of an order when it has taken it, and of QEMU's slots and memory as they come.
void VmScaler::note_growth(const wire::RunnerReport& report) {
  const wire::ExplainedDecision* of = report.revision.value == 0 ? nullptr : diary_.of(report.revision.value);
  if (of == nullptr || !fits_in(of->asked, of->wish)) return;
  const Instant now = tools_.loop.now();
  const Resources asked{report.cpu.asked, report.memory.asked};
  diary_.reached(report.revision.value, "runner", to_string(asked), now);
  if (report.cpus_present >= asked.cpu.whole_cpus() && report.memory.actual >= asked.memory)
    diary_.reached(report.revision.value, "qemu", to_string(asked), now);
}

void VmScaler::link_lost() {
  if (std::exchange(guest_, false)) scaling_->guest_lost(tools_.loop.now());
  act("the runner does not answer");
}

void VmScaler::sampled(const wire::SamplePush& push) {
  signal_ = tools_.loop.now();
  samples_.add(push.sample, tools_.settings.samples_kept);
  score(push.sample);
  ask_policy(push.event.empty() ? "sample" : "pressure: " + push.event);
}

void VmScaler::wanted(const wire::WantPush& push) {
  const Instant now = tools_.loop.now();
  signal_ = now;
  counts_.guest_wants();
  request_ = GuestRequest{now, push.memory};
  scaling_->memory_wanted({push.memory}, now);
  ask_policy("the guest wants " + (push.memory.value == 0 ? std::string("more memory") : to_string(push.memory)) +
             (push.why.empty() ? "" : ": " + push.why));
}

void VmScaler::ask_policy(const std::string& trigger) {
  if (!policy_ || !scaling_) return act(trigger);
  const Instant now = tools_.loop.now();
  if (request_ && now - request_->at > tools_.settings.scaling.request_valid) request_.reset();
  const bool silent = samples_.empty() || now - samples_.newest().at > tools_.settings.sample_valid;
  const decide::ScalingBounds& bounds = scaling_->bounds();
  PolicyInput input;
  input.vm = uid_;
  input.now = now;
  input.wall_seconds = std::chrono::duration_cast<std::chrono::seconds>(tools_.loop.wall().time_since_epoch()).count();
  if (!silent) input.samples = samples_.all();
  // A share of a CPU is asked of a guest that has whole ones.
  input.using_now = field_min(scaling_->held(), field_max(scaling_->asked(), scaling_->actual()));
  input.min = bounds.min;
  input.max = bounds.max;
  input.compute_unit = tools_.settings.scaling.compute_unit;
  input.config = &config_;
  input.request = request_;
  ask_shadows(input);
  auto goal = policy_->decide(input);
  const std::string before = std::exchange(problem_, goal ? "" : "policy " + policy_name_ + ": " + goal.error().message);
  if (!goal) {
    if (before != problem_) log_warning("agent", "a policy refuses; the VM keeps its size", {{"vm", name_}, {"error", problem_}});
    return act(trigger);
  }
  unbounded_ = goal->wish;
  if (tools_.scaling_news) tools_.scaling_news({name_, true, input.using_now, goal->wish});
  score_.wished(clamp(goal->wish, bounds.min, bounds.max));
  policy_timer_.cancel();
  if (goal->ask_again) policy_timer_ = tools_.loop.after(*goal->ask_again, [this] { ask_policy("the policy asked to be asked again"); });
  scaling_->goal_changed(std::move(*goal), now);
  act(trigger);
}

// Deeds are started until none is due. Answers that come at once are taken in the same way.
void VmScaler::act(const std::string& trigger) {
  if (!scaling_ || runner_.empty()) return;
  act_again_ = true;
  if (std::exchange(acting_, true)) return;
  while (std::exchange(act_again_, false)) {
    counts_.looked();
    const decide::Actions actions = scaling_->next(tools_.loop.now());
    note_decision(actions, trigger);
    act_again_ = start(actions) || act_again_;
    wake_.cancel();
    if (actions.wake_at) wake_ = tools_.loop.at(*actions.wake_at, [this] { act("time"); });
  }
  acting_ = false;
  show();
}

void VmScaler::note_decision(const decide::Actions& actions, const std::string& trigger) {
  const auto& past = diary_.decisions();
  if (!past.empty() && past.back().wish == actions.wish) return;
  if (past.empty() && actions.wish == scaling_->asked()) return;
  wire::ExplainedDecision decision;
  decision.at = tools_.loop.wall();
  decision.trigger = trigger;
  decision.wish = actions.wish;
  decision.asked = scaling_->asked();
  decision.actual = scaling_->actual();
  decision.permit = scaling_->permit();
  decision.consent = scaling_->consent();
  decision.because = actions.because;
  if (!samples_.empty()) decision.sample = samples_.newest();
  diary_.decided(std::move(decision), signal_ == Instant{} ? tools_.loop.now() : signal_, tools_.loop.now());
  log_info("agent", "decided", {{"vm", name_}, {"wish", to_string(actions.wish)}, {"asked", to_string(scaling_->asked())},
                                {"trigger", trigger}, {"because", actions.because.empty() ? "" : actions.because.front().text}});
  tools_.decided(name_);
}

wire::Explanation VmScaler::explain() const {
  wire::Explanation all;
  all.vm = name_;
  all.runner = runner_;
  all.node = status_.node;
  all.policy = policy_name_;
  all.problem = problem_;
  all.guest_connected = guest_;
  all.min = spec_.min();
  all.max = spec_.max();
  all.asked = spec_.use();
  all.actual = actual_of(status_);
  all.wish = spec_.use();
  if (scaling_) {
    const Instant now = tools_.loop.now();
    const decide::Actions actions = scaling_->next(now);
    all.min = scaling_->bounds().min;
    all.max = scaling_->bounds().max;
    all.asked = scaling_->asked();
    all.actual = scaling_->actual();
    all.wish = actions.wish;
    all.permit = scaling_->permit();
    all.consent = scaling_->consent();
    all.because = actions.because;
    if (actions.wake_at) all.looks_again = std::max(*actions.wake_at - now, Duration::zero());
  }
  explain_otherwise(all);
  explain_policies(all);
  all.decisions.assign(diary_.decisions().begin(), diary_.decisions().end());
  return all;
}

VmScaler::Gauges::Gauges(runtime::MetricsRegistry& metrics, const std::string& vm, const char* what)
    : cpus(metrics.gauge(families::vm_cpus, {vm, what})), memory(metrics.gauge(families::vm_memory, {vm, what})) {}

void VmScaler::Gauges::set(const Resources& size) const {
  cpus.set(size.cpu.cpus());
  memory.set(static_cast<double>(size.memory.value));
}

void VmScaler::show() {
  const auto set = [this](std::optional<Gauges>& gauges, const char* what, const Resources& size) {
    if (!gauges) gauges.emplace(tools_.metrics, name_, what);
    gauges->set(size);
  };
  set(shown_wish_, "wish", scaling_->wish(tools_.loop.now()));
  set(shown_asked_, "asked", scaling_->asked());
  set(shown_actual_, "actual", scaling_->actual());
  if (scaling_->permit()) set(shown_permit_, "permit", *scaling_->permit());
  if (!shown_problem_) shown_problem_ = tools_.metrics.gauge(families::vm_policy_problem, {name_});
  shown_problem_->set(problem_.empty() ? 0 : 1);
}

}  // namespace neonvm::daemon

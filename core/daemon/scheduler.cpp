#include "core/daemon/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/model/pod_layout.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/overcommit.hpp"

namespace neonvm::daemon {
namespace {

constexpr const char* rebuilding = "the scheduler's books are being rebuilt";

const char* http_code(const Result<wire::PermitResponse>& answer) {
  if (answer) return "200";
  switch (answer.error().code) {
    case Code::invalid_argument: return "400";
    case Code::not_found: return "404";
    case Code::unavailable: return "503";
    default: return "500";
  }
}

bool usable(const Resources& r) { return r.cpu.value != 0 && r.memory.value != 0; }

}  // namespace

Scheduler::Scheduler(runtime::Loop& loop, Orchestrator& orchestrator, World& world, runtime::MetricsRegistry& metrics,
                     SchedulerSettings settings)
    : loop_(loop), orchestrator_(orchestrator), world_(world), metrics_(metrics), settings_(settings), not_ready_(rebuilding),
      ledger_(settings.leases, settings.epoch), view_(settings.vmm_counts) {
  collected_ = metrics_.at_scrape([this](std::vector<runtime::MetricSample>& out) {
    out.push_back({&families::scheduler_ready, {}, ready_ ? 1.0 : 0.0});
    for (const auto& [node, why] : pinned_) out.push_back({&families::node_pinned, {node}, 1});
  });
}

// Upstream's agents name a pod and its namespace apart; where names are qualified a runner has both in one.
const decide::Ledger::Entry* Scheduler::booked(const wire::PermitRequest& request) const {
  const decide::Ledger::Entry* booking = ledger_.find(request.runner);
  return booking != nullptr ? booking : ledger_.find(request.ns + "/" + request.runner);
}

Result<wire::PermitResponse> Scheduler::permit(const wire::PermitRequest& request) {
  if (request.version != wire::permit_protocol_version)
    return Error{Code::invalid_argument, "protocol version mismatch: want " +
                                             std::to_string(wire::permit_protocol_version) + ", got " +
                                             std::to_string(request.version)};
  if (!usable(request.compute_unit)) return Error{Code::invalid_argument, "computeUnit fields must be non-zero"};
  if (!ready_) return Error{Code::unavailable, not_ready_};
  const decide::Ledger::Entry* booking = booked(request);
  if (booking == nullptr) return Error{Code::not_found, "runner not found: " + request.runner};
  if (booking->vm.starts_with(no_vm)) return Error{Code::invalid_argument, "pod is not associated with a VM: " + booking->holder};
  const std::string vm = booking->vm;
  const auto grant = ledger_.ask(*booking, request.wanted, request.compute_unit, request.last_permit, loop_.now(), request.asked);
  if (!grant.why.empty())
    runtime::log_info("scheduler", "less than asked", {{"runner", request.runner}, {"asked", to_string(request.wanted)},
                                                       {"permit", to_string(grant.permit)}, {"why", grant.why}});
  something_changed();
  const SeenVm* seen = view_.vm(vm);
  return wire::PermitResponse{grant.permit, seen != nullptr && view_.moving(seen->name) != nullptr};
}

void Scheduler::ask(const wire::PermitRequest& request, Answered done) {
  auto answer = permit(request);
  metrics_.counter(families::up_permit_requests, {http_code(answer)}).add();
  const decide::Booking* booking = booked(request);
  metrics_.counter(families::up_permit_results, {http_code(answer), booking != nullptr ? booking->node : "<none>"}).add();
  loop_.post([weak = std::weak_ptr(alive_), done = std::move(done), answer = std::move(answer)]() mutable {
    if (!weak.expired()) done(std::move(answer));
  });
}

Result<HeadroomAnswer> Scheduler::lease(HeadroomRequest request) {
  if (!ready_) return Error{Code::unavailable, not_ready_};
  // Where names are qualified, and the agent looks at one namespace.
  for (HeldLease& held : request.held)
    for (HeadroomSpend& spend : held.spent)
      if (ledger_.find(spend.holder) == nullptr && spend.holder.find('/') == std::string::npos) spend.holder.insert(0, "default/");
  auto answer = ledger_.headroom_asked(request, loop_.now());
  if (answer) something_changed();
  return answer;
}

void Scheduler::lend(const HeadroomRequest& request, Lent done) {
  loop_.post([weak = std::weak_ptr(alive_), done = std::move(done), answer = lease(request)]() mutable {
    if (!weak.expired()) done(std::move(answer));
  });
}

Result<decide::Booking> Scheduler::wanted_booking(const PlacementAsk& ask, bool target) const {
  const auto spec = wire::decode_vm_spec(ask.vm);
  if (!spec) return spec.error().at(ask.vm.name);
  decide::Booking wanted;
  wanted.holder = ask.runner;
  wanted.vm = ask.vm.uid;
  wanted.granted = spec->use();
  // One that cannot be read counts as none; the view has said so.
  if (const auto overcommit = wire::decode_overcommit(ask.vm.spec)) wanted.overcommit = *overcommit;
  if (settings_.vmm_counts) wanted.overhead.memory = pod::vmm_memory(spec->memory.max);
  // A target needs what its source holds, which may be more, or less, than what is asked.
  if (target) {
    const auto sources = ledger_.of_vm(ask.vm.uid);
    if (!sources.empty()) wanted.granted = {};
    for (const decide::Booking& source : sources) wanted.granted = field_max(wanted.granted, reserved(source));
  }
  return wanted;
}

Result<std::string> Scheduler::choose(const PlacementAsk& ask, bool target) {
  if (!ready_) return Error{Code::unavailable, not_ready_};
  if (const decide::Booking* same = ledger_.find(ask.runner)) return same->node;
  auto wanted = wanted_booking(ask, target);
  if (!wanted) return wanted.error();
  const auto spec = wire::decode_vm_spec(ask.vm);
  const decide::PlacementWish wish{taken(*wanted), spec->node_selector, ask.node, ask.away_from};
  (void)ledger_.time_passed(loop_.now());
  auto node = decide::choose_node(decide::views_of(ledger_), wish, settings_.score);
  if (!node) {
    somebody_waits_ = somebody_waits_ || node.error().code == Code::out_of_capacity || node.error().code == Code::refused;
    return node.error();
  }
  wanted->node = *node;
  if (auto booked = ledger_.reserve(*wanted); !booked) return booked.error();
  unseen_until_[ask.runner] = loop_.now() + settings_.start_within;
  runtime::log_info("scheduler", target ? "place reserved for a migration" : "placed",
                    {{"vm", ask.vm.name}, {"runner", ask.runner}, {"node", *node}, {"size", to_string(wanted->granted)}});
  something_changed();
  return node;
}

void Scheduler::answer_later(Placed done, Result<std::string> answer) {
  loop_.post([weak = std::weak_ptr(alive_), done = std::move(done), answer = std::move(answer)]() mutable {
    if (!weak.expired()) done(std::move(answer));
  });
}

void Scheduler::place(const PlacementAsk& ask, Placed done) { answer_later(std::move(done), choose(ask, false)); }
void Scheduler::reserve_target(const PlacementAsk& ask, Placed done) { answer_later(std::move(done), choose(ask, true)); }

void Scheduler::release(const std::string& runner) {
  unseen_until_.erase(runner);
  const SeenRunner* seen = view_.runner(runner);
  if (view_.has_neighbour(runner) || (seen != nullptr && !seen->node.empty() && view_.holds(*seen))) return;
  ledger_.released(runner);
  something_changed();
}

void Scheduler::on_room(std::function<void()> listener) { on_room_ = std::move(listener); }

// Many changes come together; what follows from them is done once, afterwards.
void Scheduler::something_changed() {
  if (std::exchange(change_pending_, true)) return;
  const Instant due = settled_ + settings_.settle;
  if (settings_.settle > Duration::zero() && loop_.now() < due) {
    settle_timer_ = loop_.at(due, [this] { settle(); });
    return;
  }
  loop_.post([this, weak = std::weak_ptr(alive_)] {
    if (!weak.expired()) settle();
  });
}

void Scheduler::settle() {
  change_pending_ = false;
  settled_ = loop_.now();
  drop_unseen();
  look_at_changed_nodes();
  tell_news();
  plan_moves();
}

void Scheduler::look_at_changed_nodes() {
  bool more = false;
  for (const std::string& name : ledger_.take_changed()) {
    const auto node = ledger_.nodes().find(name);
    if (node == ledger_.nodes().end()) continue;
    const decide::NodeTotals totals = ledger_.totals(name);
    const Resources free = node->second.schedulable && !totals.full ? totals.free() : Resources{};
    Resources& before = free_before_[name];
    more = more || exceeds_somewhere(free, before);
    before = free;
    if (settings_.show_room) news_.room_is(name, free, totals.capacity, loop_.now());
    show_books(name, totals);
  }
  if (more && std::exchange(somebody_waits_, false) && on_room_) on_room_();
}

void Scheduler::show_books(const std::string& node, const decide::NodeTotals& t) {
  const std::pair<const char*, Resources> fields[] = {{"Total", t.capacity}, {"Reserved", t.reserved},
                                                      {"Committed", t.reserved}, {"Migrating", t.leaving},
                                                      {"Watermark", t.watermark}};
  for (const auto& [field, r] : fields) {
    metrics_.gauge(families::up_node_cpu, {node, field}).set(r.cpu.cpus());
    metrics_.gauge(families::up_node_memory, {node, field}).set(static_cast<double>(r.memory.value));
  }
}

}  // namespace neonvm::daemon

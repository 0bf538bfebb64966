// The runner's way to a size: decide/resize says what is next, here it is done.
#include "core/daemon/runner.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using decide::ResizeDeed;
using decide::ResizeOrder;
using runtime::log_debug;
using runtime::log_info;
using runtime::log_warning;

namespace {

constexpr Duration memory_first_poll = std::chrono::milliseconds(20);
constexpr Duration memory_max_poll = std::chrono::milliseconds(500);
// What a guest holds changes with each sample, and each change of the report is written down somewhere.
constexpr Duration held_again = std::chrono::seconds(30);
// A cache that fills again at once is not worth being emptied all the time.
constexpr Duration drop_again = std::chrono::seconds(30);

decide::Attempt& attempt_of(decide::ResizeFacts& facts, ResizeDeed deed) {
  switch (deed) {
    case ResizeDeed::want_memory: return facts.memory;
    case ResizeDeed::set_slots: return facts.fill;
    case ResizeDeed::set_online: return facts.online;
  }
  return facts.memory;
}

std::uint64_t wish_of(const ResizeOrder& order) {
  return order.deed == ResizeDeed::want_memory ? order.memory.value : order.cpus;
}

// Only a limit that is in the way counts: what the guest could still take beyond its wish is nobody's news.
void limit(decide::ResizeFacts& facts, const std::optional<MemoryPlan>& plan) {
  facts.memory_most.reset();
  facts.memory_most_why.clear();
  facts.memory_least.reset();
  if (plan && plan->least > facts.asked.memory) {
    facts.memory_least = plan->least;
    // Whoever asked for less may be answered before the guest's next sample.
    if (facts.memory_held.empty()) facts.memory_held = decide::in_words(plan->held);
  }
  if (!plan || plan->most >= facts.asked.memory) return;
  facts.memory_most = plan->most;
  facts.memory_most_why = plan->most_why;
}

}  // namespace

bool Runner::migrating() const {
  const MigrationState state = report_.migration.state;
  return state == MigrationState::setup || state == MigrationState::active || state == MigrationState::switching ||
         report_.phase == MachinePhase::incoming;
}

void Runner::resize(const wire::Resize& order, const Answer& answer) {
  const Bytes most = decide::total_for(shape_, shape_.pluggable_memory);
  wire::RunnerReply reply;
  if (order.size.cpu.whole_cpus() > shape_.max_cpus || order.size.cpu.value == 0 || order.size.memory > most) {
    reply.code = Code::invalid_argument;
    reply.why = to_string(order.size) + " is outside of what this VM was started with: up to " +
                std::to_string(shape_.max_cpus) + " CPU and " + to_string(most);
    return answer(reply);
  }
  reply.ok = true;
  answer(reply);
  size_known_ = true;
  if (order.revision.value != 0) report_.revision = order.revision;
  if (facts_.asked != order.size) {
    log_info("runner", "resize", {{"vm", report_.vm}, {"from", to_string(facts_.asked)}, {"to", to_string(order.size)},
                                  {"rev", std::to_string(order.revision.value)}});
  }
  facts_.asked = order.size;
  // Not with the next sample: a guest in which slab has what page structs need is dead by then.
  limit(facts_, memory_plan_);
  make_room();
  drive();
}

void Runner::drive() {
  if (ended_ || !hold_) return;
  facts_.migrating = migrating();
  const decide::ResizePlan plan = decide::plan_resize(shape_, facts_, loop_.now());
  report_.cpu = plan.cpu;
  report_.memory = plan.memory;
  report_.resizing = !plan.settled();
  resize_timer_.cancel();
  if (plan.look_again) resize_timer_ = loop_.at(*plan.look_again, [this] { drive(); });
  for (const ResizeOrder& order : plan.orders) do_order(order);
  keep_quota();
  changed();
}

void Runner::do_order(const ResizeOrder& order) {
  decide::Attempt& attempt = attempt_of(facts_, order.deed);
  attempt = decide::ordered(attempt, wish_of(order));
  log_debug("runner", to_string(order.deed), {{"vm", report_.vm}, {"because", order.because.text},
                                               {"rev", std::to_string(report_.revision.value)}});
  const auto failure_of = [](const Status& status) {
    return status ? std::optional<std::string>() : std::optional<std::string>(status.error().message);
  };
  switch (order.deed) {
    case ResizeDeed::want_memory:
      hold_->command(settings_.command_limit,
                     [order](Machine& machine, Deadline deadline) { return machine.want_memory(order.memory, deadline); },
                     [this, order, failure_of](const Status& status) {
                       if (status) note_memory(facts_.plugged, order.memory);
                       memory_poll_ = memory_first_poll;
                       order_answered(order, failure_of(status));
                       if (status) follow_memory();
                     });
      return;
    case ResizeDeed::set_slots:
      hold_->command(settings_.command_limit,
                     [order](Machine& machine, Deadline deadline) { return machine.set_cpus(order.cpus, deadline); },
                     [this, order](const Result<CpuState>& state) {
                       if (state) facts_.slots_filled = state->actual.whole_cpus();
                       look_at_slots();
                       if (!state) return order_answered(order, state.error().message);
                       if (state->actual.whole_cpus() == order.cpus) return order_answered(order, std::nullopt);
                       order_answered(order, state->why.empty() ? "a CPU slot did not follow" : state->why);
                     });
      return;
    case ResizeDeed::set_online: {
      wire::SetCpus wish;
      wish.count = order.cpus;
      wish.revision = report_.revision;
      guest_->request(wish, settings_.guest_limit, [this, order](const Result<wire::Reply>& reply) {
        if (ended_) return;
        if (!reply) return order_answered(order, reply.error().message);
        if (reply->cpus_online) note_online(*reply->cpus_online);
        order_answered(order, reply->ok ? std::nullopt : std::optional<std::string>(reply->why));
      });
      return;
    }
  }
}

void Runner::order_answered(const ResizeOrder& order, const std::optional<std::string>& failure) {
  decide::Attempt& attempt = attempt_of(facts_, order.deed);
  attempt = decide::answered(attempt, wish_of(order), failure, loop_.now());
  if (failure) log_warning("runner", to_string(order.deed), {{"vm", report_.vm}, {"refused", *failure}});
  drive();
}

// Which slots are filled, not only how many, is what the target of a migration must match.
void Runner::look_at_slots() {
  hold_->command(settings_.command_limit, [](Machine& machine, Deadline deadline) { return machine.inspect(deadline); },
                 [this](const Result<MachineState>& state) {
                   if (state) note_slots(*state);
                 });
}

void Runner::note_slots(const MachineState& state) {
  facts_.slots_filled = report_.cpus_present = state.cpus_present;
  report_.cpu_slots = state.cpu_slots;
  changed();
}

void Runner::note_online(std::uint32_t online) {
  if (online == 0 || facts_.cpus_online == online) return;
  facts_.cpus_online = online;
  drive();
}

void Runner::note_memory(Bytes plugged, Bytes wish) {
  // A wish that was just made has not stood still yet: who waits for it must not hear that it came to nothing.
  if (plugged != facts_.plugged || wish != facts_.plugged_wish) facts_.memory_moving = true;
  facts_.plugged = plugged;
  facts_.plugged_wish = wish;
  if (plugged == wish) facts_.memory_why.clear();
  if (plugged != wish) follow_memory();
}

// QEMU tells of virtio-mem's steps at most once a second, and so perhaps not of the last one for a second: asking at
// short, growing distances until it has settled is how its arrival is seen when it happens.
void Runner::follow_memory() {
  if (ended_ || !hold_ || memory_asked_ || migrating()) return;
  memory_asked_ = true;
  hold_->command(settings_.command_limit,
                 [quiet = settings_.memory_quiet](Machine& machine, Deadline deadline) {
                   return machine.memory(quiet, deadline);
                 },
                 [this](const Result<MemoryState>& state) { memory_stands(state); });
}

void Runner::memory_stands(const Result<MemoryState>& state) {
  memory_asked_ = false;
  if (ended_) return;
  bool settled = false;
  if (!state) {
    log_warning("runner", "cannot ask where the memory stands", {{"error", state.error().message}});
  } else {
    settled = state->settled;
    facts_.plugged = state->actual;
    facts_.plugged_wish = state->asked;
    facts_.memory_moving = !state->settled;
    facts_.memory_why = state->why;
    drive();
  }
  if (settled) return;
  memory_timer_ = loop_.after(std::max(memory_poll_, memory_first_poll), [this] { follow_memory(); });
  memory_poll_ = std::min(std::max(memory_poll_ * 2, memory_first_poll), memory_max_poll);
}

void Runner::make_room() {
  if (!facts_.memory_most || !decide::worth_dropping(*memory_plan_, slab_kept_) || loop_.now() < next_drop_) return;
  next_drop_ = loop_.now() + drop_again;
  log_info("runner", "the guest drops its slab", {{"vm", report_.vm}, {"up to", to_string(memory_plan_->droppable)}});
  guest_->request(wire::DropSlab{}, settings_.guest_limit, [this](const Result<wire::Reply>& reply) {
    slab_dropped_ = true;
    const std::string why = !reply ? reply.error().message : reply->ok ? "" : reply->why;
    if (!why.empty()) log_warning("runner", "the guest did not drop its slab", {{"vm", report_.vm}, {"why", why}});
  });
}

void Runner::plan_memory(const GuestSample& sample) {
  memory_plan_ = decide::plan_memory(shape_, facts_.plugged, sample);
  if (slab_dropped_ && memory_plan_) {
    slab_kept_ = memory_plan_->droppable;
    slab_dropped_ = false;
  }
  const std::optional<Bytes> before = facts_.memory_most;
  const std::optional<Bytes> least_before = facts_.memory_least;
  limit(facts_, memory_plan_);
  make_room();
  const bool stuck = facts_.plugged > facts_.plugged_wish || facts_.memory_least;
  const bool tell = memory_plan_ && stuck && (facts_.memory_held.empty() || loop_.now() >= held_told_ + held_again);
  if (!stuck) facts_.memory_held.clear();
  if (tell) {
    facts_.memory_held = decide::in_words(memory_plan_->held);
    held_told_ = loop_.now();
  }
  if (!tell && before == facts_.memory_most && least_before == facts_.memory_least) return;
  if (facts_.memory_most && !before) {
    log_warning("runner", "growth is limited", {{"vm", report_.vm}, {"to", to_string(*facts_.memory_most)}, {"why", facts_.memory_most_why}});
  }
  drive();
}

}  // namespace neonvm::daemon

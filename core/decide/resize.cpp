#include "core/decide/resize.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

Duration retry_delay(std::uint32_t failures) {
  Duration delay = resize_retry_first;
  for (std::uint32_t i = 1; i < failures && delay < resize_retry_cap; ++i) delay *= 2;
  return std::min(delay, resize_retry_cap);
}

// Why nothing may be ordered now; empty when it may.
std::string held_back(const ResizeFacts& facts) {
  if (facts.migrating) return "a migration is under way";
  if (facts.phase != MachinePhase::running) return std::string("the machine is ") + to_string(facts.phase);
  return {};
}

enum class Turn { now, later, open };

// Whether an order for `wish` may go out now, given what became of the last one.
Turn turn_of(const Attempt& attempt, std::uint64_t wish, Instant now, std::optional<Instant>& look_again) {
  if (attempt.open) return Turn::open;
  if (attempt.wish != wish || attempt.failures == 0) return Turn::now;
  const Instant due = attempt.answered + retry_delay(attempt.failures);
  if (due <= now) return Turn::now;
  if (!look_again || due < *look_again) look_again = due;
  return Turn::later;
}

// The same wish, refused before: the reason to show while it is tried again.
std::string refusal(const Attempt& attempt, std::uint64_t wish) {
  return attempt.wish == wish && attempt.failures > 0 ? attempt.why : std::string();
}

std::uint32_t slots_for(const MachineShape& shape, const ResizeFacts& facts, std::uint32_t cpus) {
  if (shape.cpu_mode == CpuScalingMode::sysfs) return facts.slots_filled;
  if (!shape.slots_can_empty) return std::max(cpus, facts.slots_filled);
  return std::max(cpus, shape.boot_cpus);
}

class Planner {
 public:
  Planner(const MachineShape& shape, const ResizeFacts& facts, Instant now) : shape_(shape), facts_(facts), now_(now) {}

  ResizePlan plan() {
    held_ = held_back(facts_);
    plan_cpus();
    plan_memory();
    return std::move(plan_);
  }

 private:
  void plan_cpus() {
    const std::uint32_t wanted = cpus_for(shape_, facts_.asked.cpu);
    const std::uint32_t slots = slots_for(shape_, facts_, wanted);
    const std::uint32_t actual = facts_.guest_connected || shape_.cpu_mode == CpuScalingMode::sysfs
                                     ? std::min(facts_.cpus_online, facts_.slots_filled)
                                     : facts_.slots_filled;
    plan_.cpu.asked = facts_.asked.cpu;
    plan_.cpu.actual = actual == wanted ? facts_.asked.cpu : MilliCpu{actual * 1000};
    const bool slots_right = facts_.slots_filled == slots;
    if (slots_right && actual == wanted) return;
    if (!held_.empty()) {
      plan_.cpu = {plan_.cpu.asked, plan_.cpu.actual, false, held_};
      return;
    }
    if (!slots_right) order_slots(slots);
    order_online(std::min(wanted, std::max(facts_.slots_filled, std::uint32_t{1})), actual);
  }

  void order_slots(std::uint32_t slots) {
    const bool grow = slots > facts_.slots_filled;
    order(facts_.fill, plan_.cpu, {ResizeDeed::set_slots, slots, {}, {grow ? "cpu.fill" : "cpu.empty",
          std::to_string(facts_.slots_filled) + " slots filled, " + std::to_string(slots) + " wanted"}}, slots);
  }

  void order_online(std::uint32_t wanted, std::uint32_t actual) {
    if (facts_.guest_connected) {
      if (facts_.cpus_online == wanted) return;
      order(facts_.online, plan_.cpu, {ResizeDeed::set_online, wanted, {}, {"cpu.online",
            std::to_string(facts_.cpus_online) + " CPUs online, " + std::to_string(wanted) + " wanted"}}, wanted);
      return;
    }
    const bool only_the_guest_can = shape_.cpu_mode == CpuScalingMode::sysfs || !shape_.slots_can_empty;
    if (only_the_guest_can && actual != wanted)
      add_why(plan_.cpu.why, "CPUs are switched in the guest, and no monitor answers there");
  }

  void plan_memory() {
    const Bytes wanted = pluggable_for(shape_, facts_.asked.memory);
    const Bytes wish = within_reach(wanted);
    plan_.memory.asked = facts_.asked.memory;
    plan_.memory.actual = total_for(shape_, facts_.plugged);
    plan_.memory.why = wish == wanted ? out_of_reach(total_for(shape_, wish)) : wish < wanted ? facts_.memory_most_why : held_up(wish);
    if (facts_.plugged == wish && facts_.plugged_wish == wish) {
      // Rounding up to a block is not a difference that anybody needs to hear of.
      if (plan_.memory.why.empty()) plan_.memory.actual = facts_.asked.memory;
      return;
    }
    if (!held_.empty()) {
      plan_.memory = {plan_.memory.asked, plan_.memory.actual, false, held_};
      return;
    }
    if (facts_.plugged_wish != wish) {
      order(facts_.memory, plan_.memory, {ResizeDeed::want_memory, 0, wish, {"memory.wish",
            to_string(facts_.plugged_wish) + " wished, " + to_string(wish) + " wanted"}}, wish.value);
      return;
    }
    // The guest's driver goes on trying by itself: there is nothing to repeat, only to tell.
    plan_.memory.settled = !facts_.memory_moving;
    if (!plan_.memory.settled) return;
    add_why(plan_.memory.why, facts_.memory_why.empty() ? slow_memory() : facts_.memory_why);
    if (facts_.plugged > wish && !facts_.memory_held.empty()) add_why(plan_.memory.why, "the guest holds " + facts_.memory_held);
  }

  // What is there already, or was wished, is no growth; and a shrink that stops gives nothing back.
  Bytes within_reach(Bytes wanted) const {
    const std::uint64_t block = std::max<std::uint64_t>(shape_.memory_block.value, 1);
    if (facts_.memory_most) wanted = std::min(wanted, std::max(round_down(*facts_.memory_most - shape_.base_memory, block), facts_.plugged));
    if (facts_.memory_least) wanted = std::max(wanted, std::min(round_up(*facts_.memory_least - shape_.base_memory, block), facts_.plugged));
    return wanted;
  }

  std::string held_up(Bytes wish) const {
    std::string why = "the guest has more in use: it stays at " + to_string(total_for(shape_, wish)) + " until it gives some up";
    if (!facts_.memory_held.empty()) add_why(why, "the guest holds " + facts_.memory_held);
    return why;
  }

  // Why this machine can never have exactly what was asked; empty when it can, to the block.
  std::string out_of_reach(Bytes reachable) const {
    if (reachable < facts_.asked.memory) return "this machine was started with " + to_string(reachable) + " at most";
    if ((reachable - facts_.asked.memory) >= shape_.memory_block)
      return to_string(shape_.base_memory) + " are fixed at power-on";
    return {};
  }

  std::string slow_memory() const {
    return to_string(facts_.plugged_wish) + " wished, " + to_string(facts_.plugged) + " plugged" +
           (facts_.plugged > facts_.plugged_wish ? ": the rest is in use in the guest" : "");
  }

  template <typename State>
  void order(const Attempt& attempt, State& state, ResizeOrder what, std::uint64_t wish) {
    const Turn turn = turn_of(attempt, wish, now_, plan_.look_again);
    add_why(state.why, refusal(attempt, wish));
    if (turn == Turn::now) plan_.orders.push_back(std::move(what));
    // A wish that was refused counts as settled while it is repeated: its end is not in sight.
    if (refusal(attempt, wish).empty()) state.settled = false;
  }

  static void add_why(std::string& why, const std::string& more) {
    if (!more.empty()) why += (why.empty() ? "" : "; ") + more;
  }

  const MachineShape& shape_;
  const ResizeFacts& facts_;
  const Instant now_;
  std::string held_;
  ResizePlan plan_;
};

}  // namespace

MachineShape shape_of(const MachineSpec& spec, const std::string& accelerator) {
  MachineShape shape;
  shape.cpu_mode = spec.cpu_mode;
  shape.max_cpus = spec.max_cpus;
  shape.boot_cpus = spec.boot_cpus;
  shape.slots_can_empty = accelerator != "tcg";
  shape.base_memory = spec.base_memory;
  shape.pluggable_memory = spec.pluggable_memory;
  shape.memory_block = spec.memory_block;
  // Without a kernel of ours nothing is known of its command line.
  shape.movable_ratio = Onlining::of_cmdline(spec.cmdline, spec.kernel.empty() ? Onlining::all_movable() : our_onlining).movable_ratio;
  return shape;
}

std::uint32_t cpus_for(const MachineShape& shape, MilliCpu asked) {
  return std::clamp(asked.whole_cpus(), std::uint32_t{1}, std::max(shape.max_cpus, std::uint32_t{1}));
}

Bytes pluggable_for(const MachineShape& shape, Bytes total) {
  const std::uint64_t block = std::max<std::uint64_t>(shape.memory_block.value, 1);
  const Bytes limit = round_down(shape.pluggable_memory, block);
  return round_up(std::min(total - shape.base_memory, limit), block);
}

Bytes total_for(const MachineShape& shape, Bytes plugged) { return shape.base_memory + plugged; }

Attempt ordered(Attempt attempt, std::uint64_t wish) {
  if (attempt.wish != wish) attempt = Attempt{};
  attempt.open = true;
  attempt.wish = wish;
  return attempt;
}

Attempt answered(Attempt attempt, std::uint64_t wish, const std::optional<std::string>& failure, Instant now) {
  if (!attempt.open || attempt.wish != wish) return attempt;
  attempt.open = false;
  attempt.answered = now;
  attempt.failures = failure ? attempt.failures + 1 : 0;
  attempt.why = failure.value_or("");
  return attempt;
}

const char* to_string(ResizeDeed deed) {
  switch (deed) {
    case ResizeDeed::want_memory: return "want memory";
    case ResizeDeed::set_slots: return "set slots";
    case ResizeDeed::set_online: return "set online";
  }
  return "?";
}

ResizePlan plan_resize(const MachineShape& shape, const ResizeFacts& facts, Instant now) {
  return Planner(shape, facts, now).plan();
}

}  // namespace neonvm::decide

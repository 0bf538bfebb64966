#include "guest/cpu_online.hpp"

#include "core/runtime/log.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* room = "cpus";
// A worker that the kernel holds is lost until it returns; the others are needed for files.
constexpr std::size_t most_stuck = 2;

std::string name_of(const CpuStep& step) { return "cpu" + std::to_string(step.cpu) + (step.on ? " on" : " off"); }

}  // namespace

CpuOnline::CpuOnline(runtime::Loop& loop, CpuTree tree, CpuPatience patience, Switch switch_cpu)
    : loop_(loop),
      tree_(std::move(tree)),
      patience_(patience),
      switch_(std::move(switch_cpu)),
      self_(std::make_shared<CpuOnline*>(this)) {
  if (!switch_) switch_ = [own = tree_](std::uint32_t cpu, bool on) { return own.switch_cpu(cpu, on); };
}

void CpuOnline::want(std::uint32_t count, Done done) {
  if (wish_) answer("superseded by a wish for " + std::to_string(count));
  wish_ = Wish{count, std::move(done), {}, {}, {}};
  if (count == 0) return answer("a guest keeps CPU 0: ask for 1 or more");
  wish_->give_up = loop_.after(patience_.give_up, [this] {
    // A CPU runs before its switch has returned.
    answer(counts().first == wish_->count ? "" : "the kernel has not finished switching");
  });
  for (const auto& [cpu, timer] : busy_) {
    if (!timer.pending()) leave_out(cpu, "is stuck in an earlier switch");
  }
  step();
}

void CpuOnline::appeared(std::uint32_t cpu) {
  appeared_.insert(cpu);
  step();
}

std::pair<std::uint32_t, std::uint32_t> CpuOnline::counts() const {
  const auto map = tree_.read();
  if (!map) return {0, 0};
  const auto online = static_cast<std::uint32_t>(map->online.size());
  return {online, online + static_cast<std::uint32_t>(map->offline.size())};
}

// The kernel switches one CPU at a time (cpu_hotplug_lock), so at most one switch runs that is not stuck.
void CpuOnline::step() {
  std::size_t stuck_ones = 0;
  for (const auto& [cpu, timer] : busy_) {
    if (timer.pending()) return;
    ++stuck_ones;
  }
  if (!appeared_.empty() && stuck_ones < most_stuck) {
    const std::uint32_t cpu = *appeared_.begin();
    appeared_.erase(appeared_.begin());
    if (!busy_.contains(cpu)) return start({cpu, true});
  }
  if (!wish_) return;
  const auto map = tree_.read();
  if (!map) return answer(map.error().message);
  if (map->online.size() == wish_->count) return answer("");
  const auto next = next_step(*map, wish_->count, wish_->given_up);
  if (!next || stuck_ones >= most_stuck) return answer(shortfall(*map));
  start(*next);
}

void CpuOnline::start(const CpuStep& step) {
  busy_[step.cpu] = loop_.after(patience_.one_cpu, [this, step] { stuck(step); });
  std::weak_ptr<CpuOnline*> self = self_;
  loop_.off_loop([turn = switch_, step] { return turn(step.cpu, step.on); },
                 [self, step](const Status& status) {
                   if (const auto alive = self.lock()) (*alive)->ended(step, status);
                 });
}

void CpuOnline::ended(const CpuStep& done, const Status& status) {
  busy_.erase(done.cpu);
  if (!status) {
    runtime::log_warning(room, "switch refused", {{"cpu", name_of(done)}, {"why", status.error().message}});
    leave_out(done.cpu, status.error().message);
  }
  step();
}

void CpuOnline::stuck(const CpuStep& late) {
  runtime::log_warning(room, "switch does not come back", {{"cpu", name_of(late)}});
  leave_out(late.cpu, "has not switched in time");
  step();
}

void CpuOnline::leave_out(std::uint32_t cpu, const std::string& why) {
  if (!wish_ || !wish_->given_up.insert(cpu).second) return;
  if (!wish_->reasons.empty()) wish_->reasons += "; ";
  wish_->reasons += "cpu" + std::to_string(cpu) + ": " + why;
}

std::string CpuOnline::shortfall(const CpuMap& map) const {
  const std::size_t present = map.online.size() + map.offline.size();
  if (wish_->reasons.empty() && present < wish_->count) return "only " + std::to_string(present) + " CPUs are present";
  return wish_->reasons.empty() ? "no CPU is left to switch" : wish_->reasons;
}

void CpuOnline::answer(const std::string& why) {
  const Wish wish = std::move(*wish_);
  wish_.reset();
  wish.done(CpuOutcome{why.empty(), counts().first, why});
}

}  // namespace neonvm::guest

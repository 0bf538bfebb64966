// The world in which faults happen.
#include <algorithm>

#include "core/simulate/faults.hpp"
#include "core/simulate/laws.hpp"
#include "core/simulate/random.hpp"

namespace neonvm::simulate {
namespace {

constexpr Duration most_late = std::chrono::seconds(8);   // below any deadline of a deed

class FaultyWorld final : public World, public Mischief {
 public:
  FaultyWorld(ClusterPlan plan, Settings settings, SourceFactory sources, PolicyFactory policies, std::vector<Fault> faults,
              std::uint64_t seed)
      : World(std::move(plan), std::move(settings), std::move(sources), std::move(policies)), faults_(std::move(faults)), seed_(seed) {}

  [[nodiscard]] const std::optional<Broken>& broken() const { return broken_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

 protected:
  bool lockstep() const override { return true; }
  void placed(SimulatedVm& vm) override { vm.set_mischief(this); }

  void before_run(Instant from, Instant until) override {
    std::erase_if(active_, [&](const Fault& f) { return ends(f) <= from; });
    for (; next_ < faults_.size() && at_trace_second(faults_[next_].at) < until; ++next_) begin(faults_[next_], from);
    for (auto& node : nodes_) {
      for (const auto& vm : node->vms()) {
        if (!has(FaultKind::guest_away, vm->index())) vm->guest_back(from);
        if (!has(FaultKind::clock_jump, vm->index())) vm->set_wall_offset(0);
      }
    }
  }

  Fate fate(const SimulatedVm& vm, Message message, Instant at) override {
    Fate f;
    for (const Fault& fault : active_) {
      if (fault.target != vm.index() || fault.kind == FaultKind::scheduler_crash) continue;
      Random dice(mixed(seed_ ^ mixed(vm.index())) ^ static_cast<std::uint64_t>(at.time_since_epoch().count()) ^
                  static_cast<std::uint64_t>(message) << 56 ^ static_cast<std::uint64_t>(fault.kind) << 48);
      const bool hit = dice.chance(fault.strength);
      const Duration late = from_seconds(dice.share() * seconds(most_late));
      switch (fault.kind) {
        case FaultKind::partition: f.lost = f.lost || message == Message::permit; break;
        case FaultKind::loss: f.lost = f.lost || hit; break;
        case FaultKind::silence: f.answer_lost = f.answer_lost || hit; break;
        case FaultKind::doubling: f.doubled = f.doubled || hit; break;
        case FaultKind::slow_store:
          if (message == Message::write || message == Message::permit) f.late = late;
          break;
        case FaultKind::refusal: f.refused = f.refused || hit; break;
        default: break;
      }
    }
    return f;
  }

  void deciding(const SimulatedVm& vm, const decide::Actions& actions, Instant at) override {
    say(broken_by(vm.scaling(), actions), vm.plan().name, at);
  }

  void happened(const SimulatedVm& vm, Instant at) override {
    ++events_;
    say(broken_bounds(vm.actual(), vm.plan().max), vm.plan().name, at);
    const std::size_t here = *where_[vm.index()];
    const SimulatedNode& node = *nodes_[here];
    Resources there;
    for (const auto& each : node.vms()) there = there + field_max(each->asked(), each->actual());
    for (const Moving& move : moving_)
      if (move.to == here) there = there + reserved(*node.ledger().find(move.target_holder));
    say(broken_on(node.ledger().totals(node.node().name), there), vm.plan().name, at);
  }

 private:
  static Instant ends(const Fault& fault) { return at_trace_second(fault.at + fault.lasts); }

  [[nodiscard]] bool has(FaultKind kind, std::size_t vm) const {
    return std::any_of(active_.begin(), active_.end(), [&](const Fault& f) { return f.kind == kind && f.target == vm; });
  }

  void say(const std::optional<BrokenLaw>& law, const std::string& vm, Instant at) {
    if (law && !broken_) broken_ = Broken{law->law, law->what, vm, trace_seconds(at)};
  }

  void begin(const Fault& fault, Instant at) {
    active_.push_back(fault);
    if (fault.kind == FaultKind::scheduler_crash) return rebuild(*nodes_[fault.target], at);
    if (fault.target >= where_.size() || !where_[fault.target]) return;
    SimulatedVm* vm = nodes_[*where_[fault.target]]->find(fault.target);
    if (vm == nullptr || vm->gone()) return;
    if (fault.kind == FaultKind::agent_crash) vm->agent_crashed(at);
    if (fault.kind == FaultKind::guest_away) vm->guest_lost(at);
    if (fault.kind == FaultKind::clock_jump) vm->set_wall_offset(static_cast<std::int64_t>(fault.strength * 86400 * 400) - 86400 * 200);
  }

  // A new scheduler knows only what the world shows.
  void rebuild(SimulatedNode& node, Instant at) {
    std::vector<decide::Booking> world;
    for (const auto& [holder, booking] : node.ledger().bookings()) {
      decide::Booking seen = booking;
      const auto vm = std::find_if(node.vms().begin(), node.vms().end(), [&name = holder](const auto& each) { return each->holder() == name; });
      if (vm != node.vms().end()) {
        seen.granted = (*vm)->asked();
        seen.actual = (*vm)->actual();
        seen.confirmed = false;
      }
      seen.asked = {};
      world.push_back(std::move(seen));
    }
    const decide::ScalingSettings& s = settings_.scaling;
    node.ledger().rebuilt(std::move(world), at + settings_.restating.value_or(s.permit_valid + s.deed_timeout));
    for (const auto& vm : node.vms()) vm->books_were_rebuilt();
  }

  std::vector<Fault> faults_, active_;
  std::size_t next_ = 0;
  std::uint64_t seed_, events_ = 0;
  std::optional<Broken> broken_;
};

}  // namespace

Result<FaultsRun> run_with_faults(const ClusterPlan& plan, Settings settings, const SourceFactory& sources,
                                  const PolicyFactory& policies, const std::vector<Fault>& faults, std::uint64_t seed,
                                  double end, const ProgressCall& progress) {
  settings.scaling = {};
  settings.skip_quiet = false;
  settings.scheduling = look_with_faults;
  if (settings.epoch_seconds == 0) settings.epoch_seconds = 1'600'000'000;
  FaultyWorld world(plan, settings, sources, policies, faults, seed);
  bool stopped = false;
  const auto result = world.run(end, [&](double done, double of) {
    stopped = progress && !progress(done, of);
    return !stopped && !world.broken();
  });
  if (!result) return result.error();
  return FaultsRun{world.broken(), world.events(), result->simulated};
}

}  // namespace neonvm::simulate

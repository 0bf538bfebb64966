#include "core/simulate/shortening.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <unordered_set>

#include "core/simulate/random.hpp"

namespace neonvm::simulate {
namespace {

// A fault begins at the look before it, so one of so much later may have a part in it.
constexpr double after_break = seconds(look_with_faults);
// A smaller world may break later than a larger one, but not without end: most that do not break would run to the end.
constexpr double patience = 900;

using Members = std::vector<std::size_t>;

bool on_node(const Fault& fault) { return fault.kind == FaultKind::scheduler_crash; }

class Shortening {
 public:
  Shortening(const Trial& whole, double broken_at, const BreakingCall& breaks, const GoOnCall& go_on, std::size_t most_runs)
      : breaks_(breaks), go_on_(go_on), most_runs_(most_runs), end_(whole.until) {
    best_ = whole;
    cut(broken_at);
  }

  Shortened shortest(std::size_t broken_by) && {
    (void)are_enough(with_vms({broken_by}));
    for (std::size_t size = 0; size != best_.faults.size() + best_.vms.size() && !stopped_;) {
      size = best_.faults.size() + best_.vms.size();
      minimize([this] { return best_.vms; }, [this](const Members& vms) { return with_vms(vms); });
      minimize([this] { return groups(kind_of); }, [this](const Members& kinds) { return with(kinds, kind_of); });
      minimize([this] { return groups(target_of); }, [this](const Members& targets) { return with(targets, target_of); });
      minimize([this] { return all_faults(); }, [this](const Members& faults) { return with_faults(faults); });
    }
    return {std::move(best_), runs_, !stopped_};
  }

 private:
  static std::size_t kind_of(const Fault& f) { return static_cast<std::size_t>(f.kind); }
  static std::size_t target_of(const Fault& f) { return f.target * 2 + (on_node(f) ? 1 : 0); }

  // ddmin: `members` says of what the best consists now, `trial` makes a world of some of these.
  template <typename MembersOf, typename TrialOf>
  void minimize(MembersOf members, TrialOf trial) {
    if (members().empty() || are_enough(trial({}))) return;
    for (std::size_t parts = 2; !stopped_;) {
      const std::size_t size = members().size();
      if (size < 2) return;
      parts = std::min(parts, size);
      if (keep_a_part(members, trial, parts)) {
        parts = 2;
        continue;
      }
      const bool fewer = drop_parts(members, trial, parts);
      if (!fewer && parts >= size) return;
      if (!fewer) parts *= 2;
    }
  }

  // Of many parts hardly one is enough by itself.
  template <typename MembersOf, typename TrialOf>
  bool keep_a_part(MembersOf members, TrialOf trial, std::size_t parts) {
    constexpr std::size_t most_parts = 4;
    const Members all = members();
    for (std::size_t i = 0; i < parts && parts <= most_parts; ++i) {
      const auto [from, to] = part(all.size(), i, parts);
      if (are_enough(trial(Members(all.begin() + from, all.begin() + to)))) return true;
    }
    return false;
  }

  // Goes on behind a part that was dropped, not again at the beginning: each is tried once in a round.
  template <typename MembersOf, typename TrialOf>
  bool drop_parts(MembersOf members, TrialOf trial, std::size_t parts) {
    bool fewer = false;
    const std::size_t length = std::max<std::size_t>(1, members().size() / parts);
    for (std::size_t at = 0; !stopped_;) {
      Members some = members();
      if (at >= some.size()) return fewer;
      const auto begin = some.begin() + static_cast<std::ptrdiff_t>(at);
      some.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(length, some.size() - at)));
      if (are_enough(trial(some))) fewer = true;
      else at += length;
    }
    return fewer;
  }

  static std::pair<std::ptrdiff_t, std::ptrdiff_t> part(std::size_t size, std::size_t i, std::size_t parts) {
    return {static_cast<std::ptrdiff_t>(size * i / parts), static_cast<std::ptrdiff_t>(size * (i + 1) / parts)};
  }

  // Whether this world breaks as well; then it is the best.
  bool are_enough(Trial trial) {
    if (trial.faults.size() == best_.faults.size() && trial.vms.size() == best_.vms.size()) return false;
    const std::uint64_t name = hash(trial);
    if (holds_.contains(name)) return false;
    stopped_ = stopped_ || runs_ >= most_runs_ || (go_on_ && !go_on_(best_, runs_));
    if (stopped_) return false;
    ++runs_;
    const auto at = breaks_(trial);
    if (at) best_ = std::move(trial), cut(*at);
    else holds_.insert(name);
    return at.has_value();
  }

  void cut(double broken_at) {
    std::erase_if(best_.faults, [&](const Fault& f) { return f.at > broken_at + after_break; });
    best_.until = std::min(end_, broken_at + patience);
  }

  static std::uint64_t hash(const Trial& trial) {
    std::uint64_t sum = trial.faults.size();
    for (const Fault& f : trial.faults) sum = mixed(sum ^ hashed(to_string(f)));
    for (const std::size_t vm : trial.vms) sum = mixed(sum ^ vm);
    return sum;
  }

  template <typename Keep>
  Trial those(Keep keep) const {
    Trial trial{{}, best_.vms, best_.until};
    std::copy_if(best_.faults.begin(), best_.faults.end(), std::back_inserter(trial.faults), keep);
    return trial;
  }

  Trial with_vms(const Members& vms) const {
    Trial trial = those([&](const Fault& f) { return on_node(f) || std::find(vms.begin(), vms.end(), f.target) != vms.end(); });
    trial.vms = vms;
    return trial;
  }

  Trial with(const Members& kept, std::size_t (*group)(const Fault&)) const {
    return those([&](const Fault& f) { return std::find(kept.begin(), kept.end(), group(f)) != kept.end(); });
  }

  Members groups(std::size_t (*group)(const Fault&)) const {
    std::set<std::size_t> all;
    for (const Fault& fault : best_.faults) all.insert(group(fault));
    return {all.begin(), all.end()};
  }

  Members all_faults() const {
    Members all(best_.faults.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  Trial with_faults(const Members& faults) const {
    Trial trial{{}, best_.vms, best_.until};
    for (const std::size_t i : faults) trial.faults.push_back(best_.faults[i]);
    return trial;
  }

  const BreakingCall& breaks_;
  const GoOnCall& go_on_;
  std::size_t most_runs_, runs_ = 0;
  double end_;
  Trial best_;
  std::unordered_set<std::uint64_t> holds_;   // worlds that did not break
  bool stopped_ = false;
};

}  // namespace

Shortened shortened(const Trial& whole, double broken_at, std::size_t broken_by, const BreakingCall& breaks, const GoOnCall& go_on,
                    std::size_t most_runs) {
  return Shortening(whole, broken_at, breaks, go_on, most_runs).shortest(broken_by);
}

ClusterPlan only(ClusterPlan plan, const std::vector<std::size_t>& vms) {
  for (std::size_t i = 0; i < plan.vms.size(); ++i)
    if (!std::binary_search(vms.begin(), vms.end(), i)) plan.vms[i].arrives = std::numeric_limits<double>::infinity();
  return plan;
}

}  // namespace neonvm::simulate

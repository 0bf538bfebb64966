#include "plugins/policy-fixed/fixed_policy.hpp"

#include "core/policy/figures.hpp"
#include "core/policy/options.hpp"

namespace neonvm::policy_fixed {
namespace {

using policy::in_mib;
using policy::Line;

const Resources& base(FixedOptions::At at, const PolicyInput& input) {
  if (at == FixedOptions::At::min) return input.min;
  return at == FixedOptions::At::max ? input.max : input.using_now;
}

void describe(Line& line, const Resources& size) {
  line << size.cpu.cpus() << " CPUs, " << in_mib(size.memory) << " MiB";
}

}  // namespace

Result<FixedOptions> read_options(const std::map<std::string, std::string>& settings) {
  FixedOptions options;
  int at = 0;
  policy::OptionReader read(settings, "fixed");
  read.choice("at", at, {"now", "min", "max"});
  read.cpus("cpus", options.cpus);
  read.memory("memory", options.memory);
  if (Status status = read.done(); !status) return status.error();
  options.at = static_cast<FixedOptions::At>(at);
  return options;
}

Result<std::unique_ptr<FixedPolicy>> FixedPolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  return std::make_unique<FixedPolicy>(*read);
}

Status FixedPolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  Resources wish = base(options_.at, input);
  if (options_.cpus) wish.cpu = *options_.cpus;
  if (options_.memory) wish.memory = *options_.memory;
  Line line;
  describe(line, wish);
  reasons_.say(goal, "fixed", line);
  goal.wish = policy::in_bounds(wish, input);
  if (goal.wish == wish) return {};
  Line cut;
  describe(cut << "the VM's bounds allow ", goal.wish);
  reasons_.say(goal, "fixed.bounds", cut);
  return {};
}

}  // namespace neonvm::policy_fixed

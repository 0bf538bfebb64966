#include "cli/simulate_run.hpp"

#include <atomic>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <thread>
#include <unistd.h>

#include "cli/meter.hpp"
#include "cli/output.hpp"
#include "plugins/policy-default/default_policy.hpp"

namespace neonvm::cli {

namespace {

std::atomic<bool> stop_asked{false};

void on_interrupt(int) { stop_asked = true; }

// Ends the program when nothing moves for `limit`.
class Watchdog {
 public:
  Watchdog(std::string name, Duration limit) : name_(std::move(name)), limit_(limit), thread_([this] { watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    woken_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  void moved() { ++moves_; }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    std::uint64_t seen = moves_;
    while (!woken_.wait_for(lock, limit_, [this] { return over_; })) {
      if (moves_ == seen) {
        std::fprintf(stderr, "neonvm: policy %s has not answered for %.0f s; ended\n", name_.c_str(), seconds(limit_));
        _exit(5);
      }
      seen = moves_;
    }
  }

  std::string name_;
  Duration limit_;
  std::atomic<std::uint64_t> moves_{0};
  std::mutex mutex_;
  std::condition_variable woken_;
  bool over_ = false;
  std::thread thread_;
};

struct PolicyWord {
  std::string name;
  std::map<std::string, std::string> options;
};

Result<PolicyWord> parse_policy(const std::string& text) {
  PolicyWord word;
  std::size_t begin = 0;
  for (bool first = true; begin <= text.size(); first = false) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t equals = part.find('=');
    if (first) word.name = part;
    else if (equals == std::string::npos || equals == 0)
      return Error{Code::invalid_argument, "--policy: \"" + part + "\" in \"" + text + "\" is no KEY=VALUE"};
    else word.options[part.substr(0, equals)] = part.substr(equals + 1);
    begin = end + 1;
  }
  if (word.name.empty()) return Error{Code::invalid_argument, "--policy: \"" + text + "\" names no policy"};
  return word;
}

simulate::PolicyFactory factory_of(Context& context, const PolicyWord& word) {
  return [&context, word]() -> Result<std::unique_ptr<Policy>> {
    // Linked in, so called directly: the C structs of the plugin door would take most of the time.
    if (word.name == "default" && word.options.empty()) return std::unique_ptr<Policy>(std::make_unique<policy_default::DefaultPolicy>(false));
    return context.open_policy(word.name, word.options);
  };
}

Status apply(const WhatIf& change, SimulateConfig& config) {
  const auto for_all = [&](auto set) {
    for (simulate::VmPlan& vm : config.cluster.vms) {
      set(vm);
      vm.max = field_max(vm.max, vm.min);
      vm.start = clamp(vm.start, vm.min, vm.max);
    }
  };
  if (change.key == "max_cpus" || change.key == "min_cpus") {
    const auto cpu = parse_milli_cpu(change.value);
    if (!cpu) return cpu.error().at("--what-if " + change.key);
    if (cpu->value == 0) return Error{Code::invalid_argument, "--what-if " + change.key + ": \"" + change.value + "\" is too little; a VM has some CPU"};
    for_all([&](simulate::VmPlan& vm) {
      (change.key == "max_cpus" ? vm.max : vm.min).cpu = *cpu;
      if (change.key == "max_cpus") vm.min.cpu = std::min(vm.min.cpu, *cpu);
    });
  } else if (change.key == "max_memory" || change.key == "min_memory") {
    const auto memory = parse_bytes(change.value);
    if (!memory) return memory.error().at("--what-if " + change.key);
    if (memory->value < 256 * mib) return Error{Code::invalid_argument, "--what-if " + change.key + ": \"" + change.value + "\" is too little; a VM has at least 256Mi"};
    for_all([&](simulate::VmPlan& vm) {
      (change.key == "max_memory" ? vm.max : vm.min).memory = *memory;
      if (change.key == "max_memory") vm.min.memory = std::min(vm.min.memory, *memory);
    });
  } else {
    std::size_t count = 0;
    const char* const end = change.value.data() + change.value.size();
    const auto [stopped, code] = std::from_chars(change.value.data(), end, count);
    if (code != std::errc{} || stopped != end || count == 0 || count > 100'000) return Error{Code::invalid_argument, "--what-if nodes: \"" + change.value + "\" is not 1 to 100000"};
    auto& nodes = config.cluster.nodes;
    const Node last = nodes.back();
    while (nodes.size() > count) nodes.pop_back();
    while (nodes.size() < count) nodes.push_back(last), nodes.back().name = "more-" + std::to_string(nodes.size());
  }
  return {};
}

Result<simulate::NamedResult> run_one(Context& context, const SimulateConfig& config, const std::string& policy,
                                      const std::string& name) {
  const auto policies = policy_factory(context, policy);
  if (!policies) return policies.error();
  simulate::World world(config.cluster, config.settings, sources_of(config), *policies);
  auto result = world.run(config.duration, progress_of(name, policy));
  if (!result) return result.error().at(name);
  return simulate::NamedResult{name, std::move(*result)};
}

}  // namespace

Interrupt::Interrupt() {
  stop_asked = false;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &before_);
}
Interrupt::~Interrupt() { sigaction(SIGINT, &before_, nullptr); }
bool Interrupt::asked() { return stop_asked; }

simulate::ProgressCall progress_of(const std::string& name, const std::string& policy) {
  const auto meter = std::make_shared<Meter>(name);
  const auto watchdog = std::make_shared<Watchdog>(policy, std::chrono::seconds(30));
  return [meter, watchdog](double done, double of) {
    watchdog->moved();
    meter->show(done, of);
    return !stop_asked;
  };
}

Result<simulate::PolicyFactory> policy_factory(Context& context, const std::string& text) {
  const auto word = parse_policy(text);
  if (!word) return word.error();
  return factory_of(context, *word);
}

std::string figure(double value) {
  char text[48];
  const double size = std::abs(value);
  std::snprintf(text, sizeof text, size >= 1000 || value == std::floor(value) ? "%.0f" : size >= 100 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f", value);
  return text;
}

Result<std::vector<WhatIf>> parse_what_if(const std::vector<std::string>& texts) {
  std::vector<WhatIf> changes;
  const std::vector<std::string> keys{"max_cpus", "max_memory", "min_cpus", "min_memory", "nodes"};
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string key = text.substr(0, equals);
    if (equals == std::string::npos || std::find(keys.begin(), keys.end(), key) == keys.end())
      return Error{Code::invalid_argument, "--what-if: \"" + text + "\" changes nothing; write max_cpus=8, max_memory=32Gi, min_cpus=1, min_memory=2Gi or nodes=10"};
    changes.push_back({key, text.substr(equals + 1)});
  }
  return changes;
}

Result<std::vector<simulate::NamedResult>> run_worlds(Context& context, const SimulateConfig& config,
                                                      const std::vector<WhatIf>& changes) {
  SimulateConfig changed = config;
  std::string difference;
  for (const WhatIf& change : changes) {
    if (Status status = apply(change, changed); !status) return status.error();
    difference += (difference.empty() ? " with " : ", ") + change.key + "=" + change.value;
  }
  const Interrupt interrupt;
  std::vector<simulate::NamedResult> worlds;
  for (const std::string& policy : config.policies) {
    for (const bool other : {false, true}) {
      if ((other && changes.empty()) || stop_asked) continue;
      auto result = run_one(context, other ? changed : config, policy, other ? policy + difference : policy);
      if (!result) return result.error();
      worlds.push_back(std::move(*result));
    }
  }
  return worlds;
}

}  // namespace neonvm::cli

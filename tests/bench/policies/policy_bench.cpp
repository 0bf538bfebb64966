// Decisions of each policy on one core, reasons included. Goal: 2 million a second for policy-default.
//
// "class": the call of the C++ class, as a program that links it in has it. "table": through the C table, as the daemons
// ask, with the window copied in and the goal copied out. Each question is a second later than the one before and has one
// new sample. The baseline is policy-fixed with one sample, called the same way in the same run: what a call costs that
// thinks nothing. Excluded: the guest's samples getting here, what is done with the goal.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "plugins/policy-default/default_policy.hpp"
#include "plugins/policy-fixed/fixed_policy.hpp"
#include "plugins/policy-pressure/pressure_policy.hpp"
#include "tests/plugins/policy-laws/all_policies.hpp"

namespace {

using namespace neonvm;

constexpr std::size_t lap = 4096;

GuestSample sample_at(std::size_t second) {
  GuestSample s;
  s.at = Instant(std::chrono::seconds(second));
  const bool busy = second / 40 % 3 == 0;
  s.load1 = busy ? 3.52 : 0.31;
  s.load5 = 1.04;
  s.runnable = busy ? 4 : 0;
  s.cpu_used = busy ? 0.99 : 0.05;
  s.cpu.some = busy ? 0.5 : 0;
  s.memory.some = 0;
  s.online_cpus = 1;
  s.memory_total = Bytes{4 * gib};
  s.memory_available = Bytes{3 * gib - second % 7 * mib};
  s.memory_cached = s.memory_file = Bytes{gib};
  return s;
}

// Asks once a second with a window of the last `window` samples; time never goes back.
class Asker {
 public:
  explicit Asker(std::size_t window) : window_(window) {
    for (std::size_t second = 0; second < lap + window; ++second) samples_.push_back(sample_at(second));
    input_.vm = "web";
    input_.using_now = {MilliCpu{1000}, Bytes{4 * gib}};
    input_.min = input_.compute_unit = default_compute_unit;
    input_.max = default_compute_unit * 64;
    input_.config = &config_;
    input_.wall_seconds = 1704067200;
  }
  const PolicyInput& next() {
    if (at_ == lap) later();
    input_.samples = std::span(samples_).subspan(at_++, window_);
    input_.now = input_.samples.back().at;
    ++input_.wall_seconds;
    return input_;
  }

 private:
  void later() {
    for (GuestSample& sample : samples_) sample.at += std::chrono::seconds(lap);
    at_ = 0;
  }

  std::size_t window_, at_ = 0;
  std::vector<GuestSample> samples_;
  ScalingConfig config_ = default_scaling_config();
  PolicyInput input_;
};

void decide(benchmark::State& state, Policy& policy, std::size_t window) {
  Asker asker(window);
  Goal goal;
  for (auto _ : state) {
    if (!policy.decide_into(asker.next(), goal)) return state.SkipWithError("an error instead of a goal");
    benchmark::DoNotOptimize(goal);
  }
  state.SetItemsProcessed(state.iterations());
}

void add(const std::string& name, std::shared_ptr<Policy> policy, std::size_t window) {
  benchmark::RegisterBenchmark((name + "/window:" + std::to_string(window)).c_str(),
                               [policy, window](benchmark::State& state) { decide(state, *policy, window); });
}

// Shows the usual lines and, at the end, decisions a second and how often the baseline goes into each.
class Ratios : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (!run.error_occurred) times_.emplace_back(run.benchmark_name(), run.GetAdjustedCPUTime());
    }
    ConsoleReporter::ReportRuns(runs);
  }
  void Finalize() override {
    std::map<std::string, double> base;
    for (const auto& [name, time] : times_) {
      if (name.find("fixed/window:1") == name.size() - 14) base[name.substr(0, 5)] = time;
    }
    std::printf("\n%-34s %14s %22s\n", "policy", "decisions/s", "times the baseline");
    for (const auto& [name, time] : times_) {
      const double baseline = base[name.substr(0, 5)];
      std::printf("%-34s %14.0f %22.1f\n", name.c_str(), 1e9 / time, baseline > 0 ? time / baseline : 0);
    }
  }

 private:
  std::vector<std::pair<std::string, double>> times_;
};

}  // namespace

int main(int argc, char** argv) {
  for (const std::size_t window : {std::size_t{1}, std::size_t{60}}) {
    add("class fixed", std::make_shared<policy_fixed::FixedPolicy>(policy_fixed::FixedOptions{}), window);
    add("class default", std::make_shared<policy_default::DefaultPolicy>(), window);
    add("class pressure", std::make_shared<policy_pressure::PressurePolicy>(), window);
    std::string last;
    for (const test::PolicyCase& policy : test::all_policies()) {
      if (policy.name != last) add("table " + policy.name, test::open(policy), window);
      last = policy.name;
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  Ratios reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}

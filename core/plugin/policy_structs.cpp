#include "core/plugin/policy_structs.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/plugin/edge.hpp"

namespace neonvm::plugin {
namespace {

neonvm_resources to_struct(const Resources& r) { return {r.cpu.value, 0, r.memory.value}; }
Resources from_struct(const neonvm_resources& r) { return {MilliCpu{r.milli_cpu}, Bytes{r.memory}}; }

neonvm_pressure to_struct(const Pressure& p) { return {p.some, p.full, p.some_avg10, p.full_avg10}; }
Pressure from_struct(const neonvm_pressure& p) { return {p.some, p.full, p.some_avg10, p.full_avg10}; }

void copy_numbers(const GuestSample& s, neonvm_sample& to) {
  to.interval = s.interval;
  to.load1 = s.load1;
  to.load5 = s.load5;
  to.load15 = s.load15;
  to.cpu_used = s.cpu_used;
  to.cpu_stolen = s.cpu_stolen;
  to.runnable = s.runnable;
  to.blocked = s.blocked;
  to.refaults = s.refaults;
  to.swapped_in = s.swapped_in;
  to.oom_kills = s.oom_kills;
  to.online_cpus = s.online_cpus;
}

void copy_memory(const GuestSample& s, neonvm_sample& to) {
  to.memory_total = s.memory_total.value;
  to.memory_available = s.memory_available.value;
  to.memory_free = s.memory_free.value;
  to.memory_anon = s.memory_anon.value;
  to.memory_file = s.memory_file.value;
  to.memory_cached = s.memory_cached.value;
  to.memory_shmem = s.memory_shmem.value;
  to.slab_reclaimable = s.slab_reclaimable.value;
  to.slab_unreclaimable = s.slab_unreclaimable.value;
  to.swap_total = s.swap_total.value;
  to.swap_free = s.swap_free.value;
}

void to_struct(const GuestSample& s, neonvm_sample& to) {
  to.at = to_ns(s.at);
  copy_numbers(s, to);
  copy_memory(s, to);
  to.cpu = to_struct(s.cpu);
  to.memory = to_struct(s.memory);
  to.io = to_struct(s.io);
  to.working_set_pages = s.working_set_pages.data();
  to.working_set_count =
      static_cast<std::uint32_t>(std::min<std::size_t>(s.working_set_pages.size(), NEONVM_MAX_WORKING_SET));
}

void read_numbers(const neonvm_sample& s, GuestSample& to) {
  to.interval = s.interval;
  to.load1 = s.load1;
  to.load5 = s.load5;
  to.load15 = s.load15;
  to.cpu_used = s.cpu_used;
  to.cpu_stolen = s.cpu_stolen;
  to.runnable = s.runnable;
  to.blocked = s.blocked;
  to.refaults = s.refaults;
  to.swapped_in = s.swapped_in;
  to.oom_kills = s.oom_kills;
  to.online_cpus = s.online_cpus;
}

void read_memory(const neonvm_sample& s, GuestSample& to) {
  to.memory_total = Bytes{s.memory_total};
  to.memory_available = Bytes{s.memory_available};
  to.memory_free = Bytes{s.memory_free};
  to.memory_anon = Bytes{s.memory_anon};
  to.memory_file = Bytes{s.memory_file};
  to.memory_cached = Bytes{s.memory_cached};
  to.memory_shmem = Bytes{s.memory_shmem};
  to.slab_reclaimable = Bytes{s.slab_reclaimable};
  to.slab_unreclaimable = Bytes{s.slab_unreclaimable};
  to.swap_total = Bytes{s.swap_total};
  to.swap_free = Bytes{s.swap_free};
}

void from_struct(const neonvm_sample& s, GuestSample& to) {
  to.at = from_ns(s.at);
  read_numbers(s, to);
  read_memory(s, to);
  to.cpu = from_struct(s.cpu);
  to.memory = from_struct(s.memory);
  to.io = from_struct(s.io);
  to.working_set_pages.assign(s.working_set_pages, s.working_set_pages + s.working_set_count);
}

neonvm_scaling_config to_struct(const ScalingConfig& c) {
  return {c.load_average_fraction_target.value_or(absent),
          c.memory_usage_fraction_target.value_or(absent),
          c.memory_total_fraction_target.value_or(absent),
          c.lfc_to_memory_ratio.value_or(absent),
          c.lfc_window_size_minutes.value_or(0),
          c.lfc_min_wait_before_downscale_minutes.value_or(0),
          c.cpu_stable_zone_ratio.value_or(absent),
          c.cpu_mixed_zone_ratio.value_or(absent),
          c.enable_lfc_metrics.value_or(false) ? 1 : 0,
          c.lfc_use_largest_window.value_or(false) ? 1 : 0};
}

ScalingConfig from_struct(const neonvm_scaling_config& c) {
  ScalingConfig to;
  to.load_average_fraction_target = c.load_average_fraction_target;
  to.memory_usage_fraction_target = c.memory_usage_fraction_target;
  to.memory_total_fraction_target = c.memory_total_fraction_target;
  to.enable_lfc_metrics = c.enable_lfc_metrics != 0;
  to.lfc_use_largest_window = c.lfc_use_largest_window != 0;
  to.lfc_to_memory_ratio = c.lfc_to_memory_ratio;
  to.lfc_window_size_minutes = c.lfc_window_size_minutes;
  to.lfc_min_wait_before_downscale_minutes = c.lfc_min_wait_before_downscale_minutes;
  to.cpu_stable_zone_ratio = c.cpu_stable_zone_ratio;
  to.cpu_mixed_zone_ratio = c.cpu_mixed_zone_ratio;
  return to;
}

void write_reason(std::string_view rule, std::string_view text, neonvm_because& to) {
  copy_cut(rule, to.rule, sizeof to.rule);
  copy_cut(text, to.text, sizeof to.text);
}

}  // namespace

const neonvm_policy_input& PolicyInputOut::fill(const PolicyInput& input) {
  const auto samples = samples_.of(input.samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) to_struct(input.samples[i], samples[i]);
  config_ = to_struct(input.config != nullptr ? *input.config : default_scaling_config());
  input_.size = sizeof input_;
  input_.vm = to_text(input.vm);
  input_.now = to_ns(input.now);
  input_.wall_seconds = input.wall_seconds;
  input_.samples = samples.data();
  input_.sample_size = sizeof(neonvm_sample);
  input_.sample_count = samples.size();
  input_.using_now = to_struct(input.using_now);
  input_.min = to_struct(input.min);
  input_.max = to_struct(input.max);
  input_.compute_unit = to_struct(input.compute_unit);
  input_.config = &config_;
  input_.config_size = sizeof config_;
  input_.has_request = input.request ? 1 : 0;
  input_.request_at = input.request ? to_ns(input.request->at) : 0;
  input_.request_memory = input.request ? input.request->memory.value : 0;
  return input_;
}

Result<PolicyInput> PolicyInputIn::read(const neonvm_policy_input& from) {
  if (from.size < sizeof from || from.config == nullptr || from.config_size < sizeof(neonvm_scaling_config) ||
      (from.sample_count > 0 && (from.samples == nullptr || from.sample_size < sizeof(neonvm_sample)))) {
    return Error{Code::invalid_argument, "the policy input is shorter than this plugin needs it: update the host"};
  }
  const auto samples = samples_.of(from.sample_count);
  for (std::size_t i = 0; i < samples.size(); ++i) from_struct(*neonvm_sample_at(&from, i), samples[i]);
  config_ = from_struct(*from.config);
  PolicyInput input;
  input.vm = view(from.vm);
  input.now = from_ns(from.now);
  input.wall_seconds = from.wall_seconds;
  input.samples = samples;
  input.using_now = from_struct(from.using_now);
  input.min = from_struct(from.min);
  input.max = from_struct(from.max);
  input.compute_unit = from_struct(from.compute_unit);
  input.config = &config_;
  if (from.has_request != 0) input.request = GuestRequest{from_ns(from.request_at), Bytes{from.request_memory}};
  return input;
}

void clear(neonvm_goal& goal) {
  goal.size = sizeof goal;
  goal.wish = {};
  goal.complete = 1;
  goal.compute_units = 0;
  goal.ask_again = 0;
  goal.because_count = 0;
  goal.reserved = 0;
  std::memset(goal.because, 0, sizeof goal.because);
}

void write_goal(const Goal& goal, neonvm_goal& to) {
  to.wish = to_struct(goal.wish);
  to.complete = goal.complete ? 1 : 0;
  to.compute_units = goal.compute_units;
  to.ask_again = goal.ask_again ? goal.ask_again->count() : 0;
  const std::size_t count = std::min<std::size_t>(goal.because.size(), NEONVM_MAX_REASONS);
  for (std::size_t i = 0; i < count; ++i) write_reason(goal.because[i].rule, goal.because[i].text, to.because[i]);
  if (goal.because.size() > count) {
    write_reason("more", std::to_string(goal.because.size() - count + 1) + " more reasons", to.because[count - 1]);
  }
  to.because_count = static_cast<std::uint32_t>(count);
}

namespace {

void read_numbers(const neonvm_goal& goal, Goal& to) {
  to.wish = from_struct(goal.wish);
  to.complete = goal.complete != 0;
  to.compute_units = goal.compute_units;
  to.ask_again.reset();
  if (goal.ask_again > 0) to.ask_again = Duration(goal.ask_again);
}

std::span<const neonvm_because> reasons_of(const neonvm_goal& goal) {
  return std::span(goal.because).first(std::min<std::uint32_t>(goal.because_count, NEONVM_MAX_REASONS));
}

}  // namespace

Goal read_goal(const neonvm_goal& goal) {
  Goal to;
  read_numbers(goal, to);
  to.because.reserve(reasons_of(goal).size());
  for (const neonvm_because& b : reasons_of(goal)) {
    to.because.push_back({std::string(fixed_text(b.rule, sizeof b.rule)), std::string(fixed_text(b.text, sizeof b.text))});
  }
  return to;
}

void read_goal(const neonvm_goal& goal, Goal& to, SpareReasons& spare) {
  spare.empty(to);
  read_numbers(goal, to);
  for (const neonvm_because& b : reasons_of(goal)) {
    spare.add(to, fixed_text(b.rule, sizeof b.rule), fixed_text(b.text, sizeof b.text));
  }
}

}  // namespace neonvm::plugin

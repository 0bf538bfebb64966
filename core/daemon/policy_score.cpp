#include "core/daemon/policy_score.hpp"

#include <algorithm>

namespace neonvm::daemon {
namespace {

constexpr double longest_gap = 30;
constexpr double close_enough = 0.95;  // of a need counts as met: a CPU is never quite busy

int compare(const Resources& a, const Resources& b) {
  if (exceeds_somewhere(b, a)) return exceeds_somewhere(a, b) ? 0 : 1;
  return exceeds_somewhere(a, b) ? -1 : 0;
}

}  // namespace

void PolicyScore::observed(const GuestSample& sample, const Resources& max) {
  const double passed = last_ ? seconds(sample.at - *last_) : 0;
  last_ = sample.at;
  if (!wish_ || passed <= 0 || passed > longest_gap) return;
  seconds_ += passed;
  cpu_seconds_ += wish_->cpu.cpus() * passed;
  byte_seconds_ += static_cast<double>(wish_->memory.value) * passed;
  double need = is_known(sample.cpu_used) ? sample.cpu_used : 0;
  if (is_known(sample.runnable)) need = std::max(need, sample.runnable);
  need = std::min(need, max.cpu.cpus());
  if (wish_->cpu.cpus() < need * close_enough) short_cpu_ += passed;
  if (!is_known(sample.memory_total) || !is_known(sample.memory_available)) return;
  const Bytes used = std::min(sample.memory_total - sample.memory_available, max.memory);
  if (wish_->memory < used) short_memory_ += passed;
}

void PolicyScore::wished(const Resources& wish) {
  if (wish_ && wish != *wish_) {
    const int now = compare(*wish_, wish);
    if (now != 0 && direction_ != 0 && now != direction_) ++turns_;
    if (now != 0) direction_ = now;
  }
  wish_ = wish;
}

void PolicyScore::fill(wire::ExplainedShadow& into) const {
  into.wish = wish_.value_or(Resources{});
  into.seconds = seconds_;
  into.turns = turns_;
  into.short_cpu_seconds = short_cpu_;
  into.short_memory_seconds = short_memory_;
  if (seconds_ <= 0) return;
  into.mean_cpus = cpu_seconds_ / seconds_;
  into.mean_memory = Bytes{static_cast<std::uint64_t>(byte_seconds_ / seconds_)};
}

}  // namespace neonvm::daemon

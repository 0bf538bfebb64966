#include "core/simulate/recording.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace neonvm::simulate {
namespace {

constexpr double saturated = 0.9;     // of the CPUs online
constexpr double waits = 0.5;         // of the time some task waits for a CPU

double demand_of(const GuestSample& sample) {
  const double used = std::max(0.0, sample.cpu_used);
  // A guest held back by a quota counts too little use, because it is not there at every tick; its waiting is timed.
  const bool full = (sample.online_cpus != 0 && used >= saturated * sample.online_cpus) || sample.cpu.some > waits;
  return full && is_known(sample.runnable) ? std::max(used, sample.runnable) : used;
}

double thousandths(double value) { return std::round(value * 1000) / 1000; }

std::uint64_t known(Bytes bytes) { return is_known(bytes) ? bytes.value : 0; }

}  // namespace

std::optional<std::string> Recording::sampled(const GuestSample& sample, const Resources& has) {
  if (!std::isfinite(sample.cpu_used)) return std::nullopt;
  if (!first_) {
    first_ = last_ = sample.at;
    due_ = sample.at;
  }
  const double since = sample.interval > 0 ? sample.interval : 1;
  cpu_seconds_ += demand_of(sample) * since;
  seconds_ += since;
  last_ = std::max(last_, sample.at);
  if (last_ < due_) return std::nullopt;
  while (due_ <= last_) due_ += period_;
  ++readings_;
  length_ = seconds(last_ - *first_);
  nlohmann::ordered_json line{{"time", thousandths(length_)}, {"vm", vm_}, {"cpu", thousandths(cpu_seconds_ / seconds_)}};
  if (is_known(sample.memory_anon)) {
    const std::uint64_t total = known(sample.swap_total), free = known(sample.swap_free);
    line["memory"] = sample.memory_anon.value + known(sample.memory_shmem) + (total > free ? total - free : 0);
  }
  if (is_known(sample.memory_file)) line["file"] = sample.memory_file.value;
  line["cpus"] = has.cpu.cpus();
  line["size"] = has.memory.value;
  cpu_seconds_ = seconds_ = 0;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace neonvm::simulate

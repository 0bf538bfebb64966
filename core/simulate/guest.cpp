#include "core/simulate/guest.hpp"

#include <algorithm>
#include <cmath>

namespace neonvm::simulate {
namespace {

constexpr double page = 4096;
constexpr std::uint64_t fixed_one = 2048;
constexpr std::uint64_t load_factor[3] = {1884, 2014, 2037};
constexpr double load_period = 5;
constexpr double m = static_cast<double>(mib);

// What the kernel takes for itself: of 512 MiB base 484 MiB are left, and 32 MiB of those are in use at idle.
constexpr double kernel_image = 20 * m;
constexpr double kernel_idle = 32 * m;
constexpr double page_tables = 1.0 / 512;       // 8 bytes for each 4 KiB
constexpr double page_structs = 1.0 / 64;
constexpr double cache_slab = 1.0 / 64;         // radix trees, buffer heads
constexpr double smallest_cache = 8 * m;
constexpr double near = page;

double watermark(double total) { return std::min(64 * m, 2 * m + total / 256); }

// Through a signed number: no guest has 2^63 bytes, and processors turn doubles into signed numbers at once.
Bytes bytes(double value) { return Bytes{static_cast<std::uint64_t>(static_cast<std::int64_t>(std::max(value, 0.0)))}; }

// An average over ten seconds, five later. What has nearly come to rest does so: otherwise it ends among numbers so small
// that processors take ten times as long for each of them.
double settled(double average, double value) {
  constexpr double share = 0.3934693402873666;   // 1 - e^(-5/10)
  const double next = average + (value - average) * share;
  return next < 1e-200 ? 0 : next;
}

}  // namespace

Guest::Guest(const GuestRates& rates, Bytes base, std::uint32_t most_cpus)
    : rates_(&rates), base_(static_cast<double>(base.value)), workers_(64.0 + 16.0 * most_cpus) {}

Guest::Done Guest::advance(const Demand& demand, const GuestSize& size, double seconds) {
  Done done;
  const bool resting = resting_ > 0;
  if (resting) {
    run({0, demand.anonymous, demand.file, 0, demand.closed}, size.cpus, seconds, done);
    resting_ = std::max(0.0, resting_ - seconds);
  } else {
    run(demand, size.cpus, seconds, done);
  }
  if (!still_ || resting || demand != seen_ || size.memory != memory_) use_memory(demand, size.memory, seconds, done);
  return done;
}

// The share of time in which somebody waits: always when work is left over, else as in a queue with many servers, whose
// probability of waiting is about u^sqrt(2(c+1)) (Sakasegawa 1977).
void Guest::remember(const Demand& demand, double cpus) {
  seen_cpu_ = demand.cpu;
  seen_cpus_ = cpus;
  online_ = static_cast<std::uint32_t>(std::ceil(cpus - 1e-9));
  const double busy = cpus > 0 ? demand.cpu / cpus : 1;
  wait_share_ = busy >= 1 ? 1 : std::pow(busy, std::sqrt(2 * (std::max(cpus, 1.0) + 1)));
}

void Guest::run(const Demand& demand, double cpus, double seconds, Done& done) {
  if (demand.cpu != seen_cpu_ || cpus != seen_cpus_) remember(demand, cpus);
  const double fresh = demand.cpu * seconds;
  const double can = cpus * seconds;
  if (backlog_ == 0 && fresh <= can) {
    done.used = fresh;
    tasks_ = demand.cpu;
    some_ = wait_share_;
  } else if (demand.closed) {
    backlog_ = 0;
    done.used = std::min(fresh, can);
    done.throttled = fresh - done.used;
    tasks_ = demand.cpu;
    some_ = wait_share_;
  } else {
    done.used = std::min(fresh + backlog_, can);
    done.throttled = std::max(0.0, fresh - can);
    const double rest = fresh + backlog_ - done.used;
    const double limit = std::max(backlog_, rates_->backlog * std::max(demand.cpu, cpus));
    backlog_ = std::min(rest, limit);
    if (backlog_ < 1e-9) backlog_ = 0;
    // A second's worth of waiting work is one more task in the queue.
    tasks_ = std::min(std::max(demand.cpu, cpus) + backlog_, workers_ + demand.cpu);
    some_ = 1;
  }
  used_rate_ = seconds > 0 ? done.used / seconds : 0;
  since_tick_ += seconds;
  while (since_tick_ >= load_period - 1e-9) {
    since_tick_ -= load_period;
    carry_ += tasks_;
    const auto whole = static_cast<std::uint64_t>(static_cast<std::int64_t>(carry_));
    carry_ -= static_cast<double>(whole);
    tick_load(whole);
    some10_ = settled(some10_, some_);
    stalled10_ = settled(stalled10_, stalled_);
  }
}

void Guest::tick_load(std::uint64_t tasks) {
  const std::uint64_t active = tasks * fixed_one;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t load = load_[i], factor = load_factor[i];
    const std::uint64_t up = active >= load ? fixed_one - 1 : 0;
    load_[i] = (load * factor + active * (fixed_one - factor) + up) / fixed_one;
  }
}

double Guest::growth(const Demand& demand) const {
  if (resting_ > 0) return 0;
  return demand.anonymous > anonymous_ + near ? rates_->allocation : 0;
}

double Guest::least_memory() const {
  return memory_ - total_ + kernel_ + anonymous_ + watermark(total_);
}

void Guest::use_memory(const Demand& demand, double memory, double seconds, Done& done) {
  const double anonymous_before = anonymous_, cache_before = hot_ + cold_;
  seen_ = demand;
  memory_ = memory;
  total_ = std::max(memory - std::min(memory, base_) * page_structs - kernel_image, m);
  const double plugged = std::max(0.0, memory - base_);
  const double wanted = resting_ > 0 ? 0 : demand.anonymous;
  const double grown = anonymous_ + rates_->allocation * seconds;
  anonymous_ = std::min(wanted, grown);
  kernel_ = kernel_idle + plugged * page_structs + anonymous_ * page_tables + (hot_ + cold_) * cache_slab;
  const double room = total_ - kernel_ - watermark(total_);
  starved_ = anonymous_ + smallest_cache > room;
  // Nothing is left to drop, or the kernel's own pages no longer fit into the zone that they may use.
  if (anonymous_ > room || kernel_ > total_ - plugged) kill(done);
  fill_cache(demand, room - anonymous_, seconds);
  account(memory);
  const double change = std::abs(anonymous_ - anonymous_before) + std::abs(hot_ + cold_ - cache_before);
  still_ = change == 0 && resting_ == 0 && anonymous_ == wanted;
}

void Guest::kill(Done& done) {
  ++done.oom_kills;
  ++oom_kills_;
  anonymous_ = 0;
  backlog_ = 0;
  resting_ = rates_->restart;
}

void Guest::fill_cache(const Demand& demand, double room, double seconds) {
  room = std::max(room, 0.0);
  const bool reading = resting_ == 0;
  if (reading) {
    if (hot_ < demand.file) {
      hot_ = std::min(demand.file, hot_ + demand.file * seconds / rates_->reread);
      if (demand.file - hot_ < near) hot_ = demand.file;
    } else if (hot_ > demand.file) {
      cold_ += hot_ - demand.file;      // no longer read, still there
      hot_ = demand.file;
    }
    cold_ += demand.scan * seconds;
  }
  const double over = hot_ + cold_ - room;
  double evicted = 0;
  if (over > 0) {
    const double old = std::min(cold_, over);
    cold_ -= old;
    hot_ -= over - old;
    evicted = over;
  }
  was_hot_ = std::min(std::max(was_hot_, hot_), demand.file);
  const double missing = std::max(0.0, was_hot_ - hot_);
  refaults_ = reading ? missing / rates_->reread / page : 0;
  const double reclaiming = seconds > 0 ? evicted / seconds / (2.0 * 1024 * m) : 0;
  stalled_ = std::min(1.0, refaults_ * rates_->refault_cost + reclaiming + (starved_ ? 0.5 : 0));
}

void Guest::account(double memory) {
  const double low = watermark(total_);
  free_ = std::max(0.0, total_ - kernel_ - anonymous_ - hot_ - cold_);
  const double cache = hot_ + cold_;
  available_ = std::clamp(free_ - low + cache - std::min(cache / 2, low) + cache * cache_slab / 2, 0.0, total_);
  memory_ = memory;
}

void Guest::sample_into(GuestSample& s) const {
  constexpr auto one = static_cast<double>(fixed_one);
  s.load1 = static_cast<double>(load_[0]) / one;
  s.load5 = static_cast<double>(load_[1]) / one;
  s.load15 = static_cast<double>(load_[2]) / one;
  s.cpu_used = used_rate_;
  s.cpu_stolen = 0;
  s.runnable = std::ceil(tasks_ - 1e-9);
  s.blocked = 0;
  s.online_cpus = online_;
  s.cpu = {some_, 0, some10_ * 100, 0};
  s.memory = {stalled_, stalled_ / 2, stalled10_ * 100, stalled10_ * 50};
  s.io = {std::min(1.0, refaults_ * rates_->refault_cost), 0, 0, 0};
  s.memory_total = bytes(total_);
  s.memory_available = bytes(available_);
  s.memory_free = bytes(free_);
  s.memory_anon = bytes(anonymous_);
  s.memory_file = bytes(hot_ + cold_);
  s.memory_cached = s.memory_file;
  s.memory_shmem = Bytes{0};
  s.slab_reclaimable = bytes((hot_ + cold_) * cache_slab);
  s.slab_unreclaimable = bytes(kernel_idle / 2);
  s.swap_total = Bytes{0};
  s.swap_free = Bytes{0};
  s.refaults = refaults_;
  s.swapped_in = 0;
  s.oom_kills = oom_kills_;
}

}  // namespace neonvm::simulate

#include "core/decide/guest_consent.hpp"

#include <algorithm>
#include <cmath>

namespace neonvm::decide {
namespace {

constexpr std::size_t kept_looks = 64;
constexpr Duration burst = std::chrono::milliseconds(150);
constexpr Duration shortest_span = std::chrono::milliseconds(20);

// More than any guest has: what is above comes from a broken source.
constexpr Bytes most{std::uint64_t{1} << 52};
// Whole numbers up to here are exact in a double.
constexpr Bytes exact{std::uint64_t{1} << 53};

Bytes bytes(double value) {
  if (!(value > 0)) return {};
  return value >= static_cast<double>(exact.value) ? exact : Bytes{static_cast<std::uint64_t>(value)};
}

std::string in_mib(Bytes b) { return std::to_string((b.value + mib / 2) / mib) + " MiB"; }

Bytes less(Bytes a, Bytes b) { return Bytes{a.value > b.value ? a.value - b.value : 0}; }

}  // namespace

GuestConsent::GuestConsent(ConsentSettings settings) : settings_(settings) {
  const bool threshold_is_sane = settings_.threshold > 0 && settings_.threshold <= 1;
  if (!threshold_is_sane) settings_.threshold = ConsentSettings{}.threshold, ++corrections_.size;
}

Bytes GuestConsent::sane(Bytes size) {
  if (size > most) ++corrections_.size;
  return std::min(size, most);
}

void GuestConsent::sampled(const GuestSample& sample) {
  if (!is_known(sample.memory_total) || !is_known(sample.memory_available)) return;
  if (!looks_.empty() && sample.at < looks_.back().at) return void(++corrections_.clock);
  Look look;
  look.at = sample.at;
  look.total = sane(sample.memory_total);
  look.available = std::min(sane(sample.memory_available), look.total);
  look.used = less(look.total, look.available);
  if (is_known(sample.swap_total) && is_known(sample.swap_free))
    look.used = look.used + less(sane(sample.swap_total), sample.swap_free);
  look.refaults = sample.refaults;
  look.stalled = is_known(sample.memory.some) ? sample.memory.some : sample.memory.some_avg10 / 100;
  looks_.push_back(look);
  const auto kept = std::find_if(looks_.end() - static_cast<std::ptrdiff_t>(std::min(looks_.size(), kept_looks)), looks_.end(),
                                 [&](const Look& l) { return l.at + settings_.rate_window * 2 >= look.at; });
  looks_.erase(looks_.begin(), kept);
}

void GuestConsent::cgroup_sampled(Bytes anonymous, Instant at) {
  if (!anonymous_.empty() && at < anonymous_.back().at) return void(++corrections_.clock);
  anonymous_.push_back({at, sane(anonymous)});
  while (anonymous_.size() > settings_.averaged) anonymous_.pop_front();
}

void GuestConsent::size_told(Bytes memory, Instant at) {
  told_ = sane(memory);
  told_at_ = at;
}

void GuestConsent::kernel_keeps(Bytes memory) { kept_ = memory; }

void GuestConsent::working_set_reported(Bytes memory) { working_set_ = sane(memory); }

void GuestConsent::wished(const MemoryWish& wish, Instant at) {
  wished_ = wish.memory;
  wished_at_ = at;
}

// MemTotal leaves out the kernel's image and the page structs of the base memory, 64 bytes for each 4 KiB. Those of memory
// that was plugged later are taken from what MemTotal counts.
Bytes GuestConsent::size_of(Bytes mem_total) const {
  if (kept_) return mem_total + *kept_;
  return Bytes{mem_total.value + mem_total.value / 64 + settings_.unseen.value};
}

Bytes GuestConsent::room_after(Bytes used) const {
  const Bytes share = bytes(static_cast<double>(used.value) * settings_.headroom);
  return std::max(share, settings_.least_headroom);
}

bool GuestConsent::fresh(Instant now) const {
  return !looks_.empty() && looks_.back().at + settings_.stale >= now;
}

double GuestConsent::rate_since(Duration back) const {
  const Look& last = looks_.back();
  const Look* first = nullptr;
  for (const Look& look : looks_)
    if (look.at + back <= last.at || first == nullptr) first = &look;
  const Duration span = last.at - first->at;
  if (span < shortest_span) return 0;
  return (static_cast<double>(last.used.value) - static_cast<double>(first->used.value)) / seconds(span);
}

double GuestConsent::growth() const {
  if (looks_.empty()) return 0;
  return std::max({0.0, rate_since(settings_.rate_window), rate_since(burst)});
}

std::optional<Bytes> GuestConsent::size() const {
  if (looks_.empty()) return told_;
  const Bytes total = looks_.back().total;
  const Bytes guess = size_of(total);
  const std::uint64_t slack = settings_.unseen.value + total.value / 32;
  if (told_ && told_->value >= total.value && told_->value <= guess.value + slack) return told_;
  return guess;
}

// A cache that is re-read all the time, or tasks that already wait for memory: nothing to give, whatever MemAvailable says.
std::optional<std::string> GuestConsent::unwilling() const {
  const Look& last = looks_.back();
  if (last.stalled > settings_.pressed)
    return "tasks wait for memory " + std::to_string(std::lround(last.stalled * 100)) + " % of the time";
  if (last.refaults > settings_.hot_refaults)
    return "the file cache is in use: " + std::to_string(std::lround(last.refaults)) + " pages/s are read again";
  return std::nullopt;
}

std::optional<Bytes> GuestConsent::cgroup_floor() const {
  if (anonymous_.size() < settings_.enough) return std::nullopt;
  std::uint64_t sum = 0;
  for (const Anonymous& a : anonymous_) sum += a.bytes.value;
  const Bytes needed{sum / anonymous_.size() + settings_.buffer.value};
  Bytes usable = bytes(std::ceil(static_cast<double>(needed.value) / settings_.threshold));
  while (usable < exact && usage_threshold(usable, settings_) < needed) ++usable.value;
  return Bytes{usable.value + settings_.kernel_reserve.value};
}

std::optional<Bytes> GuestConsent::floor(Instant now) const {
  if (!fresh(now)) return std::nullopt;
  const Bytes has = *size();
  if (unwilling()) return has;
  const Bytes need{looks_.back().used.value + working_set_.value};
  const Bytes coming = bytes(growth() * seconds(settings_.lead));
  Bytes least = size_of(Bytes{need.value + room_after(need).value + coming.value});
  if (!anonymous_.empty()) {
    const auto by_cgroup = cgroup_floor();
    if (!by_cgroup || anonymous_.back().at + settings_.stale < now) return std::nullopt;
    least = std::max(least, *by_cgroup);
  }
  return std::min(least, has);
}

ConsentAnswer GuestConsent::consent(const Resources& target, Instant now) const {
  if (!fresh(now)) return {false, "no fresh sample of this guest's memory", std::nullopt};
  const auto least = floor(now);
  if (!least) return {false, "too few fresh samples of the workload's cgroup", std::nullopt};
  const Look& last = looks_.back();
  std::string facts = in_mib(last.used) + " in use";
  if (working_set_.value != 0) facts += ", " + in_mib(working_set_) + " of cache to keep";
  if (const double g = growth(); g >= static_cast<double>(mib)) facts += ", growing by " + in_mib(bytes(g)) + "/s";
  if (target.memory >= *least) return {true, facts + ", fits in " + in_mib(target.memory), std::nullopt};
  const auto no = unwilling();
  return {false, (no ? *no : facts) + ": at least " + in_mib(*least) + " needed", least};
}

// What the VM will have once everything under way has arrived. A size that we were told counts for as long as it may
// still be coming; while it is smaller than what is here, memory is leaving.
Bytes GuestConsent::heading_for(Instant now) const {
  const Bytes has = *size();
  if (!told_ || *told_ == has) return has;
  if (*told_ < has) return *told_;
  return told_at_ + settings_.stale >= now ? *told_ : has;
}

bool GuestConsent::running_short() const {
  const Look& last = looks_.back();
  const double total = static_cast<double>(last.total.value);
  const double available = static_cast<double>(last.available.value);
  if (available < total * settings_.low_water + growth() * seconds(settings_.lead)) return true;
  return last.stalled > settings_.pressed && available < total * settings_.pressed_water;
}

std::optional<MemoryWish> GuestConsent::wish(Instant now) const {
  if (!fresh(now)) return std::nullopt;
  const Look& last = looks_.back();
  const Bytes ahead = heading_for(now);
  const Bytes leaving = less(*size(), ahead);
  const bool starved = leaving.value != 0 && less(last.available, leaving) < room_after(last.used);
  if (!running_short() && !starved) return std::nullopt;

  const double rate = growth();
  const Bytes coming = bytes(rate * seconds(settings_.lead) * 2);
  const Bytes low = bytes(static_cast<double>(last.total.value) * settings_.low_water);
  const Bytes need{last.used.value + room_after(last.used).value + low.value + coming.value};
  const Bytes enough = size_of(need);
  const Bytes has = *size();
  // It is already on its way.
  if (ahead > has && enough <= ahead) return std::nullopt;
  const Bytes memory = std::max(enough, Bytes{ahead.value + settings_.least_step.value});
  if (wished_at_ && *wished_at_ + settings_.repeat_after > now &&
      memory.value < wished_.value + settings_.least_step.value)
    return std::nullopt;
  std::string why = in_mib(last.available) + " of " + in_mib(last.total) + " available";
  if (rate >= static_cast<double>(mib)) why += ", use grows by " + in_mib(bytes(rate)) + "/s";
  return MemoryWish{memory, why};
}

Bytes usable_memory(Bytes reported, const ConsentSettings& settings) {
  return less(reported, settings.kernel_reserve);
}

Bytes usage_threshold(Bytes usable, const ConsentSettings& settings) {
  return bytes(std::floor(static_cast<double>(usable.value) * settings.threshold));
}

// 0.75 of it, but 256 MiB and a spread of a tenth of the cache always stay for everything else.
Bytes file_cache_size(Bytes usable) {
  const Bytes rest = less(usable, Bytes{256 * mib});
  const double by_spread = std::floor(static_cast<double>(rest.value) / 1.1);
  const double by_share = std::floor(static_cast<double>(usable.value) * 0.75);
  return round_down(bytes(std::min(by_spread, by_share)), mib);
}

}  // namespace neonvm::decide

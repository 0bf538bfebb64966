#include "core/decide/usage_book.hpp"

#include <algorithm>
#include <limits>

namespace neonvm::decide {

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t second = 1'000'000;          // µs
constexpr std::uint64_t cpu_second = 1000 * second;  // mCPU·µs

std::uint64_t times(std::uint64_t a, std::uint64_t b) { return b != 0 && a > most / b ? most : a * b; }
std::uint64_t plus(std::uint64_t a, std::uint64_t b) { return a > most - b ? most : a + b; }

Instant whole_micros(Instant at) { return Instant(std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch())); }

void advance_one(UsageAccount& account, Instant at) {
  at = whole_micros(at);
  if (at <= account.at) return;
  if (account.size) {
    const auto passed = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(at - account.at).count());
    account.cpu = plus(account.cpu, times(account.size->cpu.value, passed));
    account.memory = plus(account.memory, times(account.size->memory.value / mib, passed));
    account.active = plus(account.active, passed);
  }
  account.at = at;
}

// Whole units out of the amount; of one that will never grow again, the nearest.
std::uint64_t take(std::uint64_t& amount, std::uint64_t unit, bool last) {
  const std::uint64_t whole = amount / unit + (last && amount % unit >= unit / 2 ? 1 : 0);
  amount = last ? 0 : amount % unit;
  return whole;
}

}  // namespace

void UsageBook::set(const UsageKey& key, const std::optional<Resources>& size, Instant at) {
  const auto known = accounts_.find(key);
  if (known == accounts_.end()) {
    if (size) accounts_[key] = {size, whole_micros(at), 0, 0, 0};
    return;
  }
  advance_one(known->second, at);
  known->second.size = size;
}

void UsageBook::advance(Instant at) {
  for (auto& [key, account] : accounts_) advance_one(account, at);
}

std::vector<Charge> UsageBook::charge(Instant at) {
  advance(at);
  std::vector<Charge> charges;
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    UsageAccount& account = it->second;
    const bool ended = !account.size;
    Charge charge{it->first, take(account.cpu, cpu_second, ended), take(account.memory, second, ended), take(account.active, second, ended)};
    charges.push_back(std::move(charge));
    it = ended ? accounts_.erase(it) : std::next(it);
  }
  return charges;
}

void UsageBook::resume(const std::map<UsageKey, Resources>& now, Instant at) {
  for (auto& [key, account] : accounts_) {
    const auto has = now.find(key);
    if (has == now.end()) {
      account.size.reset();
    } else if (account.size) {
      account.size = field_min(*account.size, has->second);
    }
  }
  for (const auto& [key, size] : now) set(key, size, at);
}

}  // namespace neonvm::decide

// UsageBook: what each VM has used, integrated over time exactly: CPU, memory, and how long it ran.
//
// Pure. Asked by daemon/biller, which tells it every change of a size when it happens. Amounts are whole numbers (thousandths of a
// CPU times microseconds, MiB times microseconds, microseconds), so that nothing is lost however often one looks: what a charge
// leaves below a whole unit is carried into the next. Of one life of a VM the charges add up to the integral of its size over time,
// rounded to the nearest unit when it ends and never above it before. (neondatabase/autoscaling samples every 4 s, takes the
// smaller of two neighbours and rounds each window: reference autoscaling.md 8.1.)
//
// Times of one key never go back: an earlier one counts as the latest known. Memory counts in whole MiB. Sums saturate: a VM of
// 1 TiB that nobody charged for half a year.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm::decide {

struct UsageKey {
  std::string vm_uid, endpoint;            // endpoint: who is billed

  friend auto operator<=>(const UsageKey&, const UsageKey&) = default;
};

// Not yet charged.
struct UsageAccount {
  std::optional<Resources> size;           // it runs and has this; none: it does not run
  Instant at{};                            // the amounts hold until then
  std::uint64_t cpu = 0;                   // mCPU·µs
  std::uint64_t memory = 0;                // MiB·µs
  std::uint64_t active = 0;                // µs

  friend bool operator==(const UsageAccount&, const UsageAccount&) = default;
};

struct Charge {
  UsageKey key;
  std::uint64_t cpu_seconds = 0, memory_mib_seconds = 0, active_seconds = 0;

  friend bool operator==(const Charge&, const Charge&) = default;
};

class UsageBook {
 public:
  UsageBook() = default;
  explicit UsageBook(std::map<UsageKey, UsageAccount> accounts) : accounts_(std::move(accounts)) {}

  // From `at` on it has this size; none: it ended.
  void set(const UsageKey& key, const std::optional<Resources>& size, Instant at);
  // Whole units up to `at`, one charge for each key that ran since the last time; the book forgets whoever has ended.
  std::vector<Charge> charge(Instant at);
  // After a restart, or when nobody looked: of each key what it has now, by `now`. Between an account's time and `at` it had at
  // least the smaller of what it had then and has now; of one that is gone, nobody knows when, nothing more is counted.
  void resume(const std::map<UsageKey, Resources>& now, Instant at);
  // Brings all accounts to that time.
  void advance(Instant at);

  [[nodiscard]] const std::map<UsageKey, UsageAccount>& accounts() const { return accounts_; }

 private:
  std::map<UsageKey, UsageAccount> accounts_;
};

}  // namespace neonvm::decide

// Usage and scaling events as upstream sends them (reference: autoscaling.md 8.1, 8.2), and the book that survives a restart.
//
// Events are one line of JSON each, without its end. A saved book is written by this program and read by it or a later one:
// strict in what it needs, unknown members are ignored.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

struct UsageEvent {
  std::string idempotency_key, metric, endpoint;
  WallTime start{}, stop{};
  std::uint64_t value = 0;

  friend bool operator==(const UsageEvent&, const UsageEvent&) = default;
};
std::string encode(const UsageEvent& event);

struct ScalingEvent {
  WallTime at{};
  std::string region, endpoint;
  bool hypothetical = false;
  std::int64_t current_cu = 0, target_cu = 0;   // thousandths
  std::map<std::string, double> goal;           // of a hypothetical one, by component: cpu, mem

  friend bool operator==(const ScalingEvent&, const ScalingEvent&) = default;
};
std::string encode(const ScalingEvent& event);

// decide::UsageBook between two processes.
struct SavedAccount {
  std::string vm_uid, endpoint;
  std::optional<Resources> size;
  std::int64_t at_us = 0;                  // of CLOCK_MONOTONIC
  std::uint64_t cpu = 0, memory = 0, active = 0;

  friend bool operator==(const SavedAccount&, const SavedAccount&) = default;
};
struct SavedUsage {
  std::uint64_t window = 0;                // grows with every charge that is spooled
  std::string boot;                        // /proc/sys/kernel/random/boot_id: times of another boot say nothing
  WallTime window_began{};
  std::vector<SavedAccount> accounts;

  friend bool operator==(const SavedUsage&, const SavedUsage&) = default;
};
std::string encode(const SavedUsage& usage);
Result<SavedUsage> decode_saved_usage(std::string_view json);

}  // namespace neonvm::wire

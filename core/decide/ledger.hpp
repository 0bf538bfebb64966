// Ledger: the scheduler's books: who holds how much on which node, and what may still be promised.
//
// Called by daemon/scheduler and simulate. Pure: facts and requests go in, answers come out; time is an argument.
// Threads: a value. A holder is a runner by its name: the source and the target of a migration are two holders of one
// VM and both count until one of them is gone.
//
// A holder's reservation is the larger of what it was granted and what the world says that it still has, field by
// field: what a guest has not given back yet is never sold again.
//
// Laws:
//  1. Requests never raise the sum of the reservations of a node above its capacity. Facts may (a node that shrank,
//     books rebuilt from a world that is too full): then nothing on it grows until it fits again.
//  2. A request for less is always taken.
//  3. What is granted lies between what was granted before and what was asked, in steps of the compute unit where it is
//     less than asked.
//  4. A refusal changes nothing.
//  5. After a rebuild nothing grows on a node before every holder on it has restated its permit, or `confirm_by`.
//  6. A VM with two holders does not grow.
// Unlike upstream nobody is promised more than there is for an `overcommit` factor's sake, and CPU and memory that a
// finished runner no longer uses count for nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/node.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::decide {

struct Booking {
  std::string holder;            // runner
  std::string vm;                // uid
  std::string node;
  Resources granted;
  Resources actual;
  Resources unit;                // granularity of partial grants, 0: none
  bool leaving = false;          // source of a migration
  bool confirmed = true;         // false after a rebuild until it has restated its permit
};

Resources reserved(const Booking& booking);

struct NodeTotals {
  Resources capacity, reserved, leaving, watermark;
  [[nodiscard]] Resources free() const { return capacity - reserved; }
  // By how much what stays is above the watermark.
  [[nodiscard]] Resources excess() const { return (reserved - leaving) - watermark; }
};

struct Grant {
  Resources permit;
  std::string why;               // why less than asked; empty: all of it
  std::optional<Instant> retry;  // when waiting alone may change that
};

class Ledger {
 public:
  // Facts.
  void node_seen(const Node& node);
  void node_gone(const std::string& name);               // its holders stay booked, nothing is placed there
  // Books from the world; whatever was known of holders is forgotten.
  void rebuilt(std::vector<Booking> world, Instant confirm_by);
  // A holder that the world shows and the books do not: booked without asking. One that is known: `actual`, `leaving`,
  // `node` are taken over, what was granted stays.
  void holder_seen(const Booking& fact);
  void actual_seen(const std::string& holder, const Resources& actual);
  void leaving_seen(const std::string& holder, bool leaving);
  void renamed(const std::string& holder, const std::string& successor);
  void released(const std::string& holder);              // gone: idempotent

  // Requests.
  // Books `size` for a new holder. Same holder and node again: ok and unchanged. out_of_capacity names the shortage.
  Status reserve(const Booking& wanted);
  // May the holder have so much in total? not_found: no such holder.
  Result<Grant> ask(const std::string& holder, const Resources& wanted, const Resources& unit,
                    const std::optional<Resources>& last_permit, Instant now);

  [[nodiscard]] const Booking* find(const std::string& holder) const;
  [[nodiscard]] std::vector<Booking> of_vm(const std::string& vm) const;
  [[nodiscard]] const std::map<std::string, Booking>& bookings() const { return bookings_; }
  [[nodiscard]] const std::map<std::string, Node>& nodes() const { return nodes_; }
  [[nodiscard]] NodeTotals totals(const std::string& node) const;

 private:
  [[nodiscard]] bool waits_for_others(const Booking& booking, Instant now) const;

  std::map<std::string, Node> nodes_;
  std::map<std::string, Booking> bookings_;
  Instant confirm_by_{};
};

// What a VM holds by its objects: the larger of what is asked and what it has. A guest has whole CPUs, so one CPU online
// is 250m if 250m are asked.
Resources held_by(const VmSpec& spec, const VmStatus& status);

// "2 CPU, 3Gi": by how much `wanted` is above `free`; empty if it fits.
std::string shortage(const Resources& wanted, const Resources& free);

}  // namespace neonvm::decide

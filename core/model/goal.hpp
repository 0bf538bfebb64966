// Goal: what a policy wants for a VM, and Because: why.
//
// A Goal is a wish: `decide/scaling` clamps it into the VM's bounds and asks before it grows. Policies need not clamp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm {

// One reason, readable by people and machines: rule "cpu.load1", text "load1 3.5 / 0.9 per CPU -> 15.6 CU -> 16 CU".
struct Because {
  std::string rule;
  std::string text;

  friend bool operator==(const Because&, const Because&) = default;
};

struct Goal {
  Resources wish;
  // False when the policy lacked inputs that it needs: then a VM never shrinks below what it has.
  bool complete = true;
  // Whole compute units that the policy counted in, for reports; 0 when it does not count so.
  std::uint32_t compute_units = 0;
  std::vector<Because> because;
  // Ask again no later than this even if no sample comes.
  std::optional<Duration> ask_again;
};

// Keeps the strings of a goal's last reasons for its next ones: whoever fills the same goal again and again allocates
// nothing once every text has been as long as it gets. Held beside the goal.
class SpareReasons {
 public:
  SpareReasons();
  // Takes the reasons out of the goal.
  void empty(Goal& goal);
  // Appends one, its strings with room for what the plugins' C ABI passes on.
  void add(Goal& goal, std::string_view rule, std::string_view text);

 private:
  std::vector<Because> spare_;
};

}  // namespace neonvm

// Script: what the scripted doors of these tests were asked, and how they are to answer.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::plugin {

struct Script {
  std::vector<std::string> calls;   // "want_memory 4096 @77"
  std::optional<Error> error;       // answered by every call
  bool throws = false;              // every call throws std::runtime_error("boom")
  int alive = 0;                    // plugins, machines and watches that were not ended

  void note(const std::string& call, Deadline deadline) {
    calls.push_back(call + " @" + std::to_string(deadline.time_since_epoch().count()));
    if (throws) throw std::runtime_error("boom");
  }

  template <typename T>
  Result<T> answer(T value, const std::string& call, Deadline deadline) {
    note(call, deadline);
    if (error) return *error;
    return value;
  }
  Status answer(const std::string& call, Deadline deadline) {
    note(call, deadline);
    if (error) return *error;
    return {};
  }
};

// The one that scripted plugins use: a plugin cannot be handed a pointer through its settings.
Script& script();

}  // namespace neonvm::plugin

// A recorded script: one step a line, as JSON, beside comments that say where the reference has it.
//
// What upstream's part of a mixed cluster says and expects, message by message (autoscaling.md 5-7). The steps that there are stand in the
// tests that play them: tests/core/daemon/mixed, tests/guest/mixed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace neonvm::tests {

struct ScriptLine {
  std::string place;               // "denied.jsonl:7: {…}"
  nlohmann::json step;
};
using Script = std::vector<ScriptLine>;

// Every script (*.jsonl) of a folder, by name; fails the test where one cannot be read.
std::vector<std::pair<std::string, Script>> scripts_in(const std::string& folder);
// Every member that is expected is there, and is that; sizes count by their value ("1" is 1000m).
bool has(const nlohmann::json& actual, const nlohmann::json& expected);

// A quantity, written as a number or as a text.
std::string text_of(const nlohmann::json& value);

}  // namespace neonvm::tests

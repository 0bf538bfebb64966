#include "tests/support/recorded_script.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/model/resources.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::tests {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

Script read(const fs::path& path) {
  Script script;
  std::ifstream file(path);
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    const std::string place = path.filename().string() + ":" + std::to_string(number) + ": " + text;
    json step = json::parse(text, nullptr, false);
    INFO(place);
    REQUIRE(step.is_object());
    script.push_back({place, std::move(step)});
  }
  REQUIRE_FALSE(script.empty());
  return script;
}

bool same_size(const std::string& key, const json& actual, const json& expected) {
  if (key == "vCPUs") {
    const auto a = parse_milli_cpu(text_of(actual)), b = parse_milli_cpu(text_of(expected));
    return a && b && *a == *b;
  }
  const auto a = parse_bytes(text_of(actual)), b = parse_bytes(text_of(expected));
  return a && b && *a == *b;
}

}  // namespace

std::vector<std::pair<std::string, Script>> scripts_in(const std::string& folder) {
  std::vector<std::pair<std::string, Script>> all;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".jsonl") all.emplace_back(entry.path().stem().string(), read(entry.path()));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  REQUIRE_FALSE(all.empty());
  return all;
}

std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool has(const json& actual, const json& expected) {
  if (!expected.is_object()) return actual == expected;
  if (!actual.is_object()) return false;
  return std::all_of(expected.items().begin(), expected.items().end(), [&actual](const auto& member) {
    const auto there = actual.find(member.key());
    if (there == actual.end()) return false;
    if (member.key() == "vCPUs" || member.key() == "mem") return same_size(member.key(), *there, member.value());
    return has(*there, member.value());
  });
}

}  // namespace neonvm::tests

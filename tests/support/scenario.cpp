#include "tests/support/scenario.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"

namespace neonvm::tests {
namespace {

bool is_remark(const std::string& line) { return line.empty() || line[0] == '#'; }

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  REQUIRE(in);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string without_end(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

void run_scenario(const std::string& path, const PlayBlock& play) {
  const bool rewrite = std::getenv("NEONVM_REWRITE_SCENARIOS") != nullptr;
  const auto lines = lines_of(path);
  std::string rewritten;
  std::size_t i = 0;
  while (i < lines.size()) {
    if (is_remark(lines[i])) {
      rewritten += lines[i++] + "\n";
      continue;
    }
    const std::size_t first = i;
    std::vector<std::string> commands;
    for (; i < lines.size() && lines[i] != "----"; ++i) {
      rewritten += lines[i] + "\n";
      if (!is_remark(lines[i])) commands.push_back(lines[i]);
    }
    REQUIRE(i < lines.size());
    ++i;
    std::string expected;
    for (; i < lines.size() && !lines[i].empty(); ++i) expected += lines[i] + "\n";
    const std::string got = without_end(play(commands));
    rewritten += "----\n" + (got.empty() ? "" : got + "\n");
    if (rewrite) continue;
    INFO(path << ":" << first + 1 << ": " << commands.front());
    CHECK(got == without_end(expected));
  }
  if (rewrite) std::ofstream(path) << rewritten;
}

std::vector<std::string> scenario_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace neonvm::tests

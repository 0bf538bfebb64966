// Scenario: a text file of commands with what is expected beneath them.
//
// A block is some command lines, a line "----", the expected text, and a blank line. Lines that begin with # are for
// readers. run_scenario() gives each block's commands to `play` and compares the answer. With
// NEONVM_REWRITE_SCENARIOS=1 in the environment it writes the answers into the file instead: read the diff.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace neonvm::tests {

using PlayBlock = std::function<std::string(const std::vector<std::string>& commands)>;

void run_scenario(const std::string& path, const PlayBlock& play);

// Paths of the files in `folder` that end in ".txt", sorted.
std::vector<std::string> scenario_files(const std::string& folder);

// Words of a line.
std::vector<std::string> words_of(const std::string& line);

}  // namespace neonvm::tests

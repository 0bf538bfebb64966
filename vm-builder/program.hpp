// run_program: another program, waited for; what it says is kept for messages.
//
// Called on the building thread. Its standard input is empty. It ends when we do, however we end. Failure: not_found
// names the Debian package when the program is not there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::builder {

struct ProgramEnd {
  int status = 0;      // exit code, or 128 and the signal
  std::string output;  // standard output and error, the last 16 KiB
};

using Environment = std::map<std::string, std::string>;  // added to ours

// `folder`: where it is run; empty: here.
Result<ProgramEnd> run_program(const std::vector<std::string>& argv, const Environment& env = {}, const std::string& folder = {});
// The same, and a failure when its exit code is not 0. `package`: where the program comes from.
Status must_run(const std::vector<std::string>& argv, const std::string& package, const Environment& env = {});
// In PATH, and in the system folders that an ordinary user's PATH leaves out. Empty: not there.
std::string find_program(const std::string& name);

}  // namespace neonvm::builder

// Runs a short-lived program (qemu-img, qemu --version) and gathers what it prints.
//
// Threads: any. Failure: not_found when there is no such program; deadline_exceeded when it did not end in time (it has
// been killed then); an exit status that is not 0 is an answer, not a failure.
#pragma once

#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::qemu {

struct ProgramEnd {
  int status = 0;      // as the shell tells it: 128 + n for signal n
  std::string output;  // stdout and stderr as they came, at most 64 KiB
};

// `inherited`: descriptors that it gets under the same numbers, whatever their close-on-exec flag.
Result<ProgramEnd> run_program(const std::vector<std::string>& argv, Deadline deadline,
                               const std::vector<int>& inherited = {});

// The absolute path of a program; not_found names it.
Result<std::string> find_program(const std::string& name);

}  // namespace neonvm::qemu

// EndSignal: SIGTERM and SIGINT, heard over the lives of several loops in one process.
//
// For a daemon that steps down and begins again: each life has a loop, which hears signals while it runs. One that arrives in a
// loop's last moment, or between two, would be nobody's, and the process would go on for ever. Main thread; made before the first
// loop runs, kept until the process ends. Without a loop that runs, nothing happens before came() is asked.
#pragma once

#include "core/model/instant.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::cli {

class EndSignal {
 public:
  EndSignal();
  // Whether one has come since this was made, however many loops heard it too; waits at most so long for it.
  bool came(Duration within = std::chrono::milliseconds(20));

 private:
  runtime::Loop loop_{1};
  bool came_ = false;
};

}  // namespace neonvm::cli

// TempHome: a home of its own for one test; at its end all runners and machines in it are killed and it is removed.
#pragma once

#include <signal.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "plugins/orchestrator-local/local_orchestrator.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::local {

class TempHome {
 public:
  TempHome() {
    std::string name = (std::filesystem::temp_directory_path() / "neonvm-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top_ = name;
    path = name + "/home";
  }
  ~TempHome() {
    std::error_code ignored;
    for (const auto& dir : std::filesystem::directory_iterator(path + "/r", ignored)) {
      for (const char* file : {"/runner.pid", "/qemu.pid"}) {
        const pid_t pid = pid_in(dir.path().string() + file);
        if (pid > 1) ::kill(pid, SIGKILL);
      }
    }
    std::filesystem::remove_all(top_, ignored);
  }
  TempHome(const TempHome&) = delete;
  TempHome& operator=(const TempHome&) = delete;

  static pid_t pid_in(const std::string& file) {
    pid_t pid = 0;
    std::ifstream(file) >> pid;
    return pid;
  }

  std::string path;

 private:
  std::string top_;
};

inline Settings settings_of(const TempHome& home, bool supervise = false) {
  Settings settings;
  settings.home = home.path;
  settings.supervise = supervise;
  settings.runner_command = {STAND_IN_RUNNER};
  settings.nodes = equal_nodes(1, 0.9, {MilliCpu{4000}, Bytes{4 * gib}});
  return settings;
}

inline std::unique_ptr<LocalOrchestrator> open_door(const Settings& settings, const Clock& clock = system_clock(),
                                                    StopMargins margins = {}) {
  auto door = LocalOrchestrator::open(settings, clock, margins);
  INFO((door ? std::string() : door.error().message));
  REQUIRE(door.ok());
  return std::move(*door);
}

// Waits for something that no door tells; fails the test when it does not come.
template <typename Condition>
void await(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace neonvm::local

// Scratch: a temporary folder that goes with the test; run(): a command whose output shows when it fails.
#pragma once

#include <filesystem>
#include <string>

namespace neonvm::plugin {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// Through the shell; answers what it printed. REQUIREs that it succeeds.
std::string run(const std::string& command);

}  // namespace neonvm::plugin

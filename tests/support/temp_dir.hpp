// TempDir: a directory of a test's own, gone with it. Short, because Unix sockets in it have 107 bytes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace neonvm {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "nvm-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a directory in " + name);
    path_ = name;
  }
  ~TempDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace neonvm

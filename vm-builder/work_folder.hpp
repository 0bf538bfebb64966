// WorkFolder: a folder for one build's scratch. Gone with its owner; what a killed build left is removed by the next one.
//
// Any number of processes side by side: each holds a lock inside its own folder for as long as it lives.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "vm-builder/unique_fd.hpp"

namespace neonvm::builder {

class WorkFolder {
 public:
  // A fresh folder in `parent`, which is made if need be.
  static Result<WorkFolder> in(const std::string& parent);
  ~WorkFolder();
  WorkFolder(WorkFolder&& other) noexcept;
  WorkFolder& operator=(WorkFolder&&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  WorkFolder(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

// An exclusive lock on a file, made if need be; waits for it unless `wait` is false (then not valid when taken).
Result<UniqueFd> lock_file(const std::string& path, bool wait = true);

}  // namespace neonvm::builder

// FileStore: ConfigMaps and Secrets at the desk: each a folder in $NEONVM_HOME/configs or $NEONVM_HOME/secrets, readable by
// its owner alone.
//
// Made as a Kubernetes volume is: "..data" is a symbolic link to the present files and is switched to new ones in one step, so
// that runners, which watch it, never see a half. Called by cli's commands; any process may read. Failure: a Result; the
// present files stay as they are.
#pragma once

#include <string>
#include <vector>

#include "cli/config.hpp"
#include "core/model/result.hpp"
#include "core/wire/file_bundle.hpp"

namespace neonvm::cli {

enum class FileKind { config_map, secret };

std::string files_folder(const Config& config, FileKind kind);

struct StoredFiles {
  std::string name;
  std::vector<std::string> keys;
  std::uint64_t bytes = 0;
};

class FileStore {
 public:
  FileStore(const Config& config, FileKind kind) : folder_(files_folder(config, kind)) {}

  // "created", "changed" or "unchanged".
  Result<std::string> put(const std::string& name, const wire::FileBundle& files) const;
  [[nodiscard]] Result<std::vector<StoredFiles>> list() const;
  Status remove(const std::string& name) const;

 private:
  std::string folder_;
};

// a to z, 0 to 9, dashes and dots.
Status check_files_name(const std::string& name);

}  // namespace neonvm::cli

// Spec: upstream's YAML for vm-builder: what is added to an image (commands, shutdownHook, build, merge, files).
//
// Read from JSON, because YAML with its lines is the command's business. Unknown members are errors. Failure: all that is
// wrong at once, each with its path ("commands[0].user: …"), so that the caller can put line and column in front.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/model/result.hpp"
#include "core/wire/workload.hpp"

namespace neonvm::builder {

struct SpecFile {
  std::string filename;   // in the build's context
  std::string host_path;  // beside the spec; empty: `content`
  std::string content;
};

struct Spec {
  std::vector<wire::WorkloadCommand> commands;
  std::string shutdown_hook;
  std::string build, merge;  // Dockerfile text
  std::vector<SpecFile> files;

  [[nodiscard]] bool needs_buildah() const { return !build.empty() || !merge.empty(); }
};

std::variant<Spec, std::vector<Error>> read_spec(std::string_view json);

}  // namespace neonvm::builder

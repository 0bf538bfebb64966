// YAML documents as JSON text that remembers its lines, so that an error about a path can name file, line and column.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::cli {

struct YamlDocument {
  struct Place {
    int line = 0, column = 0;
  };
  std::string file;
  std::string json;
  std::map<std::string, Place> places;   // "spec.guest.cpus.min" -> where it stands

  // "vm.yaml:12:9: spec.guest.cpus.min: …" when the message begins with a path that stands in the document.
  [[nodiscard]] Error located(const Error& error) const;
};

// Plain scalars get YAML's core types, quoted ones stay strings. Aliases are expanded, up to 1 MiB of JSON in all;
// nesting up to 64. Empty documents are left out. JSON is YAML.
Result<std::vector<YamlDocument>> yaml_documents(const std::string& file, const std::string& text);

}  // namespace neonvm::cli

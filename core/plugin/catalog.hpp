// Catalog: finds a plugin by kind and name or by path, checks it and opens it as the door that it implements.
//
// Made by cli, once a process. A word with '/' or ending in ".so" is a path; anything else a name, looked for among the
// built-in plugins first, then in the folders, in order: `<kind>-<name>.so`, `<name>.so`, then every other *.so by its
// own word. Version rule and required calls: neonvm_plugin.h. Threads: any; nothing is kept between calls. Lifetime:
// what was opened does not need the catalog; libraries are never unloaded, so a replaced file is seen by a new process.
// Failure: not_found with what there is; a refusal always carries its reason, and one bad file hides no other.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "core/plugin/host_table.hpp"
#include "core/plugin/neonvm_plugin.h"
#include "core/plugin/opened.hpp"
#include "core/ports/hypervisor.hpp"
#include "core/ports/orchestrator.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::plugin {

// One line of `neonvm plugins`.
struct PluginInfo {
  std::string kind;       // "policy", …; empty when refused before that was known
  std::string name;
  std::string version;
  std::string where;      // "built in" or the path
  std::string refusal;    // why it cannot be used; empty: it can
};

class Catalog {
 public:
  Catalog(std::span<const neonvm_plugin_getter> builtins, std::vector<std::filesystem::path> folders,
          HostServices services = {});

  // $NEONVM_PLUGIN_PATH (folders with ':' between), then the folder where the program's installation keeps plugins.
  static std::vector<std::filesystem::path> default_folders();

  Result<std::unique_ptr<Policy>> open_policy(const std::string& word, const Settings& settings = {}) const;
  Result<std::unique_ptr<Hypervisor>> open_hypervisor(const std::string& word, const Settings& settings = {}) const;
  Result<std::unique_ptr<Orchestrator>> open_orchestrator(const std::string& word, const Settings& settings = {}) const;

  // Built-in ones, then what lies in the folders. Loads every file in them.
  [[nodiscard]] std::vector<PluginInfo> list() const;
  [[nodiscard]] static PluginInfo look_at(const std::filesystem::path& file);

 private:
  struct Found {
    const neonvm_plugin_descriptor* descriptor = nullptr;
    std::string where;
  };
  static Result<Found> load(const std::filesystem::path& file);
  [[nodiscard]] Result<Found> find(std::int32_t kind, const std::string& word) const;
  [[nodiscard]] Result<Found> find_by_name(std::int32_t kind, const std::string& name) const;
  [[nodiscard]] Result<std::shared_ptr<Opened>> open(std::int32_t kind, const std::string& word,
                                                     const Settings& settings) const;

  std::vector<neonvm_plugin_getter> builtins_;
  std::vector<std::filesystem::path> folders_;
  HostServices services_;
};

}  // namespace neonvm::plugin

#include "core/plugin/catalog.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/model/nearest.hpp"
#include "core/plugin/descriptor_check.hpp"
#include "core/plugin/hypervisor_proxy.hpp"
#include "core/plugin/library.hpp"
#include "core/plugin/orchestrator_proxy.hpp"
#include "core/plugin/plugin_folder.hpp"
#include "core/plugin/policy_proxy.hpp"

namespace neonvm::plugin {

namespace fs = std::filesystem;

namespace {

constexpr const char* built_in = "built in";

PluginInfo info_of(const neonvm_plugin_descriptor& d, std::string where) {
  return {std::string(kind_name(d.kind)), d.name, d.version == nullptr ? "" : d.version, std::move(where), {}};
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ", ";
  list += item;
}

}  // namespace

Catalog::Catalog(std::span<const neonvm_plugin_getter> builtins, std::vector<fs::path> folders, HostServices services)
    : builtins_(builtins.begin(), builtins.end()), folders_(std::move(folders)), services_(std::move(services)) {}

std::vector<fs::path> Catalog::default_folders() {
  const char* path = std::getenv("NEONVM_PLUGIN_PATH");
  std::vector<fs::path> folders = split_folders(path == nullptr ? "" : path);
  // Seen from the program, so that an installation may be moved as a whole.
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  if (!unknown) {
    folders.push_back((program.parent_path() / NEONVM_PLUGINS_FROM_PROGRAM).lexically_normal());
    folders.push_back(program.parent_path() / "plugins");  // where it was built
  }
  return folders;
}

Result<Catalog::Found> Catalog::load(const fs::path& file) {
  std::error_code ignored;
  fs::path path = fs::canonical(file, ignored);
  if (ignored) path = fs::absolute(file, ignored);
  if (const Status checked = check_plugin_file(path); !checked) return checked.error().at(file.string());
  const Result<neonvm_plugin_getter> getter = load_getter(path);
  if (!getter) return getter.error().at(file.string());
  const neonvm_plugin_descriptor* descriptor = (*getter)();
  if (const Status checked = check_descriptor(descriptor); !checked) return checked.error().at(file.string());
  return Found{descriptor, path.string()};
}

PluginInfo Catalog::look_at(const fs::path& file) {
  const Result<Found> found = load(file);
  if (found) return info_of(*found->descriptor, found->where);
  PluginInfo info;
  info.where = file.string();
  // The message begins with the path, which stands in `where` already.
  info.refusal = found.error().message.substr(info.where.size() + 2);
  return info;
}

std::vector<PluginInfo> Catalog::list() const {
  std::vector<PluginInfo> all;
  for (const neonvm_plugin_getter getter : builtins_) {
    const neonvm_plugin_descriptor* descriptor = getter();
    if (const Status checked = check_descriptor(descriptor); checked) {
      all.push_back(info_of(*descriptor, built_in));
    } else {
      all.push_back({"", "", "", built_in, checked.error().message});
    }
  }
  for (const fs::path& folder : folders_) {
    for (const fs::path& file : plugin_files(folder, "", "")) all.push_back(look_at(file));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto first = std::find_if(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), [&](const auto& other) {
      return other.kind == all[i].kind && other.name == all[i].name && other.refusal.empty();
    });
    if (all[i].refusal.empty() && first != all.begin() + static_cast<std::ptrdiff_t>(i)) {
      all[i].refusal = "another " + all[i].kind + " of that name comes first: " + first->where;
    }
  }
  return all;
}

Result<Catalog::Found> Catalog::find_by_name(std::int32_t kind, const std::string& name) const {
  std::string there, refused;
  std::vector<std::string> names;
  const auto is_it = [&](const neonvm_plugin_descriptor& d) {
    if (d.kind != kind) return false;
    if (d.name == name) return true;
    // The built-in ones may be in a folder too.
    if (std::find(names.begin(), names.end(), d.name) != names.end()) return false;
    append(there, d.name);
    names.emplace_back(d.name);
    return false;
  };
  for (const neonvm_plugin_getter getter : builtins_) {
    const neonvm_plugin_descriptor* descriptor = getter();
    if (!check_descriptor(descriptor)) continue;
    if (is_it(*descriptor)) return Found{descriptor, built_in};
  }
  const std::string what(kind_name(kind));
  for (const fs::path& folder : folders_) {
    for (const fs::path& file : plugin_files(folder, what, name)) {
      const Result<Found> found = load(file);
      if (!found) {
        append(refused, found.error().message);
      } else if (is_it(*found->descriptor)) {
        return found;
      }
    }
  }
  std::string message = "no " + what + " plugin \"" + name + "\"; there is " + (there.empty() ? "none" : there);
  if (!refused.empty()) message += "; refused: " + refused;
  if (const auto near = nearest(name, names)) message += "; did you mean " + *near + "?";
  return Error{Code::not_found, std::move(message)};
}

namespace {

std::string a_kind(std::int32_t kind) {
  return (kind == NEONVM_KIND_ORCHESTRATOR ? "an " : "a ") + std::string(kind_name(kind));
}

}  // namespace

Result<Catalog::Found> Catalog::find(std::int32_t kind, const std::string& word) const {
  if (!is_path(word)) return find_by_name(kind, word);
  Result<Found> found = load(word);
  if (found && found->descriptor->kind != kind) {
    return Error{Code::invalid_argument, "is " + a_kind(found->descriptor->kind) + " plugin, not " + a_kind(kind)}.at(word);
  }
  return found;
}

Result<std::shared_ptr<Opened>> Catalog::open(std::int32_t kind, const std::string& word,
                                              const Settings& settings) const {
  const Result<Found> found = find(kind, word);
  if (!found) return found.error();
  HostServices services = services_;
  // A copy: what was opened does not need this catalog any more.
  services.open_policy = [catalog = *this](const std::string& inner, const Settings& its) {
    return catalog.open(NEONVM_KIND_POLICY, inner, its);
  };
  return Opened::open(*found->descriptor, settings, services);
}

Result<std::unique_ptr<Policy>> Catalog::open_policy(const std::string& word, const Settings& settings) const {
  auto opened = open(NEONVM_KIND_POLICY, word, settings);
  if (!opened) return opened.error();
  return std::unique_ptr<Policy>(std::make_unique<PolicyProxy>(std::move(*opened)));
}

Result<std::unique_ptr<Hypervisor>> Catalog::open_hypervisor(const std::string& word, const Settings& settings) const {
  auto opened = open(NEONVM_KIND_HYPERVISOR, word, settings);
  if (!opened) return opened.error();
  return std::unique_ptr<Hypervisor>(std::make_unique<HypervisorProxy>(std::move(*opened)));
}

Result<std::unique_ptr<Orchestrator>> Catalog::open_orchestrator(const std::string& word,
                                                                 const Settings& settings) const {
  auto opened = open(NEONVM_KIND_ORCHESTRATOR, word, settings);
  if (!opened) return opened.error();
  return std::unique_ptr<Orchestrator>(std::make_unique<OrchestratorProxy>(std::move(*opened)));
}

}  // namespace neonvm::plugin

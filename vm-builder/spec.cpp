#include "vm-builder/spec.hpp"

#include <algorithm>
#include <array>

#include "vm-builder/in_quotes.hpp"
#include "vm-builder/json_document.hpp"

namespace neonvm::builder {
namespace {

constexpr std::array actions = {"sysinit", "wait", "once", "respawn", "askfirst", "ctrlaltdel", "shutdown", "restart"};

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = corner + (a[i - 1] == b[j - 1] ? 0U : 1U);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

class SpecReader {
 public:
  std::vector<Error> faults;

  Spec read(const Json& json) {
    Spec spec;
    if (json.is_null()) return spec;
    if (!json.is_object()) {
      fault("", "the spec is no mapping of fields");
      return spec;
    }
    known(json, "", {"commands", "shutdownHook", "build", "merge", "files"});
    text(json, "", "shutdownHook", spec.shutdown_hook);
    text(json, "", "build", spec.build);
    text(json, "", "merge", spec.merge);
    each(json, "commands", [&](const Json& item, const std::string& path) { spec.commands.push_back(command(item, path)); });
    each(json, "files", [&](const Json& item, const std::string& path) { spec.files.push_back(file(item, path)); });
    return spec;
  }

 private:
  void fault(const std::string& path, const std::string& what) {
    faults.push_back({Code::invalid_argument, path.empty() ? what : path + ": " + what});
  }

  static std::string below(const std::string& path, const std::string& key) { return path.empty() ? key : path + "." + key; }

  void known(const Json& object, const std::string& path, const std::vector<std::string>& keys) {
    for (const auto& [key, value] : object.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      std::string all, near;
      for (const std::string& each : keys) {
        all += (all.empty() ? "" : ", ") + each;
        if (distance(each, key) <= 2) near = "; did you mean " + each + "?";
      }
      fault(below(path, key), "there is no such field" + (near.empty() ? "; there are: " + all : near));
    }
  }

  bool text(const Json& object, const std::string& path, const char* key, std::string& into) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return false;
    if (!found->is_string()) {
      fault(below(path, key), "is not a text; put it in quotes");
      return false;
    }
    into = found->get<std::string>();
    if (into.find('\0') != std::string::npos) fault(below(path, key), "has a zero byte in it");
    return true;
  }

  void needed(const Json& object, const std::string& path, const char* key, std::string& into) {
    if (!text(object, path, key, into) && !object.contains(key)) fault(path, std::string(key) + " is missing");
    if (object.contains(key) && into.empty()) fault(below(path, key), "is empty");
  }

  template <typename Take>
  void each(const Json& object, const char* key, Take take) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return;
    if (!found->is_array()) return fault(key, "is not a list");
    for (std::size_t i = 0; i < found->size(); ++i) {
      const std::string path = std::string(key) + "[" + std::to_string(i) + "]";
      if ((*found)[i].is_object()) {
        take((*found)[i], path);
      } else {
        fault(path, "is no mapping of fields");
      }
    }
  }

  wire::WorkloadCommand command(const Json& item, const std::string& path) {
    wire::WorkloadCommand read;
    known(item, path, {"name", "user", "sysvInitAction", "shell"});
    needed(item, path, "name", read.name);
    needed(item, path, "user", read.user);
    needed(item, path, "sysvInitAction", read.action);
    needed(item, path, "shell", read.shell);
    if (!read.action.empty() && std::find(actions.begin(), actions.end(), read.action) == actions.end()) {
      std::string all;
      for (const char* each : actions) all += (all.empty() ? "" : ", ") + std::string(each);
      fault(path + ".sysvInitAction", in_quotes(read.action) + " is none of " + all);
    }
    return read;
  }

  SpecFile file(const Json& item, const std::string& path) {
    SpecFile read;
    known(item, path, {"filename", "hostPath", "content"});
    needed(item, path, "filename", read.filename);
    const bool host = text(item, path, "hostPath", read.host_path), content = text(item, path, "content", read.content);
    if (host == content) fault(path, "needs either hostPath or content");
    const bool outside = read.filename.starts_with('/') || read.filename.find("..") != std::string::npos;
    if (outside) fault(path + ".filename", in_quotes(read.filename) + " leads out of the build's context");
    return read;
  }
};

}  // namespace

std::variant<Spec, std::vector<Error>> read_spec(std::string_view text) {
  auto json = parse_document("the spec", text);
  if (!json) return std::vector<Error>{json.error()};
  SpecReader reader;
  Spec spec = reader.read(*json);
  if (!reader.faults.empty()) return std::move(reader.faults);
  return spec;
}

}  // namespace neonvm::builder

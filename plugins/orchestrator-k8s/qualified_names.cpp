#include "plugins/orchestrator-k8s/qualified_names.hpp"

#include <array>

#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {
namespace {

struct Place {
  Kind kind;
  bool in_status;
  const char* pointer;
};

// Every member of a spec or status that names an object with a namespace.
constexpr std::array<Place, 6> places{{{Kind::virtual_machine, true, "/podName"},
                                       {Kind::virtual_machine, true, "/migration"},
                                       {Kind::migration, false, "/vmName"},
                                       {Kind::migration, true, "/sourcePodName"},
                                       {Kind::migration, true, "/targetPodName"},
                                       {Kind::runner, false, "/vm"}}};

template <typename Change>
void rename(Object& object, Change change) {
  for (const bool in_status : {false, true}) {
    std::string& text = in_status ? object.status : object.spec;
    Json json;
    for (const Place& place : places) {
      if (place.kind != object.kind || place.in_status != in_status) continue;
      if (json.is_null()) json = Json::parse(text, nullptr, false);
      if (!json.is_object()) break;
      const std::string name = text_at(json, place.pointer);
      if (name.empty()) continue;
      json[Json::json_pointer(place.pointer)] = change(name);
      text = dump(json);
    }
  }
}

}  // namespace

Result<std::pair<std::string, std::string>> split_name(const std::string& qualified) {
  const auto slash = qualified.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == qualified.size() || qualified.find('/', slash + 1) != std::string::npos) {
    return Error{Code::invalid_argument, "\"" + qualified.substr(0, 80) + "\" is not NAMESPACE/NAME, and this door sees all namespaces"};
  }
  return std::pair(qualified.substr(0, slash), qualified.substr(slash + 1));
}

Object qualified(Object object) {
  if (object.kind == Kind::node) return object;
  const std::string prefix = object.ns + "/";
  object.name = prefix + object.name;
  rename(object, [&prefix](const std::string& name) { return prefix + name; });
  return object;
}

Result<Object> plain(Object object) {
  if (object.kind == Kind::node) return object;
  auto parts = split_name(object.name);
  if (!parts) return parts.error();
  object.ns = parts->first;
  object.name = parts->second;
  const std::string prefix = object.ns + "/";
  rename(object, [&prefix](const std::string& name) { return name.starts_with(prefix) ? name.substr(prefix.size()) : name; });
  return object;
}

}  // namespace neonvm::k8s

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "core/model/shown_text.hpp"
#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/neighbour_object.hpp"
#include "plugins/orchestrator-k8s/node_object.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/runner_pod.hpp"

namespace neonvm::k8s {
namespace {

// Deep enough for any object that the API server stores; a tree is copied and destroyed by recursion.
constexpr int deepest = 100;

std::string fit(std::string text) { return harmless(std::move(text), 300); }

// Of brackets outside of texts; asking the parser at each value takes longer than the parsing.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool inside_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') inside_text = !inside_text;
    else if (inside_text) i += c == '\\' ? 1 : 0;
    else if ((c == '{' || c == '[') && ++depth > deepest) return true;
    else if (c == '}' || c == ']') --depth;
  }
  return false;
}

// Behind the bracket that closes the list whose inside begins here; npos: none does.
std::size_t end_of_list(std::string_view text, std::size_t at) {
  bool inside_text = false;
  for (int depth = 1; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') inside_text = !inside_text;
    else if (inside_text) at += c == '\\' ? 1 : 0;
    else if (c == '[') ++depth;
    else if (c == ']' && --depth == 0) return at;
  }
  return std::string_view::npos;
}

// Who wrote which field when: a third of an object as the server sends it, which nobody here reads and parsing takes longest. In a text
// its quotes would be escaped, and no kind that is read here has a list of that name anywhere else.
std::string without_managed_fields(std::string_view text) {
  constexpr std::string_view key = "\"managedFields\":[";
  std::string lean;
  while (const void* found = memmem(text.data(), text.size(), key.data(), key.size())) {
    const std::size_t begin = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + key.size();
    const std::size_t end = end_of_list(text, begin);
    if (end == std::string_view::npos) break;
    lean.append(text.substr(0, begin));
    text.remove_prefix(end);
  }
  return lean.append(text);
}

Result<Json> parse(std::string_view whole) {
  const std::string text = without_managed_fields(whole);
  if (too_deep(text)) return Error{Code::invalid_argument, "is not a JSON object that is less than 100 deep"};
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return Error{Code::invalid_argument, "is not a JSON object"};
  return json;
}

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

// What the model knows; a newer server may have more.
Json known_metadata(const Json& metadata) {
  Json known = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
                          "deletionTimestamp", "labels", "annotations", "finalizers"}) {
    if (const Json* value = member(metadata, key)) known[key] = *value;
  }
  const Json* owners = member(metadata, "ownerReferences");
  if (owners != nullptr && owners->is_array() && !owners->empty()) {
    const auto controls = [](const Json& owner) { return member(owner, "controller") != nullptr && owner["controller"] == true; };
    const auto first = std::find_if(owners->begin(), owners->end(), controls);
    const Json& owner = first != owners->end() ? *first : owners->front();
    known["ownerReferences"] = Json::array({{{"uid", text_at(owner, "/uid")}}});
  }
  return known;
}

Result<Object> custom_object(Kind kind, const Json& json) {
  Json reduced = {{"apiVersion", "vm.neon.tech/v1"}, {"kind", to_string(kind)}};
  if (const Json* metadata = member(json, "metadata")) reduced["metadata"] = known_metadata(*metadata);
  for (const char* part : {"spec", "status"}) {
    if (const Json* value = member(json, part)) reduced[part] = *value;
  }
  auto object = wire::decode_object(dump(reduced));
  if (!object) return object;
  if (const auto owner = object->annotations.find(owner_annotation); owner != object->annotations.end()) {
    if (object->owner_uid.empty()) object->owner_uid = owner->second;
    object->annotations.erase(owner);
  }
  return object;
}

std::string name_of(Kind kind, const Json& json) {
  const Json* metadata = member(json, "metadata");
  const std::string name = metadata == nullptr ? "" : text_at(*metadata, "/name");
  return std::string(to_string(kind)) + " " + (name.empty() ? "without a name" : fit(name));
}

Result<Object> object_of(Kind kind, const Json& json) {
  Result<Object> object = [&]() -> Result<Object> {
    switch (kind) {
      case Kind::node: return node_object(dump(json));
      case Kind::runner: return runner_object(json);
      case Kind::neighbour: return neighbour_object(dump(json));
      case Kind::virtual_machine:
      case Kind::ip_pool:
      case Kind::migration: break;
    }
    return custom_object(kind, json);
  }();
  if (object && (object->uid.empty() || object->version == 0)) {
    object = Error{Code::invalid_argument, "has no uid or no resourceVersion that is a number"};
  }
  if (!object) return object.error().at(name_of(kind, json));
  return object;
}

Unreadable unreadable(const Json& json, const Error& error) {
  const Json* metadata = member(json, "metadata");
  return {metadata == nullptr ? "" : text_at(*metadata, "/uid"), version_of(json), error.message};
}

}  // namespace

bool is_gone(const Object& object) {
  if (object.kind != Kind::runner || !object.deleting) return false;
  const auto status = wire::decode_runner_status(object.status);
  return status && status->vm_ended;
}

Result<Object> decode(Kind kind, std::string_view text) {
  const auto json = parse(text);
  if (!json) return json.error().at(to_string(kind));
  return object_of(kind, *json);
}

Result<ListPage> decode_list(Kind kind, std::string_view text) {
  const auto json = parse(text);
  if (!json) return json.error().at(std::string("list of ") + to_string(kind));
  ListPage page;
  page.version = version_of(*json);
  if (const Json* metadata = member(*json, "metadata")) page.next = text_at(*metadata, "/continue");
  const Json* items = member(*json, "items");
  if (page.version == 0 || (items != nullptr && !items->is_array())) {
    return Error{Code::invalid_argument, std::string("list of ") + to_string(kind) + ": has no resourceVersion, or items that are no list"};
  }
  if (items == nullptr) return page;
  for (const Json& item : *items) {
    auto object = object_of(kind, item);
    if (object && is_gone(*object)) continue;
    if (object) page.objects.push_back(std::move(*object));
    else page.unreadable.push_back(unreadable(item, object.error()));
  }
  return page;
}

Result<WatchEvent> decode_event(Kind kind, std::string_view line) {
  constexpr std::array<std::pair<const char*, EventType>, 5> types{
      {{"ADDED", EventType::added}, {"MODIFIED", EventType::modified}, {"DELETED", EventType::deleted},
       {"BOOKMARK", EventType::bookmark}, {"ERROR", EventType::error}}};
  const auto json = parse(line);
  if (!json) return json.error().at("watch event");
  const std::string word = text_at(*json, "/type");
  const auto type = std::find_if(types.begin(), types.end(), [&](const auto& each) { return word == each.first; });
  const Json* object = member(*json, "object");
  if (type == types.end() || object == nullptr) {
    return Error{Code::invalid_argument, "watch event: has no object, or a type that is not known: \"" + fit(word) + "\""};
  }
  WatchEvent event;
  event.type = type->second;
  if (event.type == EventType::error) {
    event.status = dump(*object);
  } else if (event.type == EventType::bookmark) {
    event.version = version_of(*object);
  } else {
    auto read = object_of(kind, *object);
    if (read && is_gone(*read)) event.type = EventType::deleted;
    if (read) event.object = std::move(*read);
    else event.unreadable = unreadable(*object, read.error());
  }
  return event;
}

}  // namespace neonvm::k8s

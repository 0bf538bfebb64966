#include "vm-builder/json_document.hpp"

namespace neonvm::builder {
namespace {

constexpr int deepest = 32;

Error wrong(const std::string& name, const char* key, const char* wanted) {
  return Error{Code::invalid_argument, name + ": " + key + " is not " + wanted};
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

Result<Json> parse_document(const std::string& name, std::string_view text) {
  bool too_deep = false;
  const auto shallow = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > deepest;
    return depth <= deepest;
  };
  Json json = Json::parse(text, shallow, false);
  if (too_deep) return Error{Code::invalid_argument, name + ": is nested deeper than " + std::to_string(deepest)};
  if (json.is_discarded()) return Error{Code::invalid_argument, name + ": is no JSON"};
  return json;
}

Result<std::string> text_member(const std::string& name, const Json& object, const char* key) {
  const Json* found = member(object, key);
  if (found == nullptr) return std::string();
  if (!found->is_string()) return wrong(name, key, "a text");
  return found->get<std::string>();
}

Result<std::vector<std::string>> list_member(const std::string& name, const Json& object, const char* key) {
  const Json* found = member(object, key);
  std::vector<std::string> texts;
  if (found == nullptr) return texts;
  if (!found->is_array()) return wrong(name, key, "a list of texts");
  for (const Json& each : *found) {
    if (!each.is_string()) return wrong(name, key, "a list of texts");
    texts.push_back(each.get<std::string>());
  }
  return texts;
}

Result<std::int64_t> number_member(const std::string& name, const Json& object, const char* key) {
  const Json* found = member(object, key);
  if (found == nullptr) return std::int64_t{0};
  if (!found->is_number_integer() && !found->is_number_unsigned()) return wrong(name, key, "a whole number");
  return found->get<std::int64_t>();
}

const Json& object_member(const Json& object, const char* key) {
  static const Json empty = Json::object();
  const Json* found = member(object, key);
  return found == nullptr || !found->is_object() ? empty : *found;
}

}  // namespace neonvm::builder

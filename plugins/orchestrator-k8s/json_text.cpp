#include "plugins/orchestrator-k8s/json_text.hpp"

#include <charconv>

namespace neonvm::k8s {

std::string text_at(const Json& json, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json.at(at).is_string() ? json.at(at).get<std::string>() : "";
}

std::int64_t number_at(const Json& json, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json.at(at).is_number_integer() ? json.at(at).get<std::int64_t>() : 0;
}

std::uint64_t version_of(const Json& json) {
  const std::string text = text_at(json, "/metadata/resourceVersion");
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : 0;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace neonvm::k8s

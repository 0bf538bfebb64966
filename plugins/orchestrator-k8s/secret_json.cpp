#include "plugins/orchestrator-k8s/secret_json.hpp"

#include <sys/random.h>

#include <array>

#include "core/wire/base64.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {

WallTime wall_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

Result<std::string> fresh_token() {
  std::array<unsigned char, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return Error{Code::internal, "the system gives no random bytes"};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string data_at(const Json& secret, const std::string& key) {
  return wire::from_base64(text_at(secret, "/data/" + key)).value_or("");
}

Json secret_of(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& texts) {
  Json data = Json::object();
  for (const auto& [key, text] : texts) data[key] = wire::to_base64(text);
  return {{"apiVersion", "v1"}, {"kind", "Secret"}, {"type", "Opaque"}, {"metadata", {{"name", name}, {"namespace", ns}}}, {"data", data}};
}

ApiRequest read_request(const std::string& ns, const std::string& name) {
  ApiRequest request;
  request.what = "get Secret " + ns + "/" + name;
  request.target = secret_path(ns, name);
  return request;
}

}  // namespace neonvm::k8s

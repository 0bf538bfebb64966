#include "plugins/orchestrator-k8s/api_error.hpp"

#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {
namespace {

constexpr std::size_t longest = 600;

struct Refusal {
  int code = 0;
  std::string reason, message, kind, name;
  bool is_status = false;
};

std::string fit(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

Refusal read(int http_status, std::string_view body) {
  Refusal refusal;
  refusal.code = http_status;
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || text_at(json, "/kind") != "Status") {
    refusal.message = fit(std::string(body.substr(0, longest)));
    return refusal;
  }
  refusal.is_status = true;
  refusal.reason = text_at(json, "/reason");
  refusal.message = fit(text_at(json, "/message"));
  if (const auto code = json.find("code"); code != json.end() && code->is_number_integer()) refusal.code = code->get<int>();
  if (const auto details = json.find("details"); details != json.end() && details->is_object()) {
    refusal.kind = text_at(*details, "/kind");
    refusal.name = text_at(*details, "/name");
  }
  return refusal;
}

Code code_of_missing(const Refusal& refusal) {
  const bool object = !refusal.name.empty() && refusal.kind != "namespaces";
  return object ? Code::not_found : Code::failed_precondition;
}

Code code_of_forbidden(const Refusal& refusal) {
  if (refusal.message.find("exceeded quota") != std::string::npos) return Code::out_of_capacity;
  if (refusal.message.find("admission webhook") != std::string::npos) return Code::refused;
  return Code::permission_denied;
}

Code code_of(const Refusal& refusal) {
  switch (refusal.code) {
    case 400:
    case 413:
    case 415:
    case 422: return Code::invalid_argument;
    case 401: return Code::permission_denied;
    case 403: return code_of_forbidden(refusal);
    case 404: return code_of_missing(refusal);
    case 405: return Code::unsupported;
    case 409: return refusal.reason == "AlreadyExists" ? Code::already_exists : Code::conflict;
    case 410: return Code::failed_precondition;
    case 504: return Code::deadline_exceeded;
    default: break;
  }
  return refusal.code == 429 || refusal.code >= 500 ? Code::unavailable : Code::refused;
}

const char* next_step(const Refusal& refusal, Code code) {
  if (refusal.code == 401) return "; the credentials are not (or no longer) good: look at the kubeconfig's user";
  if (code == Code::failed_precondition && refusal.code == 404 && refusal.kind == "namespaces") {
    return "; make it, or give another namespace";
  }
  if (code == Code::failed_precondition && refusal.code == 404) {
    return "; are neonvm's definitions installed? neonvm crd | kubectl apply -f -";
  }
  return "";
}

}  // namespace

Error api_error(const std::string& what, int http_status, std::string_view body) {
  const Refusal refusal = read(http_status, body);
  const Code code = code_of(refusal);
  std::string text = what + ": ";
  text += refusal.message.empty() ? "the API server answers HTTP " + std::to_string(http_status) : refusal.message;
  return {code, text + next_step(refusal, code)};
}

bool is_gone(int http_status, std::string_view body) {
  const Refusal refusal = read(http_status, body);
  return refusal.code == 410 || refusal.reason == "Expired" || refusal.reason == "Gone";
}

}  // namespace neonvm::k8s

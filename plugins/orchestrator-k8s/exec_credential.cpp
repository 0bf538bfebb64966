#include "plugins/orchestrator-k8s/exec_credential.hpp"

#include "core/wire/base64.hpp"
#include "core/wire/wall_time.hpp"
#include "plugins/orchestrator-k8s/child_program.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {
namespace {

Error refused(const ExecPlugin& plugin, const std::string& why) {
  return {Code::permission_denied, plugin.place + ": " + plugin.command + ": " + why};
}

// What the program is told (KUBERNETES_EXEC_INFO).
std::string exec_info(const ExecPlugin& plugin, const Access& access) {
  Json spec = {{"interactive", false}};
  if (plugin.cluster_info) {
    Json cluster = {{"server", access.server}};
    if (!access.tls.server_name.empty()) cluster["tls-server-name"] = access.tls.server_name;
    if (access.tls.unverified) cluster["insecure-skip-tls-verify"] = true;
    if (!access.tls.ca_pem.empty()) cluster["certificate-authority-data"] = wire::to_base64(access.tls.ca_pem);
    spec["cluster"] = std::move(cluster);
  }
  return dump({{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", spec}});
}

}  // namespace

Result<ExecCredential> parse_exec_credential(const ExecPlugin& plugin, std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return refused(plugin, "did not print an ExecCredential (no JSON object)");
  if (text_at(json, "/kind") != "ExecCredential") return refused(plugin, "did not print an ExecCredential (kind)");
  if (text_at(json, "/apiVersion") != plugin.api_version) {
    return refused(plugin, "printed an ExecCredential of another version than " + plugin.api_version);
  }
  const auto status = json.find("status");
  if (status == json.end() || !status->is_object()) return refused(plugin, "printed an ExecCredential without status");
  ExecCredential credential;
  credential.token = text_at(*status, "/token");
  credential.certificate_pem = text_at(*status, "/clientCertificateData");
  credential.key_pem = text_at(*status, "/clientKeyData");
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return refused(plugin, "printed only one of status.clientCertificateData and status.clientKeyData");
  }
  if (credential.token.empty() && credential.key_pem.empty()) {
    return refused(plugin, "printed neither status.token nor status.clientCertificateData");
  }
  if (credential.token.find_first_of("\r\n") != std::string::npos) return refused(plugin, "status.token has line ends");
  const std::string expires = text_at(*status, "/expirationTimestamp");
  if (!expires.empty()) {
    credential.expires = wire::parse_rfc3339(expires);
    if (!credential.expires) return refused(plugin, "status.expirationTimestamp is not a time");
  }
  return credential;
}

Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const Access& access, Deadline deadline) {
  std::map<std::string, std::string> env = plugin.env;
  env["KUBERNETES_EXEC_INFO"] = exec_info(plugin, access);
  const auto ran = run_child(plugin.command, plugin.args, env, deadline);
  if (!ran) {
    return refused(plugin, ran.error().message + (plugin.install_hint.empty() ? "" : "; " + plugin.install_hint));
  }
  if (!ran->ended_well) {
    return refused(plugin, ran->how + (ran->complaint.empty() ? "" : ": " + ran->complaint));
  }
  return parse_exec_credential(plugin, ran->output);
}

}  // namespace neonvm::k8s

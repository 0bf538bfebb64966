#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "plugins/orchestrator-k8s/kubeconfig.hpp"

namespace neonvm::k8s {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<KubeconfigText> read_one(const std::string& path) {
  std::error_code error;
  const std::string absolute = fs::absolute(path, error).lexically_normal().string();
  if (fs::is_directory(absolute, error)) return Error{Code::invalid_argument, absolute + ": is a folder, not a kubeconfig"};
  std::ifstream file(absolute, std::ios::binary);
  if (!file) {
    const int why = errno;
    const Code code = why == ENOENT ? Code::not_found : Code::permission_denied;
    return Error{code, absolute + ": " + std::strerror(why)};
  }
  std::ostringstream text;
  text << file.rdbuf();
  return KubeconfigText{absolute, text.str()};
}

std::vector<std::string> default_paths() {
  std::vector<std::string> paths;
  std::istringstream list(environment("KUBECONFIG"));
  for (std::string path; std::getline(list, path, ':');) {
    if (!path.empty()) paths.push_back(path);
  }
  const std::string home = environment("HOME");
  if (paths.empty() && !home.empty()) paths.push_back(home + "/.kube/config");
  return paths;
}

std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

Result<std::vector<KubeconfigText>> read_kubeconfigs(const std::string& path) {
  std::vector<KubeconfigText> files;
  for (const std::string& each : path.empty() ? default_paths() : std::vector<std::string>{path}) {
    auto file = read_one(each);
    if (file) files.push_back(std::move(*file));
    else if (!path.empty() || file.error().code != Code::not_found) return file.error().at("kubeconfig");
  }
  return files;
}

Result<Access> in_cluster_access(const std::string& folder) {
  const std::string host = environment("KUBERNETES_SERVICE_HOST"), port = environment("KUBERNETES_SERVICE_PORT");
  std::error_code error;
  if (host.empty() || port.empty() || !fs::exists(folder + "/token", error)) {
    return Error{Code::failed_precondition, "not in a pod of a cluster (no $KUBERNETES_SERVICE_HOST, or no " + folder + "/token)"};
  }
  Access access;
  access.server = "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  access.tls.ca = folder + "/ca.crt";
  access.token_file = folder + "/token";
  if (const std::string ns = line_of(folder + "/namespace"); !ns.empty()) access.ns = ns;
  return access;
}

}  // namespace neonvm::k8s

#include "plugins/orchestrator-k8s/kubeconfig.hpp"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <functional>

#include "core/wire/base64.hpp"

namespace neonvm::k8s {
namespace {

constexpr std::size_t largest = 4 * 1024 * 1024;
constexpr const char* exec_group = "client.authentication.k8s.io/";

Error bad(const std::string& place, const std::string& why) { return {Code::invalid_argument, place + ": " + why}; }

// One mapping of a file, and how to name it. What is asked for and has the wrong shape is the first error that is kept.
class Section {
 public:
  Section(YAML::Node node, std::string place, std::string folder)
      : node_(std::move(node)), place_(std::move(place)), folder_(std::move(folder)) {}

  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::string at(const std::string& key) const { return place_ + "." + key; }
  [[nodiscard]] YAML::Node node(const std::string& key) const {
    return node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
  }

  std::string text(const std::string& key) { return scalar(node(key), at(key)); }

  std::string path(const std::string& key) {
    const std::string given = text(key);
    return given.empty() ? given : (std::filesystem::path(folder_) / given).lexically_normal().string();
  }

  // Base64 of PEM.
  std::string pem(const std::string& key) {
    const std::string given = text(key);
    if (given.empty()) return given;
    auto decoded = wire::from_base64(given);
    if (!decoded) return fail(at(key), "is not base64");
    if (decoded->find("-----BEGIN ") == std::string::npos) return fail(at(key), "is not a PEM text");
    return std::move(*decoded);
  }

  bool flag(const std::string& key) {
    const std::string given = text(key);
    if (!given.empty() && given != "true" && given != "false") fail(at(key), "is neither true nor false");
    return given == "true";
  }

  Section below(const std::string& key) {
    const YAML::Node inner = node(key);
    if (inner && !inner.IsMap() && !inner.IsNull()) fail(at(key), "is not a mapping");
    return {inner && inner.IsMap() ? inner : YAML::Node(YAML::NodeType::Map), at(key), folder_};
  }

  std::string scalar(const YAML::Node& found, const std::string& where) {
    if (!found || found.IsNull()) return {};
    if (!found.IsScalar()) return fail(where, "is not a text");
    return found.Scalar();
  }

  std::string fail(const std::string& where, const std::string& why) {
    if (!error_) error_ = bad(where, why);
    return {};
  }

 private:
  YAML::Node node_;
  std::string place_, folder_;
  std::optional<Error> error_;
};

struct File {
  YAML::Node root;
  std::string path;
};

Result<File> parse(const KubeconfigText& file) {
  if (file.text.size() > largest) return bad(file.path, "is larger than 4 MiB");
  try {
    File parsed{YAML::Load(file.text), file.path};
    if (parsed.root.IsNull()) parsed.root = YAML::Node(YAML::NodeType::Map);
    if (!parsed.root.IsMap()) return bad(file.path, "is not a kubeconfig: no mapping");
    return parsed;
  } catch (const YAML::Exception& wrong) {
    // The parser's own text may quote the line, and with it a secret.
    return bad(file.path + ":" + std::to_string(wrong.mark.line + 1) + ":" + std::to_string(wrong.mark.column + 1),
               "is not YAML");
  }
}

// The first entry of that name in any file: `list` "clusters", `inner` "cluster".
Result<Section> entry(const std::vector<File>& files, const std::string& list, const std::string& inner,
                      const std::string& name, const std::string& wanted_by) {
  for (const File& file : files) {
    const YAML::Node entries = file.root[list];
    if (!entries || entries.IsNull()) continue;
    if (!entries.IsSequence()) return bad(file.path + ": " + list, "is not a list");
    for (const YAML::Node& each : entries) {
      if (!each.IsMap() || !each["name"] || !each["name"].IsScalar() || each["name"].Scalar() != name) continue;
      const std::string place = file.path + ": " + list + "[" + name + "]." + inner;
      const YAML::Node found = each[inner];
      if (!found || !found.IsMap()) return bad(place, "is not a mapping");
      return Section(found, place, std::filesystem::path(file.path).parent_path().string());
    }
  }
  return bad(wanted_by, "there is no " + inner + " \"" + name + "\" in " + list);
}

void read_cluster(Section& cluster, Access& access) {
  access.server = cluster.text("server");
  if (access.server.empty()) cluster.fail(cluster.at("server"), "is missing");
  access.tls.server_name = cluster.text("tls-server-name");
  access.tls.ca_pem = cluster.pem("certificate-authority-data");
  if (access.tls.ca_pem.empty()) access.tls.ca = cluster.path("certificate-authority");
  access.tls.unverified = cluster.flag("insecure-skip-tls-verify");
  if (!cluster.text("proxy-url").empty()) cluster.fail(cluster.at("proxy-url"), "proxies are not supported");
}

void read_exec(Section exec, Access& access, std::optional<Error>& error) {
  ExecPlugin plugin;
  plugin.place = exec.place();
  plugin.api_version = exec.text("apiVersion");
  const bool known = plugin.api_version == std::string(exec_group) + "v1" ||
                     plugin.api_version == std::string(exec_group) + "v1beta1";
  if (!known) exec.fail(exec.at("apiVersion"), std::string("is not ") + exec_group + "v1 or v1beta1");
  plugin.command = exec.text("command");
  if (plugin.command.empty()) exec.fail(exec.at("command"), "is missing");
  // With a slash it is a path, beside the kubeconfig; without, it is looked for in PATH.
  if (plugin.command.find('/') != std::string::npos) plugin.command = exec.path("command");
  const YAML::Node args = exec.node("args"), env = exec.node("env");
  if (args && args.IsSequence()) {
    for (const YAML::Node& arg : args) plugin.args.push_back(exec.scalar(arg, exec.at("args")));
  }
  if (env && env.IsSequence()) {
    for (const YAML::Node& each : env) {
      if (!each.IsMap()) exec.fail(exec.at("env"), "has an entry that is not a mapping");
      else plugin.env[exec.scalar(each["name"], exec.at("env"))] = exec.scalar(each["value"], exec.at("env"));
    }
  }
  plugin.install_hint = exec.text("installHint");
  plugin.cluster_info = exec.flag("provideClusterInfo");
  if (exec.text("interactiveMode") == "Always") exec.fail(exec.at("interactiveMode"), "Always is not supported");
  if (exec.error() && !error) error = exec.error();
  access.exec = std::move(plugin);
}

void read_user(Section& user, Access& access, std::optional<Error>& error) {
  access.tls.certificate_pem = user.pem("client-certificate-data");
  if (access.tls.certificate_pem.empty()) access.tls.certificate = user.path("client-certificate");
  access.tls.key_pem = user.pem("client-key-data");
  if (access.tls.key_pem.empty()) access.tls.key = user.path("client-key");
  const bool certificate = !access.tls.certificate.empty() || !access.tls.certificate_pem.empty();
  const bool key = !access.tls.key.empty() || !access.tls.key_pem.empty();
  if (certificate != key) user.fail(user.place(), "has only one of client certificate and client key");
  access.token_file = user.path("tokenFile");
  if (access.token_file.empty()) access.token = user.text("token");
  access.username = user.text("username");
  access.password = user.text("password");
  if (access.token.find_first_of("\r\n") != std::string::npos) user.fail(user.at("token"), "has more than one line");
  if (user.node("exec") && !user.node("exec").IsNull()) read_exec(user.below("exec"), access, error);
  else if (user.node("auth-provider")) user.fail(user.at("auth-provider"), "is not supported; use exec");
}

Result<std::string> context_name(const std::vector<File>& files, const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  for (const File& file : files) {
    const YAML::Node current = file.root["current-context"];
    if (current && current.IsScalar() && !current.Scalar().empty()) return current.Scalar();
  }
  return bad(files.front().path, "current-context is not set; give a context");
}

Result<Access> merged(const std::vector<File>& files, const std::string& wanted) {
  auto name = context_name(files, wanted);
  if (!name) return name.error();
  auto context = entry(files, "contexts", "context", *name, files.front().path);
  if (!context) return context.error();
  Access access;
  if (const std::string ns = context->text("namespace"); !ns.empty()) access.ns = ns;
  const std::string cluster_name = context->text("cluster"), user_name = context->text("user");
  if (cluster_name.empty()) context->fail(context->at("cluster"), "is missing");
  if (context->error()) return *context->error();
  auto cluster = entry(files, "clusters", "cluster", cluster_name, context->at("cluster"));
  if (!cluster) return cluster.error();
  read_cluster(*cluster, access);
  if (cluster->error()) return *cluster->error();
  if (user_name.empty()) return access;
  auto user = entry(files, "users", "user", user_name, context->at("user"));
  if (!user) return user.error();
  std::optional<Error> error;
  read_user(*user, access, error);
  if (user->error()) error = user->error();
  if (error) return *error;
  return access;
}

}  // namespace

Result<Access> access_of(const std::vector<KubeconfigText>& files, const std::string& context) {
  if (files.empty()) return Error{Code::not_found, "there is no kubeconfig"};
  std::vector<File> parsed;
  for (const KubeconfigText& file : files) {
    auto one = parse(file);
    if (!one) return one.error();
    parsed.push_back(std::move(*one));
  }
  try {
    return merged(parsed, context);
  } catch (const YAML::Exception&) {
    return bad(files.front().path, "is not a kubeconfig");
  }
}

}  // namespace neonvm::k8s

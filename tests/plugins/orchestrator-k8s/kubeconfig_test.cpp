#include "plugins/orchestrator-k8s/kubeconfig.hpp"

#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

// "-----BEGIN X-----" in base64.
constexpr const char* pem = "LS0tLS1CRUdJTiBYLS0tLS0=";

std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: dev\n"
         "contexts: [{name: dev, context: {cluster: c, user: u, namespace: team}}, {name: other, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443', " + cluster + "}}]\n"
         "users: [{name: u, user: {" + user + "}}]\n";
}

Result<Access> read(const std::string& cluster, const std::string& user, const std::string& context = "") {
  return access_of({{"/home/me/.kube/config", kubeconfig(cluster, user)}}, context);
}

std::string why(const Result<Access>& access) {
  REQUIRE_FALSE(access.ok());
  return access.error().message;
}

TEST_CASE("a kubeconfig says where, and as whom") {
  const auto access = read("certificate-authority: ca.pem, tls-server-name: api", "token: abc");
  REQUIRE(access.ok());
  CHECK(access->server == "https://10.0.0.1:6443");
  CHECK(access->tls.ca == "/home/me/.kube/ca.pem");
  CHECK(access->tls.server_name == "api");
  CHECK(access->token == "abc");
  CHECK(access->ns == "team");
  CHECK(read("", "token: abc", "other")->token.empty());
  CHECK(read("", "token: abc", "other")->ns == "default");
  const std::string both = std::string("client-certificate-data: ") + pem + ", client-key-data: " + pem;
  CHECK(read(std::string("certificate-authority-data: ") + pem, both)->tls.key_pem == "-----BEGIN X-----");
}

TEST_CASE("of files that are merged the first one that names a thing counts") {
  const std::string first = "contexts: [{name: dev, context: {cluster: c, user: mine}}]\nusers: [{name: mine, user: {token: first}}]\n";
  const auto access = access_of({{"/a/config", first}, {"/b/config", kubeconfig("certificate-authority: ca.pem", "token: second")}}, "");
  REQUIRE(access.ok());
  CHECK(access->token == "first");
  CHECK(access->tls.ca == "/b/ca.pem");
}

TEST_CASE("programs that give credentials") {
  const auto access = read("", "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./login, args: [a, b], "
                               "env: [{name: X, value: y}], provideClusterInfo: true}");
  REQUIRE(access.ok());
  REQUIRE(access->exec);
  CHECK(access->exec->command == "/home/me/.kube/login");
  CHECK(access->exec->args == std::vector<std::string>{"a", "b"});
  CHECK(access->exec->env.at("X") == "y");
  CHECK(why(read("", "exec: {apiVersion: v2, command: x}")).find("users[u].user.exec.apiVersion") != std::string::npos);
}

TEST_CASE("what is wrong in a kubeconfig is named by file and field, and no secret with it") {
  CHECK(why(read("certificate-authority-data: '!!'", "")).find("/home/me/.kube/config: clusters[c].cluster.certificate-authority-data") == 0);
  CHECK(why(read("insecure-skip-tls-verify: maybe", "")).find("insecure-skip-tls-verify") != std::string::npos);
  CHECK(why(read("proxy-url: http://p", "")).find("proxy-url") != std::string::npos);
  CHECK(why(read("", "client-key: k.pem")).find("only one of") != std::string::npos);
  CHECK(why(read("", "token: abc", "nowhere")).find("\"nowhere\"") != std::string::npos);
  const std::string text = why(read("", "client-key-data: hunter2"));
  CHECK(text.find("client-key-data") != std::string::npos);
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(why(access_of({{"/x", "users: [token: hunter2\n: ]["}}, "")).find("hunter2") == std::string::npos);
  CHECK(why(access_of({{"/x", ""}}, "")).find("current-context") != std::string::npos);
  CHECK(access_of({}, "").error().code == Code::not_found);
}

}  // namespace
}  // namespace neonvm::k8s

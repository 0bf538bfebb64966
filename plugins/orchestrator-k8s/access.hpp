// Access: where an API server is and how it may be spoken to, as a kubeconfig or a pod's own files say it.
//
// A value. Holds secrets: it is never printed, and no error made here shows more than the name of a field.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/runtime/http.hpp"

namespace neonvm::k8s {

// A program that prints an ExecCredential (client.authentication.k8s.io).
struct ExecPlugin {
  std::string place;             // "/home/me/.kube/config: users[me].user.exec", for errors
  std::string api_version;       // …/v1 or …/v1beta1
  std::string command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
  std::string install_hint;
  bool cluster_info = false;     // it wants to know the cluster (provideClusterInfo)
};

struct Access {
  std::string server;            // "https://10.0.0.1:6443", with a path where one is needed
  runtime::TlsFiles tls;         // ca, server_name; and the client's certificate, if it is not a program's
  std::string token;
  std::string token_file;        // read for every request: a pod's token is renewed under it
  std::string username, password;
  std::optional<ExecPlugin> exec;
  std::string ns = "default";
};

}  // namespace neonvm::k8s

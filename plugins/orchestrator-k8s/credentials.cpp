#include "plugins/orchestrator-k8s/credentials.hpp"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "core/wire/base64.hpp"

namespace neonvm::k8s {
namespace {

// Asked again so long before the end, for the request under way and for clocks that differ.
constexpr auto early = std::chrono::seconds(30);

WallTime wall() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

// Changes when one of the files does.
std::string state_of(const runtime::TlsFiles& tls) {
  std::string state;
  for (const std::string& path : {tls.certificate, tls.key, tls.ca}) {
    struct stat file {};
    if (path.empty() || ::stat(path.c_str(), &file) != 0) continue;
    state += std::to_string(file.st_ino) + ' ' + std::to_string(file.st_mtim.tv_sec) + '.' +
             std::to_string(file.st_mtim.tv_nsec) + ' ' + std::to_string(file.st_size) + ';';
  }
  return state;
}

}  // namespace

Result<std::string> Credentials::token_of_file() {
  std::ifstream file(access_.token_file);
  std::ostringstream text;
  text << file.rdbuf();
  std::string token = text.str();
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  if (!file || token.empty()) {
    return Error{Code::permission_denied, "token file " + access_.token_file + ": cannot be read, or is empty"};
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    return Error{Code::permission_denied, "token file " + access_.token_file + ": has more than one line"};
  }
  return token;
}

Result<Papers> Credentials::from_program(Deadline deadline) {
  const std::lock_guard lock(mutex_);
  if (given_ && given_->expires && *given_->expires - early < wall()) given_.reset();
  if (!given_) {
    auto fresh = run_exec_plugin(*access_.exec, access_, deadline);
    if (!fresh) return fresh.error();
    given_ = std::move(*fresh);
    ++runs_;
  }
  Papers papers;
  papers.tls = access_.tls;
  papers.tls_state = state_of(access_.tls);
  if (!given_->token.empty()) papers.authorization = "Bearer " + given_->token;
  if (!given_->key_pem.empty()) {
    papers.tls.certificate_pem = given_->certificate_pem;
    papers.tls.key_pem = given_->key_pem;
    papers.tls_state += "run " + std::to_string(runs_);
  }
  return papers;
}

Result<Papers> Credentials::papers(Deadline deadline) {
  if (access_.exec) return from_program(deadline);
  Papers papers;
  papers.tls = access_.tls;
  papers.tls_state = state_of(access_.tls);
  if (!access_.token_file.empty()) {
    auto token = token_of_file();
    if (!token) return token.error();
    papers.authorization = "Bearer " + *token;
  } else if (!access_.token.empty()) {
    papers.authorization = "Bearer " + access_.token;
  } else if (!access_.username.empty()) {
    papers.authorization = "Basic " + wire::to_base64(access_.username + ":" + access_.password);
  }
  return papers;
}

bool Credentials::refused(const Papers& papers) {
  const std::lock_guard lock(mutex_);
  if (access_.exec) {
    // Somebody else may have renewed them meanwhile.
    if (given_ && papers.authorization == (given_->token.empty() ? "" : "Bearer " + given_->token)) given_.reset();
    return true;
  }
  if (access_.token_file.empty()) return false;
  auto token = token_of_file();
  return token && papers.authorization != "Bearer " + *token;
}

}  // namespace neonvm::k8s

#include "cli/ssh_keys.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

extern char** environ;

namespace neonvm::cli {

namespace {

Error failed(const std::string& path) {
  return Error{errno == EACCES ? Code::permission_denied : Code::internal, path + ": " + std::strerror(errno)};
}

std::string read_file(const std::string& path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Status run_keygen(const std::string& path, const std::string& comment) {
  std::vector<std::string> words = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  pid_t child = 0;
  const int wrong = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (wrong != 0) {
    return Error{Code::not_found, std::string("ssh-keygen: ") + std::strerror(wrong) + "; install openssh-client"};
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{Code::internal, path + ": ssh-keygen made no key"};
}

// In a value of ssh's configuration.
std::string quoted(const std::string& path) {
  std::string text = "\"";
  for (const char c : path) text += c == '%' ? "%%" : std::string(1, c);
  return text + "\"";
}

}  // namespace

SshFolder::SshFolder(std::string folder, std::string vm) : vm_(std::move(vm)), folder_(std::move(folder)) {}

Status SshFolder::make() const {
  const bool plain = std::none_of(folder_.begin(), folder_.end(), [](char c) { return c == '"' || c == '\\' || c == '\n'; });
  if (!plain) return Error{Code::invalid_argument, folder_ + ": ssh cannot be told of a path with a quote, backslash or newline in it"};
  for (std::size_t slash = folder_.find('/', 1);; slash = folder_.find('/', slash + 1)) {
    const std::string part = folder_.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return failed(part);
    if (slash == std::string::npos) return {};
  }
}

Status SshFolder::write(const std::string& name, const std::string& text) const {
  if (auto made = make(); !made) return made;
  const std::string path = folder_ + "/" + name;
  if (read_file(path) == text) return {};
  std::string part = path + ".XXXXXX";
  const int fd = mkostemp(part.data(), O_CLOEXEC);  // 0600
  if (fd < 0) return failed(path);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  if (written && rename(part.c_str(), path.c_str()) == 0) return {};
  const Error why = failed(path);
  unlink(part.c_str());
  return why;
}

// Who comes second waits, and uses what the first has made. One that is there is never touched.
Status SshFolder::make_key(const std::string& path) const {
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || flock(folder, LOCK_EX) != 0) return failed(folder_);
  Status made;
  if (access(path.c_str(), F_OK) != 0) {
    const std::string part = path + ".new";
    unlink(part.c_str());  // of one that died over it; ssh-keygen would ask
    made = run_keygen(part, "neonvm-" + vm_);
    // The private half comes last: it is what says that a key is there.
    const bool whole = made && rename((part + ".pub").c_str(), (path + ".pub").c_str()) == 0 && rename(part.c_str(), path.c_str()) == 0;
    if (made && !whole) made = failed(path);
  }
  close(folder);
  return made;
}

Result<std::string> SshFolder::own_key() const {
  if (auto made = make(); !made) return made.error();
  const std::string path = folder_ + "/id_ed25519";
  if (auto there = make_key(path); !there) return there.error();
  std::string line = read_file(path + ".pub");
  while (!line.empty() && line.back() == '\n') line.pop_back();
  if (!line.empty()) return line;
  return Error{Code::unavailable, path + ".pub: is not there; remove " + path + " to have a new key made"};
}

Status SshFolder::know_host(const std::string& host_key) const { return write("known_hosts", vm_ + " " + host_key + "\n"); }

std::string SshFolder::config_text(const std::string& user, const std::vector<std::string>& through) const {
  std::string command;
  for (const std::string& word : through) command += (command.empty() ? "" : " ") + proxy_word(word);
  return "# Written by neonvm ssh; changes are lost. For other programs: ssh -F THIS-FILE, or Include it.\nHost " + vm_ +
         "\n  HostKeyAlias " + vm_ + "\n  User " + user + "\n  IdentityFile " + quoted(folder_ + "/id_ed25519") +
         "\n  IdentitiesOnly yes\n  UserKnownHostsFile " + quoted(folder_ + "/known_hosts") +
         "\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  CheckHostIP no\n  UpdateHostKeys no\n"
         "  PasswordAuthentication no\n  KbdInteractiveAuthentication no\n  ProxyCommand " + command + "\n";
}

Status SshFolder::configure(const std::string& user, const std::vector<std::string>& through) const {
  return write("config", config_text(user, through));
}

std::string ssh_folder_of(const Object& vm, const std::string& home, bool in_cluster) {
  return in_cluster ? home + "/ssh/" + vm.uid : home + "/vms/" + vm.name + "/ssh";
}

bool is_host_key(const std::string& text) {
  const std::size_t blank = text.find(' ');
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (blank == std::string::npos || text.size() > 2048 || text.size() - blank < 40) return false;
  const bool kind = text.starts_with("ssh-") && std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(blank),
                                                            [&](char c) { return letter(c) || c == '-'; });
  return kind && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(blank) + 1, text.end(),
                             [&](char c) { return letter(c) || c == '+' || c == '/' || c == '='; });
}

std::string proxy_word(const std::string& word) {
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') text += "'\\''";
    else if (c == '%') text += "%%";
    else text += c;
  }
  return text + "'";
}

}  // namespace neonvm::cli

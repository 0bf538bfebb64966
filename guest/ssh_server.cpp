#include "guest/ssh_server.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

#include "core/model/resources.hpp"
#include "guest/file_text.hpp"
#include "guest/socket_pump.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* folders[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"};

enum class Kind { openssh, dropbear };
struct Server {
  Kind kind = Kind::openssh;
  std::string program, keygen;
};

std::string find_program(const SshPlace& place, const std::string& name) {
  for (const char* folder : folders) {
    const std::string path = place.root + folder + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

Result<Server> find_server(const SshPlace& place) {
  const Server openssh{Kind::openssh, find_program(place, "sshd"), find_program(place, "ssh-keygen")};
  if (!openssh.program.empty() && !openssh.keygen.empty()) return openssh;
  const Server dropbear{Kind::dropbear, find_program(place, "dropbear"), find_program(place, "dropbearkey")};
  if (!dropbear.program.empty() && !dropbear.keygen.empty()) return dropbear;
  return Error{Code::not_found, "this guest has no SSH server: build its image with the package openssh-server or dropbear-bin, or "
                                "use neonvm exec or neonvm console, which need none"};
}

[[noreturn]] void become(const std::vector<std::string>& words, int input, int output) {
  if (input >= 0) ::dup2(input, STDIN_FILENO);
  if (output >= 0) ::dup2(output, STDOUT_FILENO);
  std::signal(SIGPIPE, SIG_DFL);  // what is ignored stays ignored in a new program, and in every shell behind it
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Its standard output, which is short.
Result<std::string> output_of(const std::vector<std::string>& words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe", errno);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t child = ::fork();
  if (child < 0) return errno_error("fork", errno);
  if (child == 0) become(words, nothing.get(), writing.get());
  writing.reset();
  std::string text;
  char bytes[1024];
  for (ssize_t got = 0; (got = ::read(reading.get(), bytes, sizeof bytes)) != 0;) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0 && text.size() < 64 * kib) text.append(bytes, static_cast<std::size_t>(got));
  }
  const int code = wait_for(child);
  if (code == 0) return text;
  return Error{Code::internal, words[0] + " ended with exit code " + std::to_string(code)};
}

Status write_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string part = path + ".new";
  ::unlink(part.c_str());
  const Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.valid()) return errno_error(part, errno);
  const bool written = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::rename(part.c_str(), path.c_str()) != 0) return errno_error(path, errno);
  return {};
}

// Others may pass through to the list of authorised keys, which sshd reads as the user who logs in, and list nothing.
Status make_folder(const SshPlace& place) {
  const std::string folder = place.root + place.folder;
  for (std::size_t slash = folder.find('/', 1);; slash = folder.find('/', slash + 1)) {
    const std::string part = folder.substr(0, slash);
    if (::mkdir(part.c_str(), slash == std::string::npos ? 0711 : 0755) != 0 && errno != EEXIST) return errno_error(part, errno);
    if (slash == std::string::npos) return {};
  }
}

std::string key_path(const SshPlace& place, Kind kind) {
  return place.root + place.folder + (kind == Kind::openssh ? "/host_ed25519" : "/host_dropbear");
}

std::string config_text(const SshPlace& place) {
  const std::string folder = place.root + place.folder;
  return "HostKey " + key_path(place, Kind::openssh) + "\nAuthorizedKeysFile " + folder +
         "/authorized_keys\nPasswordAuthentication no\nChallengeResponseAuthentication no\nPermitRootLogin prohibit-password\n"
         "X11Forwarding no\nPrintMotd no\nPidFile none\nSubsystem sftp internal-sftp\n";
}

Result<std::string> host_key(const Server& server, const SshPlace& place) {
  const std::string path = key_path(place, server.kind);
  const bool openssh = server.kind == Kind::openssh;
  if (::access(path.c_str(), F_OK) != 0) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const std::vector<std::string> make =
        openssh ? std::vector<std::string>{server.keygen, "-q", "-t", "ed25519", "-N", "", "-C", "neonvm", "-f", fresh}
                : std::vector<std::string>{server.keygen, "-t", "ed25519", "-f", fresh};
    if (const auto made = output_of(make); !made) return made.error();
    if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error(path, errno);
  }
  const auto text = output_of({server.keygen, "-y", "-f", path});
  if (!text) return text.error();
  std::string key = public_key_in(*text);
  if (key.empty()) return Error{Code::internal, server.keygen + " told no public key"};
  return key;
}

// Beside those of others who may connect at this moment: whoever comes here may run anything in this guest anyhow. The oldest are
// forgotten.
Status authorize(const std::string& path, const std::string& line) {
  constexpr std::size_t most = 64;
  const auto before = read_text(path);
  std::vector<std::string> lines;
  std::string_view rest = before.ok() ? std::string_view(*before) : std::string_view();
  while (!rest.empty()) {
    const std::string each(next_line(rest));
    if (!each.empty() && each != line) lines.push_back(each);
  }
  lines.push_back(line);
  if (lines.size() > most) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
  std::string all;
  for (const std::string& each : lines) all += each + "\n";
  return write_file(path, all, 0644);
}

// dropbear reads nothing but this file of the user's (root's, here).
Status authorize_root(const SshPlace& place, const std::string& line) {
  const std::string folder = place.root + "/root/.ssh", path = folder + "/authorized_keys";
  ::mkdir((place.root + "/root").c_str(), 0700);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(folder, errno);
  std::string all = read_text(path).ok() ? *read_text(path) : "";
  if (all.find(line) != std::string::npos) return {};
  if (!all.empty() && all.back() != '\n') all += '\n';
  return write_file(path, all + line + "\n", 0600);
}

// On a socket, because dropbear reads and writes the same descriptor.
Result<int> serve_on_socket(const std::vector<std::string>& words) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno_error("socketpair", errno);
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return errno_error("fork", errno);
  if (child == 0) become(words, theirs.get(), theirs.get());
  theirs.reset();
  pump(STDIN_FILENO, STDOUT_FILENO, ours.get());
  ::shutdown(ours.get(), SHUT_RDWR);
  return wait_for(child);
}

}  // namespace

Status check_authorized_key(const std::string& line) {
  const bool one_line = std::none_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
  if (one_line && line.size() < 8 * kib && public_key_in(line) != "" && line.starts_with(public_key_in(line))) return {};
  return Error{Code::invalid_argument, "that is no public key; give one line, like: ssh-ed25519 AAAA… name"};
}

std::string public_key_in(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = next_line(rest);
    const std::string_view kind = next_word(line), key = next_word(line);
    const bool known = kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-");
    const bool plain = key.size() >= 40 && std::all_of(key.begin(), key.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
    });
    if (known && plain) return std::string(kind) + " " + std::string(key);
  }
  return "";
}

Result<std::string> prepare_ssh(const std::string& authorized, const SshPlace& place) {
  const std::string line(trimmed(authorized));
  if (const Status fine = check_authorized_key(line); !fine) return fine.error();
  const auto server = find_server(place);
  if (!server) return server.error();
  if (const Status made = make_folder(place); !made) return made.error();
  const std::string folder = place.root + place.folder;
  // Two connections that begin at once must not make two keys.
  const Fd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX) != 0) return errno_error(folder + "/lock", errno);
  if (server->kind == Kind::openssh) {
    if (const Status written = authorize(folder + "/authorized_keys", line); !written) return written.error();
    if (const Status written = write_file(folder + "/sshd_config", config_text(place), 0600); !written) return written.error();
  } else if (const Status written = authorize_root(place, line); !written) {
    return written.error();
  }
  return host_key(*server, place);
}

Result<int> serve_ssh(const SshPlace& place) {
  const auto server = find_server(place);
  if (!server) return server.error();
  const std::string key = key_path(place, server->kind);
  if (::access(key.c_str(), F_OK) != 0) return Error{Code::failed_precondition, "no host key yet; prepare first"};
  if (server->kind == Kind::dropbear) return serve_on_socket({server->program, "-i", "-s", "-r", key});
  // Debian's package leaves making it to the service that is not run here.
  ::mkdir((place.root + "/run/sshd").c_str(), 0755);
  become({server->program, "-i", "-f", place.root + place.folder + "/sshd_config"}, -1, -1);
}

}  // namespace neonvm::guest

#include "plugins/orchestrator-k8s/child_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/runtime/unique_fd.hpp"

extern char** environ;

namespace neonvm::k8s {
namespace {

using runtime::UniqueFd;

constexpr std::size_t most_output = 1024 * 1024;
constexpr std::size_t most_complaint = 400;

struct Pipe {
  UniqueFd out, in;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
    return true;
  }
};

std::vector<std::string> environment_with(const std::map<std::string, std::string>& more) {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string entry = *each;
    if (more.count(entry.substr(0, entry.find('='))) == 0) all.push_back(entry);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// In a group of its own, so that its children end with it.
Result<pid_t> spawn(const std::string& command, const std::vector<std::string>& args,
                    const std::map<std::string, std::string>& env, const Pipe& output, const Pipe& complaint) {
  std::vector<std::string> words{command};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<std::string> variables = environment_with(env);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.in.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, complaint.in.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, command.c_str(), &actions, &attributes, pointers(words).data(),
                                  pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return Error{Code::not_found, std::string("cannot be started: ") + std::strerror(failed)};
  return pid;
}

// false: at its end.
bool take_some(const UniqueFd& from, std::string& into, std::size_t keep_last) {
  char bytes[4096];
  const auto got = ::read(from.get(), bytes, sizeof bytes);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  into.append(bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (keep_last != 0 && into.size() > keep_last) into.erase(0, into.size() - keep_last);
  return got > 0;
}

// false: the deadline came, or it says too much.
bool listen_to_end(UniqueFd& output, UniqueFd& complaint, ChildEnd& end, Deadline deadline) {
  while (output || complaint) {
    pollfd each[2] = {{output ? output.get() : -1, POLLIN, 0}, {complaint ? complaint.get() : -1, POLLIN, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || end.output.size() > most_output) return false;
    if (::poll(each, 2, static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000))) < 0 && errno != EINTR) return false;
    if (each[0].revents != 0 && !take_some(output, end.output, 0)) output = UniqueFd();
    if (each[1].revents != 0 && !take_some(complaint, end.complaint, most_complaint)) complaint = UniqueFd();
  }
  return true;
}

std::string one_line(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || static_cast<unsigned char>(c) >= 0x80) c = c == '\n' ? ' ' : '?';
  }
  return text;
}

}  // namespace

Result<ChildEnd> run_child(const std::string& command, const std::vector<std::string>& args,
                           const std::map<std::string, std::string>& env, Deadline deadline) {
  Pipe output, complaint;
  if (!output.open() || !complaint.open()) return Error{Code::unavailable, std::string("no pipe: ") + std::strerror(errno)};
  auto pid = spawn(command, args, env, output, complaint);
  if (!pid) return pid.error();
  output.in = UniqueFd();
  complaint.in = UniqueFd();
  ChildEnd end;
  const bool in_time = listen_to_end(output.out, complaint.out, end, deadline);
  if (!in_time) ::kill(-*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  end.complaint = one_line(std::move(end.complaint));
  end.ended_well = in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!in_time) end.how = end.output.size() > most_output ? "printed more than 1 MiB" : "no answer in time";
  else if (WIFEXITED(status)) end.how = "exit code " + std::to_string(WEXITSTATUS(status));
  else end.how = "killed by signal " + std::to_string(WTERMSIG(status));
  return end;
}

}  // namespace neonvm::k8s

#include "vm-builder/program.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "vm-builder/file_io.hpp"
#include "vm-builder/unique_fd.hpp"

namespace neonvm::builder {
namespace {

constexpr std::size_t kept_output = 16 * 1024;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_with(const Environment& more) {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    if (!more.contains(std::string(variable.substr(0, variable.find('='))))) all.emplace_back(variable);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

// Between fork and exec: nothing that allocates.
[[noreturn]] void become(const char* program, char* const* argv, char* const* env, const char* folder, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  if (*folder == 0 || ::chdir(folder) == 0) ::execve(program, argv, env);
  ::_exit(127);
}

std::string read_to_end(int fd) {
  std::string text;
  char block[4096];
  for (;;) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > 2 * kept_output) text.erase(0, text.size() - kept_output);
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::string rest = std::string(path == nullptr ? "" : path) + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string file = rest.substr(0, colon) + "/" + name;
    if (file.front() == '/' && ::access(file.c_str(), X_OK) == 0) return file;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return "";
}

Result<ProgramEnd> run_program(const std::vector<std::string>& argv, const Environment& env, const std::string& folder) {
  const std::string program = find_program(argv.front());
  if (program.empty()) return Error{Code::not_found, argv.front() + " is not installed"};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(argv.front(), errno);
  UniqueFd output(ends[0]), input(ends[1]);
  auto words = argv;
  auto variables = environment_with(env);
  const auto argv_pointers = pointers_to(words), env_pointers = pointers_to(variables);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return errno_error(argv.front(), errno);
  if (child == 0) become(program.c_str(), argv_pointers.data(), env_pointers.data(), folder.c_str(), input.get(), parent);
  input.reset();
  ProgramEnd end;
  end.output = read_to_end(output.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  end.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (end.output.size() > kept_output) end.output.erase(0, end.output.size() - kept_output);
  while (!end.output.empty() && end.output.back() == '\n') end.output.pop_back();
  return end;
}

Status must_run(const std::vector<std::string>& argv, const std::string& package, const Environment& env) {
  auto end = run_program(argv, env);
  if (!end && end.error().code == Code::not_found) {
    return Error{Code::not_found, end.error().message + "; install it: apt-get install " + package};
  }
  if (!end) return end.error();
  if (end->status == 0) return {};
  const bool full = end->output.find("No space left") != std::string::npos;
  return Error{full ? Code::out_of_capacity : Code::refused,
               argv.front() + " failed with code " + std::to_string(end->status) + (end->output.empty() ? "" : ":\n" + end->output)};
}

}  // namespace neonvm::builder

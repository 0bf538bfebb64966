// A runner without a VM, for tests: stand_in_runner --name MODE-… --spec FILE. MODE says how it behaves:
//   deaf    ignores SIGTERM, and so does its machine        dies    ends at once with exit code 3
//   says    ends at once with a word                         next    takes over the machine that is there
//   lone    has no machine                                   others  end in order on SIGTERM
// Its machine is a process that holds run_dir/lock open, as QEMU does.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "core/wire/model_json.hpp"

namespace {

using namespace neonvm;

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path + ".part") << text;
  std::rename((path + ".part").c_str(), path.c_str());
}

void listen_at(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::perror("bind");
  ::listen(fd, 1);
}

pid_t start_machine(const std::string& run_dir, bool deaf) {
  const int lock = ::open((run_dir + "/lock").c_str(), O_RDWR | O_CREAT, 0600);
  ::flock(lock, LOCK_EX);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
    for (;;) ::pause();
  }
  ::close(lock);
  write_text(run_dir + "/qemu.pid", std::to_string(pid) + "\n");
  return pid;
}

void say_farewell(const std::string& run_dir, RunnerPhase phase, const std::string& reason, bool vm_ended) {
  RunnerStatus status;
  status.phase = phase;
  status.exit_reason = reason;
  status.vm_ended = vm_ended;
  write_text(run_dir + "/exit.json", wire::encode(status));
}

int run(const std::string& mode, const std::string& run_dir) {
  if (mode == "dies") return 3;
  if (mode == "says") {
    say_farewell(run_dir, RunnerPhase::failed, "no such disk", true);
    return 1;
  }
  sigset_t end;
  ::sigemptyset(&end);
  ::sigaddset(&end, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &end, nullptr);
  pid_t machine = 0;
  if (mode == "next") {
    std::ifstream(run_dir + "/qemu.pid") >> machine;
  } else if (mode != "lone") {
    machine = start_machine(run_dir, mode == "deaf");
  }
  listen_at(run_dir + "/runner.sock");
  for (int signal = 0; mode == "deaf";) ::sigwait(&end, &signal);
  int signal = 0;
  ::sigwait(&end, &signal);
  if (machine > 0) ::kill(machine, SIGKILL);
  if (machine > 0) ::waitpid(machine, nullptr, 0);
  std::string stop;
  std::getline(std::ifstream(run_dir + "/stop.json"), stop);
  std::printf("told to stop: %s\n", stop.c_str());
  say_farewell(run_dir, RunnerPhase::succeeded, "guest powered off", true);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  std::string name, file;
  for (int i = 1; i + 1 < count; i += 2) (std::string(words[i]) == "--name" ? name : file) = words[i + 1];
  std::ifstream in(file);
  const auto spec = wire::decode_runner_spec(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!spec) return 2;
  const auto machine = wire::decode_machine_spec(spec->machine);
  if (!machine) return 2;
  std::printf("runner %s of %s\n", name.c_str(), spec->vm.c_str());
  std::fflush(stdout);
  return run(name.substr(0, name.find('-')), machine->run_dir);
}

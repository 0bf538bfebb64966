#include "plugins/orchestrator-local/run_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <thread>

#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {

Result<RunDir> RunDir::make(const Home& home) {
  if (auto kept = keep_run_root(home); !kept) return kept.error();
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::uint32_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) break;
    char name[9];
    std::snprintf(name, sizeof name, "%08x", number);
    const std::string path = home.run_root + "/" + name;
    if (::mkdir(path.c_str(), 0700) == 0) return RunDir(path);
    if (errno != EEXIST) return system_error("cannot make directory", path, errno);
  }
  return Error{Code::unavailable, "no free name for a run directory in " + home.run_root};
}

Result<RunDir> RunDir::existing(const Home& home, const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool ours = (parent == home.run_root || parent == home.runs()) && name.size() == 8 &&
                    name.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!ours) {
    return Error{Code::invalid_argument, "machine.run_dir \"" + path + "\" is not a run directory of " + home.path +
                                             "; leave it empty to get one"};
  }
  if (auto kept = keep_run_root(home); !kept) return kept.error();
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return system_error("cannot use machine.run_dir", path, errno);
  return RunDir(path);
}

Result<std::optional<RunDir::Owner>> RunDir::owner() const {
  const auto text = read_file(pid_file());
  if (!text && text.error().code == Code::not_found) return std::optional<Owner>{};
  if (!text) return text.error();
  std::istringstream in(*text);
  Owner owner;
  if (!(in >> owner.process.pid >> owner.process.start >> owner.boot >> owner.runner)) {
    return Error{Code::data_loss, pid_file() + " is damaged"};
  }
  return std::optional<Owner>{owner};
}

Result<UniqueFd> RunDir::lock_spawn(Deadline deadline) const {
  const std::string path = path_ + "/spawn.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return system_error("cannot open", path, errno);
  for (;;) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error{Code::deadline_exceeded, "a runner is being started in " + path_ + " for too long"};
    }
    // Polls, because flock has no deadline; it is held for as long as a fork and an exec take.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::string RunDir::farewell_file(const std::string& runner) const { return path_ + "/exit-" + runner + ".json"; }

void RunDir::hand_over() const {
  const auto last = owner();
  if (last && *last) ::rename((path_ + "/exit.json").c_str(), farewell_file((*last)->runner).c_str());
  for (const char* name : {"/exit.json", "/runner.sock", "/stop.json"}) ::unlink((path_ + name).c_str());
}

std::optional<RunnerStatus> RunDir::farewell(const std::string& runner) const {
  const auto now = owner();
  const bool ours = now && *now && (*now)->runner == runner;
  const auto text = read_file(ours ? path_ + "/exit.json" : farewell_file(runner));
  if (!text) return std::nullopt;
  auto status = wire::decode_runner_status(*text);
  if (!status || (status->phase != RunnerPhase::succeeded && status->phase != RunnerPhase::failed)) return std::nullopt;
  return std::move(*status);
}

Status RunDir::write_stop(Duration grace) const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(grace).count();
  return write_file(path_ + "/stop.json", "{\"graceMs\":" + std::to_string(ms) + "}\n");
}

Result<RunDir::Machine> RunDir::machine(pid_t except) const {
  const std::string lock = path_ + "/lock";
  struct stat found {};
  if (::stat(lock.c_str(), &found) != 0) {
    // The directory goes last of all, when its machine has ended (RunnerLife::finish). Its parent must be there: an alias
    // that somebody took away hides a directory that exists.
    const bool missing = ::stat(path_.c_str(), &found) != 0 && errno == ENOENT;
    const bool removed = missing && ::stat(std::filesystem::path(path_).parent_path().c_str(), &found) == 0;
    return Machine{removed, std::nullopt};
  }
  std::optional<pid_t> likely;
  if (const auto text = read_file(path_ + "/qemu.pid")) likely = std::atoi(text->c_str());
  auto process = process_holding(lock, likely, except);
  if (!process) return process.error();
  return Machine{true, *process};
}

bool RunDir::has_socket() const {
  struct stat found {};
  return ::stat(socket().c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

void RunDir::remove() const {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace neonvm::local

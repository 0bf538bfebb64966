#include "guest/postgres/hook.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "core/wire/hook_protocol.hpp"
#include "guest/file_text.hpp"
#include "guest/postgres/advice.hpp"
#include "guest/process_setup.hpp"
#include "guest/procfs.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest::postgres {
namespace {

constexpr auto patience = std::chrono::milliseconds(1400);   // of the 2 s that a hook has
constexpr std::time_t reload_takes = 5;                          // seconds, in a busy guest

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

std::uint64_t uptime() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec);
}

// What is kept from one run to the next. Written in place: a torn note is none.
class Notes {
 public:
  explicit Notes(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  std::optional<Known> read() const {
    char text[512];
    const ssize_t got = fd_.valid() ? ::pread(fd_.get(), text, sizeof text, 0) : 0;
    return decode_known({text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
  }
  void write(const Known& known) const {
    const std::string text = encode(known);
    if (fd_.valid() && ::ftruncate(fd_.get(), 0) == 0) {
      [[maybe_unused]] const ssize_t put = ::pwrite(fd_.get(), text.data(), text.size(), 0);
    }
  }

 private:
  Fd fd_;
};

Status become_owner(const struct stat& data) {
  if (::geteuid() != 0 || data.st_uid == 0) return {};
  if (!take_owner({data.st_uid, data.st_gid, {data.st_gid}})) return errno_error("becoming the owner of the data directory", errno);
  return {};
}

std::int64_t server_of(const std::string& data) {
  const auto text = read_text(data + "/postmaster.pid");
  if (!text) return 0;
  std::string_view rest = *text;
  const auto pid = whole_number<std::int32_t>(trimmed(next_line(rest)));
  return pid && *pid > 1 && ::kill(*pid, 0) == 0 ? *pid : 0;
}

std::vector<wire::HookMetric> down() { return {{"pg_up", wire::MetricType::gauge, "Whether the server answers", {}, 0}}; }

// The owner of the folder may have put anything under these names, but owns us as well.
Status replace_settings(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return errno_error(fresh, errno);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return errno_error(fresh, errno);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error(path, errno);
  return {};
}

class Run {
 public:
  Run(const HookOptions& options, const wire::HookQuestion& question)
      : options_(options), question_(question), path_(options.data + "/neonvm.conf") {}

  Result<wire::HookAnswer> answer() {
    struct stat data {};
    if (::stat(options_.data.c_str(), &data) != 0) return wire::HookAnswer{};
    const Notes notes(options_.notes);
    if (const Status owner = become_owner(data); !owner) return owner.error();
    server_ = server_of(options_.data);
    if (server_ == 0) return gone();
    known_ = notes.read();
    if (is_due(known_, server_, uptime())) look_closely();
    if (!known_ || known_->server != server_) return answer_;
    has_size(*known_, question_.target);
    notes.write(*known_);
    if (question_.event == wire::HookEvent::shrink && question_.target.memory < floor_of(*known_)) {
      answer_.ok = false;
      answer_.why = "shared_buffers is " + std::to_string(known_->shared_buffers.value / mib) + "MB, which only a restart of PostgreSQL changes";
      answer_.floor = floor_of(*known_);
      return answer_;
    }
    if (const Status written = follow(); !written) return written.error();
    return answer_;
  }

 private:
  // Nothing that it had told before is true any more.
  static wire::HookAnswer gone() {
    wire::HookAnswer answer;
    answer.working_set = Bytes{0};
    answer.working_set_pages.emplace();
    answer.notices.emplace();
    answer.metrics = down();
    return answer;
  }

  void look_closely() {
    auto session = Session::open(options_.socket, options_.user, std::chrono::steady_clock::now() + patience);
    auto facts = session ? ask(*session) : Result<Facts>(session.error());
    if (facts) return tell(std::move(*facts));
    answer_.metrics = down();
    // It starts, stops, or has no place for one more: at the next question. Who is not let in will not be then.
    if (facts.error().code == Code::permission_denied) {
      answer_.notices = std::vector<std::string>{"the server lets nobody in who could ask it: " + facts.error().message};
    }
  }

  void tell(Facts facts) {
    const std::uint64_t now = uptime();
    const auto ratio = known_ && known_->server == server_ ? hit_ratio(known_, facts) : std::nullopt;
    known_ = learned(known_, facts, server_, now);
    has_size(*known_, question_.target);
    const std::string memory = read_text("/proc/meminfo").value_or("");
    answer_.working_set = working_set(*known_, facts, meminfo_line(memory, "Cached:"), meminfo_line(memory, "Active(file):"), now);
    answer_.working_set_pages = facts.cache ? facts.cache->pages : std::vector<double>{};
    answer_.notices = notices(*known_, facts, told_long_ago());
    if (ratio) {
      facts.metrics.push_back({"pg_buffer_hit_ratio", wire::MetricType::gauge,
                               "Share of the blocks that were found in shared_buffers, over the last minute", {}, *ratio});
    }
    answer_.metrics = std::move(facts.metrics);
  }

  // What the server must know by now.
  std::string told_long_ago() const {
    struct stat file {};
    if (::stat(path_.c_str(), &file) != 0 || ::time(nullptr) - file.st_mtime < reload_takes) return "";
    return read_text(path_).value_or("");
  }

  Status follow() {
    const std::string text = settings(*known_, question_.target);
    if (text == read_text(path_).value_or("")) return {};
    if (const Status written = replace_settings(path_, text); !written) return written;
    if (::kill(static_cast<pid_t>(server_), SIGHUP) != 0) return errno_error("asking the server to reload", errno);
    return {};
  }

  const HookOptions& options_;
  const wire::HookQuestion& question_;
  std::string path_;
  std::int64_t server_ = 0;
  std::optional<Known> known_;
  wire::HookAnswer answer_;
};

}  // namespace

HookOptions options_of_environment() {
  HookOptions options;
  options.data = environment("PGDATA", options.data);
  options.socket = environment("PGHOST", "/run/postgresql") + "/.s.PGSQL." + environment("PGPORT", "5432");
  options.user = environment("PGUSER", options.user);
  options.notes = environment("NEONVM_HOOK_STATE", options.notes);
  return options;
}

Result<std::string> answer_question(const HookOptions& options, std::string_view text) {
  const auto question = wire::decode_hook_question(text);
  if (!question) return question.error().at("the question");
  const auto answer = Run(options, *question).answer();
  if (!answer) return answer.error();
  return wire::encode(*answer);
}

}  // namespace neonvm::guest::postgres

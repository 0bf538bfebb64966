#include "core/daemon/source_folder.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

namespace neonvm::daemon {
namespace {

namespace files = std::filesystem;

constexpr int deepest = 8;
// An editor writes, renames and removes within it; a reader of the guest does not notice it.
constexpr Duration settling = std::chrono::milliseconds(20);
constexpr std::uint32_t of_interest = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                                      IN_DELETE_SELF | IN_MOVE_SELF;

Error source_error(const std::string& path, int number) {
  const Code code = number == ENOENT || number == ENOTDIR ? Code::not_found
                    : number == EACCES                    ? Code::permission_denied
                                                          : Code::invalid_argument;
  return Error{code, path + ": " + std::strerror(number)};
}

Result<std::string> read_regular(const std::string& path) {
  // Without O_NONBLOCK the open of a FIFO would wait for a writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return source_error(path, errno);
  struct stat facts {};
  std::string text;
  Status wrong;
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) wrong = Error{Code::invalid_argument, path + " is no regular file"};
  char buffer[65536];
  while (wrong) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) wrong = source_error(path, errno);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > wire::most_bundle_bytes) wrong = Error{Code::invalid_argument, path + " is larger than 4Mi; give less"};
  }
  ::close(fd);
  if (!wrong) return wrong.error();
  return text;
}

// Files below `folder` by their paths in it; names that begin with ".." are Kubernetes' own.
Status list_files(const files::path& folder, const std::string& prefix, int depth, std::map<std::string, std::string>& found) {
  if (depth > deepest) return Error{Code::invalid_argument, folder.string() + ": more than 8 folders deep"};
  std::error_code failed;
  for (files::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("..")) continue;
    std::error_code unreadable;
    if (entry->is_directory(unreadable)) {
      if (auto inner = list_files(entry->path(), prefix + name + "/", depth + 1, found); !inner) return inner;
    } else {
      found[prefix + name] = entry->path().string();
    }
    if (found.size() > wire::most_bundle_files) return Error{Code::invalid_argument, folder.string() + ": more than 1024 files; give fewer"};
  }
  if (failed) return source_error(folder.string(), failed.value());
  return {};
}

// Of a Kubernetes volume the folder that "..data" names now: it is never changed, only left.
files::path present_of(const files::path& source) {
  std::error_code failed;
  const auto data = files::canonical(source / "..data", failed);
  return failed ? source : data;
}

Result<std::map<std::string, std::string>> all_files(const MachineFiles& wanted) {
  std::map<std::string, std::string> found;
  std::error_code failed;
  const files::path source = wanted.source;
  const auto kind = files::status(source, failed);
  if (kind.type() == files::file_type::not_found) {
    if (wanted.optional) return found;
    return Error{Code::not_found, wanted.source + " is not there"};
  }
  if (files::is_directory(kind)) {
    if (auto listed = list_files(present_of(source), "", 0, found); !listed) return listed.error();
  } else {
    found[source.filename().string()] = source.string();
  }
  return found;
}

Result<wire::FileBundle> bundle_of(const MachineFiles& wanted, const std::map<std::string, std::string>& found) {
  wire::FileBundle bundle;
  const auto add = [&bundle](const std::string& from, const std::string& path, std::uint32_t mode) -> Status {
    auto text = read_regular(from);
    if (!text) return text.error();
    bundle.push_back({path, mode, std::move(*text)});
    return {};
  };
  for (const FileItem& item : wanted.items) {
    const auto at = found.find(item.key);
    if (at == found.end() && wanted.optional) continue;
    if (at == found.end()) return Error{Code::not_found, wanted.source + " has no \"" + item.key + "\""};
    if (auto added = add(at->second, item.path, item.mode.value_or(wanted.mode)); !added) return added.error();
  }
  for (const auto& [path, from] : found) {
    if (!wanted.items.empty()) break;
    if (auto added = add(from, path, wanted.mode); !added) return added.error();
  }
  return bundle;
}

}  // namespace

Result<SourceText> read_source(const MachineFiles& files) {
  auto found = all_files(files);
  if (!found) return found.error();
  auto bundle = bundle_of(files, *found);
  if (!bundle) return bundle.error();
  if (auto good = wire::check_bundle(*bundle); !good) return good.error().at(files.source);
  SourceText text;
  text.bundle = wire::encode(std::move(*bundle));
  text.checksum = wire::checksum_of(text.bundle);
  return text;
}

SourceWatch::SourceWatch(runtime::Loop& loop, std::string source, std::function<void()> changed)
    : loop_(loop), source_(std::move(source)), changed_(std::move(changed)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (inotify_ >= 0) watch_ = loop_.watch_readable(inotify_, [this] { drain(); });
}

SourceWatch::~SourceWatch() {
  watch_ = runtime::FdWatch();
  if (inotify_ >= 0) ::close(inotify_);
}

// The source itself may be replaced, or made, and the folders above it too.
void SourceWatch::watch_place() {
  files::path below = source_;
  for (files::path at = below.parent_path(); !at.empty(); below = at, at = at.parent_path()) {
    place_ = ::inotify_add_watch(inotify_, at.c_str(), of_interest);
    next_ = below.filename().string();
    if (place_ >= 0 || at == below) return;
  }
}

Status SourceWatch::look() {
  if (inotify_ < 0) return Error{Code::unavailable, "inotify: no more can be had; raise fs.inotify.max_user_instances"};
  const auto watch = [this](const files::path& path) { return ::inotify_add_watch(inotify_, path.c_str(), of_interest) >= 0; };
  std::error_code failed;
  const files::path source = source_;
  watch_place();
  if (place_ < 0) return Error{Code::unavailable, source_ + ": cannot be watched: " + std::strerror(errno)};
  if (!files::is_directory(source, failed)) return {};
  bool all = watch(source);
  for (files::recursive_directory_iterator entry(source, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unreadable;
    if (entry.depth() > deepest) entry.disable_recursion_pending();
    if (entry->is_directory(unreadable)) all = watch(entry->path()) && all;
  }
  if (all) return {};
  return Error{Code::unavailable, source_ + ": not every folder can be watched: " + std::strerror(errno)};
}

void SourceWatch::drain() {
  alignas(inotify_event) char buffer[8192];
  bool news = false;
  for (ssize_t got = ::read(inotify_, buffer, sizeof buffer); got > 0; got = ::read(inotify_, buffer, sizeof buffer)) {
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      // What else is in the place of the source is nobody's business here.
      news = news || event->wd != place_ || event->len == 0 || next_ == event->name;
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  if (news && !settle_.pending()) settle_ = loop_.after(settling, [this] { changed_(); });
}

}  // namespace neonvm::daemon

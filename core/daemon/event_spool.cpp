#include "core/daemon/event_spool.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace neonvm::daemon {
namespace {

namespace fs = std::filesystem;

constexpr const char* journal = "open.ndjson";
constexpr const char* batch_end = ".ndjson";
constexpr std::size_t digits = 20;               // of a number, so that names sort as numbers do

Error file_error(const std::string& what, int number) {
  const Code code = number == ENOSPC || number == EDQUOT ? Code::out_of_capacity : Code::internal;
  return {code, what + ": " + std::strerror(number)};
}

std::string fresh_id() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    char part[9];
    std::snprintf(part, sizeof part, "%08x", random());
    id += part;
  }
  return id;
}

// NUMBER-MILLISECONDS-ID.ndjson
std::string name_of(std::uint64_t number, WallTime made, const std::string& id) {
  char text[64];
  std::snprintf(text, sizeof text, "%020llu-%lld-", static_cast<unsigned long long>(number), static_cast<long long>(made.time_since_epoch().count()));
  return text + id + batch_end;
}

template <typename Number>
bool read_number(std::string_view text, Number& out) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

bool read_name(std::string_view name, EventBatch& batch) {
  if (!name.ends_with(batch_end) || name.size() < digits + 2) return false;
  name.remove_suffix(std::string_view(batch_end).size());
  const auto dash = name.find('-', digits + 1);
  std::int64_t made = 0;
  if (name[digits] != '-' || dash == std::string_view::npos || !read_number(name.substr(0, digits), batch.number) ||
      !read_number(name.substr(digits + 1, dash - digits - 1), made))
    return false;
  batch.made = WallTime(std::chrono::milliseconds(made));
  batch.id = name.substr(dash + 1);
  return true;
}

// One descriptor, closed when it goes.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Status write_all(int fd, const std::string& text, const std::string& what) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(fd, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error(what, errno);
    at += static_cast<std::size_t>(written);
  }
  return ::fsync(fd) == 0 ? Status{} : Status(file_error(what, errno));
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

EventSpool::EventSpool(std::string folder, std::vector<std::string> clients, std::uint64_t most_bytes)
    : folder_(std::move(folder)), clients_(std::move(clients)), most_bytes_(most_bytes) {}

Result<std::unique_ptr<EventSpool>> EventSpool::open(const std::string& folder, std::vector<std::string> clients, std::uint64_t most_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{Code::internal, folder + ": " + error.message()};
  fs::permissions(folder, fs::perms::owner_all, error);
  std::unique_ptr<EventSpool> spool(new EventSpool(folder, std::move(clients), most_bytes));
  if (auto recovered = spool->recover(); !recovered) return recovered.error();
  return spool;
}

Status EventSpool::note_file(const std::string& name) {
  EventBatch batch;
  if (!read_name(name, batch)) return {};
  std::error_code error;
  const auto size = fs::file_size(path(name), error);
  if (error) return Error{Code::internal, path(name) + ": " + error.message()};
  files_[batch.number] = {name, size, {}};
  bytes_ += size;
  last_ = std::max(last_, batch.number);
  return {};
}

Status EventSpool::recover() {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  std::vector<std::string> markers;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".tmp")) fs::remove(entry.path(), error);
    else if (name.find(".has.") != std::string::npos) markers.push_back(name);
    else if (auto noted = note_file(name); !noted) return noted;
  }
  for (const std::string& marker : markers) {
    const auto at = marker.find(".has.");
    std::uint64_t number = 0;
    const bool known = read_number(marker.substr(0, at), number) && files_.count(number) != 0;
    if (known) files_[number].has.insert(marker.substr(at + 5));
    else fs::remove(path(marker), error);
  }
  std::vector<std::uint64_t> all;
  for (const auto& [number, file] : files_) all.push_back(number);
  for (const std::uint64_t number : all)
    if (auto removed = remove_if_done(number); !removed) return removed;
  auto sealed = seal_locked(std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()));
  return sealed ? Status{} : Status(sealed.error());
}

Status EventSpool::sync_folder() const {
  const Descriptor folder{::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.fd < 0 || ::fsync(folder.fd) != 0) return file_error(folder_, errno);
  return {};
}

Status EventSpool::write(const std::string& name, const std::string& text) const {
  const std::string half = path(name) + ".tmp";
  {
    const Descriptor file{::open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (file.fd < 0) return file_error(half, errno);
    if (auto written = write_all(file.fd, text, half); !written) {
      ::unlink(half.c_str());
      return written;
    }
  }
  if (::rename(half.c_str(), path(name).c_str()) != 0) return file_error(path(name), errno);
  return sync_folder();
}

Result<std::uint64_t> EventSpool::commit(const std::string& note, const std::vector<std::string>& lines, WallTime now) {
  const std::lock_guard lock(mutex_);
  return commit_locked("#" + note + "\n" + joined(lines), now);
}

Result<std::uint64_t> EventSpool::commit_locked(const std::string& text, WallTime now) {
  if (bytes_ + open_bytes_ + text.size() > most_bytes_)
    return Error{Code::out_of_capacity, folder_ + " is full: " + std::to_string(bytes_) + " bytes wait to be sent, and at most " + std::to_string(most_bytes_) + " may"};
  const std::uint64_t number = last_ + 1;
  const std::string name = name_of(number, now, fresh_id());
  if (auto written = write(name, text); !written) return written.error();
  last_ = number;
  files_[number] = {name, text.size(), {}};
  bytes_ += text.size();
  return number;
}

Status EventSpool::append(const std::vector<std::string>& lines) {
  const std::lock_guard lock(mutex_);
  const std::string text = joined(lines);
  if (bytes_ + open_bytes_ + text.size() > most_bytes_)
    return Error{Code::out_of_capacity, folder_ + " is full: " + std::to_string(bytes_ + open_bytes_) + " bytes wait to be sent"};
  const std::string name = path(journal);
  const Descriptor file{::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  if (file.fd < 0) return file_error(name, errno);
  const bool made = open_bytes_ == 0;
  if (auto written = write_all(file.fd, text, name); !written) {
    // What came of it would be half a line before the next.
    if (::ftruncate(file.fd, static_cast<off_t>(open_bytes_)) != 0) return file_error(name, errno);
    return written;
  }
  open_bytes_ += text.size();
  return made ? sync_folder() : Status{};
}

Result<bool> EventSpool::seal(WallTime now) {
  const std::lock_guard lock(mutex_);
  return seal_locked(now);
}

// By a rename: the lines are never in two batches.
Result<bool> EventSpool::seal_locked(WallTime now) {
  std::error_code error;
  const auto size = fs::file_size(path(journal), error);
  open_bytes_ = 0;
  if (error || size == 0) return false;
  const std::string name = name_of(last_ + 1, now, fresh_id());
  if (::rename(path(journal).c_str(), path(name).c_str()) != 0) return file_error(path(name), errno);
  if (auto synced = sync_folder(); !synced) return synced.error();
  files_[++last_] = {name, size, {}};
  bytes_ += size;
  return true;
}

void EventSpool::release() {
  const std::lock_guard lock(mutex_);
  released_ = last_;
}

Result<EventBatch> EventSpool::next_for(const std::string& client) {
  const std::lock_guard lock(mutex_);
  EventBatch batch;
  const auto next = std::find_if(files_.begin(), files_.end(), [&client](const auto& file) { return file.second.has.count(client) == 0; });
  if (next == files_.end() || next->first > released_) return batch;
  read_name(next->second.name, batch);
  std::ifstream file(path(next->second.name));
  if (!file) return Error{Code::internal, path(next->second.name) + " cannot be read"};
  // The last line of a journal may be torn: it was never acknowledged.
  for (std::string line; std::getline(file, line) && !file.eof();) {
    if (line.starts_with('#')) batch.note = line.substr(1);
    else batch.lines.push_back(std::move(line));
  }
  return batch;
}

Result<std::string> EventSpool::last_note() {
  const std::lock_guard lock(mutex_);
  if (files_.empty()) return std::string();
  const std::string& name = files_.rbegin()->second.name;
  std::ifstream file(path(name));
  std::string line;
  if (!std::getline(file, line)) return Error{Code::internal, path(name) + " cannot be read"};
  return line.starts_with('#') ? line.substr(1) : std::string();
}

Status EventSpool::delivered(std::uint64_t number, const std::string& client) {
  const std::lock_guard lock(mutex_);
  const auto file = files_.find(number);
  if (file == files_.end()) return {};
  file->second.has.insert(client);
  const bool all = std::all_of(clients_.begin(), clients_.end(), [&](const std::string& one) { return file->second.has.count(one) != 0; });
  if (all) return remove_if_done(number);
  return write(std::to_string(number) + ".has." + client, "");
}

// The batch before its markers: a batch without them would be sent again.
Status EventSpool::remove_if_done(std::uint64_t number) {
  const auto file = files_.find(number);
  const bool all = std::all_of(clients_.begin(), clients_.end(), [&](const std::string& one) { return file->second.has.count(one) != 0; });
  if (!all) return {};
  if (::unlink(path(file->second.name).c_str()) != 0 && errno != ENOENT) return file_error(path(file->second.name), errno);
  for (const std::string& client : file->second.has) ::unlink(path(std::to_string(number) + ".has." + client).c_str());
  bytes_ -= file->second.size;
  files_.erase(file);
  return sync_folder();
}

std::size_t EventSpool::waiting(const std::string& client) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(files_.begin(), files_.end(), [&client](const auto& file) { return file.second.has.count(client) == 0; }));
}

std::uint64_t EventSpool::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_ + open_bytes_;
}

}  // namespace neonvm::daemon

#include "plugins/orchestrator-local/schema.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

constexpr std::uint32_t application_id = 0x4E564D31;  // "NVM1"

// version: the store's revision at the last write. deletions are what watches learn ends from. counters: the
// store's revision, the newest deletion that was forgotten (horizon), and how many are kept.
constexpr const char* schema = R"(
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES('revision', 0), ('horizon', 0), ('deletions', 0);
CREATE TABLE objects(
  kind TEXT NOT NULL, name TEXT NOT NULL, ns TEXT NOT NULL, uid TEXT NOT NULL,
  version INTEGER NOT NULL, born INTEGER NOT NULL, generation INTEGER NOT NULL,
  created INTEGER NOT NULL, deleting INTEGER, finalizer INTEGER NOT NULL,
  labels TEXT NOT NULL, annotations TEXT NOT NULL, owner_uid TEXT NOT NULL, spec TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX objects_by_name ON objects(kind, name);
CREATE UNIQUE INDEX objects_by_version ON objects(kind, version);
CREATE TABLE deletions(
  kind TEXT NOT NULL, name TEXT NOT NULL, ns TEXT NOT NULL, uid TEXT NOT NULL,
  version INTEGER PRIMARY KEY, born INTEGER NOT NULL, generation INTEGER NOT NULL,
  created INTEGER NOT NULL, deleting INTEGER, finalizer INTEGER NOT NULL,
  labels TEXT NOT NULL, annotations TEXT NOT NULL, owner_uid TEXT NOT NULL, spec TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE TABLE events(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, ns TEXT NOT NULL,
  name TEXT NOT NULL, warning INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, revision INTEGER NOT NULL
) STRICT;
CREATE TABLE leases(
  name TEXT PRIMARY KEY, holder TEXT NOT NULL, boot TEXT NOT NULL, until INTEGER NOT NULL,
  pids TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1314278705;
PRAGMA user_version = 1;
)";
static_assert(application_id == 1314278705 && schema_version == 1);

// NORMAL: in WAL mode a killed process loses nothing, and a power cut may undo the last commits but never tears the
// store. With the power every VM and runner is gone too, so what those commits said of them is void; what a person was
// told ("created", "deleted") is committed with FULL (store.cpp).
constexpr const char* settings = R"(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA journal_size_limit = 4194304;
PRAGMA temp_store = MEMORY;
)";

Error newer(const std::string& path, std::int64_t version) {
  return {Code::data_loss, path + " was written by a newer neonvm (store version " + std::to_string(version) +
                               "; this one knows " + std::to_string(schema_version) +
                               "); nothing was changed. Run the newer neonvm, or set NEONVM_HOME to another directory"};
}

Error foreign(const std::string& path) {
  return {Code::data_loss, path +
                               " is not a neonvm store, or its beginning is damaged; nothing was changed. Move the " +
                               "file away (keep it), and put a backup in its place or begin with an empty store"};
}

bool exists_with_content(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && found.st_size > 0;
}

std::uint32_t big_endian(const unsigned char* at) {
  return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 | at[3];
}

// The header of an SQLite file (sqlite.org/fileformat2.html 1.3). Only while nobody has the store open, this process
// included: closing any descriptor of the file would drop the locks that SQLite holds on it.
Status check_header(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error("cannot open", path, errno);
  std::array<unsigned char, 100> header{};
  const ssize_t length = ::pread(fd.get(), header.data(), header.size(), 0);
  if (length < 0) return system_error("cannot read", path, errno);
  const bool whole = static_cast<std::size_t>(length) == header.size();
  if (!whole || std::memcmp(header.data(), "SQLite format 3", 16) != 0) return foreign(path);
  const std::uint32_t version = big_endian(&header[60]), application = big_endian(&header[68]);
  if (version > schema_version) return newer(path, version);
  // 0 and 0: made, but its first transaction is still in the log or never happened.
  if (application != application_id && (application != 0 || version != 0)) return foreign(path);
  return {};
}

Status check_quickly(Connection& connection, const std::string& path) {
  auto query = connection.ask("PRAGMA quick_check(1)");
  if (!query) return query.error();
  auto row = query->step();
  if (!row) return row.error();
  if (*row && query->text(0) == "ok") return {};
  return connection.error(SQLITE_CORRUPT).at("quick check of " + path + " said " + (*row ? query->text(0) : "nothing"));
}

Status make_schema(Connection& connection) {
  auto transaction = Transaction::begin(connection, Transaction::Kind::write);
  if (!transaction) return transaction.error();
  const auto version = connection.number("PRAGMA user_version");
  if (!version) return version.error();
  if (version->value_or(0) != 0) return {};
  if (auto made = connection.run(schema); !made) return made;
  return transaction->commit();
}

Status check_version(Connection& connection, const std::string& path) {
  const auto version = connection.number("PRAGMA user_version");
  if (!version) return version.error();
  if (version->value_or(0) > schema_version) return newer(path, **version);
  const auto application = connection.number("PRAGMA application_id");
  if (!application) return application.error();
  const bool empty = version->value_or(0) == 0 && application->value_or(0) == 0;
  return empty || application->value_or(0) == application_id ? Status{} : foreign(path);
}

// Shared: others have it open, and the first of them has checked it. Exclusive: we are the first.
Result<bool> lock_as_first(int fd, const std::string& path, Deadline deadline) {
  for (;;) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (::flock(fd, LOCK_SH | LOCK_NB) == 0) return false;
    if (errno != EWOULDBLOCK && errno != EINTR) return system_error("cannot lock", path, errno);
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error{Code::deadline_exceeded, path + ": another process has been opening the store for too long"};
    }
    // Polls, because flock has no deadline; the first opener holds it for a millisecond.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Status make_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  return fd ? Status{} : Status(system_error("cannot make", path, errno));
}

Result<std::unique_ptr<Connection>> open_checked(const Home& home, bool first, Deadline deadline) {
  const std::string path = home.store();
  const bool torn = first && exists_with_content(path + "-wal");  // the last one to close removes it
  if (first && exists_with_content(path)) {
    if (auto sound = check_header(path); !sound) return sound.error();
  } else if (first) {
    if (auto made = make_file(path); !made) return made.error();
  }
  auto connection = Connection::open(path);
  if (!connection) return connection;
  (*connection)->set_deadline(deadline);
  Status sound = check_version(**connection, path);
  if (sound && torn) sound = check_quickly(**connection, path);
  if (!sound) {
    (*connection)->touch_nothing_on_close();
    return sound.error();
  }
  if (auto set = (*connection)->run(settings); !set) return set.error();
  if (auto made = make_schema(**connection); !made) return made.error();
  return connection;
}

}  // namespace

Result<OpenedStore> open_store(const Home& home, Deadline deadline) {
  const std::string path = home.path + "/store.lock";
  OpenedStore opened{UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), nullptr};
  if (!opened.lock) return system_error("cannot open", path, errno);
  const auto first = lock_as_first(opened.lock.get(), path, deadline);
  if (!first) return first.error();
  auto connection = open_checked(home, *first, deadline);
  if (!connection) return connection.error();
  opened.connection = std::move(*connection);
  if (*first && ::flock(opened.lock.get(), LOCK_SH) != 0) return system_error("cannot lock", path, errno);
  return opened;
}

Result<std::unique_ptr<Connection>> connect(const Home& home, Deadline deadline) {
  auto connection = Connection::open(home.store());
  if (!connection) return connection;
  (*connection)->set_deadline(deadline);
  if (auto set = (*connection)->run(settings); !set) return set.error();
  return connection;
}

}  // namespace neonvm::local

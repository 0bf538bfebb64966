#include "plugins/orchestrator-local/sqlite.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>

namespace neonvm::local {

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Result<bool> Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return owner_->error(code);
}

Status Query::finish() {
  for (;;) {
    const auto row = step();
    if (!row) return row.error();
    if (!*row) return {};
  }
}

std::string Query::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path) {
  sqlite3* db = nullptr;
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  if (db == nullptr) return Error{Code::unavailable, "cannot open " + path + ": no memory"};
  std::unique_ptr<Connection> connection(new Connection(path, db));
  if (code != SQLITE_OK) return connection->error(code);
  sqlite3_busy_handler(db, &Connection::wait_for_lock, connection.get());
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void Connection::touch_nothing_on_close() { sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr); }

Result<Query> Connection::prepared(const char* sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) return Query(*this, known->second);
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  statements_.emplace(sql, statement);
  return Query(*this, statement);
}

Status Connection::run(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status{} : error(code);
}

// Polls, because another process that unlocks the database tells nobody. Held for well under a millisecond as a rule.
int Connection::wait_for_lock(void* self, int attempt) {
  const auto now = std::chrono::steady_clock::now();
  const auto deadline = static_cast<Connection*>(self)->deadline_;
  if (now >= deadline) return 0;
  const Duration pause = std::chrono::microseconds(std::min(100 * (attempt + 1), 2000));
  std::this_thread::sleep_for(std::min<Duration>(pause, deadline - now));
  return 1;
}

Error Connection::error(int code) const {
  const int last = errno;  // SQLite forgets it on some ways (3.40: a failed write of the log)
  const int known = sqlite3_system_errno(db_);
  const int number = known != 0 ? known : last;
  const std::string why = sqlite3_errmsg(db_);
  const bool full = (code & 0xFF) == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT || number == EFBIG);
  if ((code & 0xFF) == SQLITE_FULL || full) {
    return {Code::unavailable,
            "the disk is full: cannot write " + path_ + "; free some space on its file system, then try again"};
  }
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::data_loss,
              path_ + " is damaged (" + why + "); nothing was changed. Stop neonvm, move the file away " +
                  "(keep it), and put a backup in its place or begin with an empty store; disks and logs of " +
                  "VMs are untouched in vms/ beside it"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Code::deadline_exceeded, path_ + " is held by another process for too long"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return {Code::permission_denied, "cannot write " + path_ + ": " + why};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return {Code::unavailable, "cannot use " + path_ + ": " + why + " (errno " + std::to_string(number) + ")"};
    default: return {Code::internal, path_ + ": " + why + " (SQLite code " + std::to_string(code) + ")"};
  }
}

Result<Transaction> Transaction::begin(Connection& connection, Kind kind) {
  const Status begun = connection.tell(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
  if (!begun) return begun.error();
  return Transaction(connection);
}

Transaction::~Transaction() {
  if (connection_ != nullptr) (void)connection_->tell("ROLLBACK");
}

Status Transaction::commit() {
  if (auto done = connection_->tell("COMMIT"); !done) return done;
  connection_ = nullptr;
  return {};
}

}  // namespace neonvm::local

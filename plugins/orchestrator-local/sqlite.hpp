// Connection, Query, Transaction: SQLite with Results, and every prepared statement made once.
//
// Called by the store. Threads: one at a time per Connection. Every wait for another process ends at the Connection's
// deadline. Failure: a full disk is `unavailable` and names the path, damage is data_loss; neither changes anything.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::local {

class Connection;

// One use of a prepared statement; its end sets the statement free for the next use.
class Query {
 public:
  Query(Connection& owner, sqlite3_stmt* statement) : owner_(&owner), statement_(statement) {}
  Query(Query&& other) noexcept : owner_(other.owner_), statement_(std::exchange(other.statement_, nullptr)) {}
  Query& operator=(Query&&) = delete;
  ~Query();

  // True: on a row. False: at the end.
  Result<bool> step();
  // Until the end.
  Status finish();

  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  friend class Connection;
  // The text must live until the last step.
  void bind(int index, std::string_view value) {
    sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  }
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
  void bind(int index, std::uint64_t value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, int value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, bool value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, const std::optional<std::int64_t>& value) {
    if (value) bind(index, *value);
  }

  Connection* owner_;
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const std::string& path);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Until when a call may wait for another process.
  void set_deadline(Deadline deadline) { deadline_ = deadline; }
  // A store that is not ours to write: leave the log as it is when closing.
  void touch_nothing_on_close();

  // sql must be a literal: it is the key of its prepared statement.
  template <typename... Values>
  Result<Query> ask(const char* sql, const Values&... values) {
    auto query = prepared(sql);
    if (!query) return query;
    int index = 0;
    (query->bind(++index, values), ...);
    return query;
  }
  template <typename... Values>
  Status tell(const char* sql, const Values&... values) {
    auto query = ask(sql, values...);
    return query ? query->finish() : query.error();
  }
  // The one number that the query answers; none when it answers no row.
  template <typename... Values>
  Result<std::optional<std::int64_t>> number(const char* sql, const Values&... values) {
    auto query = ask(sql, values...);
    if (!query) return query.error();
    auto row = query->step();
    if (!row) return row.error();
    if (!*row || query->is_null(0)) return std::optional<std::int64_t>{};
    return std::optional<std::int64_t>{query->integer(0)};
  }
  // Several statements, not kept.
  Status run(const char* sql);

  [[nodiscard]] int changes() const { return sqlite3_changes(db_); }
  [[nodiscard]] Error error(int code) const;

 private:
  Connection(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}
  Result<Query> prepared(const char* sql);
  static int wait_for_lock(void* self, int attempt);

  const std::string path_;
  sqlite3* db_;
  Deadline deadline_{};
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

// Rolled back unless committed.
class Transaction {
 public:
  enum class Kind { read, write };
  static Result<Transaction> begin(Connection& connection, Kind kind);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace neonvm::local

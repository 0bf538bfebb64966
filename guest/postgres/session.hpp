// Session: a connection to a PostgreSQL server of this machine, for a few simple queries.
//
// Called by guest/postgres/hook. Over the Unix socket, as the user that this process runs as: peer or trust
// authentication. Blocking, with one deadline for all that is done; no libpq, whose libraries cost a busy guest a second
// of CPU under TCG. Failure: a Result with the server's own words; afterwards the session is of no use.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "guest/file_text.hpp"
#include "guest/postgres/messages.hpp"

namespace neonvm::guest::postgres {

class Session {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  static Result<Session> open(const std::string& socket_path, const std::string& user, Deadline deadline);
  Result<std::vector<Row>> rows(const std::string& sql);

 private:
  Session(Fd fd, Deadline deadline) : fd_(std::move(fd)), deadline_(deadline) {}
  Status greet(const std::string& user);
  Status send(const std::string& bytes);
  Result<Message> receive();
  Status wait(short what);

  Fd fd_;
  Deadline deadline_;
  std::string bytes_;   // received, not yet read
};

}  // namespace neonvm::guest::postgres

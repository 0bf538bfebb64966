// messages: as much of PostgreSQL's protocol 3.0 as a few simple queries need (PostgreSQL's documentation, "Message Formats").
//
// Called by guest/postgres/session, the tests and the fuzzer. Pure: bytes in, values out. Failure: a Result that says what
// does not fit; a server that sends nonsense ends the session and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::guest::postgres {

struct Message {
  char type = 0;
  std::string body;
};
using Row = std::vector<std::optional<std::string>>;  // none: NULL

constexpr std::size_t longest_message = 1024 * 1024;

// Cuts the first message off `bytes`; none: it is not whole yet.
Result<std::optional<Message>> take_message(std::string& bytes);
Result<Row> row_of(std::string_view data_row);
// "FATAL: the database system is starting up", of an ErrorResponse, in one line; permission_denied: it lets us not in.
Error error_of(std::string_view error_response);
// Of an Authentication message: 0 is yes. None: too short.
std::optional<std::uint32_t> authentication(std::string_view body);

std::string startup(const std::string& user, const std::string& database);
std::string query(const std::string& sql);

}  // namespace neonvm::guest::postgres

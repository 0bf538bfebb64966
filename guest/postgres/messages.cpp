#include "guest/postgres/messages.hpp"

namespace neonvm::guest::postgres {
namespace {

constexpr std::uint32_t protocol_3_0 = 196608;
constexpr std::uint32_t null_length = 0xffffffff;

std::string number(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::uint32_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

// Cut off the front; none: too short.
std::optional<std::uint32_t> take_number(std::string_view& bytes, std::size_t width = 4) {
  if (bytes.size() < width) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | byte_at(bytes, i);
  bytes.remove_prefix(width);
  return value;
}

std::string_view take_text(std::string_view& bytes) {
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::string_view text = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return text;
}

}  // namespace

Result<std::optional<Message>> take_message(std::string& bytes) {
  if (bytes.size() < 5) return std::optional<Message>();
  std::string_view rest = std::string_view(bytes).substr(1);
  const std::uint32_t length = *take_number(rest);
  if (length < 4 || length > longest_message) {
    return Error{Code::invalid_argument, "a message of " + std::to_string(length) + " bytes; at most " +
                                             std::to_string(longest_message) + " are read"};
  }
  if (rest.size() < length - 4) return std::optional<Message>();
  Message message{bytes[0], std::string(rest.substr(0, length - 4))};
  bytes.erase(0, std::size_t{1} + length);
  return std::optional<Message>(std::move(message));
}

Result<Row> row_of(std::string_view rest) {
  const Error cut{Code::invalid_argument, "a row that ends too early"};
  const auto count = take_number(rest, 2);
  if (!count) return cut;
  Row row;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto length = take_number(rest);
    if (!length) return cut;
    if (*length == null_length) {
      row.emplace_back();
      continue;
    }
    if (rest.size() < *length) return cut;
    row.emplace_back(rest.substr(0, *length));
    rest.remove_prefix(*length);
  }
  return row;
}

Error error_of(std::string_view rest) {
  std::string severity, message;
  bool not_let_in = false;
  while (!rest.empty() && rest.front() != '\0') {
    const char field = rest.front();
    rest.remove_prefix(1);
    const std::string_view text = take_text(rest);
    if (field == 'S') severity = text;
    if (field == 'C') not_let_in = text.starts_with("28");
    if (field == 'M') message = text;
  }
  std::string line = (severity.empty() ? "" : severity + ": ") + (message.empty() ? "no reason was given" : message);
  for (char& c : line) c = c == '\n' ? ' ' : c;
  return Error{not_let_in ? Code::permission_denied : Code::unavailable, line};
}

std::optional<std::uint32_t> authentication(std::string_view body) { return take_number(body); }

std::string startup(const std::string& user, const std::string& database) {
  std::string words = "user";
  for (const std::string& word : {user, std::string("database"), database, std::string("application_name"), std::string("neonvm")}) {
    words += '\0' + word;
  }
  words.append(2, '\0');
  return number(static_cast<std::uint32_t>(8 + words.size())) + number(protocol_3_0) + words;
}

std::string query(const std::string& sql) { return 'Q' + number(static_cast<std::uint32_t>(5 + sql.size())) + sql + '\0'; }

}  // namespace neonvm::guest::postgres

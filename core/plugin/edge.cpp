#include "core/plugin/edge.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace neonvm::plugin {
namespace {

constexpr std::string_view ellipsis = "\xE2\x80\xA6";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// The longest beginning of at most `limit` bytes that does not end inside a UTF-8 character.
std::size_t whole_characters(std::string_view s, std::size_t limit) {
  if (s.size() <= limit) return s.size();
  while (limit > 0 && is_continuation(s[limit])) --limit;
  return limit;
}

bool is_code(std::int32_t code) {
  return code >= static_cast<int>(Code::invalid_argument) && code <= static_cast<int>(Code::failed_precondition);
}

}  // namespace

void copy_cut(std::string_view from, char* to, std::size_t size) noexcept {
  if (size == 0) return;
  const bool fits = from.size() < size;
  const bool marked = !fits && size > ellipsis.size();
  const std::size_t length = whole_characters(from, size - 1 - (marked ? ellipsis.size() : 0));
  if (length > 0) std::memcpy(to, from.data(), length);
  if (marked) std::memcpy(to + length, ellipsis.data(), ellipsis.size());
  to[length + (marked ? ellipsis.size() : 0)] = '\0';
}

std::string_view fixed_text(const char* from, std::size_t size) {
  return {from, static_cast<std::size_t>(std::find(from, from + size, '\0') - from)};
}

std::int32_t refuse(Code code, std::string_view message, neonvm_error* to) noexcept {
  if (to != nullptr) copy_cut(message, to->message, sizeof to->message);
  return static_cast<std::int32_t>(code);
}

Error error_from(std::int32_t code, const neonvm_error& from, std::string_view place) {
  std::string message(fixed_text(from.message, sizeof from.message));
  if (!is_code(code)) {
    message = "answered the unknown error code " + std::to_string(code) + (message.empty() ? "" : ": " + message);
    return Error{Code::internal, std::move(message)}.at(place);
  }
  if (message.empty()) message = std::string(to_string(static_cast<Code>(code))) + " (it gave no reason)";
  const Error error{static_cast<Code>(code), std::move(message)};
  return error.code == Code::internal ? error.at(place) : error;
}

Result<std::vector<std::string>> Kept::all(std::string_view place) {
  if (lost_) return Error{Code::internal, "no memory left for what it gave"}.at(place);
  return std::move(all_);
}

Result<std::optional<std::string>> Kept::at_most_one(std::string_view place) {
  auto given = all(place);
  if (!given) return given.error();
  if (given->size() > 1) return Error{Code::internal, "gave more than one result"}.at(place);
  if (given->empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(given->front()));
}

Result<std::string> Kept::one(std::string_view place) {
  auto given = at_most_one(place);
  if (!given) return given.error();
  if (!given->has_value()) return Error{Code::internal, "gave no result"}.at(place);
  return std::move(**given);
}

void Kept::take(void* self, const char* bytes, std::size_t length) noexcept {
  auto& kept = *static_cast<Kept*>(self);
  try {
    kept.all_.emplace_back(bytes == nullptr ? "" : bytes, bytes == nullptr ? 0 : length);
  } catch (...) {
    kept.lost_ = true;
  }
}

}  // namespace neonvm::plugin

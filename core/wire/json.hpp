// Private to wire: JSON text <-> tree, and the list of what is wrong with one.
//
// Input may come from a guest that was taken over: depth is bounded (a tree is copied and destroyed by recursion), a
// key may not come twice (two readers would disagree on which one counts), text is UTF-8, numbers are finite.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::wire {

using Json = nlohmann::json;  // objects sorted by key: equal trees give equal text

constexpr std::size_t deepest_json = 64;

Result<Json> parse_json(std::string_view text);
// Never fails: bytes that are not UTF-8 become U+FFFD. indent -1: one line.
std::string dump_json(const Json& json, int indent = -1);

// "a number", "a list", … for messages.
const char* kind_of(const Json& json);
// The beginning of what came, made harmless for a terminal and a log.
std::string printable(std::string_view text);
std::string shown(const Json& json);

// What is wrong with a document. All is collected: people mend a manifest in one go.
class Faults {
 public:
  void add(std::string_view path, std::string_view text);
  [[nodiscard]] bool none() const { return lines_.empty(); }
  // Further ones are only counted: no work is worth while for their text.
  [[nodiscard]] bool full() const { return lines_.size() == most; }
  [[nodiscard]] Error error() const;  // REQUIRES !none()

 private:
  static constexpr std::size_t most = 10;

  std::vector<std::string> lines_;
  std::size_t more_ = 0;
};

// "; did you mean max?" when one of `known` is close to `word`, else "".
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace neonvm::wire

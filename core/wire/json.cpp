#include "core/wire/json.hpp"

#include <algorithm>
#include <cctype>

namespace neonvm::wire {
namespace {

// Builds the tree from the parser's events; the parser itself keeps no recursion.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Json tree;
  std::string why;

  bool null() override { return leaf(nullptr); }
  bool boolean(bool value) override { return leaf(value); }
  bool number_integer(number_integer_t value) override { return leaf(value); }
  bool number_unsigned(number_unsigned_t value) override { return leaf(value); }
  bool number_float(number_float_t value, const string_t&) override { return leaf(value); }
  bool string(string_t& value) override { return leaf(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Json& object = *open_.back();
    if (object.contains(name)) return refuse("the key \"" + printable(name) + "\" is there twice");
    slot_ = &object[name];
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string_view text = error.what();
    const std::size_t cut = text.find("] ");
    return refuse("at byte " + std::to_string(position) + ": " + printable(text.substr(cut == text.npos ? 0 : cut + 2)));
  }

 private:
  std::vector<Json*> open_;
  Json* slot_ = nullptr;

  bool refuse(std::string text) {
    why = std::move(text);
    return false;
  }

  Json* place(Json value) {
    if (open_.empty()) {
      tree = std::move(value);
      return &tree;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool leaf(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json value) {
    if (open_.size() == deepest_json) return refuse("nested deeper than " + std::to_string(deepest_json));
    open_.push_back(place(std::move(value)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }
};

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// Letters to add, drop, change or swap with a neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      const bool swapped = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]);
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  Builder builder;
  const auto refusal = [](const std::string& why) { return Error{Code::invalid_argument, "not valid JSON: " + why}; };
  try {
    if (Json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.tree);
  } catch (const Json::exception& error) {
    return refusal(printable(error.what()));
  }
  return refusal(builder.why);
}

std::string dump_json(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const char* kind_of(const Json& json) {
  if (json.is_null()) return "null";
  if (json.is_boolean()) return "true or false";
  if (json.is_number()) return "a number";
  if (json.is_string()) return "a text";
  return json.is_array() ? "a list" : "an object";
}

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 160;
  std::string harmless;
  for (const char c : text.substr(0, longest)) harmless += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  return text.size() > longest ? harmless + "..." : harmless;
}

std::string shown(const Json& json) {
  if (json.is_structured() || json.is_null()) return kind_of(json);
  return printable(dump_json(json));
}

void Faults::add(std::string_view path, std::string_view text) {
  if (full()) {
    ++more_;
    return;
  }
  std::string line(path);
  if (!line.empty()) line += ": ";
  line += text;
  lines_.push_back(std::move(line));
}

Error Faults::error() const {
  std::string all;
  for (const std::string& line : lines_) all += (all.empty() ? "" : "\n") + line;
  if (more_ > 0) all += "\nand " + std::to_string(more_) + " more";
  return Error{Code::invalid_argument, std::move(all)};
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t longest_word = 64;  // a key of megabytes is no slip of the finger
  if (word.size() > longest_word) return "";
  const std::string* nearest = nullptr;
  std::size_t distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t d = edit_distance(word, candidate);
    if (d >= distance) continue;
    distance = d;
    nearest = &candidate;
  }
  return nearest == nullptr ? "" : "; did you mean " + *nearest + "?";
}

}  // namespace neonvm::wire

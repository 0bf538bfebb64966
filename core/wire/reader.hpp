// Private to wire: reads a struct from JSON, as its describe() lists the members.
//
// describe(visitor, value) names each member once; Reader and Writer (writer.hpp) are the visitors, so that what is
// written is what is read. A member that is absent or null keeps the value that it has. Wrong types, ranges and, where
// strict, unknown keys go to Faults with their path; reading goes on, so that all is found in one go.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/revision.hpp"
#include "core/wire/json.hpp"
#include "core/wire/words.hpp"

namespace neonvm::wire {

// T or const T: lets one describe() serve both directions.
template <typename T, typename U>
concept Like = std::same_as<std::remove_const_t<T>, U>;

// What an unknown key is. strict: an error. lenient: ignored, the other side may be newer. typos: ignored as upstream
// does, unless it looks like a slip of the finger for a known one.
enum class Keys { strict, lenient, typos };

// Single values. Each complains in `faults` and leaves `into` alone when the value does not fit.
void read_value(const Json& json, const std::string& path, Faults& faults, bool& into);
void read_value(const Json& json, const std::string& path, Faults& faults, double& into);
void read_value(const Json& json, const std::string& path, Faults& faults, std::string& into);
void read_value(const Json& json, const std::string& path, Faults& faults, MilliCpu& into);
void read_value(const Json& json, const std::string& path, Faults& faults, Bytes& into);
void read_value(const Json& json, const std::string& path, Faults& faults, Revision& into);
void read_value(const Json& json, const std::string& path, Faults& faults, WallTime& into);
void read_value(const Json& json, const std::string& path, Faults& faults, std::map<std::string, std::string>& into);

std::optional<std::int64_t> read_signed(const Json& json, const std::string& path, Faults& faults, std::int64_t least,
                                        std::int64_t most);
std::optional<std::uint64_t> read_unsigned(const Json& json, const std::string& path, Faults& faults,
                                           std::uint64_t most);
void complain_of_word(const Json& json, const std::string& path, Faults& faults, const std::vector<std::string>& known);

class Reader {
 public:
  static constexpr bool reads = true;

  Reader(const Json& object, std::string path, Faults& faults, Keys keys);

  [[nodiscard]] bool has(const char* key) { return find(key) != nullptr; }

  template <typename T>
  void field(const char* key, T& into) {
    if (const Json* json = find(key)) value(*json, path_of(key), into);
  }
  template <typename T>
  void need(const char* key, T& into) {
    if (require(key)) field(key, into);
  }
  template <typename T>
  void field_or(const char* key, T& into, const std::type_identity_t<T>& fallback) {
    into = fallback;
    field(key, into);
  }
  void plain(const char* key, Bytes& into) { field(key, into); }
  void millis(const char* key, Duration& into) { duration(key, into, std::chrono::milliseconds{1}); }
  void seconds_or(const char* key, Duration& into, Duration fallback) {
    into = fallback;
    duration(key, into, std::chrono::seconds{1});
  }
  void base64(const char* key, std::string& into);
  // A count of slots, held here in bytes.
  void slots(const char* key, Bytes& into, Bytes slot);

  // An object whose members belong to the same struct. Absent: its members are all absent.
  template <typename Members>
  void group(const char* key, Members members) {
    const Json* json = find(key);
    if (json != nullptr) nested(*json, path_of(key), keys_, members);
  }
  template <typename Members>
  void need_group(const char* key, Members members) {
    if (require(key)) group(key, members);
  }
  // A group in which strangers are left alone.
  template <typename Members>
  void open_group(const char* key, Members members) {
    if (const Json* json = find(key)) nested(*json, path_of(key), Keys::lenient, members);
  }

  // Known, but not for us: survives in what Writer was given to begin with.
  void keep(std::initializer_list<const char*> keys);
  void fault(const char* key, const std::string& text) { faults_.add(path_of(key), text); }

  // Reports unknown keys. Called once, after all members were asked for.
  void close();

  template <typename T>
  void value(const Json& json, const std::string& path, T& into);

 private:
  const Json& object_;
  std::string path_;
  Faults& faults_;
  Keys keys_;
  std::vector<std::string> known_;

  const Json* find(const char* key);
  bool require(const char* key);
  [[nodiscard]] std::string path_of(std::string_view key) const;
  void duration(const char* key, Duration& into, Duration unit);

  template <typename Members>
  void nested(const Json& json, const std::string& path, Keys keys, Members members) {
    Reader inner(json, path, faults_, keys);
    members(inner);
    inner.close();
  }

  template <std::integral T>
  void whole_number(const Json& json, const std::string& path, T& into) {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_signed_v<T>) {
      const auto number = read_signed(json, path, faults_, Limits::min(), Limits::max());
      if (number) into = static_cast<T>(*number);
    } else {
      const auto number = read_unsigned(json, path, faults_, Limits::max());
      if (number) into = static_cast<T>(*number);
    }
  }

  template <typename E>
  void word(const Json& json, const std::string& path, E& into) {
    std::vector<std::string> known;
    for (const Word<E>& each : words(E{})) {
      if (json.is_string() && json.get_ref<const std::string&>() == each.text) {
        into = each.value;
        return;
      }
      known.emplace_back(each.text);
    }
    complain_of_word(json, path, faults_, known);
  }

  template <typename T>
  void list(const Json& json, const std::string& path, std::vector<T>& into) {
    into.clear();
    if (!json.is_array()) return faults_.add(path, std::string("expected a list, found ") + kind_of(json));
    for (std::size_t i = 0; i < json.size(); ++i) {
      T item{};
      value(json[i], path + "[" + std::to_string(i) + "]", item);
      into.push_back(std::move(item));
    }
  }
};

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
void Reader::value(const Json& json, const std::string& path, T& into) {
  if constexpr (IsOptional<T>::value) {
    typename T::value_type inner{};
    value(json, path, inner);
    into = std::move(inner);
  } else if constexpr (IsVector<T>::value) {
    list(json, path, into);
  } else if constexpr (std::is_enum_v<T>) {
    word(json, path, into);
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    whole_number(json, path, into);
  } else if constexpr (requires { describe(*this, into); }) {
    nested(json, path, keys_, [&into](Reader& inner) { describe(inner, into); });
  } else {
    read_value(json, path, faults_, into);
  }
}

// A whole document. `path` stands before every path in messages; "" for none.
template <typename T>
Result<T> read_document(const Json& json, const std::string& path, Keys keys) {
  Faults faults;
  T value{};
  Reader reader(json, path, faults, keys);
  describe(reader, value);
  reader.close();
  if (!faults.none()) return faults.error();
  return value;
}

template <typename T>
Result<T> read_text(std::string_view text, Keys keys) {
  auto json = parse_json(text);
  if (!json) return json.error();
  return read_document<T>(*json, "", keys);
}

}  // namespace neonvm::wire

// Private to wire: writes a struct to JSON, as its describe() lists the members (reader.hpp).
//
// May start from JSON that is there already: then a member that says the same in other words ("0.25" for 250m) and
// every key that describe() does not name stay as they came, so that a write changes no more than was meant.
// Left out: empty texts and containers, unset optionals, defaults of field_or, NaN, times of 0.
#pragma once

#include <cmath>
#include <concepts>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/wire/base64.hpp"
#include "core/wire/json.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/words.hpp"

namespace neonvm::wire {

// Whole CPUs as a number, else "250m" (neonvm.md 1.3).
Json json_of(MilliCpu cpu);
// Below 1 KiB, and from 8 EiB on, a number, else "1536Mi" (autoscaling.md 0.1).
Json json_of(Bytes bytes);
Json json_of(const Revision& revision);
Json json_of(WallTime time);

class Writer {
 public:
  static constexpr bool reads = false;

  Writer() : json_(Json::object()) {}
  explicit Writer(Json start) : json_(start.is_object() ? std::move(start) : Json::object()) {}

  template <typename T>
  void field(const char* key, const T& from) {
    if (is_empty(from)) {
      json_.erase(key);
    } else {
      need(key, from);
    }
  }
  template <typename T>
  void need(const char* key, const T& from) {
    if (!says(key, from)) json_[key] = value(from, existing(key));
  }
  template <typename T>
  void field_or(const char* key, const T& from, const std::type_identity_t<T>& fallback) {
    if (from != fallback || json_.contains(key)) need(key, from);
  }
  // As a number of bytes, for what programs read oftener than people; `unknown` is left out.
  void plain(const char* key, Bytes from);
  void millis(const char* key, Duration from) { json_[key] = from / std::chrono::milliseconds{1}; }
  void seconds_or(const char* key, Duration from, Duration fallback);
  void base64(const char* key, const std::string& from) { json_[key] = to_base64(from); }
  void slots(const char* key, Bytes from, Bytes slot);

  template <typename Members>
  void group(const char* key, Members members) {
    Writer inner(existing(key));
    members(inner);
    if (inner.json_.empty()) {
      json_.erase(key);
    } else {
      json_[key] = std::move(inner.json_);
    }
  }
  template <typename Members>
  void need_group(const char* key, Members members) {
    group(key, members);
  }
  template <typename Members>
  void open_group(const char* key, Members members) {
    group(key, members);
  }
  void keep(std::initializer_list<const char*>) {}

  void erase(const char* key) { json_.erase(key); }
  [[nodiscard]] Json take() { return std::move(json_); }

  template <typename T>
  static Json value(const T& from, const Json& start = Json());

 private:
  Json json_;

  [[nodiscard]] Json existing(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() ? Json() : *found;
  }

  // What is there already means the same.
  template <typename T>
  bool says(const char* key, const T& from) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return false;
    if constexpr (std::equality_comparable<T>) {
      static const Json empty = Json::object();
      Faults faults;
      T there{};
      Reader(empty, "", faults, Keys::lenient).value(*found, "", there);
      return faults.none() && there == from;
    } else {
      return false;
    }
  }

  template <typename T>
  static bool is_empty(const T& from) {
    if constexpr (IsOptional<T>::value) {
      return !from.has_value();
    } else if constexpr (std::same_as<T, double>) {
      return !std::isfinite(from);
    } else if constexpr (std::same_as<T, WallTime>) {
      return from == WallTime{};
    } else if constexpr (requires { from.empty(); }) {
      return from.empty();
    } else {
      return false;
    }
  }
};

template <typename T>
Json Writer::value(const T& from, const Json& start) {
  if constexpr (IsOptional<T>::value) {
    return from ? value(*from, start) : Json();
  } else if constexpr (IsVector<T>::value) {
    Json list = Json::array();
    for (const auto& item : from) list.push_back(value(item));
    return list;
  } else if constexpr (std::is_enum_v<T>) {
    return Json(word_of(from));
  } else if constexpr (requires(Writer& writer) { describe(writer, from); }) {
    Writer writer(start);
    describe(writer, from);
    return writer.take();
  } else if constexpr (requires { json_of(from); }) {
    return json_of(from);
  } else {
    return Json(from);
  }
}

template <typename T>
std::string write_text(const T& from, int indent = -1) {
  return dump_json(Writer::value(from), indent);
}

}  // namespace neonvm::wire

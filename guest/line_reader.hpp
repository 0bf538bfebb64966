// LineReader: cuts a byte stream into lines, and survives lines that are too long.
//
// Called by guest/port_stream. Pure; a value. Failure: a line over the limit is reported once, without its text, and
// what follows its newline is read as usual.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace neonvm::guest {

class LineReader {
 public:
  // limit: bytes of a line with its newline.
  explicit LineReader(std::size_t limit) : limit_(limit) {}

  // line(text) for each whole line, without newline; too_long() for each that was dropped.
  template <typename Line, typename TooLong>
  void feed(std::string_view bytes, Line line, TooLong too_long);
  // A new peer: what was begun is worth nothing.
  void restart() {
    begun_.clear();
    skipping_ = false;
  }

 private:
  std::size_t limit_;
  std::string begun_;
  bool skipping_ = false;
};

template <typename Line, typename TooLong>
void LineReader::feed(std::string_view bytes, Line line, TooLong too_long) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::string_view part = bytes.substr(0, end);
    bytes.remove_prefix(whole ? end + 1 : bytes.size());
    if (!skipping_ && begun_.size() + part.size() + 1 > limit_) {
      skipping_ = true;
      begun_.clear();
      too_long();
    }
    if (!skipping_) begun_.append(part);
    if (!whole) continue;
    if (!skipping_) {
      // `line` may call restart(): what it reads must not be ours any more.
      const std::string text = std::move(begun_);
      begun_.clear();
      line(std::string_view(text));
    }
    skipping_ = false;
  }
}

}  // namespace neonvm::guest

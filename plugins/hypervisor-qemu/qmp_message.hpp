// The words of QMP: one command, greeting, reply or event as a value, and as a line of JSON.
//
// Used by qmp_client and, as the other side, by the scripted QEMU of the tests. Pure. Payloads stay JSON text here:
// qmp_commands knows what each one means, so that no JSON library is visible in a header.
// Failure: a line that is no QMP message is refused, with the reason and the beginning of the line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::qemu {

struct QmpCommand {
  std::string name;
  std::string arguments;       // a JSON object; empty: none
  bool out_of_band = false;    // needs the oob capability and a command that allows it
};

struct QmpGreeting {
  int major = 0, minor = 0, micro = 0;
  bool out_of_band = false;    // offered
};

struct QmpReply {
  std::uint64_t id = 0;        // 0: the reply bears none, as to a line that QEMU could not parse
  bool ok = false;
  std::string body;            // ok: the value of "return", JSON text
  std::string error_class, error_text;
};

struct QmpEvent {
  std::string name;
  std::string data;            // JSON object; "{}" when the event has none
};

using QmpMessage = std::variant<QmpGreeting, QmpReply, QmpEvent>;

Result<QmpMessage> parse_qmp(std::string_view line);
// One line, newline included. `id` is echoed in the reply.
std::string encode(const QmpCommand& command, std::uint64_t id);

// What a refusal of QEMU means at the door.
Error to_error(const QmpReply& reply, const std::string& command);

// Cuts a byte stream into lines, wherever the stream was split.
class LineSplitter {
 public:
  // The lines that are whole now, without their end. Refused when a line grows beyond `longest`: that is no QMP.
  Result<std::vector<std::string>> feed(std::string_view bytes);

  static constexpr std::size_t longest = 16 * 1024 * 1024;

 private:
  std::string rest_;
};

}  // namespace neonvm::qemu

#include "plugins/hypervisor-qemu/qmp_message.hpp"

#include <nlohmann/json.hpp>

namespace neonvm::qemu {

namespace {
using Json = nlohmann::json;

Error no_qmp(std::string_view line, const std::string& why) {
  constexpr std::size_t shown = 80;
  std::string start(line.substr(0, shown));
  for (char& c : start) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return Error{Code::internal, "not a QMP message (" + why + "): " + start};
}

int version_part(const Json& version, const char* name) {
  const auto part = version.find(name);
  return part != version.end() && part->is_number_integer() ? part->get<int>() : 0;
}

QmpGreeting greeting_from(const Json& qmp) {
  QmpGreeting greeting;
  const Json version = qmp.value("version", Json::object());
  const Json number = version.is_object() ? version.value("qemu", Json::object()) : Json::object();
  greeting.major = version_part(number, "major");
  greeting.minor = version_part(number, "minor");
  greeting.micro = version_part(number, "micro");
  const Json offered = qmp.value("capabilities", Json::array());
  for (const Json& name : offered) greeting.out_of_band = greeting.out_of_band || name == "oob";
  return greeting;
}

// Printing must not fail on text that is not UTF-8: a guest can have chosen it.
std::string text_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string string_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<QmpMessage> reply_from(const Json& line, std::string_view text) {
  QmpReply reply;
  const auto id = line.find("id");
  if (id != line.end() && id->is_number_unsigned()) reply.id = id->get<std::uint64_t>();
  if (const auto value = line.find("return"); value != line.end()) {
    reply.ok = true;
    reply.body = text_of(*value);
    return QmpMessage(std::move(reply));
  }
  const Json& error = line.at("error");
  if (!error.is_object()) return no_qmp(text, "error is not an object");
  reply.error_class = string_in(error, "class");
  reply.error_text = string_in(error, "desc");
  return QmpMessage(std::move(reply));
}
}  // namespace

Result<QmpMessage> parse_qmp(std::string_view line) {
  const Json message = Json::parse(line, nullptr, false);
  if (message.is_discarded()) return no_qmp(line, "not JSON");
  if (!message.is_object()) return no_qmp(line, "not an object");
  if (const auto qmp = message.find("QMP"); qmp != message.end()) {
    if (!qmp->is_object()) return no_qmp(line, "greeting is not an object");
    return QmpMessage(greeting_from(*qmp));
  }
  if (message.contains("event")) {
    if (!message["event"].is_string()) return no_qmp(line, "event is not a string");
    const auto data = message.find("data");
    return QmpMessage(QmpEvent{message["event"].get<std::string>(), data == message.end() ? "{}" : text_of(*data)});
  }
  if (message.contains("return") || message.contains("error")) return reply_from(message, line);
  return no_qmp(line, "neither greeting, reply nor event");
}

std::string encode(const QmpCommand& command, std::uint64_t id) {
  std::string line = command.out_of_band ? R"({"exec-oob":)" : R"({"execute":)";
  line += Json(command.name).dump();
  if (!command.arguments.empty()) line += R"(,"arguments":)" + command.arguments;
  line += R"(,"id":)" + std::to_string(id) + "}\n";
  return line;
}

Error to_error(const QmpReply& reply, const std::string& command) {
  Code code = Code::refused;
  if (reply.error_class == "CommandNotFound") code = Code::unsupported;
  if (reply.error_class == "DeviceNotFound") code = Code::not_found;
  return Error{code, "QEMU refused " + command + ": " + reply.error_text};
}

Result<std::vector<std::string>> LineSplitter::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    rest_.append(bytes.substr(0, end));
    if (rest_.size() > longest) return Error{Code::internal, "a line without an end came from QEMU"};
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (!rest_.empty() && rest_.back() == '\r') rest_.pop_back();
    if (!rest_.empty()) lines.push_back(std::move(rest_));
    rest_.clear();
  }
  return lines;
}

}  // namespace neonvm::qemu

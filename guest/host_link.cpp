#include "guest/host_link.hpp"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>

#include "core/runtime/log.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* room = "host-link";
constexpr Duration answer_pause = std::chrono::milliseconds(200);

}  // namespace

HostLink::HostLink(runtime::Loop& loop, Opener opener, LinkHandlers handlers, Duration retry)
    : loop_(loop), opener_(std::move(opener)), handlers_(std::move(handlers)), retry_(retry) {}

void HostLink::open() {
  if (stream_) return;
  auto fd = opener_();
  if (fd) return opened(std::move(*fd));
  if (refusal_ != fd.error().message) {
    refusal_ = fd.error().message;
    runtime::log_info(room, "no link to the host", {{"why", refusal_}});
  }
  retry_later();
}

// Polling: that another process has let go of the port is not announced by anything.
void HostLink::retry_later() {
  timer_ = loop_.after(retry_, [this] {
    stream_.reset();
    open();
  });
}

void HostLink::opened(Fd fd) {
  PortHandlers handlers;
  handlers.connected = [this] { say_hello(); };
  handlers.line = [this](std::string_view line) { received(line); };
  handlers.too_long = [this] { broken("a line over " + std::to_string(wire::max_line) + " bytes was dropped"); };
  handlers.disconnected = [this] { end_session("the host has hung up"); };
  handlers.gone = [this](const Error& error) {
    end_session(error.message);
    retry_later();
  };
  stream_ = std::make_unique<PortStream>(std::move(fd), wire::max_line, std::move(handlers));
  refusal_.clear();
  if (const Status status = stream_->open(loop_); !status) {
    runtime::log_warning(room, "the port cannot be watched", {{"why", status.error().message}});
    retry_later();
  }
}

void HostLink::say_hello() {
  // The newline ends what a monitor before us may have left half written.
  stream_->send("\n" + wire::encode(handlers_.hello()), Lane::control);
}

void HostLink::send(const wire::GuestMessage& message, Lane lane) {
  if (in_session()) stream_->send(wire::encode(message), lane);
}

void HostLink::received(std::string_view line) {
  if (trimmed(line).empty()) return;
  auto message = wire::decode_guest_message(line);
  if (!message) return broken(message.error().message);
  if (const auto* hello = std::get_if<wire::Hello>(&*message)) return greeted(*hello);
  if (!in_session()) return;
  if (const auto* error = std::get_if<wire::LinkError>(&*message)) {
    runtime::log_warning(room, "the host could not read a line", {{"why", error->error}});
  } else if (const auto* unknown = std::get_if<wire::UnknownMessage>(&*message)) {
    if (unknown_types_.size() < 64 && unknown_types_.insert(unknown->type).second) {
      runtime::log_info(room, "unknown message passed over", {{"type", unknown->type}});
    }
  } else {
    handlers_.message(std::move(*message));
  }
}

void HostLink::greeted(const wire::Hello& hello) {
  if (hello.session.empty()) return broken("a hello without a session");
  if (hello.session == host_session_) return;
  if (in_session()) end_session("a new session of the host");
  host_session_ = hello.session;
  // It may have discarded our first one, as the tail of an older line.
  say_hello();
  runtime::log_info(room, "session", {{"host", hello.session}, {"version", hello.version}});
  handlers_.session_began();
}

// Limited, so that two programs that do not understand each other stay quiet.
void HostLink::broken(const std::string& why) {
  if (!in_session() || loop_.now() < next_answer_) return;
  next_answer_ = loop_.now() + answer_pause;
  stream_->send(wire::encode(wire::GuestMessage(wire::LinkError{why})), Lane::control);
  say_hello();
}

void HostLink::end_session(const std::string& why) {
  if (!in_session()) return;
  host_session_.clear();
  runtime::log_info(room, "session over", {{"why", why}});
  handlers_.session_ended(why);
}

Result<std::string> find_port(const std::string& name, const std::string& sys, const std::string& dev) {
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(sys, failed), end; !failed && entry != end; entry.increment(failed)) {
    const auto text = read_text(entry->path().string() + "/name");
    if (text && trimmed(*text) == name) return dev + "/" + entry->path().filename().string();
  }
  return Error{Code::not_found, "no virtio-serial port is named " + name};
}

Result<Fd> open_port(const std::string& name) {
  const auto path = find_port(name);
  if (!path) return path.error();
  Fd fd(::open(path->c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return errno_error(*path, errno);
  return fd;
}

}  // namespace neonvm::guest

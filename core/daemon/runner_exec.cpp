// /v1/exec: commands and files, passed between a CLI's channel and the guest's streams with the guest's flow control.
#include "core/daemon/runner_door.hpp"
#include "core/daemon/runner_session.hpp"

namespace neonvm::daemon {

namespace {

// Beyond this the CLI reads too slowly, and the guest is not told to go on.
constexpr std::size_t enough_queued = wire::stream_window;

wire::Stream stream_of(char byte, const std::string& op) {
  if (op != "exec") return wire::Stream::file;
  if (byte == 1) return wire::Stream::stdout_;
  return byte == 2 ? wire::Stream::stderr_ : wire::Stream::stdin_;
}

char byte_of(wire::Stream stream) {
  switch (stream) {
    case wire::Stream::stdin_: return 0;
    case wire::Stream::stdout_: return 1;
    case wire::Stream::stderr_: return 2;
    case wire::Stream::file: return 1;
  }
  return 1;
}

}  // namespace

void RunnerDoor::open_exec(const ChannelPtr& channel) {
  auto session = std::make_shared<Session>();
  session->channel = channel;
  channel->on_message([this, alive = alive_, session](const runtime::ChannelMessage& message) {
    if (!*alive || session->over) return;
    if (session->op.empty()) return exec_begins(session, message.data);
    exec_message(session, message);
  });
  channel->on_closed([this, alive = alive_, session](const Error&) {
    if (!*alive || session->over) return;
    session->over = true;
    if (session->id == 0) return;
    // Nobody listens any more: the command hears what it would hear from a closed terminal.
    constexpr int hangup = 1;
    runner_.guest().send(wire::Signal{session->id, hangup});
    runner_.guest().forget(session->id);
    sessions_.erase(session->id);
  });
  channel->on_drained([this, alive = alive_, session] {
    if (*alive && !session->over) acknowledge(session);
  });
}

void RunnerDoor::exec_begins(const std::shared_ptr<Session>& session, const std::string& text) {
  auto order = wire::decode_exec_request(text);
  if (!order) return exec_ends(session, {1, order.error().message});
  session->op = order->op;
  const auto done = [this, alive = alive_, session](const Result<wire::Reply>& reply) {
    if (!*alive) return;
    if (!reply) return exec_ends(session, {1, reply.error().message});
    if (!reply->ok) return exec_ends(session, {reply->exit_code.value_or(1), reply->why});
    exec_ends(session, {reply->exit_code.value_or(0), ""});
  };
  if (order->op == "exec") {
    wire::Exec command;
    command.argv = order->argv;
    command.tty = order->tty;
    command.rows = order->rows;
    command.columns = order->columns;
    session->id = runner_.guest().request(command, Duration::zero(), done);
  } else if (order->op == "put") {
    wire::PutFile put;
    put.path = order->path;
    put.mode = order->mode;
    session->id = runner_.guest().request(put, Duration::zero(), done);
  } else if (order->op == "get") {
    wire::GetFile get;
    get.path = order->path;
    session->id = runner_.guest().request(get, Duration::zero(), done);
  } else {
    return exec_ends(session, {1, "op: \"" + order->op + "\" is none of exec, put, get"});
  }
  sessions_[session->id] = session;
}

void RunnerDoor::exec_message(const std::shared_ptr<Session>& session, const runtime::ChannelMessage& message) {
  if (!message.binary) {
    // {"signal":2}; a word of a newer CLI that we do not know is ignored.
    auto signal = wire::decode_guest_message(message.data);
    if (signal && std::holds_alternative<wire::Signal>(*signal)) {
      wire::Signal passed = std::get<wire::Signal>(*signal);
      passed.id = session->id;
      runner_.guest().send(passed);
    }
    return;
  }
  if (message.data.empty()) return;
  wire::StreamData data;
  data.id = session->id;
  data.stream = stream_of(message.data[0], session->op);
  std::string_view rest = std::string_view(message.data).substr(1);
  if (rest.empty()) {
    data.end = true;
    return runner_.guest().send(data);
  }
  while (!rest.empty()) {
    data.bytes = std::string(rest.substr(0, wire::stream_chunk));
    rest.remove_prefix(data.bytes.size());
    runner_.guest().send(data);
  }
}

void RunnerDoor::guest_data(const wire::StreamData& data) {
  const auto found = sessions_.find(data.id);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  if (!data.bytes.empty()) {
    session.channel->send_binary(byte_of(data.stream) + data.bytes);
    session.owed[data.stream] += data.bytes.size();
  }
  if (data.end) session.channel->send_binary(std::string(1, byte_of(data.stream)));
  if (session.channel->queued() < enough_queued) acknowledge(found->second);
}

void RunnerDoor::acknowledge(const std::shared_ptr<Session>& session) {
  for (auto& [stream, bytes] : session->owed) {
    if (bytes > 0) runner_.guest().send(wire::Ack{session->id, stream, bytes});
    bytes = 0;
  }
}

void RunnerDoor::guest_ack(const wire::Ack& ack) {
  const auto found = sessions_.find(ack.id);
  if (found == sessions_.end()) return;
  found->second->channel->send(R"({"ack":)" + std::to_string(ack.bytes) + "}");
}

void RunnerDoor::guest_gone() {
  auto sessions = std::move(sessions_);
  sessions_.clear();
  for (auto& [id, session] : sessions) exec_ends(session, {1, "the link to the guest ended"});
}

void RunnerDoor::exec_ends(const std::shared_ptr<Session>& session, const wire::ExecEnd& end) {
  if (session->over) return;
  session->over = true;
  sessions_.erase(session->id);
  session->channel->send(wire::encode(end));
  session->channel->close(1000, "done");
}

}  // namespace neonvm::daemon

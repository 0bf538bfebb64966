#include "guest/streams.hpp"

#include <csignal>

#include "guest/exec_stream.hpp"
#include "guest/file_stream.hpp"
#include "guest/files_stream.hpp"

namespace neonvm::guest {

Streams::Streams(runtime::Loop& loop, std::function<void(const wire::GuestMessage&)> send)
    : loop_(loop), send_(std::move(send)) {}

Streams::~Streams() { end_all(); }

bool Streams::admits(std::uint64_t id) {
  if (streams_.contains(id)) {
    send_(wire::LinkError{"request " + std::to_string(id) + " is still open; its id cannot be used again"});
    return false;
  }
  if (streams_.size() < most) return true;
  send_(refusal(id, std::to_string(most) + " commands and files are open already; end one first"));
  return false;
}

StreamExits Streams::exits_of(std::uint64_t id) {
  StreamExits exits;
  exits.send = send_;
  exits.finished = [this, id](const wire::Reply& reply) { finished(id, reply); };
  exits.left_behind = [this](std::unique_ptr<ChildProcess> process) { keep(std::move(process)); };
  return exits;
}

void Streams::exec(const wire::Exec& order) {
  if (!admits(order.id)) return;
  auto child = start_child({order.argv, order.env, order.tty, order.rows, order.columns});
  if (!child) return send_(refusal(order.id, child.error().message));
  auto stream = std::make_unique<ExecStream>(loop_, order.id, std::move(*child), order.tty, exits_of(order.id));
  ExecStream& begun = *stream;
  streams_[order.id] = std::move(stream);
  begun.start();
}

void Streams::put(const wire::PutFile& order) {
  if (!admits(order.id)) return;
  auto file = PartFile::create(order.path, order.mode);
  if (!file) return send_(refusal(order.id, file.error().message));
  streams_[order.id] = std::make_unique<PutStream>(loop_, order.id, std::move(*file), exits_of(order.id));
}

void Streams::get(const wire::GetFile& order) {
  if (!admits(order.id)) return;
  auto file = open_for_get(order.path);
  if (!file) return send_(refusal(order.id, file.error().message));
  auto stream = std::make_unique<GetStream>(loop_, order.id, std::move(*file), order.path, exits_of(order.id));
  GetStream& begun = *stream;
  streams_[order.id] = std::move(stream);
  begun.start();
}

void Streams::put_files(const wire::PutFiles& order, const std::string& folder, FileOwner owner) {
  if (!admits(order.id)) return;
  streams_[order.id] = std::make_unique<FilesStream>(loop_, order, folder, owner, exits_of(order.id));
}

HostStream* Streams::find(std::uint64_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

// What comes for a stream that has just finished is late, not wrong.
void Streams::data(const wire::StreamData& data) {
  if (HostStream* stream = find(data.id)) stream->data(data);
}

void Streams::acknowledged(const wire::Ack& ack) {
  if (HostStream* stream = find(ack.id)) stream->acknowledged(ack);
}

void Streams::signal(const wire::Signal& signal) {
  if (HostStream* stream = find(signal.id)) stream->signal(signal.signal);
}

void Streams::finished(std::uint64_t id, const wire::Reply& reply) {
  auto ended = streams_.extract(id);
  send_(reply);
  // The stream itself is calling: it goes when it has returned.
  const std::shared_ptr<HostStream> last(std::move(ended.mapped()));
  loop_.post([last] {});
}

void Streams::keep(std::unique_ptr<ChildProcess> process) {
  process->signal(SIGHUP);
  left_behind_.push_back(std::move(process));
  const auto here = std::prev(left_behind_.end());
  (*here)->on_exit(loop_, [this, here](int) {
    const std::shared_ptr<ChildProcess> last(std::move(*here));
    left_behind_.erase(here);
    loop_.post([last] {});
  });
}

void Streams::end_all() { streams_.clear(); }

}  // namespace neonvm::guest

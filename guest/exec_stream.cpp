#include "guest/exec_stream.hpp"

#include <unistd.h>

#include <cerrno>

namespace neonvm::guest {
namespace {

constexpr char end_of_transmission = '\x04';  // what a terminal takes for the end of its input

}  // namespace

ExecStream::ExecStream(runtime::Loop& loop, std::uint64_t id, StartedChild child, bool tty, StreamExits exits)
    : loop_(loop),
      id_(id),
      tty_(tty),
      exits_(std::move(exits)),
      process_(std::move(child.process)),
      input_(std::move(child.pipes.input)) {
  outputs_[0].fd = std::move(child.pipes.output);
  outputs_[1].stream = wire::Stream::stderr_;
  outputs_[1].fd = std::move(child.pipes.error);
}

ExecStream::~ExecStream() {
  if (!exit_code_) exits_.left_behind(std::move(process_));
}

void ExecStream::start() {
  process_->on_exit(loop_, [this](int code) {
    exit_code_ = code;
    for (Output& output : outputs_) read_more(output);
    finish_if_over();
  });
  for (Output& output : outputs_) read_more(output);
}

void ExecStream::read_more(Output& output) {
  char buffer[wire::stream_chunk];
  while (output.fd.valid() && output.window.room() > 0) {
    const ssize_t got = ::read(output.fd.get(), buffer, output.window.room());
    if (got > 0) {
      send_output(output, std::string(buffer, static_cast<std::size_t>(got)), false);
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && errno == EAGAIN && !exit_code_) {
      if (!output.watching) output.watch = loop_.watch_readable(output.fd.get(), [this, &output] { read_more(output); });
      output.watching = true;
      return;
    } else {
      return end_output(output);  // also EIO: a terminal that nobody has open any more
    }
  }
  output.watch = runtime::FdWatch();
  output.watching = false;
}

void ExecStream::end_output(Output& output) {
  output.watch = runtime::FdWatch();
  output.watching = false;
  output.fd.reset();
  send_output(output, "", true);
  finish_if_over();
}

void ExecStream::send_output(Output& output, std::string bytes, bool end) {
  output.window.sent(bytes.size());
  exits_.send(wire::StreamData{id_, output.stream, std::move(bytes), end});
}

void ExecStream::finish_if_over() {
  if (!exit_code_ || outputs_[0].fd.valid() || outputs_[1].fd.valid() || !exits_.finished) return;
  input_watch_ = runtime::FdWatch();
  input_.reset();
  wire::Reply reply = consent_to(id_);
  reply.exit_code = exit_code_;
  const auto finished = std::move(exits_.finished);
  exits_.finished = nullptr;
  finished(std::move(reply));
}

void ExecStream::acknowledged(const wire::Ack& ack) {
  for (Output& output : outputs_) {
    if (output.stream != ack.stream) continue;
    output.window.acknowledged(ack.bytes);
    read_more(output);
  }
}

void ExecStream::data(const wire::StreamData& data) {
  if (data.stream != wire::Stream::stdin_ || input_ends_) return;
  if (pending_.size() + data.bytes.size() > wire::stream_window) {
    exits_.send(wire::LinkError{"stream " + std::to_string(id_) + ": more than a window of input was sent"});
    input_ends_ = true;
    return close_input();
  }
  pending_ += data.bytes;
  input_ends_ = data.end;
  // A command that has closed its input does not want the rest; the host must not wait for that.
  if (!input_.valid()) return consumed(data.bytes.size());
  write_more();
}

void ExecStream::write_more() {
  while (!pending_.empty()) {
    const ssize_t put = ::write(input_.get(), pending_.data(), pending_.size());
    if (put > 0) {
      consumed(static_cast<std::size_t>(put));
    } else if (put < 0 && errno == EINTR) {
      continue;
    } else if (put < 0 && errno == EAGAIN) {
      if (!input_watching_) input_watch_ = loop_.watch_writable(input_.get(), [this] { write_more(); });
      input_watching_ = true;
      return;
    } else {
      consumed(pending_.size());
      return close_input();
    }
  }
  input_watch_ = runtime::FdWatch();
  input_watching_ = false;
  if (!input_ends_) return;
  if (!tty_) return close_input();
  [[maybe_unused]] const ssize_t told = ::write(input_.get(), &end_of_transmission, 1);
}

void ExecStream::consumed(std::size_t bytes) {
  if (bytes == 0) return;
  pending_.erase(0, bytes);
  exits_.send(wire::Ack{id_, wire::Stream::stdin_, bytes});
}

void ExecStream::close_input() {
  input_watch_ = runtime::FdWatch();
  input_watching_ = false;
  pending_.clear();
  input_.reset();
}

void ExecStream::signal(int number) { process_->signal(number, tty_ ? outputs_[0].fd.get() : -1); }

}  // namespace neonvm::guest

// ExecStream: a command of the host: its output to the host, the host's input to it, its exit code at the end.
//
// Called by guest/streams. Threads: loop thread; nothing blocks. Reading pauses while the host has not consumed a window's
// worth, so a command that prints without end costs no memory. When the command has ended, what it has written is still
// sent, but what a process left in the background may write later is not waited for.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/child_process.hpp"
#include "guest/host_stream.hpp"
#include "guest/stream_window.hpp"

namespace neonvm::guest {

class ExecStream : public HostStream {
 public:
  ExecStream(runtime::Loop& loop, std::uint64_t id, StartedChild child, bool tty, StreamExits exits);
  ~ExecStream() override;
  // Begins to read; may call exits.
  void start();

  void data(const wire::StreamData& data) override;
  void acknowledged(const wire::Ack& ack) override;
  void signal(int number) override;

 private:
  struct Output {
    wire::Stream stream = wire::Stream::stdout_;
    Fd fd;
    runtime::FdWatch watch;
    bool watching = false;
    SendWindow window;
  };

  void read_more(Output& output);
  void end_output(Output& output);
  void send_output(Output& output, std::string bytes, bool end);
  void write_more();
  void consumed(std::size_t bytes);
  void close_input();
  void finish_if_over();

  runtime::Loop& loop_;
  std::uint64_t id_;
  bool tty_;
  StreamExits exits_;
  std::unique_ptr<ChildProcess> process_;
  std::array<Output, 2> outputs_;
  Fd input_;
  runtime::FdWatch input_watch_;
  bool input_watching_ = false;
  std::string pending_;              // of the host, not yet taken by the command; at most a window
  bool input_ends_ = false;
  std::optional<int> exit_code_;
};

}  // namespace neonvm::guest

// Streams: the commands and files that the host has open, by the id of the request that opened each.
//
// Called by guest/host_requests. Threads: loop thread. Lifetime: end_all() at the end of a session: files half put vanish,
// commands get SIGHUP. Failure: each open is answered by one reply, sooner (refused) or later (finished).
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "core/runtime/loop.hpp"
#include "core/wire/guest_protocol.hpp"
#include "guest/file_generations.hpp"
#include "guest/host_stream.hpp"

namespace neonvm::guest {

class Streams {
 public:
  static constexpr std::size_t most = 64;
  // Stream data and the replies that end streams, in order.
  Streams(runtime::Loop& loop, std::function<void(const wire::GuestMessage&)> send);
  ~Streams();

  void exec(const wire::Exec& order);
  void put(const wire::PutFile& order);
  void get(const wire::GetFile& order);
  void put_files(const wire::PutFiles& order, const std::string& folder, FileOwner owner);
  void data(const wire::StreamData& data);
  void acknowledged(const wire::Ack& ack);
  void signal(const wire::Signal& signal);
  void end_all();
  [[nodiscard]] std::size_t open() const { return streams_.size(); }

 private:
  // False: refused, and answered.
  bool admits(std::uint64_t id);
  StreamExits exits_of(std::uint64_t id);
  void finished(std::uint64_t id, const wire::Reply& reply);
  void keep(std::unique_ptr<ChildProcess> process);
  HostStream* find(std::uint64_t id);

  runtime::Loop& loop_;
  std::function<void(const wire::GuestMessage&)> send_;
  std::map<std::uint64_t, std::unique_ptr<HostStream>> streams_;
  std::list<std::unique_ptr<ChildProcess>> left_behind_;
};

}  // namespace neonvm::guest

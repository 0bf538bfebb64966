// HostRequests: does what the host asks over the link, and answers each request once.
//
// Called by guest/monitor with every message of a session. Threads: loop thread. Lifetime: of the monitor; session_ended()
// forgets what is still under way. Failure: a reply with !ok and why; messages that only a guest sends are passed over.
#pragma once

#include <functional>
#include <memory>

#include "core/runtime/loop.hpp"
#include "core/wire/guest_protocol.hpp"
#include "guest/clock_keeper.hpp"
#include "guest/consent_desk.hpp"
#include "guest/cpu_online.hpp"
#include "guest/provisions.hpp"
#include "guest/streams.hpp"

namespace neonvm::guest {

struct RequestDoors {
  runtime::Loop& loop;
  CpuOnline& cpus;
  ConsentDesk& desk;
  Streams& streams;
  ClockKeeper* clock;                       // null: the guest keeps its clock by itself
  Provisions& provisions;
  std::function<void(const wire::GuestMessage&)> send;
  std::function<void()> power_off;          // after the reply was sent
  std::function<void()> look_at_memory;     // the size may have changed
};

class HostRequests {
 public:
  explicit HostRequests(RequestDoors doors) : doors_(std::move(doors)) {}
  void handle(const wire::GuestMessage& message);
  void session_ended();

  void operator()(const wire::SetCpus& order);
  void operator()(const wire::AskConsent& question);
  void operator()(const wire::TellGrown& news);
  void operator()(const wire::AskClock& question);
  void operator()(const wire::SetClock& order);
  void operator()(const wire::DropSlab& order);
  void operator()(const wire::Exec& order) { doors_.streams.exec(order); }
  void operator()(const wire::PutFile& order) { doors_.streams.put(order); }
  void operator()(const wire::GetFile& order) { doors_.streams.get(order); }
  void operator()(const wire::StreamData& data) { doors_.streams.data(data); }
  void operator()(const wire::Ack& ack) { doors_.streams.acknowledged(ack); }
  void operator()(const wire::Signal& signal) { doors_.streams.signal(signal); }
  void operator()(const wire::CheckFiles& question) { doors_.provisions.check_files(question, doors_.send); }
  void operator()(const wire::PutFiles& order) { doors_.provisions.put_files(order, doors_.send); }
  void operator()(const wire::SetSwap& order);
  void operator()(const wire::SetQuota& order) { doors_.provisions.set_disk_quota(order, doors_.send); }
  void operator()(const wire::Shutdown& order);
  void operator()(const wire::Ping& ping);
  template <typename GuestsOwn>
  void operator()(const GuestsOwn&) {}

 private:
  RequestDoors doors_;
  std::uint64_t session_ = 1;               // of whom an answer is for, when it comes late
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::guest

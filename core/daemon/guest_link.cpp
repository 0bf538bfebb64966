#include "core/daemon/guest_link.hpp"

#include <algorithm>
#include <random>

#include "core/model/shown_text.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {

std::string random_session() {
  std::random_device device;
  std::string text;
  for (int i = 0; i < 4; ++i) {
    const unsigned number = device();
    for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[(number >> shift) & 15U];
  }
  return text;
}

// What a guest says, which may have been taken over, is stored and shown on terminals.
void make_harmless(std::string& text) {
  constexpr std::size_t longest = 500;
  text = harmless(std::move(text), longest);
}

constexpr std::size_t most_notices = 16;

Error no_guest() { return Error{Code::unavailable, "no monitor answers in the guest"}; }

}  // namespace

GuestLink::GuestLink(runtime::Loop& loop, std::string socket_path, Callbacks callbacks)
    : loop_(loop),
      callbacks_(std::move(callbacks)),
      stream_(loop, std::move(socket_path),
              {[this] { greet(); }, [this](std::string_view bytes) { received(bytes); },
               [this](const std::string& why) { lose(why); }}),
      session_(random_session()) {}

void GuestLink::start() { stream_.start(); }

void GuestLink::stop() {
  silence_timer_.cancel();
  stream_.stop();
  lose("the runner closes the link");
}

void GuestLink::greet() {
  in_.clear();
  dropping_ = false;
  wire::Hello mine;
  mine.session = session_;
  // The newline ends whatever half a line an earlier holder of the port left behind.
  stream_.write("\n" + wire::encode(wire::GuestMessage(mine)));
}

void GuestLink::send(const wire::GuestMessage& message) { stream_.write(wire::encode(message)); }

void GuestLink::begin(std::uint64_t id, const std::string& line, Duration timeout, Done done) {
  if (!connected_) {
    loop_.post([done = std::move(done)] { done(no_guest()); });
    return;
  }
  Waiting waiting{std::move(done), {}};
  if (timeout > Duration::zero()) {
    waiting.timeout = loop_.after(timeout, [this, id, timeout] {
      const auto found = waiting_.find(id);
      if (found == waiting_.end()) return;
      Done late = std::move(found->second.done);
      waiting_.erase(found);
      late(Error{Code::deadline_exceeded,
                 "the guest did not answer within " + std::to_string(timeout / std::chrono::milliseconds(1)) + " ms"});
    });
  }
  waiting_.emplace(id, std::move(waiting));
  stream_.write(line);
}

void GuestLink::received(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (!dropping_) in_.append(part);
    if (in_.size() > wire::max_line) {
      dropping_ = true;
      in_.clear();
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (dropping_) {
      send(wire::LinkError{"line longer than " + std::to_string(wire::max_line) + " bytes dropped"});
    } else if (!in_.empty()) {
      const std::string whole = std::move(in_);
      in_.clear();
      line(whole);
    }
    dropping_ = false;
    in_.clear();
  }
}

void GuestLink::line(std::string_view text) {
  auto message = wire::decode_guest_message(text);
  if (!message) {
    // Before the hello this is the tail of somebody else's line, and nobody's fault.
    if (connected_) send(wire::LinkError{message.error().message});
    return;
  }
  heard_ = loop_.now();
  if (auto* greeting = std::get_if<wire::Hello>(&*message)) return hello(*greeting);
  if (peer_.session.empty()) return;
  if (!connected_) hello(peer_);  // it was silent, and speaks again
  if (auto* sample = std::get_if<wire::SampleMessage>(&*message)) {
    sample->sample.at = heard_;
    callbacks_.sample(std::move(*sample));
  } else if (auto* ended = std::get_if<wire::WorkloadEnded>(&*message)) {
    make_harmless(ended->why);
    if (callbacks_.workload_ended) callbacks_.workload_ended(*ended);
  } else if (auto* news = std::get_if<wire::HealthNews>(&*message)) {
    make_harmless(news->health.why);
    if (callbacks_.health) callbacks_.health(news->health);
  } else if (auto* told = std::get_if<wire::Notices>(&*message)) {
    told->notices.resize(std::min(told->notices.size(), most_notices));
    for (std::string& notice : told->notices) make_harmless(notice);
    if (callbacks_.notices) callbacks_.notices(told->notices);
  } else if (auto* want = std::get_if<wire::WantMemory>(&*message)) {
    make_harmless(want->why);
    callbacks_.want(*want);
  } else if (auto* answer = std::get_if<wire::Reply>(&*message)) {
    make_harmless(answer->why);
    reply(std::move(*answer));
  } else if (auto* data = std::get_if<wire::StreamData>(&*message)) {
    callbacks_.data(std::move(*data));
  } else if (auto* ack = std::get_if<wire::Ack>(&*message)) {
    callbacks_.ack(*ack);
  } else if (auto* error = std::get_if<wire::LinkError>(&*message)) {
    runtime::log_warning("runner", "the guest could not read a line", {{"error", error->error}});
  }
}

void GuestLink::hello(const wire::Hello& message) {
  const bool is_new = message.session != peer_.session;
  if (is_new && connected_) lose("the monitor in the guest restarted");
  if (message.schema != wire::guest_protocol_schema) {
    runtime::log_warning("runner", "the monitor speaks another schema; going on with what both know",
                         {{"theirs", std::to_string(message.schema)}});
  }
  peer_ = message;
  if (connected_) return;
  connected_ = true;
  if (is_new) {
    wire::Hello mine;
    mine.session = session_;
    send(mine);
  }
  watch_silence();
  callbacks_.came(peer_);
}

void GuestLink::reply(wire::Reply message) {
  const auto found = waiting_.find(message.id);
  if (found == waiting_.end()) return;  // came after its deadline
  Done done = std::move(found->second.done);
  waiting_.erase(found);
  done(std::move(message));
}

void GuestLink::lose(const std::string& why) {
  auto waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& [id, request] : waiting) request.done(Error{Code::unavailable, "the link to the guest ended: " + why});
  silence_timer_.cancel();
  if (!connected_) return;
  connected_ = false;
  callbacks_.went(why);
}

// The port tells nothing of a guest that hangs, so its silence must be watched by the clock. One that was given up is asked on: it may have
// nothing to say by itself.
void GuestLink::watch_silence() {
  const Instant due = loop_.now() + ping_after;
  silence_timer_ = loop_.at(due, [this, due] {
    // Who stood still himself has not listened: what the guest said meanwhile lies in the socket.
    if (loop_.now() >= due + ping_after) heard_ = std::max(heard_, loop_.now() - ping_after);
    const Duration quiet = loop_.now() - heard_;
    if (connected_ && quiet >= silence) lose("silent for " + std::to_string(quiet / std::chrono::seconds(1)) + " s");
    if (quiet >= ping_after) send(wire::Ping{++last_id_});
    watch_silence();
  });
}

}  // namespace neonvm::daemon

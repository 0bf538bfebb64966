// The scheduler's offices over HTTP, both ends.
//
// serve_permits: upstream's permit protocol (autoscaling.md 5), byte for byte: POST to any path, JSON, port 10299 in a
// cluster, a Unix socket at the desk. serve_placement: ours (wire/placement_protocol.hpp), for a controller in another
// process; on a Unix socket only, because whoever may ask it may book a node full.
// SchedulerClient: the other end of both. Threads: loop thread; the calls block a worker of the loop. Lifetime: the
// offices outlive the servers; a client drops what is due when it dies. Failure: as permit_office.hpp and
// placement_office.hpp say; a scheduler that cannot be reached is `unavailable`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/daemon/permit_office.hpp"
#include "core/daemon/placement_office.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::daemon {

void serve_permits(runtime::HttpServer& server, PermitOffice& office);
void serve_placement(runtime::HttpServer& server, PlacementOffice& office);

struct SchedulerClientSettings {
  Duration timeout = std::chrono::seconds(5);
  // Nobody tells a client in another process that there is room: after a refusal it asks its listener to try again.
  Duration room_retry = std::chrono::seconds(2);
  runtime::HttpClientOptions http;
};

class SchedulerClient final : public PermitOffice, public PlacementOffice {
 public:
  SchedulerClient(runtime::Loop& loop, runtime::Endpoint scheduler, SchedulerClientSettings settings = {});

  void ask(const wire::PermitRequest& request, Answered done) override;
  void place(const PlacementAsk& ask, Placed done) override;
  void reserve_target(const PlacementAsk& ask, Placed done) override;
  void release(const std::string& runner) override;
  void on_room(std::function<void()> listener) override;

 private:
  void ask_place(const char* path, const PlacementAsk& ask, Placed done);

  runtime::Loop& loop_;
  runtime::Endpoint scheduler_;
  SchedulerClientSettings settings_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::function<void()> on_room_;
  runtime::Timer room_timer_;
};

}  // namespace neonvm::daemon

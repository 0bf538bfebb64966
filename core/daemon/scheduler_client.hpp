// SchedulerClient: a scheduler in another process, asked over HTTP; scheduler_door.hpp is its end.
//
// Used by controller and agent. Threads: loop thread; the calls block a worker of the loop, and connections are kept. Lifetime: what is
// due when it dies is dropped. Where the scheduler is and what opens its door is asked for when it is first needed, and again after a
// failure: addresses move and tokens are renewed. Failure: as permit_office.hpp and placement_office.hpp say; a scheduler that cannot be
// reached, or that lets nobody in, is `unavailable`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/daemon/permit_office.hpp"
#include "core/daemon/placement_office.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::daemon {

struct SchedulerReach {
  runtime::Endpoint endpoint;
  runtime::HttpClientOptions http;         // of its bearers, bearer_token is shown
};
// Blocks; any thread.
using FindScheduler = std::function<Result<SchedulerReach>(Deadline)>;

struct SchedulerClientSettings {
  Duration timeout = std::chrono::seconds(5);
  // Nobody tells a client in another process that there is room: after a refusal it asks its listener to try again.
  Duration room_retry = std::chrono::seconds(2);
  Duration find_again = std::chrono::hours(12);    // certificates are renewed by whoever looks
};

class SchedulerClient final : public PermitOffice, public PlacementOffice {
 public:
  SchedulerClient(runtime::Loop& loop, FindScheduler find, SchedulerClientSettings settings = {});
  SchedulerClient(runtime::Loop& loop, runtime::Endpoint scheduler, SchedulerClientSettings settings = {});

  void ask(const wire::PermitRequest& request, Answered done) override;
  void lend(const HeadroomRequest& request, Lent done) override;
  void place(const PlacementAsk& ask, Placed done) override;
  void reserve_target(const PlacementAsk& ask, Placed done) override;
  void release(const std::string& runner) override;
  void on_room(std::function<void()> listener) override;

  // Finds the scheduler now, and again until that succeeds: whoever makes what the scheduler itself waits for must not wait to be asked.
  void prepare();

  struct Line;  // to the scheduler, shared with the workers

 private:
  void ask_place(const char* path, const PlacementAsk& ask, Placed done);

  runtime::Loop& loop_;
  SchedulerClientSettings settings_;
  std::shared_ptr<Line> line_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::function<void()> on_room_;
  runtime::Timer room_timer_, prepare_timer_;
};

// PlacementOffice of a controller in a cluster whose kube-scheduler asks our scheduler (extender_door.hpp): a runner is started without a
// node and gets one from there; only the target of a migration, which must be sure of its place before anything moves, is booked by the
// scheduler itself. The scheduler outlives this.
class ClusterPlacement final : public PlacementOffice {
 public:
  ClusterPlacement(runtime::Loop& loop, PlacementOffice& scheduler) : loop_(loop), scheduler_(scheduler) {}
  void place(const PlacementAsk& ask, Placed done) override;
  void reserve_target(const PlacementAsk& ask, Placed done) override { scheduler_.reserve_target(ask, std::move(done)); }
  void release(const std::string& runner) override { scheduler_.release(runner); }
  void on_room(std::function<void()> listener) override { scheduler_.on_room(std::move(listener)); }

 private:
  runtime::Loop& loop_;
  PlacementOffice& scheduler_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon

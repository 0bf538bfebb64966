// Provisions: what the host provides this guest with beyond its size, for as long as it runs: files, swap, quotas of disks.
//
// Called by guest/host_requests. Threads: loop thread; swap moves on a worker, one wish at a time, the last one winning.
// Lifetime: of the monitor; it reads the guest plan once, and of what is there already it asks the kernel. Failure: replies
// with !ok and why.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/model/guest_plan.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/guest_protocol.hpp"
#include "guest/streams.hpp"

namespace neonvm::guest {

class Provisions {
 public:
  using Answer = std::function<void(const wire::Reply&)>;

  Provisions(runtime::Loop& loop, Streams& streams);

  void check_files(const wire::CheckFiles& question, const Answer& answer) const;
  void put_files(const wire::PutFiles& order, const Answer& answer);
  void set_swap(const wire::SetSwap& order, Answer answer);
  void set_disk_quota(const wire::SetQuota& order, const Answer& answer) const;
  // Whether there is anything to be made ready before the workload starts.
  [[nodiscard]] bool any() const { return !plan_.empty(); }
  [[nodiscard]] bool has_swap() const { return !plan_.swap_disk.empty(); }

 private:
  [[nodiscard]] const GuestMount* find(const std::string& name, MountKind kind) const;
  void next_swap();

  struct SwapWish {
    wire::SetSwap order;
    Answer answer;
  };

  runtime::Loop& loop_;
  Streams& streams_;
  GuestPlan plan_;
  FileOwner owner_;
  std::optional<SwapWish> waiting_;
  bool swap_moves_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::guest

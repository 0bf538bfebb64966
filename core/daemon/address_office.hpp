// AddressOffice: gives VMs addresses of the overlay network, and takes them back.
//
// Owned by whoever composes the controller, which asks it; nobody else writes the pool but upstream's controller, or one of ours that
// does not know yet that it leads no more. The books are the stored IPPool alone: read when first needed, changed in memory, and
// what was given counts when it is written, conditional on the version that was read. A write that comes too late is thrown away, the
// pool is read again and everything decided anew. What is asked while a write is under way goes into the next one together.
// Threads: loop thread only; calls that block run on the loop's workers. `done` is called exactly once, on the loop, never before the
// call has returned; not at all when the office ends first.
// Failure: failed_precondition: no range is configured; out_of_capacity: every address is taken; else what the orchestrator said. Nothing
// is tried again by itself but conflicts: who asked asks again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/address_book.hpp"
#include "core/model/vm.hpp"
#include "core/ports/orchestrator.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

struct AddressOfficeSettings {
  std::optional<decide::AddressBook> book;               // of the configured range; none: nothing can be given
  std::string ns;                                        // of the pool, where names begin with one; else empty
  Duration call_limit = std::chrono::seconds(10);
};

// A VM as upstream's pools call it.
std::string address_owner(const Object& vm);

class AddressOffice {
 public:
  using Claimed = std::function<void(Result<OverlayAddress>)>;
  using Released = std::function<void(Status)>;

  AddressOffice(runtime::Loop& loop, Orchestrator& orchestrator, runtime::MetricsRegistry& metrics, AddressOfficeSettings settings);
  AddressOffice(const AddressOffice&) = delete;
  AddressOffice& operator=(const AddressOffice&) = delete;

  // before: what its status says; empty: nothing.
  void claim(const std::string& owner, const OverlayAddress& before, Claimed done);
  // What it has, if it has something.
  void release(const std::string& owner, Released done);
  // Frees what belongs to VMs that are not there any more, each asked for by name: `known` says of which it is sure that they are.
  void take_stock(std::function<bool(const std::string& owner)> known);
  // Called when an address became free.
  void on_room(std::function<void()> callback) { on_room_ = std::move(callback); }

 private:
  enum class Action { acquire, release };
  struct Deed {
    Action action = Action::acquire;
    std::string owner;
    std::optional<IpAddress> wish;
    Instant began{};
    std::function<void(Result<OverlayAddress>)> done;
    Result<OverlayAddress> outcome = OverlayAddress{};
  };
  using Deeds = std::vector<Deed>;
  struct Stored {
    Object object;
    decide::AddressBook book;
  };

  void add(Deed deed);
  void wake();
  void next();
  void load();
  void loaded(const Result<Object>& object);
  void check_owners();
  void checked(const std::vector<std::string>& gone);
  // Returns whether the book is another one now.
  static bool apply(decide::AddressBook& book, Deed& deed);
  void write(decide::AddressBook book, std::shared_ptr<Deeds> deeds);
  void written(const Result<Object>& object, decide::AddressBook book, Deeds deeds);
  void answer(Deeds deeds);
  void fail_all(const Error& error);
  void count(Action action, int more);

  runtime::Loop& loop_;
  Orchestrator& orchestrator_;
  runtime::MetricsRegistry& metrics_;
  const AddressOfficeSettings settings_;
  std::optional<Stored> stored_;
  Deeds waiting_;
  bool busy_ = false, woken_ = false;
  std::function<bool(const std::string&)> stock_;        // to be taken
  std::function<void()> on_room_;
  int ongoing_[2] = {0, 0};
  runtime::Timer retry_;
  std::string told_;                                     // the last fault of the pool that was logged
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<void> collected_;
};

}  // namespace neonvm::daemon

// A struct that got a member wants it in its describe(), and in its draw: then correct the number here.
#include <type_traits>
#include <utility>

#include "core/wire/guest_protocol.hpp"
#include "core/wire/headroom_protocol.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/permit_protocol.hpp"
#include "core/wire/runner_protocol.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

// Not in the unnamed namespace: Clang would ask for the body of what is only ever asked about.
namespace neonvm::counted {
struct Anything {
  template <typename T>
  operator T() const;  // NOLINT: that is what it is for
};
}  // namespace neonvm::counted

namespace {

using neonvm::counted::Anything;

template <typename T, std::size_t... i>
constexpr bool takes(std::index_sequence<i...>) {
  return requires { T{((void)i, Anything{})...}; };
}

template <typename T, std::size_t count = 64>
constexpr std::size_t members() {
  if constexpr (takes<T>(std::make_index_sequence<count>{})) {
    return count;
  } else {
    return members<T, count - 1>();
  }
}

}  // namespace

TEST_CASE("every member travels") {
  CHECK(members<VmSpec>() == 24);
  CHECK(members<VmStatus>() == 24);
  CHECK(members<Scaling>() == 7);
  CHECK(members<ScalingConfig>() == 10);
  CHECK(members<Disk>() == 12);
  CHECK(members<Port>() == 4);
  CHECK(members<CpuState>() == 4);
  CHECK(members<MemoryState>() == 4);
  CHECK(members<MigrationSpec>() == 7);
  CHECK(members<MigrationStatus>() == 9);
  CHECK(members<MigrationProgress>() == 7);
  CHECK(members<MigrationReport>() == 3);
  CHECK(members<MachineSpec>() == 31);
  CHECK(members<MachineDisk>() == 7);
  CHECK(members<MachineNetwork>() == 9);
  CHECK(members<MachineFiles>() == 7);
  CHECK(members<GuestMount>() == 10);
  CHECK(members<GuestPlan>() == 4);
  CHECK(members<MachineState>() == 11);
  CHECK(members<MachineEvent>() == 4);
  CHECK(members<Node>() == 6);
  CHECK(members<RunnerSpec>() == 6);
  CHECK(members<RunnerStatus>() == 7);
  CHECK(members<Object>() == 14);
  CHECK(members<Event>() == 8);
  CHECK(members<GuestSample>() == 29);
  CHECK(members<Pressure>() == 4);
  CHECK(members<MemoryZone>() == 7);
  CHECK(members<MemoryLayout>() == 6);
  CHECK(members<RunnerReport>() == 29);
  CHECK(members<RunnerReply>() == 6);
  CHECK(members<Hello>() == 6);
  CHECK(members<Reply>() == 9);
  CHECK(members<Exec>() == 6);
  CHECK(members<PermitRequest>() == 8);
  CHECK(members<HeadroomRequest>() == 7);
  CHECK(members<HeldLease>() == 4);
  CHECK(members<HeadroomSpend>() == 4);
  CHECK(members<HeadroomAnswer>() == 7);
}

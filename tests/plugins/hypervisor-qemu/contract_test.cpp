// The contract without a guest: what QEMU does by itself.
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

HypervisorUnderTest make() { return contract_over(std::make_shared<RealQemu>()); }

TEST_CASE("QEMU makes disks") { hypervisor_makes_disks(make); }
TEST_CASE("QEMU holds one machine") { hypervisor_holds_one_machine(make); }
TEST_CASE("QEMU locks disks") { hypervisor_locks_disks(make); }
TEST_CASE("QEMU ends machines") { hypervisor_ends_machines(make); }
TEST_CASE("QEMU pauses") { hypervisor_pauses(make); }
TEST_CASE("QEMU forwards") { hypervisor_forwards(make); }
TEST_CASE("QEMU cancels migrations") { hypervisor_cancels_migrations(make); }
TEST_CASE("QEMU undoes migrations") { hypervisor_undoes_migrations(make); }

}  // namespace
}  // namespace neonvm::qemu

// The contract with a guest that boots.
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

HypervisorUnderTest make() { return contract_over(std::make_shared<RealQemu>()); }

TEST_CASE("QEMU fills slots") { hypervisor_fills_slots(make); }
TEST_CASE("QEMU moves memory") { hypervisor_moves_memory(make); }
TEST_CASE("QEMU hears the guest") { hypervisor_hears_the_guest(make); }
TEST_CASE("QEMU migrates") { hypervisor_migrates(make); }

}  // namespace
}  // namespace neonvm::qemu

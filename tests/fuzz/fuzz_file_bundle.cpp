// Files as a guest gets them, the plan that it reads at boot, and manifests of ConfigMaps and Secrets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/wire/file_bundle.hpp"
#include "core/wire/file_manifest.hpp"
#include "core/wire/guest_plan.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::settles(text, wire::decode_guest_plan, [](const GuestPlan& plan) { return wire::encode(plan); });
  if (const auto bundle = wire::decode_file_bundle(text)) {
    if (!wire::check_bundle(*bundle)) std::abort();
    for (const wire::BundledFile& file : *bundle) {
      if (file.path.starts_with("..") || file.path.find("/..") != std::string::npos || file.path.starts_with('/')) std::abort();
    }
    const auto again = wire::decode_file_bundle(wire::encode(*bundle));
    if (!again || wire::encode(*again) != wire::encode(*bundle)) std::abort();
  }
  (void)wire::decode_file_manifest(text);
  return 0;
}

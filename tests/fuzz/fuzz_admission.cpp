// Admission reviews: from whoever reaches the webhook's port.
#include <cstddef>
#include <cstdint>

#include "core/wire/admission.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = wire::decode_admission_review({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  wire::encode_admission_review(request->uid, wire::mutate(*request));
  wire::encode_admission_review(request->uid, wire::validate(*request));
  return 0;
}

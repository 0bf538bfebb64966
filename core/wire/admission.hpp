// What a Kubernetes API server asks before it stores a VirtualMachine or a VirtualMachineMigration (admission.k8s.io/v1).
//
// Called by daemon/webhook_door. Pure: text in, text out, any thread. The API server has defaulted and pruned the object
// against the CRD before it asks; a review comes from a peer that has shown a certificate or not, so it is read like any
// hostile text.
//
// mutate: a fraction of a CPU written as a number (0.25) is neither an integer nor a string, which is what the CRD allows:
// it becomes "250m" (neonvm.md 1.3). A new VM gets the controller's finalizer, which is one write less for the controller.
// Nothing else is changed: defaults are the CRD's.
//
// validate: what the CRD cannot say. A new VM must have no violations() (core/model/vm.hpp). An update must change nothing
// that is fixed, and must add no violation: one that was stored before this check existed can still be mended step by
// step, scaled and deleted. Labels, annotations and finalizers of an object that is being deleted are never refused.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::wire {

enum class AdmissionOperation { create, update, remove, other };

struct AdmissionRequest {
  std::string uid;                    // echoed in the answer
  std::string kind;                   // "VirtualMachine", "VirtualMachineMigration", …
  AdmissionOperation operation = AdmissionOperation::other;
  std::string ns, name;               // name: empty when the API server is still to make one
  std::string object, old_object;     // JSON of a whole object; empty where the operation has none

  friend bool operator==(const AdmissionRequest&, const AdmissionRequest&) = default;
};

struct AdmissionAnswer {
  bool allowed = true;
  std::string why;                    // of a refusal, or of what was let through although it is wrong
  std::vector<std::string> warnings;  // kubectl shows them
  std::string patch;                  // mutate: RFC 6902; empty: as it came

  friend bool operator==(const AdmissionAnswer&, const AdmissionAnswer&) = default;
};

// invalid_argument: not an AdmissionReview with a request, of apiVersion admission.k8s.io/v1.
Result<AdmissionRequest> decode_admission_review(std::string_view json);
// The AdmissionReview that answers the request of that uid.
std::string encode_admission_review(const std::string& uid, const AdmissionAnswer& answer);

AdmissionAnswer mutate(const AdmissionRequest& request);
// unchecked: "namespace/name" of objects whose updates are let through with a warning instead of being refused.
AdmissionAnswer validate(const AdmissionRequest& request, const std::set<std::string>& unchecked = {});

}  // namespace neonvm::wire

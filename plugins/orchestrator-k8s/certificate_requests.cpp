#include "plugins/orchestrator-k8s/certificate_requests.hpp"

#include <algorithm>
#include <utility>

#include "core/runtime/certificate_request.hpp"
#include "core/runtime/http_connections.hpp"
#include "core/wire/base64.hpp"
#include "core/wire/go_duration.hpp"
#include "plugins/orchestrator-k8s/api_error.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"
#include "plugins/orchestrator-k8s/watch_stream.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* api = "/apis/cert-manager.io/v1";
constexpr const char* key_annotation = "neonvm.dev/request";   // of a request: for which names, by whom
constexpr Duration for_the_rest = std::chrono::seconds(3);     // of a call, once the certificate has come
constexpr std::size_t longest_common_name = 64;                // RFC 5280 appendix A

// Not the VM's own, as upstream has it: somebody else's request may be called so.
std::string name_of(const VmName& vm) { return "tls-neonvm-" + vm.name; }
std::string key_secret_name(const VmName& vm) { return name_of(vm) + "-tmp"; }
std::string path_of(const VmName& vm, const std::string& name) {
  return std::string(api) + "/namespaces/" + url_encoded(vm.ns) + "/certificaterequests" + (name.empty() ? "" : "/" + url_encoded(name));
}

Error not_installed(const wire::TlsWish& wish) {
  return {Code::failed_precondition, "spec.tls: cert-manager is not installed in this cluster, so \"" + wish.issuer +
                                         "\" signs nothing; install it, or leave certificateIssuer out and neonvm signs"};
}

Json request_json(const VmName& vm, const wire::TlsWish& wish, const std::string& csr) {
  Json request = {{"apiVersion", "cert-manager.io/v1"}, {"kind", "CertificateRequest"}, {"metadata", {{"name", name_of(vm)}, {"namespace", vm.ns}}},
                  {"spec", {{"issuerRef", {{"name", wish.issuer}, {"kind", "ClusterIssuer"}, {"group", "cert-manager.io"}}},
                            {"duration", wire::go_duration(wish.expire_after)}, {"isCA", false},
                            {"usages", {"digital signature", "key encipherment", "server auth", "client auth"}}, {"request", wire::to_base64(csr)}}}};
  give_to_vm(request, vm.name, vm.uid);
  request["metadata"]["annotations"][key_annotation] = meaning_of(vm, wish);
  return request;
}

}  // namespace

RequestState request_state(const Json& request) {
  RequestState state;
  state.certificate = wire::from_base64(text_at(request, "/status/certificate")).value_or("");
  state.authority = wire::from_base64(text_at(request, "/status/ca")).value_or("");
  if (!state.certificate.empty()) state.kind = RequestState::Kind::issued;
  const Json::json_pointer at("/status/conditions");
  if (!request.contains(at) || !request.at(at).is_array()) return state;
  for (const Json& condition : request.at(at)) {
    const std::string type = text_at(condition, "/type"), reason = text_at(condition, "/reason"), value = text_at(condition, "/status");
    const bool no = (type == "Denied" || type == "InvalidRequest") ? value == "True" : type == "Ready" && (reason == "Failed" || reason == "Denied");
    if (no && state.kind != RequestState::Kind::issued) state.kind = RequestState::Kind::refused;
    if (no || type == "Ready") state.why = reason + (reason.empty() ? "" : ": ") + text_at(condition, "/message");
  }
  return state;
}

runtime::CertificateWish certificate_wish(const VmName& vm, const wire::TlsWish& wish) {
  runtime::CertificateWish names;
  const std::string name = wish.server_name.empty() ? vm.name + "." + vm.ns : wish.server_name;
  names.names = {name};
  names.common_name = name.size() <= longest_common_name ? name : vm.name;
  names.client = true;
  names.lifetime = wish.expire_after;
  return names;
}

std::string meaning_of(const VmName& vm, const wire::TlsWish& wish) {
  return wish.issuer + " " + certificate_wish(vm, wish).names.front() + " " + wire::go_duration(wish.expire_after);
}

Status CertificateRequests::remove(const std::string& what, const std::string& target, Deadline deadline) {
  const auto gone = client_->call({"delete " + what, "DELETE", target, R"({"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"})"}, deadline);
  return gone || gone.error().code == Code::not_found ? Status{} : gone.error();
}

Status CertificateRequests::clean_up(const VmName& vm, Deadline deadline) {
  const Status request = remove("CertificateRequest " + vm.ns + "/" + name_of(vm), path_of(vm, name_of(vm)), deadline);
  const Status key = remove("Secret " + vm.ns + "/" + key_secret_name(vm), secret_path(vm.ns, key_secret_name(vm)), deadline);
  return request ? key : request;
}

// That of a VM before this one is not taken: its request is not ours.
Result<std::string> CertificateRequests::waiting_key(const VmName& vm, Deadline deadline) {
  const std::string name = key_secret_name(vm);
  const auto there = client_->call(read_request(vm.ns, name), deadline);
  if (!there && there.error().code != Code::not_found) return explained(there.error(), vm.ns);
  if (there) {
    const Json secret = Json::parse(*there, nullptr, false);
    std::string key = data_at(secret, "tls.key");
    if (belongs_to_vm(secret, vm.uid) && !key.empty()) return key;
    if (Status cleaned = clean_up(vm, deadline); !cleaned) return cleaned.error();
  }
  auto key = runtime::make_key();
  if (!key) return key;
  Json secret = secret_of(vm.ns, name, {{"tls.key", *key}});
  give_to_vm(secret, vm.name, vm.uid);
  const auto written = client_->call({"create Secret " + vm.ns + "/" + name, "POST", secret_path(vm.ns, ""), dump(secret)}, deadline);
  return written ? key : Result<std::string>(explained(written.error(), vm.ns));
}

// The one that is there already, if it asks for the same.
Result<Json> CertificateRequests::request_for(const VmName& vm, const wire::TlsWish& wish, const std::string& key, Deadline deadline) {
  const std::string what = "CertificateRequest " + vm.ns + "/" + name_of(vm);
  const auto there = client_->call({"get " + what, "GET", path_of(vm, name_of(vm))}, deadline);
  // The server knows no such kind of object.
  if (!there && there.error().code == Code::failed_precondition) return not_installed(wish);
  if (!there && there.error().code != Code::not_found) return there.error();
  if (there) {
    Json request = Json::parse(*there, nullptr, false);
    const bool same = text_at(request, "/metadata/annotations/neonvm.dev~1request") == meaning_of(vm, wish) && controller_of(request).uid == vm.uid;
    if (same) return request;
    if (Status removed = remove(what, path_of(vm, name_of(vm)), deadline); !removed) return removed.error();
  }
  const auto csr = runtime::certificate_request(key, certificate_wish(vm, wish));
  if (!csr) return csr.error();
  const auto made = client_->call({"create " + what, "POST", path_of(vm, ""), dump(request_json(vm, wish, *csr))}, deadline);
  return made ? Result<Json>(Json::parse(*made, nullptr, false)) : made.error();
}

Result<Json> CertificateRequests::await(const VmName& vm, Json request, Deadline deadline) {
  if (request_state(request).kind != RequestState::Kind::waits) return request;
  ApiRequest watch;
  watch.what = "watch of CertificateRequest " + vm.ns + "/" + name_of(vm);
  watch.target = path_of(vm, "") + "?watch=1&fieldSelector=" + url_encoded("metadata.name=" + name_of(vm)) +
                 "&resourceVersion=" + std::to_string(version_of(request));
  auto started = client_->start(watch, deadline);
  if (!started) return started.error();
  const auto in_time = [&request](const Error& error) { return error.code == Code::deadline_exceeded ? Result<Json>(request) : Result<Json>(error); };
  const auto head = started->answer->head(deadline);
  if (!head) return in_time(head.error());
  // The place is forgotten, or it is busy: the next call looks again.
  if (head->status != 200) return request;
  WatchStream stream;
  while (true) {
    const auto piece = started->answer->piece(deadline);
    if (!piece) return in_time(piece.error());
    if (piece->empty()) return request;
    const auto lines = stream.feed(*piece);
    if (!lines) return lines.error();
    for (const std::string& line : *lines) {
      Json event = Json::parse(line, nullptr, false);
      const std::string type = text_at(event, "/type");
      if (type != "ADDED" && type != "MODIFIED") return request;
      request = std::move(event["object"]);
      if (request_state(request).kind != RequestState::Kind::waits) return request;
    }
  }
}

Result<Issued> CertificateRequests::obtain(const VmName& vm, const wire::TlsWish& wish, Deadline deadline) {
  const auto key = waiting_key(vm, deadline);
  if (!key) return key.error();
  const auto asked = request_for(vm, wish, *key, deadline);
  if (!asked) return asked.error();
  const auto answered = await(vm, *asked, deadline - for_the_rest);
  if (!answered) return answered.error();
  RequestState state = request_state(*answered);
  const std::string said = state.why.empty() ? "it has said nothing yet" : state.why;
  if (state.kind == RequestState::Kind::waits)
    return Error{Code::failed_precondition, "spec.tls: waits for a certificate by ClusterIssuer \"" + wish.issuer + "\": " + said};
  const bool fits = state.kind == RequestState::Kind::issued && runtime::belongs_to(*key, state.certificate);
  if (fits) return Issued{*key, std::move(state.certificate), std::move(state.authority)};
  if (Status cleaned = clean_up(vm, deadline); !cleaned) return cleaned.error();
  if (state.kind == RequestState::Kind::issued) return Error{Code::failed_precondition, "spec.tls: what \"" + wish.issuer + "\" signed is for another key; it is asked again"};
  return Error{Code::failed_precondition, "spec.tls: ClusterIssuer \"" + wish.issuer + "\" gives no certificate: " + said + "; it is asked again"};
}

}  // namespace neonvm::k8s

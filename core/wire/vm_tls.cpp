#include "core/wire/vm_tls.hpp"

#include "core/model/vm.hpp"
#include "core/wire/go_duration.hpp"
#include "core/wire/json.hpp"

namespace neonvm::wire {
namespace {

// Below it nothing can be renewed in time: a kubelet alone takes a minute to show a pod what is new in a Secret.
constexpr Duration shortest_life = std::chrono::minutes(5);
constexpr std::size_t longest_name = 253;  // RFC 1035

class Members {
 public:
  explicit Members(const Json& tls) : tls_(tls) {}

  std::string text(const char* key, std::string usual) {
    const auto found = tls_.find(key);
    if (found == tls_.end() || found->is_null()) return usual;
    if (found->is_string()) return found->get<std::string>();
    fault(key, std::string("is ") + kind_of(*found) + "; give a text");
    return usual;
  }
  Duration time(const char* key, Duration usual) {
    const std::string written = text(key, "");
    if (written.empty()) return usual;
    const auto read = parse_go_duration(written);
    if (read && *read > Duration::zero()) return *read;
    fault(key, "\"" + printable(written) + "\" is no time; give one like 24h or 1h30m");
    return usual;
  }
  void fault(const char* key, const std::string& text) { faults_.add(std::string("spec.tls.") + key, text); }
  [[nodiscard]] const Faults& faults() const { return faults_; }

 private:
  const Json& tls_;
  Faults faults_;
};

bool is_dns_name(const std::string& name) {
  return name.size() <= longest_name && name.front() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*_") == std::string::npos;
}

}  // namespace

Result<std::optional<TlsWish>> read_tls_wish(std::string_view vm_spec) {
  const auto spec = parse_json(vm_spec);
  if (!spec) return spec.error();
  const auto found = spec->is_object() ? spec->find("tls") : spec->end();
  if (!spec->is_object() || found == spec->end() || found->is_null()) return std::optional<TlsWish>();
  if (!found->is_object()) return Error{Code::invalid_argument, std::string("spec.tls: is ") + kind_of(*found) + ", not an object"};
  Members members(*found);
  TlsWish wish;
  wish.issuer = members.text("certificateIssuer", "");
  wish.server_name = members.text("serverName", "");
  wish.mount_path = plain_path(members.text("mountPath", wish.mount_path));
  wish.expire_after = members.time("expireAfter", wish.expire_after);
  wish.renew_before = members.time("renewBefore", wish.expire_after / 3);
  if (!wish.server_name.empty() && !is_dns_name(wish.server_name)) members.fault("serverName", "is no DNS name");
  if (wish.mount_path.empty() || wish.mount_path == "/") members.fault("mountPath", "is no absolute path of a folder");
  if (wish.expire_after < shortest_life) members.fault("expireAfter", "is less than 5m, in which nothing new would reach a guest");
  if (wish.renew_before >= wish.expire_after) members.fault("renewBefore", "is not less than expireAfter: it would be renewed all the time");
  if (!members.faults().none()) return members.faults().error();
  return std::optional(wish);
}

}  // namespace neonvm::wire

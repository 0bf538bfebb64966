#include "core/decide/overlay.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

constexpr std::uint32_t least_mtu = 68, largest_id = (1U << 24) - 1;
constexpr std::uint32_t ethernet = 14, vxlan = 8, udp = 8, ipv4_header = 20, ipv6_header = 40;

const OverlayNode* find(const std::vector<OverlayNode>& nodes, const std::string& name) {
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&name](const OverlayNode& node) { return node.name == name; });
  return at == nodes.end() ? nullptr : &*at;
}

const IpAddress* of_family(const OverlayNode& node, IpFamily family) {
  for (const IpAddress& address : node.addresses)
    if (address.family == family) return &address;
  return nullptr;
}

Status check_device(const std::string& option, const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 15 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (fits && name != "." && name != "..") return {};
  return Error{Code::invalid_argument, option + ": \"" + name + "\" is no name for a network device; give 1 to 15 letters, digits, dashes or dots"};
}

}  // namespace

Status check(const OverlaySettings& settings) {
  if (settings.node.empty()) return Error{Code::invalid_argument, "--node: give the name of the node that this runs on"};
  if (Status named = check_device("--bridge", settings.bridge); !named) return named;
  if (Status named = check_device("--device", settings.vxlan); !named) return named;
  if (settings.bridge == settings.vxlan) return Error{Code::invalid_argument, "--bridge and --device: are the same; give each a name of its own"};
  if (settings.id == 0 || settings.id > largest_id) return Error{Code::invalid_argument, "--vni: give 1 to 16777215"};
  if (settings.port == 0) return Error{Code::invalid_argument, "--port: give 1 to 65535"};
  if (settings.mtu != 0 && (settings.mtu < least_mtu || settings.mtu > 65535)) return Error{Code::invalid_argument, "--mtu: give 68 to 65535"};
  return {};
}

Result<OverlayWish> overlay_wish(const std::string& own, const std::vector<OverlayNode>& nodes) {
  const OverlayNode* self = find(nodes, own);
  if (self == nullptr) return Error{Code::not_found, "there is no node " + own + "; give --node as `kubectl get nodes` has it"};
  if (self->addresses.empty()) return Error{Code::not_found, "node " + own + " has no address yet"};
  OverlayWish wish;
  wish.local = self->addresses.front();
  for (const OverlayNode& node : nodes) {
    if (&node == self) continue;
    const IpAddress* address = of_family(node, wish.local.family);
    if (address == nullptr) wish.unreachable.push_back(node.name);
    else wish.peers.insert(*address);
  }
  for (const IpAddress& address : self->addresses) wish.peers.erase(address);
  std::sort(wish.unreachable.begin(), wish.unreachable.end());
  return wish;
}

std::uint32_t overlay_mtu(std::uint32_t underlay, IpFamily family) {
  const std::uint32_t around = ethernet + vxlan + udp + (family == IpFamily::v4 ? ipv4_header : ipv6_header);
  return underlay < around + least_mtu ? least_mtu : underlay - around;
}

FdbChange fdb_change(const std::set<IpAddress>& peers, const std::vector<SeenEntry>& seen) {
  FdbChange change;
  std::set<IpAddress> missing = peers;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (peers.count(seen[i].node) == 0) change.drop.push_back(i);
    else if (seen[i].floods) missing.erase(seen[i].node);
  }
  change.flood.assign(missing.begin(), missing.end());
  return change;
}

std::string overlay_table(const OverlaySettings& settings) { return "neonvm_overlay_" + std::to_string(settings.id); }

std::string no_overlay_rules(const OverlaySettings& settings) {
  const std::string table = "table inet " + overlay_table(settings) + "\n";
  return table + "delete " + table;    // the first makes it, if need be: to delete what is not there would fail
}

std::string overlay_rules(const OverlaySettings& settings, const OverlayWish& wish) {
  const bool v4 = wish.local.family == IpFamily::v4;
  std::string elements;
  for (const IpAddress& peer : wish.peers) elements += (elements.empty() ? "" : ", ") + to_string(peer);
  if (!elements.empty()) elements = "    elements = { " + elements + " }\n";
  const std::string bridge = "\"" + settings.bridge + "\"", source = v4 ? "ip saddr" : "ip6 saddr";
  // The VNI is 24 bits after 8 bytes of UDP and 4 of VXLAN.
  const std::string ours = "udp dport " + std::to_string(settings.port) + " @th,96,24 " + std::to_string(settings.id);
  return no_overlay_rules(settings) +
         "table inet " + overlay_table(settings) + " {\n"
         "  set nodes {\n"
         "    type " + (v4 ? "ipv4_addr" : "ipv6_addr") + "\n" + elements +
         "  }\n"
         "  chain arriving {\n"
         "    type filter hook input priority filter - 5; policy accept;\n"
         "    " + ours + " meta nfproto != " + (v4 ? "ipv4" : "ipv6") + " drop\n"
         "    " + ours + " " + source + " != @nodes drop\n"
         "    iifname " + bridge + " drop\n"
         "  }\n"
         "  chain passing {\n"
         "    type filter hook forward priority filter - 5; policy accept;\n"
         "    iifname " + bridge + " oifname != " + bridge + " drop\n"
         "    iifname != " + bridge + " oifname " + bridge + " drop\n"
         "  }\n"
         "  chain untracked {\n"
         "    type filter hook prerouting priority raw; policy accept;\n"
         "    iifname " + bridge + " notrack\n"
         "  }\n"
         "}\n";
}

std::string port_device(const std::string& folder) {
  // FNV-1a, and its bits mixed.
  std::uint64_t value = 14695981039346656037ULL;
  for (const char c : folder) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  value = (value ^ value >> 33) * 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  std::string name = "nvm";
  for (int i = 0; i < 12; ++i, value >>= 5) name += "0123456789abcdefghjkmnpqrstvwxyz"[value & 31];
  return name;
}

bool is_port_device(const std::string& device) { return device.size() == 15 && device.starts_with("nvm"); }

}  // namespace neonvm::decide

#include "tests/core/wire/draw.hpp"

namespace neonvm::draw {
namespace {

EnvVar env() { return {label(), text()}; }

std::uint32_t mode() { return static_cast<std::uint32_t>(below(512)); }

FileItem item() { return {text(), text(), maybe(mode)}; }

Disk disk() {
  Disk d;
  d.name = label() + std::to_string(number());
  d.mount_path = "/" + text();
  d.source = one_of(DiskSource::image);
  d.read_only = coin();
  d.watch = coin();
  if (d.source == DiskSource::empty || d.source == DiskSource::tmpfs) {
    d.size = size();
  } else {
    d.reference = text();
  }
  if (d.source == DiskSource::config_map || d.source == DiskSource::secret) {
    d.items = list(item);
    d.optional = coin();
    d.default_mode = maybe(mode);
  }
  if (d.source == DiskSource::empty) {
    d.discard = coin();
    d.quotas = coin();
  }
  return d;
}

// Forwards are matched by guest port and protocol: each pair once.
std::vector<Port> ports() {
  std::vector<Port> all = list(port);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].guest = static_cast<std::uint16_t>(80 + i);
  return all;
}

MemoryRange memory() {
  const Bytes slot{(1 + below(200)) * 8 * mib};
  const auto slots = [&slot] { return Bytes{below(512) * slot.value}; };
  return {slots(), slots(), slots(), slot};
}

void draw_guest(VmSpec& s) {
  s.cpu = {cpu(), cpu(), cpu()};
  s.memory = memory();
  s.root_image = text();
  s.root_size = maybe(size);
  s.kernel = text();
  s.kernel_cmdline = text();
  s.command = list(text);
  s.args = list(text);
  s.env = list(env);
  s.ports = ports();
  s.sysctl = list(text);
  s.swap = maybe(size);
}

CpuState cpu_state() { return {cpu(), cpu(), coin(), text()}; }
Condition condition() { return {text(), coin(), text(), text(), time()}; }

}  // namespace

MemoryState memory_state() { return {size(), size(), coin(), text()}; }

Port port() {
  return {text(), static_cast<std::uint16_t>(below(65536)), static_cast<std::uint16_t>(below(65536)),
          one_of(Protocol::udp)};
}

ScalingConfig scaling_config() {
  ScalingConfig c;
  c.load_average_fraction_target = maybe(real);
  c.memory_usage_fraction_target = maybe(real);
  c.memory_total_fraction_target = maybe(real);
  c.enable_lfc_metrics = maybe(coin);
  c.lfc_use_largest_window = maybe(coin);
  c.lfc_to_memory_ratio = maybe(real);
  c.lfc_window_size_minutes = maybe(whole);
  c.lfc_min_wait_before_downscale_minutes = maybe(whole);
  c.cpu_stable_zone_ratio = maybe(real);
  c.cpu_mixed_zone_ratio = maybe(real);
  return c;
}

Scaling scaling(const VmSpec&) {
  Scaling s;
  s.enabled = coin();
  s.policy = coin() ? "default" : "p" + text();
  for (std::uint64_t i = below(3); i > 0; --i) s.policy_options["k" + text()] = text();
  s.config = scaling_config();
  if (coin()) {
    s.bound_min = resources();
    s.bound_max = resources();
  }
  s.may_migrate = coin();
  return s;
}

VmSpec vm_spec() {
  VmSpec s;
  draw_guest(s);
  s.disks = list(disk);
  s.restart_policy = one_of(RestartPolicy::never);
  s.grace = whole_seconds();
  s.acceleration = coin();
  s.ssh = coin();
  s.cpu_scaling_mode = maybe([] { return one_of(CpuScalingMode::qmp); });
  s.node_selector = texts();
  if (coin()) {
    s.target_revision = revision();
    s.target_revision_at = time();
  }
  s.scaling = scaling(s);
  s.overlay = coin();
  s.stopped = coin();
  return s;
}

WorkloadHealth health() { return {one_of(Health::unhealthy), text()}; }

VmStatus vm_status() {
  VmStatus s;
  s.phase = one_of(Phase::stopped);
  s.why = text();
  s.cpu = cpu_state();
  s.memory = memory_state();
  s.swap = maybe(memory_state);
  s.files = list(files_state);
  s.node = text();
  s.runner = text();
  s.endpoint = text();
  s.migration = text();
  s.restarts = static_cast<std::uint32_t>(number());
  s.restart_at = maybe(time);
  s.last_exit = text();
  s.guest_connected = coin();
  s.guest_version = text();
  s.health = health();
  s.clock_news = text();
  s.clock_warning = coin();
  s.notices = list(text);
  s.accelerator = text();
  s.overlay = {text(), text()};
  if (coin()) {
    s.current_revision = revision();
    s.current_revision_at = time();
  }
  s.conditions = list(condition);
  return s;
}

}  // namespace neonvm::draw

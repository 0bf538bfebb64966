#include "plugins/hypervisor-qemu/libvirt_domain.hpp"

#include <array>
#include <cstdio>

#include "plugins/hypervisor-qemu/launcher.hpp"

namespace neonvm::qemu {

namespace {
// FNV-1a, 64 bit, with a start of one's own (http://www.isthe.com/chongo/tech/comp/fnv/).
std::uint64_t digest(std::string_view text, std::uint64_t start) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ start;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

// RFC 9562, version 8: bits of our own choice.
std::string uuid_of(const std::string& run_dir) {
  const std::uint64_t high = (digest(run_dir, 1) & ~0xf000ULL) | 0x8000;
  const std::uint64_t low = (digest(run_dir, 2) & ~(3ULL << 62)) | (2ULL << 62);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08llx-%04llx-%04llx-%04llx-%012llx",
                static_cast<unsigned long long>(high >> 32), static_cast<unsigned long long>(high >> 16 & 0xffff),
                static_cast<unsigned long long>(high & 0xffff), static_cast<unsigned long long>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text.data();
}

std::string kib_of(Bytes size) { return std::to_string(size.value / kib); }

std::string board(const MachineSpec& spec, const LaunchFacts& facts, const Settings& settings) {
  const std::string slots = std::to_string(spec.max_cpus);
  const std::string base = kib_of(spec.base_memory);
  std::string xml;
  if (spec.pluggable_memory.value > 0) {
    xml += "<maxMemory slots='1' unit='KiB'>" + kib_of(spec.base_memory + spec.pluggable_memory) + "</maxMemory>";
  }
  xml += "<memory unit='KiB'>" + base + "</memory>";
  xml += "<vcpu current='" + std::to_string(spec.boot_cpus) + "'>" + slots + "</vcpu>";
  xml += "<os><type arch='x86_64' machine='" + escape_xml(facts.machine_type) + "'>hvm</type></os>";
  xml += "<features><acpi/><apic/></features>";
  const std::string model = "<model>" + escape_xml(settings.cpu) + "</model>";
  if (!settings.cpu.empty()) xml += "<cpu mode='custom' match='exact' check='none'>" + model;
  else xml += facts.kvm ? "<cpu mode='host-passthrough' migratable='on'>" : "<cpu mode='maximum'>";
  xml += "<topology sockets='1' dies='1' cores='" + slots + "' threads='1'/>";
  xml += "<numa><cell id='0' cpus='0-" + std::to_string(spec.max_cpus - 1) + "' memory='" + base + "' unit='KiB'/></numa></cpu>";
  return xml;
}
}  // namespace

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '\'': escaped += "&apos;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string domain_name(const MachineSpec& spec) {
  std::array<char, 20> hash{};
  std::snprintf(hash.data(), hash.size(), "%016llx", static_cast<unsigned long long>(digest(spec.run_dir, 0)));
  return "neonvm-" + spec.name + "-" + hash.data();
}

Result<std::string> domain_xml(const MachineSpec& spec, const LaunchFacts& facts, const Settings& settings) {
  const RunDir paths(spec.run_dir);
  auto arguments = passed_through(spec, settings, paths.monitor, paths.oob_monitor);
  if (!arguments) return arguments.error();
  std::string xml = std::string("<domain type='") + (facts.kvm ? "kvm" : "qemu") +
                    "' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>";
  xml += "<name>" + escape_xml(domain_name(spec)) + "</name><uuid>" + uuid_of(spec.run_dir) + "</uuid>";
  xml += board(spec, facts, settings);
  // QEMU ends by itself (-action), and libvirt lets what has ended go.
  xml += "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>";
  xml += "<devices><emulator>" + escape_xml(facts.binary) + "</emulator>";
  xml += "<controller type='usb' model='none'/><memballoon model='none'/></devices>";
  xml += "<qemu:commandline>";
  for (const std::string& argument : *arguments) xml += "<qemu:arg value='" + escape_xml(argument) + "'/>";
  return xml + "</qemu:commandline></domain>";
}

}  // namespace neonvm::qemu

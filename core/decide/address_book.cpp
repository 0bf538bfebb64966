#include "core/decide/address_book.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/decide/ip_pool.hpp"

namespace neonvm::decide {
namespace {

// No VM's name: it holds the address of an entry that is not a VM's one and only.
std::string placeholder(const std::string& key) { return "#" + key; }
bool is_placeholder(const std::string& owner) { return owner.starts_with('#'); }

std::optional<IpAddress> address_of(const IpNetwork& range, const std::string& key) {
  std::uint64_t offset = 0;
  const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), offset);
  if (error != std::errc{} || stop != key.data() + key.size()) return std::nullopt;
  return plus(range.first, offset);
}

}  // namespace

AddressBook::AddressBook(AddressPool empty, const IpNetwork& range, std::string name)
    : empty_(empty), pool_(std::move(empty)), range_(range), name_(std::move(name)), stored_{to_string(range), {}} {}

Result<AddressBook> AddressBook::from(const AddressSettings& settings) {
  const auto range = parse_network(settings.range);
  if (!range) return range.error();
  if (range->first.family != IpFamily::v4) {
    return Error{Code::invalid_argument, settings.range + ": give an IPv4 range; a guest's kernel can be told no other address"};
  }
  auto pool = AddressPool::from({{settings.range, settings.first, settings.last, {}}});
  if (!pool) return pool.error();
  return AddressBook(std::move(*pool), *range, ip_pool_name(settings.network, *range));
}

Result<std::vector<std::string>> AddressBook::read(const IpPool& stored) {
  const auto range = parse_network(stored.range);
  if (!range || *range != range_) {
    return Error{Code::failed_precondition, "IPPool " + name_ + " is for \"" + stored.range + "\", and its name says " + to_string(range_) +
                                                "; remove it, or give the network another name"};
  }
  pool_ = empty_;
  strange_.clear();
  std::vector<std::string> faults;
  for (const auto& [key, entry] : stored.allocations) {
    const IpPool alone{stored.range, {{key, entry}}};
    auto wrong = is_placeholder(entry.id) ? std::vector<std::string>{"allocations." + key + ": \"" + entry.id + "\" is no VM's name"}
                                          : hold_all(pool_, alone);
    if (wrong.empty()) continue;
    faults.insert(faults.end(), wrong.begin(), wrong.end());
    strange_.emplace(key, entry);
    // In our part of the range it is taken all the same; beyond it there is nothing to give.
    if (const auto address = address_of(range_, key)) (void)pool_.hold(placeholder(key), *address);
  }
  stored_ = stored;
  return faults;
}

IpPool AddressBook::record() const {
  IpPool record = ip_pool_of(pool_, range_, stored_);
  std::erase_if(record.allocations, [](const auto& each) { return is_placeholder(each.second.id); });
  record.allocations.insert(strange_.begin(), strange_.end());
  record.range = stored_.range;
  return record;
}

Result<AddressLease> AddressBook::claim(const std::string& owner, const std::optional<IpAddress>& wish) {
  if (wish) {
    if (auto again = pool_.hold(owner, *wish)) return again;
  }
  auto lease = pool_.acquire(owner);
  if (lease) return lease;
  return Error{lease.error().code, "IPPool " + name_ + ": " + lease.error().message + "; remove VMs with spec.extraNetwork, or give network.range more of them"};
}

void AddressBook::release(const std::string& owner) {
  pool_.release(owner);
  std::erase_if(strange_, [this, &owner](const auto& each) {
    if (each.second.id != owner) return false;
    pool_.release(placeholder(each.first));
    return true;
  });
}

bool AddressBook::holds(const std::string& owner) const {
  const bool strange = std::any_of(strange_.begin(), strange_.end(), [&owner](const auto& each) { return each.second.id == owner; });
  return strange || pool_.leases().count(owner) != 0;
}

std::vector<std::string> AddressBook::owners() const {
  std::set<std::string> owners;
  for (const auto& [key, entry] : record().allocations)
    if (entry.podref.empty()) owners.insert(entry.id);
  return {owners.begin(), owners.end()};
}

}  // namespace neonvm::decide

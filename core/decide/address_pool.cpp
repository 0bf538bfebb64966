#include "core/decide/address_pool.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>

namespace neonvm::decide {
namespace {

using Spans = std::map<IpAddress, IpAddress>;

Result<IpAddress> inside(const std::string& text, const IpNetwork& network, const IpAddress& otherwise) {
  if (text.empty()) return otherwise;
  auto address = parse_ip(text);
  if (!address) return address;
  if (!network.contains(*address)) return Error{Code::invalid_argument, text + " is outside of its range"};
  return address;
}

// The span that the address is in.
Spans::iterator span_of(Spans& spans, const IpAddress& address) {
  auto after = spans.upper_bound(address);
  if (after == spans.begin()) return spans.end();
  --after;
  return address <= after->second ? after : spans.end();
}

bool overlap(Spans& one, Spans& other) {
  for (const auto& [first, last] : one) {
    const auto after = other.lower_bound(first);
    if ((after != other.end() && after->first <= last) || span_of(other, first) != other.end()) return true;
  }
  return false;
}

void take_out(Spans& spans, const IpAddress& first, const IpAddress& last) {
  auto at = spans.upper_bound(first);
  if (at != spans.begin()) --at;
  while (at != spans.end() && at->first <= last) {
    const auto [from, to] = *at;
    if (to < first) {
      ++at;
      continue;
    }
    at = spans.erase(at);
    if (from < first) spans.emplace(from, *previous(first));
    if (last < to) at = spans.emplace(*next(last), to).first;
  }
}

// It is in none of the spans.
void put_back(Spans& spans, const IpAddress& address) {
  IpAddress from = address, to = address;
  auto after = spans.upper_bound(address);
  if (after != spans.end() && next(address) == after->first) {
    to = after->second;
    after = spans.erase(after);
  }
  if (after != spans.begin()) {
    const auto before = std::prev(after);
    if (next(before->second) == address) {
      from = before->first;
      spans.erase(before);
    }
  }
  spans.emplace(from, to);
}

std::uint64_t count(const Spans& spans, std::uint64_t sum) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [first, last] : spans) {
    const auto steps = distance(first, last);
    if (!steps || *steps >= most - sum) return most;
    sum += *steps + 1;
  }
  return sum;
}

}  // namespace

Result<AddressPool::Range> AddressPool::range_from(const AddressRange& text) {
  const auto network = parse_network(text.cidr);
  if (!network) return network.error();
  const unsigned host_bits = bits_of(network->first.family) - network->prefix;
  const bool tiny = host_bits <= 1;    // RFC 3021, RFC 6164: two hosts and nothing else
  const bool broadcast = !tiny && network->first.family == IpFamily::v4;
  const auto first = inside(text.first, *network, tiny ? network->first : *next(network->first));
  if (!first) return first.error().at(text.cidr);
  const auto last = inside(text.last, *network, broadcast ? *previous(network->last) : network->last);
  if (!last) return last.error().at(text.cidr);
  if (*last < *first) return Error{Code::invalid_argument, text.cidr + ": it ends before it begins"};
  Range range{*network, {{*first, *last}}, {}};
  for (const std::string& hole_text : text.exclude) {
    const auto hole = parse_network(hole_text);
    if (!hole) return hole.error().at(text.cidr + ": exclude");
    take_out(range.given, hole->first, hole->last);
  }
  range.free = range.given;
  return range;
}

Result<AddressPool> AddressPool::from(const std::vector<AddressRange>& ranges) {
  AddressPool pool;
  for (const AddressRange& text : ranges) {
    auto range = range_from(text);
    if (!range) return range.error();
    for (Range& other : pool.ranges_) {
      if (overlap(range->given, other.given)) {
        return Error{Code::invalid_argument, text.cidr + " overlaps " + to_string(other.network) + "; give each address once"};
      }
    }
    pool.capacity_ = count(range->given, pool.capacity_);
    pool.ranges_.push_back(std::move(*range));
  }
  return pool;
}

Result<AddressLease> AddressPool::acquire(const std::string& owner) {
  if (const auto at = by_owner_.find(owner); at != by_owner_.end()) return at->second;
  for (Range& range : ranges_) {
    if (range.free.empty()) continue;
    const IpAddress lowest = range.free.begin()->first;
    take_out(range.free, lowest, lowest);
    return by_owner_[owner] = {lowest, range.network.prefix};
  }
  return Error{Code::out_of_capacity, "all " + std::to_string(capacity_) + " addresses are in use"};
}

Result<AddressLease> AddressPool::hold(const std::string& owner, const IpAddress& address) {
  const auto at = by_owner_.find(owner);
  if (at != by_owner_.end() && at->second.address == address) return at->second;
  if (at != by_owner_.end()) {
    return Error{Code::already_exists, owner + " has " + to_string(at->second.address) + " already"};
  }
  Range* range = range_of(address);
  if (!range) return Error{Code::invalid_argument, to_string(address) + " is in none of the ranges"};
  if (span_of(range->free, address) == range->free.end()) {
    return Error{Code::already_exists, to_string(address) + " belongs to another VM"};
  }
  take_out(range->free, address, address);
  return by_owner_[owner] = {address, range->network.prefix};
}

void AddressPool::release(const std::string& owner) {
  const auto at = by_owner_.find(owner);
  if (at == by_owner_.end()) return;
  put_back(range_of(at->second.address)->free, at->second.address);
  by_owner_.erase(at);
}

std::vector<std::string> AddressPool::keep_only(const std::set<std::string>& owners) {
  std::vector<std::string> lost;
  for (const auto& [owner, lease] : by_owner_) {
    if (owners.count(owner) == 0) lost.push_back(owner);
  }
  for (const std::string& owner : lost) release(owner);
  return lost;
}

AddressPool::Range* AddressPool::range_of(const IpAddress& address) {
  for (Range& range : ranges_) {
    if (span_of(range.given, address) != range.given.end()) return &range;
  }
  return nullptr;
}

}  // namespace neonvm::decide

#include "core/decide/room_news.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

bool differs(double a, double b, double by) { return a != b && std::max(a - b, b - a) >= by; }

bool is_news(const Resources& shown, const Resources& free, const Resources& capacity, double step) {
  return differs(shown.cpu.cpus(), free.cpu.cpus(), step * capacity.cpu.cpus()) ||
         differs(static_cast<double>(shown.memory.value), static_cast<double>(free.memory.value), step * static_cast<double>(capacity.memory.value));
}

}  // namespace

void RoomNews::refused(const std::string& pod, const Resources& size, const std::vector<std::string>& nodes, Instant now) {
  std::erase_if(waiting_, [&](const auto& each) { return each.second.since + settings_.patience < now; });
  Waiting waits{size, {}, now};
  for (const std::string& name : nodes)
    if (const auto node = nodes_.find(name); node != nodes_.end()) waits.nodes.push_back(node->second.id);
  std::sort(waits.nodes.begin(), waits.nodes.end());
  waiting_[pod] = std::move(waits);
}

void RoomNews::unbound(const std::string& pod, Instant now) { unbound_.try_emplace(pod, Unbound{now + settings_.look_every, settings_.look_every}); }

void RoomNews::booked(const std::string& pod, Instant now) {
  waiting_.erase(pod);
  if (const auto state = unbound_.find(pod); state != unbound_.end()) state->second.look_at = now + settings_.look_every;
}

void RoomNews::placed(const std::string& pod) {
  waiting_.erase(pod);
  unbound_.erase(pod);
}

std::vector<std::string> RoomNews::overdue(Instant now) const {
  std::vector<std::string> pods;
  for (const auto& [pod, state] : unbound_)
    if (state.look_at <= now) pods.push_back(pod);
  return pods;
}

void RoomNews::look(const std::string& pod, const std::optional<Resources>& size, const std::string& place, Instant now) {
  const auto found = unbound_.find(pod);
  if (found == unbound_.end()) return;
  Unbound& state = found->second;
  state.look_at = now + settings_.look_every;
  if (!size) return;
  if (const auto waits = waiting_.find(pod); waits != waiting_.end()) waits->second.size = *size;
  std::vector<Node*> fitting;
  for (auto& [name, node] : nodes_)
    if (place.empty() ? fits_in(*size, node.free) : name == place) fitting.push_back(&node);
  if (fitting.empty()) return;
  for (std::size_t i = 0; i < std::min(settings_.tries, fitting.size()); ++i) fitting[(state.notes + i) % fitting.size()]->came = true;
  for (const auto& [name, node] : nodes_)
    if (node.came) changed_.insert(name);
  state.notes += settings_.tries;
  state.look_at = now + state.wait;
  state.wait = std::min(2 * state.wait, settings_.look_at_most);
}

// What was free before he asked is no witness: it may have gone and come again in between.
bool RoomNews::came_for_somebody(const Node& before, const Resources& free, Instant now) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& each) {
    const Waiting& waits = each.second;
    return waits.since + settings_.patience >= now && fits_in(waits.size, free) &&
           (!fits_in(waits.size, before.free) || waits.since > before.seen) &&
           std::binary_search(waits.nodes.begin(), waits.nodes.end(), before.id);
  });
}

void RoomNews::room_is(const std::string& name, const Resources& free, const Resources& capacity, Instant now) {
  const auto [found, added] = nodes_.try_emplace(name);
  Node& node = found->second;
  if (added) {
    node.id = next_id_++;
    node.known = now;
  }
  node.came = node.came || came_for_somebody(node, free, now);
  node.free = free;
  node.capacity = capacity;
  node.seen = now;
  if (due(node)) changed_.insert(name);
  else changed_.erase(name);
}

void RoomNews::node_gone(const std::string& name) {
  const auto node = nodes_.find(name);
  if (node == nodes_.end()) return;
  if (node->second.open) --open_;
  nodes_.erase(node);
  changed_.erase(name);
}

std::optional<Instant> RoomNews::due(const Node& node) const {
  if (node.came) return std::max(node.not_before, node.shown ? node.shown_at + settings_.came_every : Instant{});
  if (!node.shown) return std::max(node.not_before, node.known + settings_.every);
  if (*node.shown == node.free) return std::nullopt;
  const bool soon = is_news(*node.shown, node.free, node.capacity, settings_.step);
  return std::max(node.not_before, node.shown_at + (soon ? settings_.every : settings_.exactly_every));
}

std::vector<RoomNote> RoomNews::next(Instant now) const {
  std::vector<RoomNote> notes, others;
  for (const std::string& name : changed_) {
    const Node& node = nodes_.at(name);
    const auto at = due(node);
    if (node.open || !at || *at > now) continue;
    (node.came ? notes : others).push_back({name, node.free, node.came});
  }
  // Who waits goes before.
  notes.insert(notes.end(), others.begin(), others.end());
  const std::size_t most = settings_.open > open_ ? settings_.open - open_ : 0;
  if (notes.size() > most) notes.resize(most);
  return notes;
}

std::optional<Instant> RoomNews::look_again() const {
  std::optional<Instant> first;
  for (const auto& [pod, state] : unbound_)
    if (!first || state.look_at < *first) first = state.look_at;
  if (open_ >= settings_.open) return first;        // the next answer
  for (const std::string& name : changed_) {
    const Node& node = nodes_.at(name);
    const auto at = node.open ? std::nullopt : due(node);
    if (at && (!first || *at < *first)) first = at;
  }
  return first;
}

void RoomNews::telling(const RoomNote& note, Instant now) {
  Node& node = nodes_.at(note.node);
  node.open = true;
  ++open_;
  node.shown = note.free;
  node.shown_at = now;
  node.came = false;
}

void RoomNews::told(const std::string& name) {
  const auto node = nodes_.find(name);
  if (node == nodes_.end() || !node->second.open) return;
  node->second.open = false;
  --open_;
  if (!due(node->second)) changed_.erase(name);
}

void RoomNews::failed(const RoomNote& note, Instant now) {
  const auto node = nodes_.find(note.node);
  if (node == nodes_.end() || !node->second.open) return;
  node->second.open = false;
  --open_;
  node->second.shown.reset();
  node->second.came = node->second.came || note.came;
  node->second.not_before = now + settings_.after_failure;
  changed_.insert(note.node);
}

}  // namespace neonvm::decide

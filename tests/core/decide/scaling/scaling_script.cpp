#include "tests/core/decide/scaling/scaling_script.hpp"

#include <cmath>
#include <cstdio>

#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

namespace neonvm::tests {
namespace {

using decide::Actions;

// "key=value" among the words, or none.
std::optional<std::string> named(const std::vector<std::string>& words, const std::string& key) {
  for (const std::string& word : words)
    if (word.rfind(key + "=", 0) == 0) return word.substr(key.size() + 1);
  return std::nullopt;
}

bool has_word(const std::vector<std::string>& words, const std::string& wanted) {
  for (const std::string& word : words)
    if (word == wanted) return true;
  return false;
}

Error error_named(const std::vector<std::string>& words) {
  for (const Code code : {Code::conflict, Code::refused, Code::deadline_exceeded, Code::out_of_capacity})
    if (has_word(words, to_string(code))) return {code, to_string(code)};
  return {Code::unavailable, "unavailable"};
}

std::string signs(Revision r) {
  std::string text = "r" + std::to_string(r.value);
  if ((r.flags & Revision::upscale) != 0) text += "+";
  if ((r.flags & Revision::downscale) != 0) text += "-";
  return text;
}

}  // namespace

std::string ScalingScript::play(const std::vector<std::string>& commands) {
  std::string out;
  for (const std::string& command : commands) {
    INFO(command);
    const Words words = words_of(command);
    if (words[0] == "settings") settings(words);
    else if (words[0] == "vm") vm(words);
    else out += timed(words) + "\n";
  }
  return out;
}

void ScalingScript::settings(const Words& words) {
  const auto seconds_of = [&](const char* key, Duration& value) {
    if (const auto v = named(words, key)) value = from_seconds(std::stod(*v));
  };
  seconds_of("cooldown", settings_.consent_cooldown);
  seconds_of("refresh", settings_.permit_refresh);
  seconds_of("denied", settings_.permit_denied_retry);
  seconds_of("request", settings_.request_valid);
  seconds_of("retry", settings_.permit_retry);
  seconds_of("retry", settings_.resize_retry);
  seconds_of("retry", settings_.guest_retry);
  if (const auto v = named(words, "force")) settings_.force_shrink_after = from_seconds(std::stod(*v));
  if (const auto v = named(words, "units")) settings_.units_per_consent = static_cast<std::uint32_t>(std::stoul(*v));
  show_headroom_ = has_word(words, "headroom");
  if (const auto v = named(words, "coupled")) settings_.coupled = *v == "1";
}

void ScalingScript::vm(const Words& words) {
  decide::ScalingBounds bounds{size(words.at(1)), size(words.at(2)), Bytes{128 * mib}};
  if (const auto v = named(words, "step")) bounds.memory_step = parse_bytes(*v).value();
  now_ = Instant{};
  ids_.clear();
  written_ = {};
  scaling_.emplace(settings_, bounds, decide::ScalingStart{size(words.at(3)), size(words.at(3)), {}}, now_);
  if (!has_word(words, "noguest")) scaling_->guest_connected(now_);
}

std::string ScalingScript::timed(const Words& words) {
  now_ = Instant{from_seconds(std::stod(words[0]))};
  const Words rest(words.begin() + 1, words.end());
  if (!rest.empty() && rest[0] == "why") {
    std::string out;
    for (const Because& b : scaling_->next(now_).because) out += b.rule + ": " + b.text + "\n";
    return out.empty() ? "no reason" : out.substr(0, out.size() - 1);
  }
  if (!rest.empty()) event(rest);
  return text(scaling_->next(now_));
}

void ScalingScript::event(const Words& words) {
  const std::string& what = words[0];
  decide::Scaling& s = *scaling_;
  if (what == "start") start(words.at(1));
  else if (what == "goal") s.goal_changed({size(words.at(1)), !has_word(words, "incomplete"), 0, {}, {}}, now_);
  else if (what == "wants") s.memory_wanted({words.size() > 1 ? parse_bytes(words[1]).value() : Bytes{}}, now_);
  else if (what == "bounds") s.bounds_changed({size(words.at(1)), size(words.at(2)), s.bounds().memory_step}, now_);
  else if (what == "guest") s.guest_connected(now_);
  else if (what == "headroom") s.headroom_taken(size(words.at(1)), Instant{from_seconds(std::stod(named(words, "until").value()))}, now_);
  else if (what == "noguest") s.guest_lost(now_);
  else if (what == "hold") s.held_back(words.at(1), now_);
  else if (what == "letgo") s.let_go(now_);
  else if (what == "asked") s.asked_observed(size(words.at(1)), {std::stol(named(words, "rev").value()), 0}, now_);
  else if (what == "actual") {
    const auto rev = named(words, "rev");
    s.actual_observed(size(words.at(1)), rev ? Revision{std::stol(*rev), 0} : written_, !has_word(words, "unsettled"), now_);
  } else {
    answer(words);
  }
}

void ScalingScript::start(const std::string& kind) {
  decide::Scaling& s = *scaling_;
  const Actions a = s.next(now_);
  if (kind == "P") ids_[kind] = a.permit.value().id, s.permit_asked(*a.permit, now_);
  if (kind == "N") ids_[kind] = a.resize.value().id, written_ = a.resize->revision, s.resize_started(*a.resize, now_);
  if (kind == "D") ids_[kind] = a.consent.value().id, s.consent_asked(*a.consent, now_);
  if (kind == "U") ids_[kind] = a.tell.value().id, s.grown_started(*a.tell, now_);
  if (kind == "L") ids_[kind] = a.look.value(), s.look_started(*a.look, now_);
}

void ScalingScript::answer(const Words& words) {
  decide::Scaling& s = *scaling_;
  const std::string& kind = words[0];
  const std::string& how = words.at(1);
  const auto other = named(words, "id");
  const std::uint64_t id = other ? std::stoul(*other) : ids_[kind];
  const bool failed = how == "failed";
  if (kind == "P") failed ? s.permit_failed(id, error_named(words), now_) : s.permit_granted(id, size(how), now_);
  else if (kind == "N") failed ? s.resize_failed(id, error_named(words), now_) : s.resize_written(id, now_);
  else if (kind == "U") failed ? s.grown_failed(id, error_named(words), now_) : s.grown_told(id, now_);
  else if (kind == "L" && failed) s.look_failed(id, error_named(words), now_);
  else if (kind == "L") s.looked(id, size(how), {std::stol(named(words, "rev").value()), 0}, now_);
  else if (kind == "D" && failed) s.consent_failed(id, error_named(words), now_);
  else if (kind == "D" && how == "ok") s.consent_given(id, now_);
  else if (kind == "D" && how == "no") {
    const auto floor = named(words, "floor");
    s.consent_refused(id, "in use", floor ? std::optional(parse_bytes(*floor).value()) : std::nullopt, now_);
  } else {
    FAIL("unknown command " << kind);
  }
}

Resources ScalingScript::size(const std::string& text) const {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return settings_.compute_unit * static_cast<std::uint32_t>(std::stoul(text));
  return {parse_milli_cpu(text.substr(0, slash)).value(), parse_bytes(text.substr(slash + 1)).value()};
}

std::string ScalingScript::text(const Resources& size) const {
  const std::uint32_t units = size.cpu.value / settings_.compute_unit.cpu.value;
  if (settings_.compute_unit * units == size) return std::to_string(units);
  return to_string(size.cpu) + "/" + to_string(size.memory);
}

std::string ScalingScript::text(const Actions& a) const {
  std::string out;
  const auto deed = [&](const char* kind, const std::optional<decide::SizeDeed>& d) {
    if (d) out += std::string(kind) + "(" + text(d->from) + "->" + text(d->to) + ")" + signs(d->revision) + " ";
  };
  if (a.permit) {
    out += "P(" + (a.permit->last_permit ? text(*a.permit->last_permit) : "none") + "->" + text(a.permit->wanted) + ")";
    out += signs(a.permit->revision) + " ";
  }
  deed("N", a.resize);
  deed("D", a.consent);
  deed("U", a.tell);
  if (a.look) out += "L ";
  if (show_headroom_ && a.headroom) out += "H(" + text(*a.headroom) + ") ";
  if (a.wake_at) {
    char wait[32];
    std::snprintf(wait, sizeof wait, "W%.4g ", seconds(*a.wake_at - now_));
    out += wait;
  }
  return out.empty() ? "{}" : out.substr(0, out.size() - 1);
}

}  // namespace neonvm::tests

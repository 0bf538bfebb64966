#include "tests/core/decide/headroom/headroom_world.hpp"

#include <algorithm>
#include <stdexcept>

namespace neonvm::tests {

using namespace std::chrono_literals;

namespace {

constexpr Duration permit_valid = 18s;       // how long an agent trusts a permit that it has not used
constexpr Duration confirm_within = 20s;
constexpr Duration watch_delay = 5s;         // the longest

}  // namespace

HeadroomWorld::HeadroomWorld(std::uint32_t seed) {
  terms_ = {0.1 * (1 + seed % 6), 10s, 8s, 0.05};
  const double drifts[] = {1, 0.97, 1.03};
  drift_ = drifts[seed / 6 % 3];
  capacity_ = units(10 + seed / 18 % 10);
  for (std::uint32_t i = 0; i < vms; ++i) {
    Vm vm;
    vm.spec = vm.has = vm.permit = units(1 + (seed >> i) % 2);
    vms_.push_back(vm);
  }
  ledger_.emplace(terms_, epoch_);
  ledger_->node_seen({"n", capacity_, 0.9, true, {}});
  for (std::uint32_t i = 0; i < vms; ++i) ledger_->holder_seen(booking(i));
  agent_.emplace("n", life_, agent_clock());
  law(true, "");
}

Instant HeadroomWorld::agent_clock() const {
  return Instant{std::chrono::duration_cast<Duration>((now_ - Instant{}) * drift_) + 1000s};
}

Resources HeadroomWorld::permit(const Vm& vm) const {
  return vm.permit_until > agent_clock() ? vm.permit : field_min(vm.permit, held(vm));
}

decide::Booking HeadroomWorld::booking(std::uint32_t vm) const {
  const Resources size = held(vms_[vm]);
  return {name(vm), "vm" + std::to_string(vm), "n", size, size, units(1), false, true, {}, {}, {}};
}

void HeadroomWorld::law(bool holds, const std::string& what) const {
  if (holds) return;
  std::string text = what;
  for (const std::string& line : story_) text += "\n  " + line;
  throw std::logic_error(text);
}

void HeadroomWorld::note(const std::string& what) {
  std::string line = std::to_string(seconds(now_ - Instant{})) + " " + what + ":";
  for (const Vm& vm : vms_)
    line += " [" + std::to_string(vm.spec.cpu.value / 250) + " has " + std::to_string(vm.has.cpu.value / 250) + " may " +
            std::to_string(permit(vm).cpu.value / 250) + "]";
  line += " open " + std::to_string(agent_->open(agent_clock()).cpu.value / 250);
  if (ledger_) {
    const auto t = ledger_->totals("n");
    line += " books " + std::to_string(t.reserved.cpu.value / 250) + " lent " + std::to_string(t.leased.cpu.value / 250);
  }
  story_.push_back(line);
}

void HeadroomWorld::check() {
  Resources sum = agent_->open(agent_clock()) + other_;
  for (const Vm& vm : vms_)
    if (!vm.gone) sum = sum + field_max(held(vm), permit(vm));
  law(fits_in(sum, capacity_), "promised " + to_string(sum) + " of " + to_string(capacity_));
}

void HeadroomWorld::step(std::uint32_t choice) {
  const std::uint32_t what = choice % 20, rest = choice / 20;
  switch (what) {
    case 0: case 1: case 2: ask(rest); break;
    case 3: case 4: ask_headroom(rest); break;
    case 5: case 6: take_headroom(rest); break;
    case 7: case 8: write(rest); break;
    case 9: case 10: follow(rest); break;
    case 11: case 12: case 13: deliver(rest); break;
    case 14: case 15: deliver_back(rest); break;
    case 16: see(rest % 4); break;
    case 17: pass(std::chrono::milliseconds(rest % 6000)); break;
    case 18: another_vm_comes_or_goes(rest); break;
    default:
      if (rest % 5 == 0) scheduler_dies_or_comes();
      else if (rest % 5 == 1) agent_restarts();
      break;
  }
  note(std::to_string(what) + "/" + std::to_string(rest));
  check();
}

void HeadroomWorld::ask(std::uint32_t choice) {
  Vm& vm = vms_[choice % vms];
  const Resources last = permit(vm);
  const Resources wanted = field_max(held(vm), units(choice / 4 % 9));
  vm.asked = wanted;
  vm.asked_at = agent_clock();
  up_.push_back(Ask{choice % vms, wanted, last, {life_, ++vm.number}});
  // What may have been given back counts as given back.
  vm.permit = field_min(last, wanted);
}

void HeadroomWorld::ask_headroom(std::uint32_t choice) {
  up_.push_back(agent_->request(units(choice % 6), agent_clock()));
}

void HeadroomWorld::take_headroom(std::uint32_t choice) {
  Vm& vm = vms_[choice % vms];
  if (vm.asked && exceeds_somewhere(units(choice / 4 % 9), *vm.asked)) return;
  const bool trusted = vm.permit_until > agent_clock();
  const Resources has = permit(vm);
  const Resources got = agent_->grow(name(choice % vms), has, units(choice / 4 % 9), units(1), agent_clock(), {life_, vm.number});
  if (got == has) return;
  const Instant until = agent_->until(agent_clock()).value();
  vm.permit = got;
  vm.permit_until = trusted ? std::min(vm.permit_until, until) : until;
}

// A VM grows within its permit and shrinks as it likes.
void HeadroomWorld::write(std::uint32_t choice) {
  const std::uint32_t i = choice % vms;
  Vm& vm = vms_[i];
  vm.spec = field_min(units(choice / 4 % 9), field_max(permit(vm), vm.spec));
  sights_.push_back({i, held(vm), now_});
}

void HeadroomWorld::follow(std::uint32_t choice) {
  const std::uint32_t i = choice % vms;
  vms_[i].has = vms_[i].spec;
  sights_.push_back({i, held(vms_[i]), now_});
}

void HeadroomWorld::deliver(std::uint32_t choice) {
  if (up_.empty()) return;
  const auto at = up_.begin() + static_cast<long>(choice % up_.size());
  const ToScheduler message = *at;
  const std::uint32_t fate = choice / 8 % 8;
  if (fate != 7) up_.erase(at);               // 7: comes again later
  if (fate == 6 || !ledger_) return;          // lost
  receive(message);
}

void HeadroomWorld::receive(const ToScheduler& message) {
  if (const auto* asked = std::get_if<Ask>(&message)) {
    const auto grant = ledger_->ask(name(asked->vm), asked->wanted, units(1), asked->last, now_, asked->id);
    if (grant) down_.push_back(Granted{asked->vm, asked->id, grant->permit});
    return;
  }
  const auto answer = ledger_->headroom_asked(std::get<decide::HeadroomRequest>(message), now_);
  if (answer) down_.push_back(*answer);
}

void HeadroomWorld::deliver_back(std::uint32_t choice) {
  if (down_.empty()) return;
  const auto at = down_.begin() + static_cast<long>(choice % down_.size());
  const ToAgent message = *at;
  const std::uint32_t fate = choice / 8 % 8;
  if (fate != 7) down_.erase(at);
  if (fate != 6) receive(message);
}

void HeadroomWorld::receive(const ToAgent& message) {
  if (const auto* granted = std::get_if<Granted>(&message)) {
    Vm& vm = vms_[granted->vm];
    if (!vm.asked || granted->id.life != life_ || granted->id.number != vm.number) return;
    vm.permit = field_min(granted->permit, *vm.asked);
    vm.permit_until = vm.asked_at + permit_valid;
    vm.asked.reset();
    return;
  }
  agent_->answered(std::get<decide::HeadroomAnswer>(message), agent_clock());
}

void HeadroomWorld::seen(std::uint32_t vm) {
  if (ledger_) ledger_->holder_seen(booking(vm));
}

// The watch tells in order, what was there at the time.
void HeadroomWorld::see(std::size_t count) {
  for (; count > 0 && !sights_.empty(); --count) {
    const Sight sight = sights_.front();
    sights_.pop_front();
    if (ledger_) ledger_->actual_seen(name(sight.vm), sight.actual);
  }
}

void HeadroomWorld::scheduler_dies_or_comes() {
  up_.clear();                                // with the process go the requests that it had not read
  if (ledger_) return ledger_.reset();
  sights_.clear();
  ledger_.emplace(terms_, ++epoch_);
  ledger_->node_seen({"n", capacity_, 0.9, true, {}});
  std::vector<decide::Booking> world;
  for (std::uint32_t i = 0; i < vms; ++i) {
    world.push_back(booking(i));
    world.back().confirmed = false;
  }
  if (other_ != Resources{}) world.push_back({"other", "other", "n", other_, other_, {}, false, true, {}, {}, {}});
  ledger_->rebuilt(world, now_ + confirm_within);
}

void HeadroomWorld::agent_restarts() {
  agent_.emplace("n", ++life_, agent_clock());
  for (Vm& vm : vms_) {
    vm.permit = held(vm);
    vm.permit_until = agent_clock();
    vm.asked.reset();
    vm.number = 0;
  }
}

void HeadroomWorld::pass(Duration d) {
  const Instant then = now_ + d;
  while (!sights_.empty() && sights_.front().at + watch_delay <= then) {
    now_ = std::max(now_, sights_.front().at + watch_delay - 1ms);
    see(1);
  }
  now_ = std::max(now_, then);
}

void HeadroomWorld::another_vm_comes_or_goes(std::uint32_t choice) {
  if (!ledger_) return;
  if (other_ != Resources{}) {
    ledger_->released("other");
    other_ = {};
    return;
  }
  const Resources size = units(1 + choice % 8);
  ledger_->time_passed(now_);
  if (ledger_->reserve({"other", "other", "n", size, {}, {}, false, true, {}, {}, {}}).ok()) other_ = size;
}

void HeadroomWorld::settle() {
  if (!ledger_) scheduler_dies_or_comes();
  up_.clear();
  down_.clear();
  const auto talk = [this] {
    while (!up_.empty() || !down_.empty()) {
      if (!up_.empty()) receive(ToScheduler(up_.front())), up_.pop_front();
      if (!down_.empty()) receive(ToAgent(down_.front())), down_.pop_front();
      check();
    }
  };
  for (int round = 0; round < 60; ++round) {
    pass(2s);
    for (std::uint32_t i = 0; i < vms; ++i) follow(i);
    for (std::uint32_t i = 0; i < vms; ++i) ask(i);
    up_.push_back(agent_->request({}, agent_clock()));
    talk();
    note("settling");
    check();
  }
  Resources sum = other_;
  for (const Vm& vm : vms_) sum = sum + held(vm);
  const auto totals = ledger_->totals("n");
  law(totals.leased == Resources{}, "something is still lent: " + to_string(totals.leased));
  law(totals.reserved == sum, "the books say " + to_string(totals.reserved) + ", the VMs have " + to_string(sum));
  up_.push_back(agent_->request(units(2), agent_clock()));
  talk();
  const Resources could = field_min(units(2), capacity_ - sum);
  law(agent_->open(agent_clock()) != Resources{} || could == Resources{}, "nothing is lent although there is room");
}

}  // namespace neonvm::tests

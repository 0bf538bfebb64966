// ScalingScript: plays scenario lines against decide/scaling. Sizes are compute units ("2") or "500m/2Gi".
//
//   settings headroom                              shows H(wanted) too
//   settings coupled=1 units=1 cooldown=4 refresh=7 denied=2 request=6 retry=3 force=20
//   vm MIN MAX ASKED [noguest] [step=128Mi]        a new VM at time 0
//   T                                              only look what is advised at T seconds
//   T goal 4 [incomplete] | wants [3Gi] | bounds 1 3 | guest | noguest | hold WHY | letgo
//   T actual 2 [unsettled] [rev=N] | asked 2 rev=N
//   T start P|N|D|U|L                              start what is advised (permit, resize, consent, tell, look)
//   T headroom 3 until=10                          the agent's headroom gave so much
//   T P 2 | P failed [CODE] | N ok | N failed [CODE] | D ok | D no [floor=2Gi] | D failed | U ok | U failed
//   T L 2 rev=N | L failed                         … [id=N]: an answer to another deed
//   T why                                          the reasons instead of the deeds
// After each timed line: the deeds, as P(permit->wanted) N(asked->to) D(consent->to) U(consent->to) L, rN with + for
// grow and - for shrink, W for seconds until asked again; {} for nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/scaling.hpp"

namespace neonvm::tests {

class ScalingScript {
 public:
  std::string play(const std::vector<std::string>& commands);

 private:
  using Words = std::vector<std::string>;
  void settings(const Words& words);
  void vm(const Words& words);
  std::string timed(const Words& words);
  void event(const Words& words);
  void start(const std::string& kind);
  void answer(const Words& words);
  [[nodiscard]] Resources size(const std::string& text) const;
  [[nodiscard]] std::string text(const Resources& size) const;
  [[nodiscard]] std::string text(const decide::Actions& actions) const;

  decide::ScalingSettings settings_;
  std::optional<decide::Scaling> scaling_;
  Instant now_{};
  std::map<std::string, std::uint64_t> ids_;
  Revision written_;
  bool show_headroom_ = false;
};

}  // namespace neonvm::tests

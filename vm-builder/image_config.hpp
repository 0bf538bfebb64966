// ImageConfig: what an image says about how it is run (image-spec, config.md; Docker's additions: healthcheck, shell).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::builder {

struct Healthcheck {
  std::vector<std::string> test;  // "CMD", words… or "CMD-SHELL", text
  Duration interval{}, timeout{}, start_period{};  // 0: not said
  std::int64_t retries = 0;
};

struct ImageConfig {
  std::string os = "linux", architecture;  // as Go names them: amd64, arm64
  std::vector<std::string> env, entrypoint, cmd;  // env: "NAME=value"
  std::string user;                        // "", "nginx", "1000", "nginx:www", "1000:1000"
  std::string workdir, stop_signal;        // "SIGQUIT"; empty: not said
  std::vector<std::string> ports, volumes; // "80/tcp"; "/data"
  std::map<std::string, std::string> labels;
  std::optional<Healthcheck> healthcheck;
  std::vector<std::string> diff_ids;       // digests of the layers' tars, uncompressed
};

Result<ImageConfig> read_image_config(const std::string& name, std::string_view json);

}  // namespace neonvm::builder

#include "core/network/nftables.hpp"

#include <nftables/libnftables.h>

#include <cerrno>
#include <memory>
#include <mutex>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {

std::mutex one_at_a_time;

struct Free {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

Error refused(const std::string& words) {
  const auto told = [&words](const char* text) { return words.find(text) != std::string::npos; };
  if (told("Operation not permitted")) return error_from(EPERM, "nftables");
  if (told("No such file or directory")) return {Code::not_found, words};
  if (told("Operation not supported")) return error_from(EOPNOTSUPP, "nftables");
  return {Code::invalid_argument, "nftables: " + words};
}

Result<std::string> run(const std::string& commands) {
  const std::lock_guard lock(one_at_a_time);
  const std::unique_ptr<nft_ctx, Free> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context || nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0) {
    return Error{Code::internal, "nftables: no memory for a context"};
  }
  nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return std::string(nft_ctx_get_output_buffer(context.get()));
  const char* words = nft_ctx_get_error_buffer(context.get());
  return refused(words == nullptr || *words == '\0' ? "refused without a word" : words);
}

}  // namespace

Status apply_rules(const std::string& rules) {
  if (auto done = run(rules); !done) return done.error();
  return {};
}

Result<std::string> listed_table(const std::string& family, const std::string& name) { return run("list table " + family + " " + name); }

}  // namespace neonvm::network

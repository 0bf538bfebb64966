#include "guest/quota.hpp"

#include <linux/dqblk_xfs.h>
#include <linux/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "guest/file_text.hpp"

namespace neonvm::guest {

Status set_quota(const std::string& device, Bytes limit) {
  if_dqblk block{};
  block.dqb_bhardlimit = limit.value / QIF_DQBLKSIZE;
  block.dqb_valid = QIF_BLIMITS;
  constexpr int project = 2;  // PRJQUOTA
  const int command = static_cast<int>(QCMD(static_cast<unsigned>(Q_SETQUOTA), project));
  if (::syscall(SYS_quotactl, command, device.c_str(), 0, &block) == 0) return {};
  if (errno == ESRCH || errno == ENOSYS) {
    return Error{Code::failed_precondition, "it counts no use: the disk was made without enableQuotas, or this kernel has no project quota"};
  }
  return errno_error("quotactl " + device, errno);
}

}  // namespace neonvm::guest

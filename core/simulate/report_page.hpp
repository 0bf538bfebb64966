// report_page: the HTML around a report's data. @TITLE@ and @DATA@ are filled in. Private to simulate.
#pragma once

namespace neonvm::simulate {

extern const char* const report_page;

}  // namespace neonvm::simulate

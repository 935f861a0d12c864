#include "remote/address.h"

namespace kachery::remote {

Result<> check_address(const Url& url, std::string_view what, bool insecure_http) {
  if (url.secure || url.is_loopback() || insecure_http) return {};
  return fail(Code::invalid,
              std::string(what) + " " + url.str() +
                  " is on another machine, and plain http can be read and altered on the way: "
                  "use its https address, or set KACHERY_INSECURE_HTTP=1 if the network is safe");
}

}  // namespace kachery::remote

// Where content, or questions about it, may go.
#pragma once

#include "core/error.h"
#include "net/url.h"

namespace kachery::remote {

// Code::invalid for plain HTTP to another machine, where others might read on the way, unless the user has
// said that the network is safe. `what` is at this address: "the hub".
Result<> check_address(const Url& url, std::string_view what, bool insecure_http);

}  // namespace kachery::remote

// Serving: who may provide files under a name.
#pragma once

#include "hub/access/access.h"
#include "hub/rendezvous/provider.h"

namespace kachery::hub {

// What it is to serve that.
Action action_of(const Post& post);

// Of a name: Code::not_found if it is not registered, Code::denied if it is another key's, or its node may
// not provide there (any more), or the daemon has proved no key where that is not enough.
Result<> may_serve(const Facts& facts, const Post& post, const NodeId& node, Proof proof);

}  // namespace kachery::hub

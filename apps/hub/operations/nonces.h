// Nonces: no signed request is taken twice, nor one whose time is too far from ours.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "core/error.h"
#include "net/signing.h"

namespace kachery::hub {

// Remembers the nonces of the window, in memory; after a restart everything signed before the start is
// refused instead. Network thread only.
class Nonces {
 public:
  explicit Nonces(std::int64_t started_s) : started_s_(started_s) {}

  // Code::denied if the signature is too old, too new, or its nonce was used; the message says by how much
  // the clocks differ. Code::unavailable if more signatures came within the window than are remembered.
  Result<> accept(const SignedBy& signature, std::int64_t now_s);

 private:
  std::int64_t started_s_;
  std::map<std::int64_t, std::set<std::string>> used_;  // By the second in which they were created.
  std::size_t count_ = 0;
};

}  // namespace kachery::hub

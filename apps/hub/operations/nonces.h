// Nonces: no signed request is taken twice, nor one whose time is too far from ours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "core/error.h"
#include "net/signing.h"

namespace kachery::hub {

// Remembers the nonces of the window, in memory; after a restart everything signed up to the second of the
// start is refused instead. Network thread only.
class Nonces {
 public:
  // Nothing that was signed in this second or before is taken: whoever starts a hub again waits for the next
  // one. `remembered_max` bounds the memory: about 64 bytes each.
  explicit Nonces(std::int64_t started_s, std::size_t remembered_max = 2'000'000)
      : started_s_(started_s), remembered_max_(remembered_max) {}

  // Code::denied if the signature is too old, too new, or its nonce was used; the message says by how much
  // the clocks differ. Code::unavailable if more signatures came within the window than are remembered.
  Result<> accept(const SignedBy& signature, std::int64_t now_s);

 private:
  using Nonce = std::array<std::byte, 16>;

  void forget_before(std::int64_t created_s);

  std::int64_t started_s_;
  std::size_t remembered_max_;
  std::map<std::int64_t, std::set<Nonce>> used_;  // By the second in which they were created.
  std::size_t count_ = 0;
};

}  // namespace kachery::hub

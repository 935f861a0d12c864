#include "hub/operations/nonces.h"

#include <fmt/format.h>

namespace kachery::hub {

Result<> Nonces::accept(const SignedBy& signature, std::int64_t now_s) {
  const std::int64_t ahead_s = signature.created_s - now_s;
  if (ahead_s > kSignatureWindowS || ahead_s < -kSignatureWindowS)
    return fail(Code::denied,
                fmt::format("the request was signed at a time that is {} s {} the hub's clock; {} s are "
                            "allowed: set the clock of the machine that signed it",
                            ahead_s < 0 ? -ahead_s : ahead_s, ahead_s < 0 ? "behind" : "ahead of",
                            kSignatureWindowS));
  if (signature.created_s <= started_s_)
    return fail(Code::denied, "the request was signed before this hub was started; sign it again");
  Nonce nonce{};
  if (!from_hex(signature.nonce, nonce))
    return fail(Code::denied, "the nonce of the signature is not made of 32 hexadecimal digits");

  forget_before(now_s - kSignatureWindowS);
  if (count_ >= remembered_max_)
    return fail(Code::unavailable,
                fmt::format("the hub got more than {} signed requests within {} s; try again in a while",
                            remembered_max_, 2 * kSignatureWindowS));
  if (!used_[signature.created_s].insert(nonce).second)
    return fail(Code::denied,
                "this signed request was sent before; each needs a signature, and a nonce, of its own");
  ++count_;
  return {};
}

void Nonces::forget_before(std::int64_t created_s) {
  while (!used_.empty() && used_.begin()->first < created_s) {
    count_ -= used_.begin()->second.size();
    used_.erase(used_.begin());
  }
}

}  // namespace kachery::hub

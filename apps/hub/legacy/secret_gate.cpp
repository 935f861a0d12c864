#include "hub/legacy/secret_gate.h"

#include "crypto/hmac.h"
#include "net/server.h"

namespace kachery::hub {
namespace {

constexpr std::chrono::milliseconds kDelayMax{10'000};

}  // namespace

Task<Result<>> SecretGate::check(std::string peer, const Secret& given) {
  const std::string address = address_group(peer);
  const std::int64_t now_ms = clock_.now_ns() / 1'000'000;
  const auto delay = failures_.look(address, 1, now_ms);
  if (delay) {
    co_await loop_.sleep(std::min(*delay, kDelayMax));
    co_return fail(Code::denied, "too many wrong secrets of the proxy came from this address");
  }
  const Digest hash = Hasher::of(Algorithm::sha256, given.bytes());
  if (equal_in_constant_time(hash.bytes(), hash_.bytes())) co_return Result<>();
  failures_.take(address, 1, now_ms);
  co_return fail(Code::denied, "the secret of the proxy is wrong");
}

}  // namespace kachery::hub

// Whatever bytes stand in the fields of a signature: what verifies is exactly what sign_request would write.
// The fields are those of an honest request, each edited as the input says.
#include <array>
#include <cstddef>
#include <cstdint>

#include "net/signature_base.h"

using namespace kachery;

namespace {

const Url kHub = *Url::parse("https://hub.example/kachery");

// Takes a byte off `text`, 0 at its end.
std::size_t take(std::string_view& text) {
  if (text.empty()) return 0;
  const auto byte = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  return byte;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const KeyPair key(as_bytes("0123456789abcdef0123456789abcdef"));
  const std::string nonce(32, '5');
  const Signable request{Method::post, "/v1/hub", "", Hasher::of(Algorithm::sha256, as_bytes("{}"))};
  const HttpFields honest = sign_request_with(key, kHub, request, 1'700'000'000, nonce);

  RequestHead head{request.method, request.path, request.query, {}, "", false, ""};
  std::string_view input(reinterpret_cast<const char*>(data), size);
  bool altered = false;
  for (const HttpField& field : honest) {
    std::string value = field.value;
    for (std::size_t edits = take(input) % 4; edits > 0; --edits) {
      const std::size_t at = take(input) % (value.size() + 1);
      const std::size_t removed = take(input);
      const std::size_t added = std::min(take(input), input.size());
      value.replace(at, removed, input.substr(0, added));
      input.remove_prefix(added);
    }
    altered = altered || value != field.value;
    head.fields.add(field.name, value);
  }
  KACHERY_ASSERT(verify_request(head, std::array{kHub}).has_value() == !altered);
  return 0;
}

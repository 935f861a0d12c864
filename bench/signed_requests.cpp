// Prints signed questions to a hub, for replay.lua, each ended by a NUL byte; each is good once:
//   signed_requests HUB COUNT < BODIES
// BODIES has a line for each body, which take turns, as do the nodes that sign and the addresses that the
// requests come from: the hub has to trust 127.0.0.1 as a proxy.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "net/signing.h"

namespace {

using namespace kachery;

// More than one of each, because the hub limits how much one of them may ask.
constexpr std::size_t kNodes = 16;
constexpr std::size_t kAddresses = 250;

struct Body {
  std::string text;
  Digest sha256;
};

std::string request(const KeyPair& key, const Url& hub, const Body& body, std::size_t address,
                    std::int64_t now_s) {
  const std::string path = "/v1/files/find";
  std::string text =
      "POST " + path + " HTTP/1.1\r\nHost: " + hub.authority() + "\r\nX-Forwarded-For: 10.0.0." +
      std::to_string(address + 1) +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.text.size()) + "\r\n";
  for (const HttpField& field : sign_request(key, hub, {Method::post, path, "", body.sha256}, now_s))
    text += field.name + ": " + field.value + "\r\n";
  return text + "\r\n" + body.text;
}

}  // namespace

int main(int argc, char** argv) {
  const Result<Url> hub = argc == 3 ? Url::parse(argv[1]) : fail(Code::invalid, "two arguments are needed");
  std::vector<Body> bodies;
  for (std::string line; std::getline(std::cin, line);)
    bodies.push_back({line, Hasher::of(Algorithm::sha256, as_bytes(line))});
  if (!hub || bodies.empty()) {
    std::fputs("usage: signed_requests HUB COUNT < BODIES\n", stderr);
    return 2;
  }
  std::vector<KeyPair> keys;
  for (std::size_t i = 0; i < kNodes; ++i) keys.push_back(KeyPair::generate());
  const std::size_t count = std::strtoul(argv[2], nullptr, 10);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t now_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  for (std::size_t i = 0; i < count; ++i)
    std::cout << request(keys[i % kNodes], *hub, bodies[i % bodies.size()], i % kAddresses, now_s) << '\0';
  return std::cout.flush() ? 0 : 1;
}

// Older asking: what clients of gen2 ask its proxy for, by HTTP. gen2 section 5; libs/wire/legacy/proxy.h.
#pragma once

#include <expected>
#include <string>

#include "hub/rendezvous/rendezvous.h"
#include "net/server.h"
#include "wire/legacy/proxy.h"

namespace kachery::hub {

constexpr ByteCount kOlderBodyBytesMax = 100'000;

// The form of what is no success there: {"message":"..."}.
Response older_refusal(int status, std::string message);
Response older_not_found(const std::string& name);

// What a client asks for with a POST to `path`, "/r/NAME" or "/api"; or the answer, where it is nothing.
std::expected<wire::legacy::RequestFromClient, Response> parse_older_request(const std::string& path,
                                                                             const std::string& body);

// Where it is, and who asks for it.
struct OlderAsk {
  ResourceId resource;
  Asker asker;
  wire::legacy::RequestFromClient request;
};

// The answer, when the file is there or cannot be, or the client's time is over, of which ten minutes count.
// `find_size` may be empty: then nobody knows what is there already. `rendezvous` outlives the call.
Task<Response> answer_older_ask(Rendezvous& rendezvous, FindSize find_size, OlderAsk ask);

}  // namespace kachery::hub

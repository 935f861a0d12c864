// Signed requests: HTTP Message Signatures (RFC 9421) by ed25519, as docs/protocol/signatures.md fixes them.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/node_id.h"
#include "crypto/hasher.h"
#include "crypto/key_pair.h"
#include "net/http.h"
#include "net/url.h"

namespace kachery {

// How far the signer's clock may be from the hub's.
constexpr std::int64_t kSignatureWindowS = 120;

// What a request to `hub` is about. `path` is what stands behind the hub's prefix: "/v1/files/find".
struct Signable {
  Method method;
  std::string path;
  std::string query;           // Without the question mark.
  std::optional<Digest> body;  // SHA-256 of the body, where there is one.
  HttpFields upgrade =
      {};  // Of a WebSocket: sec-websocket-key and sec-websocket-protocol, which are covered too.
};

// The fields to add: Signature-Input, Signature and, with a body, Content-Digest. A fresh nonce each time.
HttpFields sign_request(const KeyPair& key, const Url& hub, const Signable& request, std::int64_t now_s);

// Who signed a request, and what follows from it.
struct SignedBy {
  NodeId node;
  std::int64_t created_s;
  std::string nonce;
  // The SHA-256 that the body must have; whoever reads the body checks it. None: the signature covers no
  // body, and a request that has one all the same is to be refused.
  std::optional<Digest> body;
};

// Checks the signature for one of the addresses under which we are known; `head.path` is what stands behind
// their prefix. Not the clock, nor the nonce. Thread-safe; costs one check of ed25519 for each address tried.
// Code::denied if there is none that holds, with a message that shows what it was checked for.
Result<SignedBy> verify_request(const RequestHead& head, std::span<const Url> public_urls);

// Whether a request is meant to be signed.
bool is_signed(const RequestHead& head);

}  // namespace kachery

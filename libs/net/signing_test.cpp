#include "net/signing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <regex>

#include "net/signature_base.h"

namespace kachery {
namespace {

KeyPair key_of(std::string_view hex) {
  std::array<std::byte, KeyPair::kSeedSize> seed{};
  EXPECT_TRUE(from_hex(hex, seed));
  return KeyPair(seed);
}

const std::string kSeed = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
constexpr std::int64_t kNow = 1'700'000'000;

// RFC 9421, B.2.6, with the key of B.1.4 and the request of B.2.
TEST(SignatureBase, IsThatOfTheRfc) {
  std::array<std::byte, KeyPair::kSeedSize> seed{};
  ASSERT_TRUE(from_base64("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=", seed));
  const std::vector<SignedComponent> covered{{"date", "Tue, 20 Apr 2021 02:07:55 GMT"},
                                             {"@method", "POST"},
                                             {"@path", "/foo"},
                                             {"@authority", "example.com"},
                                             {"content-type", "application/json"},
                                             {"content-length", "18"}};
  const std::vector<SignatureParameter> parameters{{"created", 1618884473},
                                                   {"keyid", std::string_view("test-key-ed25519")}};
  const std::string input = signature_parameters(covered, parameters);
  EXPECT_EQ(input,
            R"(("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473)"
            R"(;keyid="test-key-ed25519")");
  const std::string base = signature_base(covered, input);
  EXPECT_EQ(base,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n"
            "\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n"
            "\"@signature-params\": " +
                input);
  EXPECT_EQ(to_base64(KeyPair(seed).sign(as_bytes(base))),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==");
}

// RFC 9421, sections 2.2.1, 2.2.3, 2.2.6 and 2.2.7; RFC 9530, appendix B.1 (the digest of a body).
TEST(SignatureBase, HasTheComponentsOfTheRfc) {
  const Url hub = *Url::parse("https://www.example.com");
  const std::string body = "{\"hello\": \"world\"}\n";
  const auto lines = [&](const Signable& request) {
    return signature_base(covered_components(hub, request), "");
  };
  EXPECT_TRUE(lines({Method::post, "/path", "param=value&foo=bar&baz=bat%2Dman", {}})
                  .starts_with("\"@method\": POST\n\"@authority\": www.example.com\n\"@path\": /path\n"
                               "\"@query\": ?param=value&foo=bar&baz=bat%2Dman\n"));
  EXPECT_TRUE(lines({Method::get, "/path", "", {}}).contains("\n\"@query\": ?\n"));
  EXPECT_TRUE(
      lines({Method::post, "/", "", Hasher::of(Algorithm::sha256, as_bytes(body))})
          .contains("\n\"content-digest\": sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:\n"));
}

struct Example {
  Url hub;
  RequestHead head;
  std::string nonce;
  std::string body;
  std::string base;
};

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text[++i] == 'n')
      out += '\n';
    else
      out += text[i];
  }
  return out;
}

Method method_named(std::string_view name) {
  for (const Method method : {Method::get, Method::head, Method::post, Method::put})
    if (method_name(method) == name) return method;
  ADD_FAILURE() << name;
  return Method::options;
}

// tests/vectors/README.md. The file is read by the order of its members, which never changes.
std::vector<Example> vectors() {
  std::ifstream file(std::string(KACHERY_VECTORS) + "/signed_request.json");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::regex member(R"re("([a-z_-]+)": (?:"((?:\\.|[^"\\])*)"|null))re");
  std::vector<Example> examples;
  std::map<std::string, std::string> values;
  for (std::sregex_iterator it(text.begin(), text.end(), member), end; it != end; ++it) {
    values[(*it)[1]] = unescaped((*it)[2]);
    if ((*it)[1] != "base") continue;
    Example example{*Url::parse(values["public_url"]), {}, values["nonce"], values["body"], values["base"]};
    example.head = {.method = method_named(values["method"]),
                    .path = values["path"],
                    .query = values["query"],
                    .fields = {},
                    .peer = "127.0.0.1",
                    .secure = false,
                    .id = ""};
    for (const char* name :
         {"content-digest", "sec-websocket-key", "sec-websocket-protocol", "signature-input", "signature"})
      if (values.contains(name)) example.head.fields.add(name, values[name]);
    examples.push_back(std::move(example));
    values.clear();
  }
  return examples;
}

Signable signable_of(const Example& example) {
  Signable signable{example.head.method, example.head.path, example.head.query, {}};
  if (!example.body.empty()) signable.body = Hasher::of(Algorithm::sha256, as_bytes(example.body));
  for (const char* name : {"sec-websocket-key", "sec-websocket-protocol"})
    if (const auto* value = example.head.fields.find(name)) signable.upgrade.add(name, *value);
  return signable;
}

TEST(SignRequest, MakesWhatAnotherProgramMade) {
  const KeyPair key = key_of(kSeed);
  const auto examples = vectors();
  ASSERT_EQ(examples.size(), 4);
  for (const Example& example : examples) {
    const HttpFields fields = sign_request_with(key, example.hub, signable_of(example), kNow, example.nonce);
    for (const char* name : {"content-digest", "signature-input", "signature"}) {
      ASSERT_EQ(fields.count(name), example.head.fields.count(name)) << example.base;
      if (const auto* value = fields.find(name)) EXPECT_EQ(*value, *example.head.fields.find(name));
    }
    EXPECT_EQ(signature_base(covered_components(example.hub, signable_of(example)),
                             fields.find("signature-input")->substr(4)),
              example.base);
  }
}

TEST(VerifyRequest, TakesWhatAnotherProgramSigned) {
  for (const Example& example : vectors()) {
    const std::array urls{*Url::parse("http://elsewhere:1"), example.hub};
    const auto signed_by = verify_request(example.head, urls);
    ASSERT_TRUE(signed_by) << signed_by.error().message;
    EXPECT_EQ(signed_by->node, key_of(kSeed).node_id());
    EXPECT_EQ(signed_by->created_s, kNow);
    EXPECT_EQ(signed_by->nonce, example.nonce);
    EXPECT_EQ(signed_by->body, signable_of(example).body);
    EXPECT_TRUE(is_signed(example.head));
  }
}

// A request to http://127.0.0.1:8080/kachery, as it comes.
class Request {
 public:
  explicit Request(const Signable& signable = {Method::post, "/v1/files/find", "a=b",
                                               Hasher::of(Algorithm::sha256, as_bytes("{}"))})
      : head_{signable.method, signable.path, signable.query, {}, "127.0.0.1", false, ""} {
    head_.fields.add("Host", "127.0.0.1:8080");
    head_.fields.add(signable.upgrade);
    head_.fields.add(sign_request(key_, hub_, signable, kNow));
  }

  // Every field of that name passes through `change`; what becomes empty is left out.
  void change(const std::string& name, const std::function<std::string(std::string)>& change) {
    HttpFields fields;
    for (const HttpField& field : head_.fields) {
      const std::string value = field.name == name ? change(field.value) : field.value;
      if (!value.empty()) fields.add(field.name, value);
    }
    head_.fields = fields;
  }
  void replace(const std::string& name, const std::string& from, const std::string& to) {
    change(name, [&](std::string value) {
      const std::size_t at = value.find(from);
      EXPECT_NE(at, value.npos) << from << " in " << value;
      return value.replace(at, from.size(), to);
    });
  }

  // Signs again whatever Signature-Input says now, as somebody would who has a key and his own ideas.
  void sign_as_it_is(const std::vector<SignedComponent>& covered) {
    const std::string input = head_.fields.find("Signature-Input")->substr(4);
    change("Signature", [&](const std::string&) {
      return "sig=:" + to_base64(key_.sign(as_bytes(signature_base(covered, input)))) + ":";
    });
  }
  std::vector<SignedComponent> covered() const {
    return covered_components(
        hub_, {head_.method, head_.path, head_.query, Hasher::of(Algorithm::sha256, as_bytes("{}"))});
  }

  RequestHead& head() { return head_; }
  Result<SignedBy> verify() const { return verify_request(head_, std::array{hub_}); }

 private:
  KeyPair key_ = key_of(kSeed);
  Url hub_ = *Url::parse("http://127.0.0.1:8080/kachery");
  RequestHead head_;
};

TEST(VerifyRequest, TakesWhatWasSignedForIt) {
  EXPECT_TRUE(Request().verify());
  EXPECT_TRUE(Request({Method::get, "/v1/hub", "", {}}).verify());
  EXPECT_NE(Request().verify()->nonce, Request().verify()->nonce);
  EXPECT_FALSE(Request({Method::get, "/v1/hub", "", {}}).verify()->body) << "nothing is promised of a body";
}

using Changes = std::map<std::string, std::function<void(Request&)>>;

// Each change of its own, to a request that is good.
void expect_refused(const Changes& changes) {
  for (const auto& [name, change] : changes) {
    Request request;
    change(request);
    const auto verified = request.verify();
    ASSERT_FALSE(verified) << name;
    EXPECT_EQ(verified.error().code, Code::denied) << name;
    EXPECT_EQ(verified.error().message.find('\n'), std::string::npos) << name;
  }
}

TEST(VerifyRequest, RefusesWhateverWasAltered) {
  const std::string digest_of_another =
      "sha-256=:" + to_base64(Hasher::of(Algorithm::sha256, {}).bytes()) + ":";
  expect_refused(
      {{"the method", [](Request& r) { r.head().method = Method::put; }},
       {"the path", [](Request& r) { r.head().path = "/v1/files/remove"; }},
       {"an escaped path", [](Request& r) { r.head().path = "/v1/files/%66ind"; }},
       {"the path's case", [](Request& r) { r.head().path = "/v1/files/Find"; }},
       {"the query", [](Request& r) { r.head().query = "a=c"; }},
       {"no query", [](Request& r) { r.head().query = ""; }},
       {"a line in the query", [](Request& r) { r.head().query = "a=b\n\"@x\": y"; }},
       {"the digest",
        [&](Request& r) { r.change("Content-Digest", [&](auto) { return digest_of_another; }); }},
       {"no digest", [](Request& r) { r.change("Content-Digest", [](auto) { return ""; }); }},
       {"two digests",
        [](Request& r) { r.head().fields.add("content-digest", *r.head().fields.find("Content-Digest")); }},
       {"a digest of two kinds",
        [](Request& r) { r.change("Content-Digest", [](auto v) { return v + ", sha-512=:AA==:"; }); }}});
}

TEST(VerifyRequest, RefusesEveryOtherWayToWriteASignature) {
  expect_refused({
      {"created", [](Request& r) { r.replace("Signature-Input", "1700000000", "1700000001"); }},
      {"created with a zero", [](Request& r) { r.replace("Signature-Input", "created=1", "created=01"); }},
      {"created with a sign", [](Request& r) { r.replace("Signature-Input", "created=1", "created=-1"); }},
      {"created that is huge",
       [](Request& r) { r.replace("Signature-Input", "created=1", "created=10000000000000"); }},
      {"the nonce", [](Request& r) { r.replace("Signature-Input", "nonce=\"", "nonce=\"0"); }},
      {"the nonce's case",
       [](Request& r) {
         r.change("Signature-Input", [](std::string v) {
           const std::size_t at = v.find("nonce=\"") + 7;
           return v.replace(at, 32, std::string(32, 'A'));
         });
       }},
      {"the key", [](Request& r) { r.replace("Signature-Input", "79b5", "79b6"); }},
      {"the key's case", [](Request& r) { r.replace("Signature-Input", "79b5", "79B5"); }},
      {"the algorithm", [](Request& r) { r.replace("Signature-Input", "ed25519", "hmac-sha256"); }},
      {"the tag", [](Request& r) { r.replace("Signature-Input", "tag=\"kachery\"", "tag=\"other\""); }},
      {"no tag", [](Request& r) { r.replace("Signature-Input", ";tag=\"kachery\"", ""); }},
      {"another parameter", [](Request& r) { r.replace("Signature-Input", ";tag=", ";expires=9;tag="); }},
      {"a parameter behind",
       [](Request& r) { r.replace("Signature-Input", "\"kachery\"", "\"kachery\";x"); }},
      {"the label", [](Request& r) { r.replace("Signature-Input", "sig=", "sig1="); }},
      {"another signature",
       [](Request& r) { r.change("Signature-Input", [](auto v) { return v + ", other" + v.substr(3); }); }},
      {"another signature before",
       [](Request& r) { r.change("Signature", [](auto v) { return "a=:AA==:, " + v; }); }},
      {"two Signature-Input",
       [](Request& r) { r.head().fields.add("signature-input", *r.head().fields.find("Signature-Input")); }},
      {"two Signature",
       [](Request& r) { r.head().fields.add("SIGNATURE", *r.head().fields.find("Signature")); }},
      {"no Signature", [](Request& r) { r.change("Signature", [](auto) { return ""; }); }},
      {"no Signature-Input", [](Request& r) { r.change("Signature-Input", [](auto) { return ""; }); }},
      {"a short signature", [](Request& r) { r.replace("Signature", "==:", ":"); }},
      {"the signature",
       [](Request& r) {
         r.change("Signature", [](std::string v) {
           v[9] = v[9] == 'A' ? 'B' : 'A';
           return v;
         });
       }},
      {"a space", [](Request& r) { r.replace("Signature-Input", ";created", "; created"); }},
      {"a WebSocket",
       [](Request& r) {
         r.head().fields.add("Sec-WebSocket-Key", "x");
         r.head().fields.add("Sec-WebSocket-Protocol", "kachery.1");
       }},
      {"half a WebSocket", [](Request& r) { r.head().fields.add("Sec-WebSocket-Protocol", "kachery.1"); }},
  });
}

// Every byte of the three fields is changed in turn.
TEST(VerifyRequest, RefusesEveryOtherByte) {
  for (const std::string name : {"Content-Digest", "Signature-Input", "Signature"}) {
    const std::size_t size = Request().head().fields.find(name)->size();
    for (std::size_t i = 0; i < size; ++i) {
      Request request;
      request.change(name, [&](std::string value) {
        value[i] = static_cast<char>(value[i] ^ 1);
        return value;
      });
      EXPECT_FALSE(request.verify()) << name << " " << i;
    }
  }
}

// Good signatures by the right key, over something else than the profile says.
TEST(VerifyRequest, RefusesOtherComponents) {
  const auto refuses = [](const std::function<void(std::vector<SignedComponent>&)>& change) {
    Request request;
    std::vector<SignedComponent> covered = request.covered();
    const std::string list = component_list(covered);
    change(covered);
    request.replace("Signature-Input", list, component_list(covered));
    request.sign_as_it_is(covered);
    return !request.verify();
  };
  Request as_it_was;
  as_it_was.sign_as_it_is(as_it_was.covered());
  EXPECT_TRUE(as_it_was.verify()) << "else this test tells nothing";
  EXPECT_TRUE(refuses([](auto& covered) { covered.pop_back(); })) << "the digest is not covered";
  EXPECT_TRUE(refuses([](auto& covered) { covered.erase(covered.begin() + 1); })) << "nor the authority";
  EXPECT_TRUE(refuses([](auto& covered) { std::swap(covered[0], covered[1]); })) << "another order";
  EXPECT_TRUE(refuses([](auto& covered) { covered.push_back({"host", "127.0.0.1:8080"}); })) << "one more";
  EXPECT_TRUE(refuses([](auto& covered) { covered.push_back(covered[0]); })) << "one twice";
  EXPECT_TRUE(refuses([](auto& covered) { covered.clear(); })) << "none";
}

TEST(VerifyRequest, HoldsForTheAddressesOfTheHubOnly) {
  Request request;
  for (const char* url : {"http://127.0.0.1:8080", "http://127.0.0.1:8080/other", "http://127.0.0.1/kachery",
                          "http://localhost:8080/kachery", "https://127.0.0.1:8081/kachery"})
    EXPECT_FALSE(verify_request(request.head(), std::array{*Url::parse(url)})) << url;
  EXPECT_FALSE(verify_request(request.head(), {}));

  request.change("Host", [](auto) { return "evil\n.example"; });
  EXPECT_TRUE(request.verify()) << "the field Host decides nothing";
  const std::array urls{*Url::parse("https://hub.example"), *Url::parse("http://10.0.0.1:8080")};
  const auto verified = verify_request(request.head(), urls);
  ASSERT_FALSE(verified);
  for (const char* part : {"POST /v1/files/find", "https://hub.example, http://10.0.0.1:8080",
                           "'evil\\x0A.example'", "--public-url"})
    EXPECT_NE(verified.error().message.find(part), std::string::npos) << verified.error().message;
}

TEST(VerifyRequest, TakesAWebSocketWithTheKeyItWasSignedFor) {
  const Signable upgrade{
      Method::get,
      "/v1/provide",
      "",
      {},
      {{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, {"Sec-WebSocket-Protocol", "kachery.1"}}};
  EXPECT_TRUE(Request(upgrade).verify());
  for (const char* name : {"Sec-WebSocket-Key", "Sec-WebSocket-Protocol"}) {
    Request other(upgrade);
    other.change(name, [](auto value) { return "x" + value; });
    EXPECT_FALSE(other.verify()) << name;
    Request without(upgrade);
    without.change(name, [](auto) { return ""; });
    EXPECT_FALSE(without.verify()) << name;
    Request twice(upgrade);
    twice.head().fields.add(name, "x");
    EXPECT_FALSE(twice.verify()) << name;
  }
}

TEST(IsSigned, IfItHasAnyPartOfASignature) {
  RequestHead head{Method::get, "/", "", {}, "", false, ""};
  EXPECT_FALSE(is_signed(head));
  head.fields.add("SIGNATURE", "x");
  EXPECT_TRUE(is_signed(head));
}

}  // namespace
}  // namespace kachery

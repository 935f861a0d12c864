// Requests that two servers could read in two ways, or that nobody should send: each is refused, its
// connection is closed, and what stands behind it is never taken for a second request.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>

#include "net/server_fixture.h"

namespace kachery {
namespace {

struct Malformed {
  std::string name;
  std::string request;
  int status;
};

// Around a field, or fields, each with its line's end.
std::string with(const std::string& fields, const std::string& body = "") {
  return "POST /x HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

std::string chunked(const std::string& body) {
  return with("Transfer-Encoding: chunked\r\n", body);
}

std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: x\r\n\r\n";
}

std::string many_fields() {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "F" + std::to_string(i) + ": v\r\n";
  return fields;
}

const std::string kNul(1, '\0');

std::vector<Malformed> heads() {
  return {
      {"LengthAndChunks", with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"ChunksAndLength", with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"), 400},
      {"TwoLengths", with("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
      {"TwoEqualLengths", with("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
      {"ListOfLengths", with("Content-Length: 3, 3\r\n", "abc"), 400},
      {"NegativeLength", with("Content-Length: -3\r\n", "abc"), 400},
      {"LengthWithPlus", with("Content-Length: +3\r\n", "abc"), 400},
      {"LengthInHex", with("Content-Length: 0x3\r\n", "abc"), 400},
      {"LengthWithSpace", with("Content-Length: 1 3\r\n", "abc"), 400},
      {"EmptyLength", with("Content-Length:\r\n", "abc"), 400},
      {"FractionalLength", with("Content-Length: 3.0\r\n", "abc"), 400},
      {"LengthBeyond64Bits", with("Content-Length: 99999999999999999999\r\n", "abc"), 400},
      {"LengthOf2To64Plus3", with("Content-Length: 18446744073709551619\r\n", "abc"), 400},
      {"TwoCodings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"IdentityAndChunks", with("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"), 501},
      {"ChunksThenGzip", with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 501},
      {"UnknownCoding", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"QuotedCoding", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 501},
      {"EmptyCoding", with("Transfer-Encoding:\r\n", "0\r\n\r\n"), 400},
      {"CodingWithVerticalTab", with("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400},
      {"CodingOfHttp10", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"FoldedField", with("A: b\r\n c\r\n"), 400},
      {"FoldedByTab", with("A: b\r\n\tc\r\n"), 400},
      {"FoldedFirstField", "GET /x HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"FoldedCoding", with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
      {"BareLfAfterTheFirstLine", "GET /x HTTP/1.1\nHost: x\r\n\r\n", 400},
      {"BareLfAfterAField", "GET /x HTTP/1.1\r\nHost: x\n\r\n", 400},
      {"BareLfAtTheEnd", "GET /x HTTP/1.1\r\nHost: x\r\n\n", 400},
      {"OnlyBareLf", "GET /x HTTP/1.1\nHost: x\n\n", 400},
      {"BareCrInAValue", with("A: b\rContent-Length: 3\r\n"), 400},
      {"CrCrLf", with("A: b\r\r\n"), 400},
      {"NulInAValue", with("A: b" + kNul + "c\r\n"), 400},
      {"NulInAName", with("A" + kNul + "b: c\r\n"), 400},
      {"NulInTheTarget", line("GET /x" + kNul + "y HTTP/1.1"), 400},
      {"ControlCharacterInAValue", with("A: \x01\r\n"), 400},
      {"DeleteInAValue", with("A: \x7f\r\n"), 400},
      {"SpaceBeforeTheColon", with("Content-Length : 3\r\n", "abc"), 400},
      {"TabBeforeTheColon", with("Content-Length\t: 3\r\n", "abc"), 400},
      {"SpaceInAName", with("Content Length: 3\r\n", "abc"), 400},
      {"NoColon", with("Content-Length 3\r\n", "abc"), 400},
      {"NoName", with(": 3\r\n"), 400},
      {"NameThatIsNotAscii", with("Caf\xc3\xa9: 3\r\n"), 400},
      {"BracketInAName", with("A[1]: 3\r\n"), 400},
      {"NoHost", "GET /x HTTP/1.1\r\nA: b\r\n\r\n", 400},
      {"NoFields", "GET /x HTTP/1.1\r\n\r\n", 400},
      {"TwoHosts", with("Host: x\r\n"), 400},
      {"TwoOtherHosts", with("Host: y\r\n"), 400},
      {"TwoHostsOfHttp10", "GET /x HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"EmptyHost", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"HostWithSpace", "GET /x HTTP/1.1\r\nHost: x y\r\n\r\n", 400},
      {"HostWithSlash", "GET /x HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
      {"HostWithUser", "GET /x HTTP/1.1\r\nHost: a@x\r\n\r\n", 400},
      {"TooManyFields", with(many_fields()), 431},
      {"HeadTooLong", with("A: " + std::string(17 << 10, 'a') + "\r\n"), 431},
      {"FirstLineTooLong", line("GET /" + std::string(17 << 10, 'a') + " HTTP/1.1"), 414},
      {"MethodTooLong", std::string(17 << 10, 'A'), 414},
      {"AbsoluteTarget", line("GET http://x/y HTTP/1.1"), 400},
      {"AuthorityTarget", line("GET x:80 HTTP/1.1"), 400},
      {"AsteriskTarget", line("OPTIONS * HTTP/1.1"), 400},
      {"RelativeTarget", line("GET x HTTP/1.1"), 400},
      {"NoTarget", line("GET HTTP/1.1"), 400},
      {"EmptyTarget", line("GET  HTTP/1.1"), 400},
      {"TargetWithFragment", line("GET /x#y HTTP/1.1"), 400},
      {"TargetWithControlCharacter", line("GET /x\x01 HTTP/1.1"), 400},
      {"TargetWithTab", line("GET /x\ty HTTP/1.1"), 400},
      {"TargetWithDelete", line("GET /x\x7f HTTP/1.1"), 400},
      {"TargetThatIsNotAscii", line("GET /caf\xc3\xa9 HTTP/1.1"), 400},
      {"TargetWithSpace", line("GET /x y HTTP/1.1"), 400},
      {"Connect", line("CONNECT x:443 HTTP/1.1"), 501},
      {"Trace", line("TRACE /x HTTP/1.1"), 501},
      {"MethodInLowerCase", line("get /x HTTP/1.1"), 501},
      {"MethodWithBracket", line("GE(T /x HTTP/1.1"), 400},
      {"NoMethod", line(" /x HTTP/1.1"), 400},
      {"SpaceInFront", line(" GET /x HTTP/1.1"), 400},
      {"TabsBetween", line("GET\t/x\tHTTP/1.1"), 400},
      {"TwoSpaces", line("GET /x  HTTP/1.1"), 400},
      {"SpaceBehind", line("GET /x HTTP/1.1 "), 400},
      {"NoVersion", line("GET /x"), 400},
      {"Http09", "GET /x\r\n\r\n", 400},
      {"Http2", line("GET /x HTTP/2.0"), 505},
      {"Http12", line("GET /x HTTP/1.2"), 505},
      {"Http10With11Digits", line("GET /x HTTP/1.10"), 400},
      {"VersionInLowerCase", line("GET /x http/1.1"), 400},
      {"OtherProtocol", line("GET /x ICY/1.1"), 400},
      {"PrefaceOfHttp2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"TlsHello", "\x16\x03\x01\x02" + kNul + "\x01" + kNul + kNul + "\n\n", 400},
      {"TwoEmptyLinesInFront", "\r\n\r\n" + line("GET /x HTTP/1.1"), 400},
      {"UnknownExpectation", with("Expect: 200-ok\r\nContent-Length: 3\r\n", "abc"), 417},
  };
}

std::vector<Malformed> bodies() {
  return {
      {"NoChunkSize", chunked("\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeNotHex", chunked("g\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeWith0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeNegative", chunked("-3\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeWithPlus", chunked("+3\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeWithSpaceInFront", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeWithSpaceBehind", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeWithUnderscore", chunked("3_0\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeBeyond64Bits", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeLineTooLong", chunked("3;" + std::string(300, 'a') + "\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkSizeWithManyZeros", chunked(std::string(300, '0') + "3\r\nabc\r\n0\r\n\r\n"), 400},
      {"ChunkLongerThanItsSize", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400},
      {"ChunkShorterThanItsSize", chunked("4\r\nabc\r\n0\r\n\r\n"), 400},
      {"BareLfAfterAChunkSize", chunked("3\nabc\r\n0\r\n\r\n"), 400},
      {"BareLfAfterAChunk", chunked("3\r\nabc\n0\r\n\r\n"), 400},
      {"BareCrAfterAChunk", chunked("3\r\nabc\rx0\r\n\r\n"), 400},
      {"BareLfInAnExtension", chunked("3;a\nb\r\nabc\r\n0\r\n\r\n"), 400},
      {"BareCrInAnExtension", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400},
      {"NulInAnExtension", chunked("3;" + kNul + "\r\nabc\r\n0\r\n\r\n"), 400},
      {"BareLfAfterTheLastChunk", chunked("3\r\nabc\r\n0\n\n"), 400},
      {"TrailerWithoutColon", chunked("0\r\nabc\r\n\r\n"), 400},
      {"TrailerThatIsFolded", chunked("0\r\nA: b\r\n c\r\n\r\n"), 400},
      {"TrailerWithNul", chunked("0\r\nA: " + kNul + "\r\n\r\n"), 400},
      {"TrailersTooLong", chunked("0\r\nA: " + std::string(10'000, 'a') + "\r\n\r\n"), 400},
  };
}

// Counts requests whose bodies came whole.
struct Counter {
  std::atomic<int> whole = 0;
  std::atomic<int> smuggled = 0;
};

Task<Response> count(Request& request, std::shared_ptr<Counter> counter) {
  if (request.head().path == "/smuggled") ++counter->smuggled;
  const Result<std::string> body = co_await read_body(request, 1 << 20);
  if (body) ++counter->whole;
  co_return Response{.status = body ? 200 : http_status(body.error().code), .body = "counted\n"};
}

// Without reading the body.
Task<Response> ignore(Request& request, std::shared_ptr<Counter> counter) {
  if (request.head().path == "/smuggled") ++counter->smuggled;
  co_return Response{.body = "ignored\n"};
}

constexpr std::string_view kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

class MalformedRequest : public testing::TestWithParam<Malformed> {};

// The whole answer to the request and another behind it: there is one, and the connection was closed.
std::string only_answer_to(const RunningServer& server, const std::string& request) {
  RawClient client(server.port());
  client.send(request);
  client.send(kSmuggled);
  client.end();
  const std::string answer = client.receive_all();
  EXPECT_EQ(answer.find("\nDate: "), answer.rfind("\nDate: ")) << "a second answer: " << answer;
  EXPECT_TRUE(answer.contains("\r\nConnection: close\r\n")) << answer;
  EXPECT_FALSE(client.was_silent());
  return answer;
}

TEST_P(MalformedRequest, IsRefusedAndNothingBehindItIsRead) {
  const auto counter = std::make_shared<Counter>();
  RunningServer server([&](Request& request) { return count(request, counter); });
  const std::string answer = only_answer_to(server, GetParam().request);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(GetParam().status) + " ")) << answer;
  EXPECT_TRUE(answer.contains("(request ")) << answer;
  EXPECT_EQ(counter->whole, 0);
  EXPECT_EQ(counter->smuggled, 0);
  EXPECT_EQ(server.refused().size(), 1U);
}

TEST_P(MalformedRequest, HidesNoOtherFromAHandlerThatDoesNotReadIt) {
  const auto counter = std::make_shared<Counter>();
  RunningServer server([&](Request& request) { return ignore(request, counter); });
  only_answer_to(server, GetParam().request);
  EXPECT_EQ(counter->smuggled, 0);
}

void PrintTo(const Malformed& malformed, std::ostream* out) {
  *out << testing::PrintToString(malformed.request);
}

std::string name_of(const testing::TestParamInfo<Malformed>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Heads, MalformedRequest, testing::ValuesIn(heads()), name_of);
INSTANTIATE_TEST_SUITE_P(Bodies, MalformedRequest, testing::ValuesIn(bodies()), name_of);

// Each byte that is changed may make the request another good one, or a malformed one; it is answered with
// 200 if its handler saw the whole of it, and only then.
TEST(MalformedRequests, MutatedAtRandomAreNeverTwo) {
  constexpr int kMutations = 3000;
  const auto counter = std::make_shared<Counter>();
  RunningServer server([&](Request& request) { return count(request, counter); });
  const std::vector<std::string> good{
      "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "GET /x?y HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
  };
  const std::string_view bytes("\r\n\0 \t:;,0139aA/\x7f\x80\xff", 19);
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < kMutations; ++i) {
    std::string request = good.at(random() % good.size());
    for (std::size_t change = 0; change <= random() % 3; ++change) {
      const std::size_t at = random() % request.size();
      const char byte = bytes.at(random() % bytes.size());
      switch (random() % 3) {
        case 0:
          request[at] = byte;
          break;
        case 1:
          request.insert(at, 1, byte);
          break;
        default:
          request.erase(at, 1);
      }
    }
    counter->whole = 0;
    counter->smuggled = 0;
    RawClient client(server.port());
    client.send(request);
    client.end();
    const std::string answer = client.receive_all();
    const bool is_good = answer.contains("HTTP/1.1 200 ");
    ASSERT_FALSE(client.was_silent()) << testing::PrintToString(request);
    ASSERT_LE(counter->whole, 1) << testing::PrintToString(request) << answer;
    ASSERT_EQ(is_good, counter->whole == 1) << testing::PrintToString(request) << answer;
  }
}

}  // namespace
}  // namespace kachery

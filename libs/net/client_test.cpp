#include "net/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <thread>

namespace kachery {
namespace {

using std::chrono::milliseconds;

// One connection of a server that says what a test tells it to, right or wrong.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { ::close(fd_); }

  // What came up to the empty line, and empty if nothing comes any more.
  std::string read_head() {
    while (!received_.contains("\r\n\r\n"))
      if (!receive()) return {};
    const std::size_t size = received_.find("\r\n\r\n") + 4;
    return cut(size);
  }
  std::string read(std::size_t size) {
    while (received_.size() < size)
      if (!receive()) break;
    return cut(std::min(size, received_.size()));
  }
  void read_until_closed() {
    while (receive()) received_.clear();
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Ends reading and writing, from any thread.
  void cut() { ::shutdown(fd_, SHUT_RDWR); }

 private:
  bool receive() {
    std::array<char, 65536> piece{};
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    received_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }
  std::string cut(std::size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  int fd_;
  std::string received_;
};

using Script = std::function<void(Connection&)>;

// Follows the script on each connection, and then closes it.
class ScriptedServer {
 public:
  explicit ScriptedServer(Script script)
      : script_(std::move(script)), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, any, size), 0);
    EXPECT_EQ(::listen(fd_, 128), 0);
    EXPECT_EQ(::getsockname(fd_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept(); });
  }
  ~ScriptedServer() {
    ::shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    for (Connection& connection : connections_) connection.cut();
    threads_.clear();
    ::close(fd_);
  }

  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::size_t connections() const { return count_; }

 private:
  void accept() {
    for (int fd = ::accept(fd_, nullptr, nullptr); fd >= 0; fd = ::accept(fd_, nullptr, nullptr)) {
      ++count_;
      Connection& connection = connections_.emplace_back(fd);
      threads_.emplace_back([this, &connection] {
        script_(connection);
        connection.cut();
      });
    }
  }

  Script script_;
  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> count_ = 0;
  std::deque<Connection> connections_;
  std::deque<std::jthread> threads_;
  std::jthread acceptor_;
};

// Answers every request of a connection with this text.
Script always(std::string answer) {
  return [answer = std::move(answer)](Connection& c) {
    while (!c.read_head().empty() && c.send(answer)) {
    }
  };
}

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::atomic<bool> kGoOn = false;

Result<ClientResponse> get(HttpClient& client, const std::string& url, const BodySink* sink = nullptr) {
  return client.send({.url = url}, kGoOn, sink);
}

// The code and the message of what must fail.
Error error_of(const Result<ClientResponse>& response) {
  if (!response) return response.error();
  ADD_FAILURE() << "succeeded: " << response->status << " " << response->body;
  return {};
}

TEST(HttpClient, GivesWhateverIsAnswered) {
  for (const int status : {200, 201, 206, 301, 400, 403, 404, 429, 500, 503}) {
    ScriptedServer server(
        always("HTTP/1.1 " + std::to_string(status) +
               " Whatever\r\nX-One: 1\r\nx-two:  2 \r\nLocation: /other\r\nContent-Length: 5\r\n\r\nhello"));
    HttpClient client;
    const auto response = get(client, server.url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(response->body, "hello");
    EXPECT_EQ(*response->fields.find("x-one"), "1");
    EXPECT_EQ(*response->fields.find("X-Two"), "2");
    EXPECT_EQ(server.connections(), 1) << "redirects are not followed";
  }
}

// Gives the head and the body that the server got, as the answer.
Script echo(std::size_t body_size) {
  return [=](Connection& c) {
    for (std::string head = c.read_head(); !head.empty(); head = c.read_head()) {
      if (head.contains("100-continue")) c.send("HTTP/1.1 100 Continue\r\n\r\n");
      const std::string all = head + c.read(body_size);
      c.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(all.size()) + "\r\n\r\n" +
             (head.starts_with("HEAD") ? "" : all));
    }
  };
}

TEST(HttpClient, SendsWhatItIsToldAndNothingOfItsOwn) {
  ScriptedServer server(echo(4));
  HttpClient client;
  const auto response = client.send({.method = Method::post,
                                     .url = server.url("/a/../b?x=%2F&token=1"),
                                     .fields = {{"X-Test", "1"}, {"X-Empty", ""}},
                                     .body = as_bytes("abcd")},
                                    kGoOn);
  ASSERT_TRUE(response) << response.error().message;
  const std::string host = server.url("").substr(7);
  EXPECT_EQ(response->body, "POST /a/../b?x=%2F&token=1 HTTP/1.1\r\nHost: " + host +
                                "\r\nAccept: */*\r\nX-Test: 1\r\nX-Empty:\r\nAccept-Encoding: identity\r\n"
                                "Content-Length: 4\r\n\r\nabcd");
}

TEST(HttpClient, KnowsEveryMethod) {
  ScriptedServer server(echo(0));
  HttpClient client;
  for (const Method method : {Method::get, Method::post, Method::put, Method::delete_, Method::options}) {
    const auto response = client.send({.method = method, .url = server.url("/x")}, kGoOn);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_TRUE(response->body.starts_with(std::string(method_name(method)) + " /x HTTP/1.1\r\n"))
        << response->body;
    const bool has_body = method == Method::post || method == Method::put;
    EXPECT_EQ(response->body.contains("Content-Length: 0\r\n"), has_body) << response->body;
    EXPECT_FALSE(response->body.contains("chunked")) << response->body;
  }
  const auto head = client.send({.method = Method::head, .url = server.url()}, kGoOn);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->body, "");
  EXPECT_NE(*head->fields.find("content-length"), "0");
  EXPECT_EQ(server.connections(), 1) << "one connection was enough for all";
}

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

// A body that is read in pieces, like a file.
struct Source {
  std::string text;
  std::size_t at = 0;
  int rewound = 0;

  ClientRequest request(const std::string& url) {
    return {.method = Method::put,
            .url = url,
            .read = [this](std::span<std::byte> space) -> Result<std::size_t> {
              const std::size_t size = std::min(space.size(), text.size() - at);
              std::ranges::copy(as_bytes(std::string_view(text).substr(at, size)), space.begin());
              at += size;
              return size;
            },
            .rewind =
                [this] {
                  at = 0;
                  ++rewound;
                },
            .body_size = text.size()};
  }
};

TEST(HttpClient, SendsBodiesOfAllSizes) {
  for (const std::size_t size : {0UL, 1UL, 65'535UL, 65'536UL, (1UL << 20) - 1, 1UL << 20, 5'000'003UL}) {
    ScriptedServer server(echo(size));
    HttpClient client;
    Source source{text_of(size)};
    const auto read = client.send(source.request(server.url("/x")), kGoOn);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(read->body.ends_with("\r\n\r\n" + source.text)) << size;
    EXPECT_EQ(read->body.contains("Expect: 100-continue"), size >= 1U << 20) << size;
    const auto memory =
        client.send({.method = Method::post, .url = server.url("/x"), .body = as_bytes(source.text)}, kGoOn);
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_TRUE(memory->body.ends_with("\r\n\r\n" + source.text)) << size;
  }
}

TEST(HttpClient, DoesNotSendALargeBodyThatIsRefused) {
  ScriptedServer server([](Connection& c) {
    c.read_head();
    c.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    c.read_until_closed();
  });
  HttpClient client;
  Source source{text_of(4U << 20)};
  const auto response = client.send(source.request(server.url()), kGoOn);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(source.at, 0);
}

TEST(HttpClient, SendsALargeBodyToWhoNeverSaysThatItIsWanted) {
  ScriptedServer server([](Connection& c) {
    c.read_head();
    c.read(4U << 20);
    c.send(kHello);
  });
  HttpClient client;
  Source source{text_of(4U << 20)};
  const auto response = client.send(source.request(server.url()), kGoOn);
  ASSERT_TRUE(response) << response.error().message;
}

// The server closes what it kept after the first answer, as every server does now and then.
TEST(HttpClient, SendsAgainWhereAKeptConnectionWasClosed) {
  std::atomic<int> requests = 0;
  ScriptedServer server([&](Connection& c) {
    for (int i = 0; i < 2; ++i) {
      const std::string head = c.read_head();
      if (head.empty()) return;
      ++requests;
      if (i == 1) return;  // Closed behind the head of the second one.
      c.read(3);
      c.send(kHello);
    }
  });
  HttpClient client;
  ASSERT_TRUE(client.send({.method = Method::post, .url = server.url(), .body = as_bytes("abc")}, kGoOn));
  Source source{"abc"};
  const auto response = client.send(source.request(server.url()), kGoOn);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(requests, 3);

  source.at = 0;
  ClientRequest once = source.request(server.url());
  once.rewind = nullptr;
  EXPECT_EQ(error_of(client.send(once, kGoOn)).code, Code::unavailable) << "it cannot be read again";
}

TEST(HttpClient, EndsWithTheErrorOfWhoGivesTheBody) {
  ScriptedServer server(echo(100));
  HttpClient client;
  ClientRequest request{.method = Method::put, .url = server.url(), .body_size = 100};
  request.read = [](std::span<std::byte>) -> Result<std::size_t> { return fail(Code::corrupt, "the disk"); };
  EXPECT_EQ(error_of(client.send(request, kGoOn)).message, "the disk");
  request.read = [](std::span<std::byte> space) -> Result<std::size_t> { return space.size() / 2; };
  EXPECT_EQ(error_of(client.send(request, kGoOn)).code, Code::invalid) << "the file became shorter";
}

TEST(HttpClient, GivesTheBodyToTheSinkInPieces) {
  const std::string text = text_of(3'000'000);
  ScriptedServer server(always("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + text));
  HttpClient client;
  std::string taken;
  const BodySink sink = [&](ByteView bytes) -> Result<> {
    taken += as_text(bytes);
    return {};
  };
  const auto response = get(client, server.url(), &sink);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(taken, text);

  ScriptedServer other(always("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"));
  taken.clear();
  EXPECT_EQ(get(client, other.url(), &sink)->body, "hello") << "a reason is no content";
  EXPECT_EQ(taken, "");
}

TEST(HttpClient, EndsWithTheErrorOfTheSink) {
  ScriptedServer server(always("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + text_of(3'000'000)));
  HttpClient client;
  int pieces = 0;
  const BodySink sink = [&](ByteView) -> Result<> {
    if (++pieces == 2) return fail(Code::exhausted, "the disk is full");
    return {};
  };
  const Error error = error_of(get(client, server.url(), &sink));
  EXPECT_EQ(error.code, Code::exhausted);
  EXPECT_EQ(error.message, "the disk is full");
  EXPECT_EQ(pieces, 2);
}

TEST(HttpClient, TakesChunksAndBytesAsTheyAre) {
  ScriptedServer chunked(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: "
             "gzip\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n"
             "0\r\nHTTP/1.1: 500\r\nX-Trailer: 1\r\n\r\n"));
  HttpClient client;
  for (int i = 0; i < 2; ++i) {
    const auto response = get(client, chunked.url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "hello");
    EXPECT_EQ(response->fields.size(), 2) << "trailers are nobody's";
  }
}

TEST(HttpClient, NeverTakesAPartForTheWhole) {
  for (const std::string answer : {
           "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\n\r\nhello",
           "HTTP/1.0 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 2\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Le",
           "HTTP/1.1 200 OK\r\nno field at all\r\nContent-Length: 5\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\n: nameless\r\nContent-Length: 5\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
           "HTTP/1.1 100 Continue\r\n\r\n",
           "HTTP/1.1 999999 OK\r\nContent-Length: 5\r\n\r\nhello",
           "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello",
           "HTTP/2 200 OK\r\nContent-Le",
           "SSH-2.0-OpenSSH_9.2\r\n",
           "<html>hello</html>",
           "\x15\x03\x01\x02",
           "",
       }) {
    ScriptedServer server([&](Connection& c) {
      c.read_head();
      c.send(answer);
    });
    HttpClient client;
    std::string taken;
    const auto response = get(client, server.url("/path?secret"));
    const Error error = error_of(response);
    EXPECT_EQ(error.code, Code::unavailable) << answer << ": " << error.message;
    EXPECT_TRUE(error.message.starts_with("GET " + server.url("/path") + ":")) << error.message;
    EXPECT_FALSE(error.message.contains("secret")) << error.message;
    EXPECT_FALSE(error.message.contains('\n')) << error.message;
  }
}

// What follows an answer uninvited is not the answer to the next request.
TEST(HttpClient, IsNotFooledByWhatFollowsAnAnswer) {
  ScriptedServer server([](Connection& c) {
    while (!c.read_head().empty() && c.send(kHello + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")) {
    }
  });
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    const auto response = get(client, server.url());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "hello");
  }
}

TEST(HttpClient, HasALimitForHeadsAndForBodies) {
  HttpClient client;
  ScriptedServer many([](Connection& c) {
    c.read_head();
    c.send("HTTP/1.1 200 OK\r\n");
    while (c.send("X-Field: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  EXPECT_EQ(error_of(get(client, many.url())).code, Code::exhausted);
  ScriptedServer interim([](Connection& c) {
    c.read_head();
    while (c.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")) {
    }
  });
  EXPECT_EQ(error_of(get(client, interim.url())).code, Code::exhausted);
  ScriptedServer endless([](Connection& c) {
    c.read_head();
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string piece = "100000\r\n" + std::string(0x100000, 'x') + "\r\n";
    while (c.send(piece)) {
    }
  });
  EXPECT_EQ(error_of(get(client, endless.url())).code, Code::exhausted);
}

TEST(HttpClient, SaysThatNobodyAnswers) {
  std::string url;
  {
    ScriptedServer gone(always(kHello));
    url = gone.url("/v1/hub?token=sesqui");
  }
  HttpClient client;
  const Error error = error_of(get(client, url));
  EXPECT_EQ(error.code, Code::unavailable);
  EXPECT_TRUE(error.message.contains("/v1/hub")) << error.message;
  EXPECT_FALSE(error.message.contains("sesqui")) << error.message;
  const Error unknown = error_of(get(client, "http://no-such-host.invalid/"));
  EXPECT_EQ(unknown.code, Code::unavailable);
}

TEST(HttpClient, WaitsNoLongerThanItIsTold) {
  ScriptedServer silent([](Connection& c) { c.read_until_closed(); });
  HttpClient client;
  const auto begin = std::chrono::steady_clock::now();
  const auto response = client.send({.url = silent.url(), .wait_max = milliseconds(200)}, kGoOn);
  EXPECT_EQ(error_of(response).code, Code::timed_out) << response.error().message;
  EXPECT_EQ(error_of(client.send({.url = silent.url(), .wait_max = milliseconds(0)}, kGoOn)).code,
            Code::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(5000));
}

// Silent from the start, in the head, and in the body.
TEST(HttpClient, GivesUpWhenNothingComesAnyMore) {
  for (const std::string beginning :
       {"", "HTTP/1.1 200 OK\r\nX", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"}) {
    ScriptedServer server([&](Connection& c) {
      c.read_head();
      c.send(beginning);
      c.read_until_closed();
    });
    HttpClient client(std::nullopt, {.stall_wait_max = milliseconds(300)});
    const Error error = error_of(get(client, server.url()));
    EXPECT_EQ(error.code, Code::unavailable);
    EXPECT_TRUE(error.message.contains("no byte came or went for 300 ms")) << error.message;
  }
}

// Nobody reads what is sent.
TEST(HttpClient, GivesUpWhenNothingGoesAnyMore) {
  std::atomic<bool> done = false;
  ScriptedServer server([&](Connection& c) {
    c.read_head();
    done.wait(false);
  });
  HttpClient client(std::nullopt, {.stall_wait_max = milliseconds(300)});
  Source source{text_of(32U << 20)};
  EXPECT_EQ(error_of(client.send(source.request(server.url()), kGoOn)).code, Code::unavailable);
  done = true;
  done.notify_all();
}

TEST(HttpClient, EndsWhenItIsCancelled) {
  std::atomic<bool> cancel = false;
  ScriptedServer silent([&](Connection& c) {
    c.read_head();
    cancel = true;
    c.read_until_closed();
  });
  HttpClient client;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(error_of(client.send({.url = silent.url()}, cancel)).code, Code::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(5000));
  const std::size_t before = silent.connections();
  EXPECT_EQ(error_of(client.send({.url = silent.url()}, cancel)).code, Code::cancelled);
  EXPECT_EQ(silent.connections(), before);
}

TEST(HttpClient, ServesManyThreadsWithAConnectionForEach) {
  ScriptedServer server(echo(0));
  HttpClient client;
  constexpr std::size_t kThreads = 8;
  std::atomic<int> wrong = 0;
  {
    std::deque<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        for (int n = 0; n < 50; ++n) {
          const std::string path = "/" + std::to_string(i) + "/" + std::to_string(n);
          const auto response = get(client, server.url(path));
          if (!response || !response->body.starts_with("GET " + path + " ")) ++wrong;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(server.connections(), kThreads);
}

TEST(HttpClient, RefusesWhatCannotBeSent) {
  HttpClient client;
  for (const char* url :
       {"", "hub.example", "ftp://127.0.0.1/", "file:///etc/passwd", "http://user:pw@127.0.0.1/",
        "http://127.0.0.1/a b", "http://127.0.0.1/a\nb", "http://127.0.0.1/#x", "http://127.0.0.1/\x80"})
    EXPECT_EQ(error_of(get(client, url)).code, Code::invalid) << url;
  for (const HttpField& field : {HttpField{"X", "a\r\nY: b"}, HttpField{"X\r\nY", "b"}, HttpField{"X y", "b"},
                                 HttpField{"", "b"}, HttpField{"X", std::string("\0", 1)}})
    EXPECT_EQ(error_of(client.send({.url = "http://127.0.0.1:1/", .fields = {field}}, kGoOn)).code,
              Code::invalid);
}

TEST(HttpClient, WithAPinSpeaksNoPlainHttp) {
  ScriptedServer server(always(kHello));
  HttpClient client(std::string(64, 'a'));
  EXPECT_EQ(error_of(get(client, server.url())).code, Code::denied);
  EXPECT_EQ(server.connections(), 0);
}

// The environment belongs to the process, so each test of it sets all that it looks at.
class HttpClientProxy : public testing::Test {
 protected:
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
  ~HttpClientProxy() override {
    for (const char* name : {"http_proxy", "HTTPS_PROXY", "NO_PROXY"}) ::unsetenv(name);
  }
};

TEST_F(HttpClientProxy, IsUsedButForThisMachine) {
  std::mutex mutex;
  std::string asked;
  ScriptedServer proxy([&](Connection& c) {
    const std::string head = c.read_head();
    {
      const std::scoped_lock lock(mutex);
      asked += head.substr(0, head.find("\r\n")) + ";";
    }
    c.send(head.starts_with("CONNECT") ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno" : kHello);
  });
  ScriptedServer here(always(kHello));
  set("http_proxy", proxy.url(""));
  set("HTTPS_PROXY", proxy.url(""));
  HttpClient client;
  EXPECT_EQ(get(client, here.url())->body, "hello");
  EXPECT_EQ(get(client, "http://hub.invalid/x")->body, "hello");
  const Error refused = error_of(get(client, "https://hub.invalid/x"));
  EXPECT_EQ(refused.code, Code::unavailable);
  HttpClient pinned(std::string(64, 'a'));
  EXPECT_EQ(error_of(get(pinned, "https://hub.invalid:8443/x")).code, Code::unavailable);
  set("NO_PROXY", "hub.invalid");
  EXPECT_FALSE(get(client, "http://hub.invalid/x"));
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(asked,
            "GET http://hub.invalid/x HTTP/1.1;CONNECT hub.invalid:443 HTTP/1.1;CONNECT hub.invalid:8443 "
            "HTTP/1.1;");
}

}  // namespace
}  // namespace kachery

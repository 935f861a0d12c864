// A provider with a store of its own, and a hub that does as it is told to: for the tests of provide.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "os/random.h"
#include "provide/file_provider.h"
#include "remote/fake_hub.h"
#include "wire/live.h"

namespace kachery {

constexpr std::size_t kPoolThreads = 4;

// A call whose peer only listens.
class HeardCall final : public IncomingCall {
 public:
  HeardCall(Loop& loop, std::string message) : message_(std::move(message)), cancelled_(loop) {}

  const std::string& method() const override { return method_; }
  const std::string& message() const override { return message_; }
  void progress(std::string message) override { heard.push_back(*wire::parse<wire::AskState>(message)); }
  bool is_cancelled() const override { return is_cancelled_; }
  Signal& cancelled() override { return cancelled_; }

  void cancel() {
    is_cancelled_ = true;
    cancelled_.notify();
  }

  std::vector<wire::AskState> heard;

 private:
  std::string method_ = "upload";
  std::string message_;
  bool is_cancelled_ = false;
  Signal cancelled_;
};

class FileProviderTest : public testing::Test {
 protected:
  FileProviderTest() { std::filesystem::create_directories(home_); }
  ~FileProviderTest() override { std::filesystem::remove_all(home_); }

  static Configuration configuration(const std::filesystem::path& home, const FakeHub& hub) {
    Configuration configuration{home / "store", "test"};
    configuration.state_directory = home / "state";
    configuration.gateway_url = {hub.url().str(), "test"};
    return configuration;
  }

  FileProviderParts parts() {
    return {
        .loop = loop_, .session = session_, .zone = zone_, .uploads_max = 2, .say = [this](const auto& line) {
          lines_.push_back(line);
        }};
  }

  Digest store(const std::string& bytes) {
    const std::filesystem::path path = write("source", bytes);
    Progress progress;
    return session_.store_many({&path, 1}, Algorithm::sha1, progress)->front().digest;
  }
  Digest link(const std::string& name, const std::string& bytes) {
    const std::filesystem::path path = write(name, bytes);
    Progress progress;
    return (*session_.writing_store())->link_files({&path, 1}, Algorithm::sha1, progress)->front().digest;
  }
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(home_ / name, std::ios::binary) << bytes;
    return home_ / name;
  }

  // Nothing can be sent until it is called off.
  void jam() {
    hub_.set_script([](const RequestHead& head, const std::string&) -> std::optional<Response> {
      if (!head.path.starts_with("/v1/files/put") && head.method != Method::put) return std::nullopt;
      return FakeHub::failure(503, Code::unavailable, "jammed");
    });
  }
  void unjam() { hub_.set_script(nullptr); }

  // On the network thread, until `work` has ended; it fails if that takes longer than 20 s.
  void run(Task<> work) {
    loop_.spawn(end_with(std::move(work)));
    loop_.spawn(give_up());
    loop_.run();
    ASSERT_TRUE(has_ended_);
  }

  std::ptrdiff_t count_lines(std::string_view beginning) const {
    return std::ranges::count_if(lines_, [&](const auto& line) { return line.starts_with(beginning); });
  }

  // Until it is over: how it ended.
  Task<> finish(FileProvider& provider, Digest digest, std::vector<wire::AskState>& ends) {
    Signal changed(loop_);
    const auto interest = provider.ask({digest}, std::nullopt, changed);
    while (!wire::is_final(interest->state())) co_await changed.wait(std::chrono::seconds(20));
    ends.push_back(interest->state());
  }
  Task<> until(std::function<bool()> condition) {
    while (!condition()) co_await loop_.sleep(std::chrono::milliseconds(1));
  }

  Loop loop_{kPoolThreads};
  FakeHub hub_;
  std::filesystem::path home_ = std::filesystem::path(testing::TempDir()) / ("provide_test_" + random_hex(8));
  Session session_{configuration(home_, hub_)};
  const ZoneName zone_ = ZoneName::parse("default").value();
  std::vector<std::string> lines_;

 private:
  Task<> end_with(Task<> work) {
    co_await work;
    has_ended_ = true;
    loop_.stop();
  }
  Task<> give_up() {
    co_await loop_.sleep(std::chrono::seconds(20));
    loop_.stop();
  }

  bool has_ended_ = false;
};

}  // namespace kachery

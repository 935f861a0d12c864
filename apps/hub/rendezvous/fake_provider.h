// FakeProvider: for tests of what meets providers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/rendezvous/order.h"
#include "hub/rendezvous/provider.h"

namespace kachery::hub {

inline NodeId node(unsigned char number) {
  NodeId::Key key{};
  key[0] = std::byte{number};
  return NodeId(key);
}

inline wire::AskState state(const char* word, std::optional<std::uint64_t> bytes = {},
                            std::optional<std::uint64_t> size = {}) {
  return {.state = word, .size = size, .bytes_uploaded = bytes};
}

// A daemon that does what the test says.
class FakeProvider final : public Provider {
 public:
  FakeProvider(Loop& loop, NodeId node) : loop_(loop), node_(node), moved_(loop) {}

  std::optional<NodeId> node() const override { return node_; }
  Proof proof() const override { return Proof::key; }
  void notice(std::string message) override { notices.push_back(std::move(message)); }
  void cut(const Error& why) override { cuts.push_back(why.message); }
  Task<bool> ping(std::chrono::milliseconds wait) override {
    ++pings;
    if (!answers_pings) co_await loop_.sleep(wait);
    co_return answers_pings;
  }
  Task<Result<std::optional<ByteCount>>> have(wire::Have message, std::chrono::milliseconds wait) override {
    asked_whether.push_back(std::move(message));
    if (!has) {
      co_await loop_.sleep(wait);
      co_return fail(Code::timed_out, "it does not answer");
    }
    co_return *has;
  }
  Task<Result<wire::AskState>> upload(std::shared_ptr<Order> order) override {
    orders.push_back(order);
    moved_.notify();
    while (!last && order->is_wanted()) co_await order->changed().wait(std::chrono::milliseconds(2));
    if (!last) ++stopped;
    co_return last.value_or(Result<wire::AskState>(state(wire::kError)));
  }
  // Until it was asked for so many uploads.
  Task<> asked(std::size_t count) {
    while (orders.size() < count) co_await moved_.wait(std::chrono::milliseconds(1'000));
  }

  bool answers_pings = true;
  std::optional<std::optional<ByteCount>> has = std::optional<ByteCount>();  // None: it says nothing.
  std::vector<wire::Have> asked_whether;
  std::optional<Result<wire::AskState>> last;  // What an upload ends with.
  std::vector<std::shared_ptr<Order>> orders;
  std::vector<std::string> notices;
  std::vector<std::string> cuts;
  int pings = 0;
  int stopped = 0;

 private:
  Loop& loop_;
  NodeId node_;
  Signal moved_;
};

}  // namespace kachery::hub

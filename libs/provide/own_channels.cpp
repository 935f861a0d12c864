#include "provide/own_channels.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "remote/calls.h"

namespace kachery {
namespace {

// A hub waits 2.5 s for what a node has: what comes later is of no use to it.
constexpr std::chrono::milliseconds kAnswerWaitMax{2'000};

constexpr std::chrono::hours kEndWait{1};  // Waited for again and again; a question has an end.

}  // namespace

Task<bool> OwnChannels::provides_files_in(std::vector<ChannelName> channels) {
  const Time now = std::chrono::steady_clock::now();
  while (!is_stopped_ && !is_known_to_provide(channels, now) && (!asked_ || *asked_ < now - parts_.no_max)) {
    if (cancel_) {
      co_await answered_.wait(kEndWait);
    } else {
      co_await ask();
    }
  }
  co_return !is_stopped_ && is_known_to_provide(channels, now);
}

bool OwnChannels::is_known_to_provide(const std::vector<ChannelName>& channels, Time now) const {
  if (!told_ || *told_ < now - parts_.yes_max) return false;
  return std::ranges::any_of(channels,
                             [this](const ChannelName& channel) { return provided_.contains(channel); });
}

Task<> OwnChannels::ask() {
  const auto cancel = std::make_shared<std::atomic<bool>>(false);
  cancel_ = cancel;
  parts_.loop.spawn(limit(cancel));
  const Time begun = std::chrono::steady_clock::now();
  const auto work = [&session = parts_.session, zone = parts_.zone, cancel]() -> Result<wire::ChannelList> {
    KACHERY_TRY(hub, session.hub(MissingKey::none));
    return hub->call(remote::kListChannels, wire::ListChannels{zone, std::nullopt, false}, *cancel);
  };
  const Result<wire::ChannelList> list = co_await parts_.loop.offload(work);
  cancel_.reset();
  take(list, begun);
  answered_.notify();
}

Task<> OwnChannels::limit(std::shared_ptr<std::atomic<bool>> cancel) {
  co_await parts_.loop.sleep(kAnswerWaitMax);
  *cancel = true;
}

void OwnChannels::take(const Result<wire::ChannelList>& list, Time begun) {
  asked_ = begun;
  if (!list) {
    if (is_stopped_) return;
    const std::string why = list.error().code == Code::cancelled
                                ? fmt::format("it did not answer within {} ms", kAnswerWaitMax.count())
                                : printable(list.error().message);
    parts_.say(
        "The hub does not say in which channels this node provides files, so that what is asked for "
        "through one may not be provided now: " +
        why);
    return;
  }
  told_ = begun;
  provided_.clear();
  for (const wire::Channel& channel : list->channels)
    if (channel.effective.has(Role::provide_files)) provided_.insert(channel.name);
}

void OwnChannels::stop() {
  is_stopped_ = true;
  if (cancel_) *cancel_ = true;
}

}  // namespace kachery

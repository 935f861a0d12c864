#include "hub/rendezvous/search.h"

#include <algorithm>

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

bool is_in(const ChannelName& channel, const std::vector<ChannelName>& channels) {
  return std::ranges::find(channels, channel) != channels.end();
}

}  // namespace

Search::Search(Loop& loop, const Providers& providers, ZoneName zone, const Digest& digest,
               std::vector<Candidate> candidates, std::chrono::milliseconds wait)
    : loop_(loop),
      providers_(providers),
      zone_(std::move(zone)),
      digest_(digest),
      wait_(wait),
      answered_(loop) {
  for (Candidate& who : candidates) questions_.push_back({.who = std::move(who)});
}

void Search::begin() {
  if (until_) return;
  until_ = steady_clock::now() + wait_;
  for (std::size_t i = 0; i < questions_.size(); ++i) loop_.spawn(ask(shared_from_this(), i));
}

Task<> Search::ask(std::shared_ptr<Search> self, std::size_t number) {
  const Candidate& who = self->questions_[number].who;
  wire::Have message{.zone = self->zone_, .digest = self->digest_, .channels = who.channels};
  const Result<std::optional<ByteCount>> said = co_await who.provider->have(std::move(message), self->wait_);
  if (self->is_over() || !said) co_return;
  Question& question = self->questions_[number];
  question.has_answered = true;
  question.size = *said;
  self->answered_.notify();
}

bool Search::is_over() const {
  return (until_ && steady_clock::now() >= *until_) ||
         std::ranges::all_of(questions_, &Question::has_answered);
}

Search::Question* Search::find(const std::optional<ChannelName>& channel) {
  Question* last = nullptr;
  for (Question& question : questions_) {
    if (!question.size || question.is_taken || (channel && !is_in(*channel, question.who.channels))) continue;
    if (!providers_.has_failed_lately(*question.who.provider)) return &question;
    last = &question;
  }
  return is_over() ? last : nullptr;
}

Task<Search::Question*> Search::await(std::optional<ChannelName> channel) {
  begin();
  for (;;) {
    Question* found = find(channel);
    if (found != nullptr || is_over()) co_return found;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until_ - steady_clock::now());
    co_await answered_.wait(left);
  }
}

Task<std::optional<ChannelName>> Search::next_channel() {
  const Question* found = co_await await(std::nullopt);
  if (found == nullptr) co_return std::nullopt;
  co_return found->who.channels.front();
}

Task<std::shared_ptr<Provider>> Search::take(ChannelName channel) {
  Question* found = co_await await(std::move(channel));
  if (found == nullptr) co_return nullptr;
  found->is_taken = true;
  co_return found->who.provider;
}

bool Search::has_more(const ChannelName& channel) const {
  const bool is_open = !is_over();
  return std::ranges::any_of(questions_, [&](const Question& question) {
    const bool may_have = question.size || (!question.has_answered && is_open);
    return may_have && !question.is_taken && is_in(channel, question.who.channels);
  });
}

Task<> Search::finish() {
  begin();
  while (!is_over()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until_ - steady_clock::now());
    co_await answered_.wait(left);
  }
}

std::size_t Search::silent() const {
  return static_cast<std::size_t>(std::ranges::count(questions_, false, &Question::has_answered));
}

std::vector<Search::Holder> Search::holders() const {
  std::vector<Holder> found;
  for (const Question& question : questions_)
    if (question.size) found.push_back({question.who, *question.size});
  return found;
}

}  // namespace kachery::hub

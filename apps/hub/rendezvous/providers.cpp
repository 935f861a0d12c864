#include "hub/rendezvous/providers.h"

#include <algorithm>

#include "hub/operations/log.h"

namespace kachery::hub {
namespace {

using std::chrono::steady_clock;

// A stranger who tries again and again does not fill a daemon's log.
constexpr std::chrono::seconds kNoticeEvery{10};

std::string key_text(const Provider& provider) {
  const std::optional<NodeId> node = provider.node();
  return node ? node->hex() : "";
}

std::string str(const Post& post) {
  return std::visit([](const auto& what) { return what.str(); }, post);
}

void log_provider(Severity severity, std::string_view event, const Post& post, const Provider& provider,
                  const std::string& why = "") {
  json::Object about{{"node", key_text(provider)}};
  std::visit([&about](const auto& what) { about.emplace_back("zone", what.zone.str()); }, post);
  if (const auto* id = std::get_if<ResourceId>(&post)) about.emplace_back("resource", id->name.str());
  if (!why.empty()) about.emplace_back("why", why);
  log(severity, event, std::move(about));
}

}  // namespace

Task<Result<>> Providers::enter(Post post, std::shared_ptr<Provider> newcomer) {
  const auto taken = connected_.find(post);
  if (taken == connected_.end()) {
    take(post, std::move(newcomer));
    co_return Result<>();
  }
  const std::shared_ptr<Provider> first = taken->second.provider;
  if (first->node() == newcomer->node() && !taken->second.is_challenged) {
    taken->second.is_challenged = true;
    const bool answers = co_await first->ping(limits_.ping_wait);
    const auto now = connected_.find(post);
    const bool is_first = now != connected_.end() && now->second.provider == first;
    if (is_first) now->second.is_challenged = false;
    if (is_first && !answers) {
      log_provider(Severity::warning, "provider_replaced", post, *first, "it does not answer a ping");
      first->cut(
          {Code::unavailable, "it did not answer a ping, and another daemon of the same key has come"});
    }
    if (now == connected_.end() || (is_first && !answers)) {
      take(post, std::move(newcomer));
      co_return Result<>();
    }
  }
  const bool same_key = first->node() == newcomer->node();
  refused(post, same_key ? "another daemon of the same key wanted its place"
                         : "a daemon with another key, " + key_text(*newcomer) + ", wanted its place");
  co_return fail(Code::exists,
                 "another daemon serves " + str(post) +
                     (same_key ? ", with the same key" : ", with another key") +
                     ", and goes on: stop that one first" +
                     (std::holds_alternative<ResourceId>(post) ? ", or take another name" : ""));
}

void Providers::take(const Post& post, std::shared_ptr<Provider> provider) {
  log_provider(Severity::info, "provider_connected", post, *provider);
  connected_[post] = {.provider = std::move(provider)};
  left_.erase(post);
  changed_.notify();
}

void Providers::leave(const Post& post, const Provider& provider) {
  const auto found = connected_.find(post);
  if (found == connected_.end() || found->second.provider.get() != &provider) return;
  log_provider(Severity::info, "provider_left", post, provider);
  connected_.erase(found);
  const auto now = steady_clock::now();
  std::erase_if(left_, [&](const auto& gone) { return now - gone.second >= limits_.return_wait; });
  left_[post] = now;
}

void Providers::refused(const Post& post, const std::string& why) {
  const auto found = connected_.find(post);
  if (found == connected_.end()) return;
  log_provider(Severity::warning, "provider_refused", post, *found->second.provider, why);
  const auto now = steady_clock::now();
  if (now - found->second.noticed < kNoticeEvery) return;
  found->second.noticed = now;
  found->second.provider->notice(str(post) + ": " + why + "; it was refused, and this one goes on");
}

std::vector<Post> Providers::posts_of(const ResourceId& id) const {
  std::vector<Post> posts{id};
  const std::optional<NodeId> owner = owner_of_ ? owner_of_(id) : std::nullopt;
  if (owner) posts.emplace_back(NodeInZone{id.zone, *owner});
  return posts;
}

std::shared_ptr<Provider> Providers::find(const ResourceId& id) const {
  for (const Post& post : posts_of(id)) {
    const auto found = connected_.find(post);
    if (found != connected_.end()) return found->second.provider;
  }
  return nullptr;
}

std::shared_ptr<Provider> Providers::find(const NodeInZone& node) const {
  const auto found = connected_.find(Post(node));
  return found == connected_.end() ? nullptr : found->second.provider;
}

void Providers::note_failure(const std::optional<NodeId>& node) {
  const auto now = steady_clock::now();
  std::erase_if(failed_, [&](const auto& failed) { return now - failed.second >= limits_.failure_time; });
  if (node) failed_[*node] = now;
}

bool Providers::has_failed_lately(const Provider& provider) const {
  const std::optional<NodeId> node = provider.node();
  const auto found = node ? failed_.find(*node) : failed_.end();
  return found != failed_.end() && steady_clock::now() - found->second < limits_.failure_time;
}

bool Providers::expects(const ResourceId& id) const {
  const auto now = steady_clock::now();
  if (now - begun_ < limits_.return_wait || find(id)) return true;
  return std::ranges::any_of(posts_of(id), [&](const Post& post) {
    const auto left = left_.find(post);
    return left != left_.end() && now - left->second < limits_.return_wait;
  });
}

Task<std::shared_ptr<Provider>> Providers::await(ResourceId id, std::shared_ptr<Provider> gone,
                                                 std::chrono::milliseconds wait) {
  const auto until = steady_clock::now() + wait;
  for (;;) {
    std::shared_ptr<Provider> found = find(id);
    if (found && found != gone) co_return found;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) co_return nullptr;
    co_await changed_.wait(left);
  }
}

void Providers::review(const std::function<Result<>(const Post& post, const Provider& provider)>& may) {
  for (auto it = connected_.begin(); it != connected_.end();) {
    const Result<> allowed = may(it->first, *it->second.provider);
    if (allowed) {
      ++it;
      continue;
    }
    log_provider(Severity::warning, "provider_cut", it->first, *it->second.provider, allowed.error().message);
    const std::shared_ptr<Provider> provider = it->second.provider;
    it = connected_.erase(it);
    provider->cut(allowed.error());
  }
}

}  // namespace kachery::hub

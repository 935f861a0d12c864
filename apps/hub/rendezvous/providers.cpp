#include "hub/rendezvous/providers.h"

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

void log_provider(Severity severity, std::string_view event, const ResourceId& id, const Provider& provider,
                  const std::string& why = "") {
  json::Object about{{"zone", id.zone.str()}, {"resource", id.name.str()}, {"node", key_text(provider)}};
  if (!why.empty()) about.emplace_back("why", why);
  log(severity, event, std::move(about));
}

}  // namespace

Task<Result<>> Providers::enter(ResourceId id, std::shared_ptr<Provider> newcomer) {
  const auto taken = connected_.find(id);
  if (taken == connected_.end()) {
    take(id, std::move(newcomer));
    co_return Result<>();
  }
  const std::shared_ptr<Provider> first = taken->second.provider;
  if (first->node() == newcomer->node() && !taken->second.is_challenged) {
    taken->second.is_challenged = true;
    const bool answers = co_await first->ping(limits_.ping_wait);
    const auto now = connected_.find(id);
    const bool is_first = now != connected_.end() && now->second.provider == first;
    if (is_first) now->second.is_challenged = false;
    if (is_first && !answers) {
      log_provider(Severity::warning, "provider_replaced", id, *first, "it does not answer a ping");
      first->cut(
          {Code::unavailable, "it did not answer a ping, and another daemon of the same key has come"});
    }
    if (now == connected_.end() || (is_first && !answers)) {
      take(id, std::move(newcomer));
      co_return Result<>();
    }
  }
  const bool same_key = first->node() == newcomer->node();
  refused(id, same_key ? "another daemon of the same key wanted to serve it"
                       : "a daemon with another key, " + key_text(*newcomer) + ", wanted to serve it");
  co_return fail(Code::exists, "another daemon serves " + id.str() +
                                   (same_key ? ", with the same key" : ", with another key") +
                                   ", and goes on: stop that one first, or take another name");
}

void Providers::take(const ResourceId& id, std::shared_ptr<Provider> provider) {
  log_provider(Severity::info, "provider_connected", id, *provider);
  connected_[id] = {.provider = std::move(provider)};
  left_.erase(id);
  changed_.notify();
}

void Providers::leave(const ResourceId& id, const Provider& provider) {
  const auto found = connected_.find(id);
  if (found == connected_.end() || found->second.provider.get() != &provider) return;
  log_provider(Severity::info, "provider_left", id, provider);
  connected_.erase(found);
  const auto now = steady_clock::now();
  std::erase_if(left_, [&](const auto& gone) { return now - gone.second >= limits_.return_wait; });
  left_[id] = now;
}

void Providers::refused(const ResourceId& id, const std::string& why) {
  const auto found = connected_.find(id);
  if (found == connected_.end()) return;
  log_provider(Severity::warning, "provider_refused", id, *found->second.provider, why);
  const auto now = steady_clock::now();
  if (now - found->second.noticed < kNoticeEvery) return;
  found->second.noticed = now;
  found->second.provider->notice("the resource " + id.name.str() + ": " + why +
                                 "; it was refused, and this one goes on");
}

std::shared_ptr<Provider> Providers::find(const ResourceId& id) const {
  const auto found = connected_.find(id);
  return found == connected_.end() ? nullptr : found->second.provider;
}

bool Providers::expects(const ResourceId& id) const {
  const auto now = steady_clock::now();
  const auto left = left_.find(id);
  return connected_.contains(id) || now - begun_ < limits_.return_wait ||
         (left != left_.end() && now - left->second < limits_.return_wait);
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

void Providers::review(const std::function<Result<>(const ResourceId& id, const Provider& provider)>& may) {
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

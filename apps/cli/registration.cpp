#include "registration.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "console.h"
#include "core/text.h"

namespace kachery::cli {
namespace {

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') return "unnamed";
  return name.data();
}

std::string clock_time(std::int64_t time_ms) {
  return fmt::format("{:%H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(time_ms / 1000)));
}

// What people need to approve this node, and to see that it is this one.
void say_waiting(const wire::Registration& registration) {
  say(fmt::format("this node waits for approval: {}", registration.link.value_or("")));
  say(fmt::format("  code {}, node {}, until {}", registration.code.value_or(""),
                  registration.node.hex().substr(0, 16), clock_time(registration.expires_ms.value_or(0))));
  say("  whoever approves it compares these 16 digits; Ctrl-C stops the waiting, not the code");
}

Result<> wait_for_approval(const Context& context, remote::Hub& hub, const wire::Registration& pending) {
  say_waiting(pending);
  const auto on_wait = [](const wire::Registration&) {};
  KACHERY_TRY(last, hub.await_registration(pending.code.value_or(""), on_wait, context.progress.cancel));
  if (last.registered) return {};
  return fail(Code::denied, "nobody approved this node while its code was good; run kachery init again");
}

}  // namespace

Result<wire::WhoAmI> ask_whoami(const Context& context, Session& session,
                                const std::optional<ZoneName>& zone) {
  KACHERY_TRY(hub, session.hub(MissingKey::none));
  KACHERY_TRY(in, session.zone_or_default(zone));
  return hub->call(remote::kWhoAmI, wire::AskWhoAmI{in}, context.progress.cancel);
}

Result<wire::WhoAmI> join_hub(Context& context, Session& session, const Joining& joining) {
  KACHERY_TRY(hub, session.hub(MissingKey::generate));
  KACHERY_TRY(before, ask_whoami(context, session, {}));
  if (before.revoked)
    return fail(Code::denied, "this node was revoked at " + hub->url().str() +
                                  "; a revoked key stays out: make another store, or move private.pem away");
  if (before.registered) return before;
  const wire::Register message{joining.label.empty() ? machine_name() : joining.label, joining.user,
                               joining.invitation};
  KACHERY_TRY(registration, hub->call(remote::kRegister, message, context.progress.cancel));
  if (!registration.registered) KACHERY_TRY(wait_for_approval(context, *hub, registration));
  return ask_whoami(context, session, {});
}

}  // namespace kachery::cli

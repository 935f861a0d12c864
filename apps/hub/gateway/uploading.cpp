#include "hub/gateway/uploading.h"

namespace kachery::hub {

Uploader uploader_of(Shared& shared, const Permit& permit, const ZoneName& zone,
                     const std::optional<ChannelName>& channel) {
  KACHERY_ASSERT(permit.action() == Action::upload && permit.node());
  const std::shared_ptr<const Facts> facts = shared.services.facts.now();
  return {.zone = zone,
          .node = *permit.node(),
          .user = permit.own_user(),
          .reads = reader_in(*facts, permit.actor(), zone, std::nullopt),
          .channel = channel};
}

wire::Outcome refusal(const Error& error) {
  return {.state = "refused", .code = error.code, .message = error.message};
}

wire::Outcome outcome_of(const CommitState& state) {
  switch (state.what) {
    case CommitState::What::stored:
      return {.state = "stored", .code = {}, .message = {}};
    case CommitState::What::present:
      return {.state = "present", .code = {}, .message = {}};
    case CommitState::What::refused:
      break;
  }
  KACHERY_ASSERT(state.refusal.has_value());
  return refusal(*state.refusal);
}

}  // namespace kachery::hub

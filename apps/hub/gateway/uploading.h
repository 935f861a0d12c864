// What all ways to upload have in common.
#pragma once

#include <optional>

#include "hub/gateway/shared.h"
#include "wire/files.h"

namespace kachery::hub {

// Of a Permit for Action::upload there: to the zone, or to that channel of it.
Uploader uploader_of(Shared& shared, const Permit& permit, const ZoneName& zone,
                     const std::optional<ChannelName>& channel);

wire::Outcome refusal(const Error& error);
wire::Outcome outcome_of(const CommitState& state);

}  // namespace kachery::hub

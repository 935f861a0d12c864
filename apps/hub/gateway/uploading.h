// What all ways to upload have in common.
#pragma once

#include "hub/gateway/shared.h"
#include "wire/files.h"

namespace kachery::hub {

// Of a Permit for Action::upload.
Uploader uploader_of(Shared& shared, const Permit& permit, const ZoneName& zone);

wire::Outcome refusal(const Error& error);
wire::Outcome outcome_of(const CommitState& state);

}  // namespace kachery::hub

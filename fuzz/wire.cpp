// Whatever parses as a message prints, and what is printed parses to the same text again.
#include <cstddef>
#include <cstdint>

#include "wire/admin.h"
#include "wire/files.h"
#include "wire/hub.h"
#include "wire/legacy/proxy.h"
#include "wire/live.h"
#include "wire/nodes.h"
#include "wire/uploads.h"

using namespace kachery;

namespace {

template <class T>
void check(std::string_view text) {
  const Result<T> message = wire::parse<T>(text);
  if (!message) return;
  const std::string printed = wire::print(*message);
  const Result<T> again = wire::parse<T>(printed);
  KACHERY_ASSERT(again && wire::print(*again) == printed);
}

template <class... Messages>
void check_all(std::string_view text) {
  (check<Messages>(text), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using namespace wire;
  check_all<Failure, HubInfo, Done, Register, Registration, AwaitRegistration, Approve, AskWhoAmI, WhoAmI,
            Node, ListNodes, NodeList, RevokeNode, Find, FoundFiles, AskChunks, ChunkUrls, GetSmall,
            SmallFile, PutSmall, Outcomes, ListFiles, FileList, RemoveFiles, Removals, AskPresent, Present,
            BeginUploads, BegunUploads, MoreChunks, PutOrders, CommitUploads, AbandonUploads, NamedUser,
            ListUsers, UserList, ListAllNodes, Invite, Invitation, ListInvitations, InvitationList,
            RevokeInvitation, CreateZone, NamedZone, ListZones, ZoneList, ZoneSettings, SetQuota, AskUsage,
            Usage, AskAudit, Serve, Serving, Have, Had, Upload, Notice, RegisterResource, ResourceList,
            ListResources, RemoveResource, AskFile, AskState, CancelAsk, AskHolders, Holders>(text);
  check_all<legacy::Initialize, legacy::Ping, legacy::ResponseToClient, legacy::Acknowledge,
            legacy::RequestFromClient, legacy::CancelRequestFromClient, legacy::FileUploadRequest,
            legacy::FileUploadResponse, legacy::Refusal>(text);
  return 0;
}

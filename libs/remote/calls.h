// Calls: what can be said to a hub, and what it answers. docs/protocol.
#pragma once

#include "wire/admin.h"
#include "wire/channels.h"
#include "wire/files.h"
#include "wire/hub.h"
#include "wire/nodes.h"
#include "wire/resources.h"
#include "wire/uploads.h"

namespace kachery::remote {

// A POST of one message to `path`, which is answered by one message.
template <class Message, class Reply>
struct Call {
  const char* path;
};

inline constexpr Call<wire::Find, wire::FoundFiles> kFind{"/v1/files/find"};
inline constexpr Call<wire::AskChunks, wire::ChunkUrls> kAskChunks{"/v1/files/chunks"};
inline constexpr Call<wire::ListFiles, wire::FileList> kListFiles{"/v1/files/list"};
inline constexpr Call<wire::RemoveFiles, wire::Removals> kRemoveFiles{"/v1/files/remove"};

inline constexpr Call<wire::AskPresent, wire::Present> kAskPresent{"/v1/uploads/present"};
inline constexpr Call<wire::BeginUploads, wire::BegunUploads> kBeginUploads{"/v1/uploads/begin"};
inline constexpr Call<wire::MoreChunks, wire::PutOrders> kMoreChunks{"/v1/uploads/chunks"};
inline constexpr Call<wire::CommitUploads, wire::Outcomes> kCommitUploads{"/v1/uploads/commit"};
inline constexpr Call<wire::AbandonUploads, wire::Done> kAbandonUploads{"/v1/uploads/abandon"};

inline constexpr Call<wire::Register, wire::Registration> kRegister{"/v1/nodes/register"};
inline constexpr Call<wire::Approve, wire::Node> kApprove{"/v1/nodes/approve"};
inline constexpr Call<wire::AskWhoAmI, wire::WhoAmI> kWhoAmI{"/v1/nodes/whoami"};
inline constexpr Call<wire::ListNodes, wire::NodeList> kListNodes{"/v1/nodes/list"};
inline constexpr Call<wire::RevokeNode, wire::Done> kRevokeNode{"/v1/nodes/revoke"};

inline constexpr Call<wire::RegisterResource, wire::Resource> kRegisterResource{"/v1/resources/register"};
inline constexpr Call<wire::ListResources, wire::ResourceList> kListResources{"/v1/resources/list"};
inline constexpr Call<wire::RemoveResource, wire::Done> kRemoveResource{"/v1/resources/remove"};
inline constexpr Call<wire::CreateChannel, wire::Channel> kCreateChannel{"/v1/channels/create"};
inline constexpr Call<wire::DescribeChannel, wire::Done> kDescribeChannel{"/v1/channels/describe"};
inline constexpr Call<wire::NamedChannel, wire::Done> kDeleteChannel{"/v1/channels/delete"};
inline constexpr Call<wire::ListChannels, wire::ChannelList> kListChannels{"/v1/channels/list"};
inline constexpr Call<wire::NamedChannel, wire::ChannelMembers> kListChannelMembers{"/v1/channels/members"};
inline constexpr Call<wire::ChangeGrant, wire::ChannelMember> kGrantRoles{"/v1/channels/grant"};
inline constexpr Call<wire::ChangeGrant, wire::ChannelMember> kRevokeRoles{"/v1/channels/revoke"};
inline constexpr Call<wire::InviteToChannel, wire::NewChannelInvitation> kInviteToChannel{
    "/v1/channels/invite"};
inline constexpr Call<wire::NamedChannel, wire::ChannelInvitations> kListChannelInvitations{
    "/v1/channels/invitations"};
inline constexpr Call<wire::UninviteFromChannel, wire::Done> kUninviteFromChannel{"/v1/channels/uninvite"};
inline constexpr Call<wire::JoinChannel, wire::Channel> kJoinChannel{"/v1/channels/join"};
inline constexpr Call<wire::SetRoles, wire::Channel> kSetRoles{"/v1/channels/set-roles"};
inline constexpr Call<wire::NamedChannel, wire::Done> kLeaveChannel{"/v1/channels/leave"};
inline constexpr Call<wire::CancelAsk, wire::Done> kCancelAsk{"/v1/files/ask/cancel"};
inline constexpr Call<wire::AskHolders, wire::Holders> kAskHolders{"/v1/files/holders"};
// Answered by lines, each an AskState.
inline constexpr const char* kAskPath = "/v1/files/ask";

inline constexpr Call<wire::NamedUser, wire::Done> kCreateUser{"/v1/admin/users/create"};
inline constexpr Call<wire::NamedUser, wire::Done> kDisableUser{"/v1/admin/users/disable"};
inline constexpr Call<wire::NamedUser, wire::Done> kEnableUser{"/v1/admin/users/enable"};
inline constexpr Call<wire::ListUsers, wire::UserList> kListUsers{"/v1/admin/users/list"};
inline constexpr Call<wire::ListAllNodes, wire::NodeList> kListAllNodes{"/v1/admin/nodes/list"};
inline constexpr Call<wire::RevokeNode, wire::Done> kRevokeAnyNode{"/v1/admin/nodes/revoke"};
inline constexpr Call<wire::Approve, wire::Node> kApproveForUser{"/v1/admin/nodes/approve"};
inline constexpr Call<wire::Invite, wire::Invitation> kInvite{"/v1/admin/invitations/create"};
inline constexpr Call<wire::ListInvitations, wire::InvitationList> kListInvitations{
    "/v1/admin/invitations/list"};
inline constexpr Call<wire::RevokeInvitation, wire::Done> kRevokeInvitation{"/v1/admin/invitations/revoke"};
inline constexpr Call<wire::CreateZone, wire::Done> kCreateZone{"/v1/admin/zones/create"};
inline constexpr Call<wire::NamedZone, wire::Done> kDeleteZone{"/v1/admin/zones/delete"};
inline constexpr Call<wire::ListZones, wire::ZoneList> kListZones{"/v1/admin/zones/list"};
inline constexpr Call<wire::SetQuota, wire::Done> kSetQuota{"/v1/admin/quotas/set"};
inline constexpr Call<wire::ZoneSettings, wire::ZoneSettings> kZoneSettings{"/v1/zones/settings"};
inline constexpr Call<wire::AskUsage, wire::Usage> kAskUsage{"/v1/zones/usage"};

}  // namespace kachery::remote

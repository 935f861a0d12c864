#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "wire/admin.h"
#include "wire/channels.h"
#include "wire/files.h"
#include "wire/hub.h"
#include "wire/live.h"
#include "wire/nodes.h"
#include "wire/resources.h"
#include "wire/uploads.h"

namespace kachery::wire {
namespace {

template <class T>
void expect_same_text(const std::string& text) {
  const Result<T> message = parse<T>(text);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(print(*message), text);
}

TEST(Wire, PrintsWhatItParsed) {
  expect_same_text<Find>(
      R"({"zone":"default","digests":["sha1:6af826b3d648ccba6b4bbe58e93e22add640d728"],"channel":null})");
  expect_same_text<Failure>(
      R"({"error":{"code":"denied","message":"no","request":"00"},"now_ms":1700000000000})");
  expect_same_text<ListNodes>("{}");
  expect_same_text<FoundFiles>(R"({"files":[null],"expires_ms":5})");
}

using Example = std::pair<const std::string, std::string (*)(std::string_view)>;

// The message of that file in testdata/, printed after it was read; what is wrong with it, if it is.
template <class T>
Example example(const char* name) {
  return {name, [](std::string_view text) {
            const Result<T> message = parse<T>(text);
            return message ? print(*message) : message.error().message;
          }};
}

const std::map<std::string, std::string (*)(std::string_view)>& examples() {
  static const std::map<std::string, std::string (*)(std::string_view)> kExamples{
      example<Failure>("failure"),
      example<HubInfo>("hub_info"),
      example<Done>("done"),
      example<Register>("register"),
      example<Registration>("registration"),
      example<AwaitRegistration>("await_registration"),
      example<Approve>("approve"),
      example<AskWhoAmI>("ask_who_am_i"),
      example<WhoAmI>("who_am_i"),
      example<Node>("node"),
      example<ListNodes>("list_nodes"),
      example<NodeList>("node_list"),
      example<RevokeNode>("revoke_node"),
      example<Find>("find"),
      example<FoundFiles>("found_files"),
      example<AskChunks>("ask_chunks"),
      example<ChunkUrls>("chunk_urls"),
      example<GetSmall>("get_small"),
      example<SmallFile>("small_file"),
      example<PutSmall>("put_small"),
      example<Outcomes>("outcomes"),
      example<ListFiles>("list_files"),
      example<FileList>("file_list"),
      example<RemoveFiles>("remove_files"),
      example<Removals>("removals"),
      example<AskPresent>("ask_present"),
      example<Present>("present"),
      example<RegisterResource>("register_resource"),
      example<Resource>("resource"),
      example<ListResources>("list_resources"),
      example<ResourceList>("resource_list"),
      example<RemoveResource>("remove_resource"),
      example<CreateChannel>("create_channel"),
      example<DescribeChannel>("describe_channel"),
      example<NamedChannel>("named_channel"),
      example<Channel>("channel"),
      example<ListChannels>("list_channels"),
      example<ChannelList>("channel_list"),
      example<ChannelMembers>("channel_members"),
      example<ChannelMember>("channel_member"),
      example<ChangeGrant>("change_grant"),
      example<InviteToChannel>("invite_to_channel"),
      example<NewChannelInvitation>("new_channel_invitation"),
      example<ChannelInvitations>("channel_invitations"),
      example<UninviteFromChannel>("uninvite_from_channel"),
      example<JoinChannel>("join_channel"),
      example<SetRoles>("set_roles"),
      example<AskFile>("ask_file"),
      example<AskFile>("ask_file_relay"),
      example<AskFile>("ask_file_channel"),
      example<AskHolders>("ask_holders"),
      example<Holders>("holders"),
      example<AskState>("ask_state"),
      example<AskState>("ask_state_arrivals"),
      example<CancelAsk>("cancel_ask"),
      example<BeginUploads>("begin_uploads"),
      example<BegunUploads>("begun_uploads"),
      example<MoreChunks>("more_chunks"),
      example<PutOrders>("put_orders"),
      example<CommitUploads>("commit_uploads"),
      example<AbandonUploads>("abandon_uploads"),
      example<NamedUser>("named_user"),
      example<ListUsers>("list_users"),
      example<UserList>("user_list"),
      example<ListAllNodes>("list_all_nodes"),
      example<Invite>("invite"),
      example<Invitation>("invitation"),
      example<ListInvitations>("list_invitations"),
      example<InvitationList>("invitation_list"),
      example<RevokeInvitation>("revoke_invitation"),
      example<CreateZone>("create_zone"),
      example<NamedZone>("named_zone"),
      example<ListZones>("list_zones"),
      example<ZoneList>("zone_list"),
      example<ZoneSettings>("zone_settings"),
      example<SetQuota>("set_quota"),
      example<AskUsage>("ask_usage"),
      example<Usage>("usage"),
      example<AskAudit>("ask_audit"),
      example<Serve>("serve"),
      example<Serving>("serving"),
      example<Have>("have"),
      example<Had>("had"),
      example<Upload>("upload"),
      example<Notice>("notice"),
  };
  return kExamples;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Other programs are written after these examples.
TEST(Wire, EveryExampleIsReadAndPrintedByteForByte) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KACHERY_WIRE_EXAMPLES)) {
    ++files;
    const auto found = examples().find(entry.path().stem().string());
    ASSERT_NE(found, examples().end()) << entry.path() << " is the example of no message";
    const std::string text = content_of(entry.path());
    EXPECT_EQ(found->second(text.substr(0, text.size() - 1)) + "\n", text) << entry.path();
  }
  EXPECT_EQ(files, examples().size()) << "a message has no example";
}

TEST(Wire, EveryExampleStandsInTheProtocolsPages) {
  std::string pages;
  for (const auto& entry : std::filesystem::directory_iterator(KACHERY_PROTOCOL_PAGES))
    pages += content_of(entry.path());
  for (const auto& [name, unused] : examples()) {
    const std::string text = content_of(std::filesystem::path(KACHERY_WIRE_EXAMPLES) / (name + ".json"));
    const bool is_there = pages.contains("\n" + text) || pages.contains("\n  " + text);
    EXPECT_TRUE(is_there) << name << " is in none of docs/protocol";
  }
}

TEST(Wire, RefusesWhatIsNotExactlyTheMessage) {
  for (const char* text : {
           "",
           "[]",
           "null",
           "{}",
           R"({"zone":"default"})",
           R"({"zone":"default","digests":[]})",
           R"({"zone":"default","digests":[],"channel":"../x"})",
           R"({"zone":"default","digests":[],"channel":null,"more":1})",
           R"({"zone":"default","digests":null,"channel":null})",
           R"({"zone":"default","zone":"default","digests":[],"channel":null})",
           R"({"zone":"../x","digests":[],"channel":null})",
           R"({"zone":"default","digests":["sha1:6AF826b3d648ccba6b4bbe58e93e22add640d728"],"channel":null})",
           R"({"zone":"default","digests":["6af826b3d648ccba6b4bbe58e93e22add640d728"],"channel":null})",
       }) {
    const Result<Find> message = parse<Find>(text);
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, Code::invalid) << text;
  }
  EXPECT_FALSE(parse<Chunk>(R"({"sha256":"sha256:)" + std::string(64, '0') + R"(","size":-1})"));
  EXPECT_FALSE(
      parse<Chunk>(R"({"sha256":"sha256:)" + std::string(64, '0') + R"(","size":9007199254740992})"));
  EXPECT_TRUE(parse<Chunk>(R"({"sha256":"sha256:)" + std::string(64, '0') + R"(","size":9007199254740991})"));
}

TEST(Wire, ARoleIsAWordAndComesOnce) {
  const auto with = [](const std::string& roles) {
    return parse<SetRoles>(R"({"zone":"default","name":"rats","wanted":)" + roles + "}");
  };
  EXPECT_EQ(with(R"(["provideFiles","requestFiles"])")->wanted,
            (Roles{Role::request_files, Role::provide_files}));
  EXPECT_TRUE(with("[]")->wanted.empty());
  for (const char* roles :
       {"null", R"("requestFiles")", R"(["all"])", R"(["requestFiles","requestFiles"])", "[1]"})
    EXPECT_EQ(with(roles).error().code, Code::invalid) << roles;
}

TEST(Wire, SaysWhichMemberIsWrong) {
  const Result<Failure> message =
      parse<Failure>(R"({"error":{"code":"odd","message":"","request":""},"now_ms":0})");
  ASSERT_FALSE(message);
  EXPECT_NE(message.error().message.find("error.code"), std::string::npos) << message.error().message;
}

}  // namespace
}  // namespace kachery::wire

// A hub with a zone, people and channels: for tests of what channels let people do.
#pragma once

#include "hub/gateway/gateway_fixture.h"
#include "wire/channels.h"

namespace kachery::hub {

inline constexpr Roles kReads{Role::request_files};
inline constexpr Roles kProvides{Role::provide_files};

inline ChannelName channel_named(const std::string& name) {
  return ChannelName::parse(name).value();
}

// Alice may upload in the zone, and owns channels there; Bob and Carol have no right in it.
class ChannelHubTest : public HubTest {
 protected:
  ChannelHubTest() {
    for (const auto& [key, name] :
         {std::pair(&alices, "alice"), std::pair(&alices_second, "alice"), std::pair(&bobs, "bob"),
          std::pair(&carols, "carol"), std::pair(&owners, "owner")})
      add_node(*key, name);
    create_zone(
        "lab", "owner",
        {.public_upload = false, .public_download = false, .users = {{user("alice"), {.upload = true}}}});
    EXPECT_EQ(create(&alices, "rats").status, 200);
  }

  wire::NamedChannel channel(const std::string& name = "rats") {
    return {zone_named("lab"), channel_named(name)};
  }
  Answer create(const KeyPair* key, const std::string& name) {
    return call(
        key, "/v1/channels/create",
        wire::CreateChannel{.zone = zone_named("lab"), .name = channel_named(name), .description = "Some"});
  }
  Answer change(const KeyPair* key, const std::string& what, const KeyPair& whose, Roles roles,
                const std::string& name = "rats") {
    return call(key, "/v1/channels/" + what,
                wire::ChangeGrant{zone_named("lab"), channel_named(name), whose.node_id(), roles});
  }
  Answer want(const KeyPair& key, Roles wanted, const std::string& name = "rats") {
    return call(&key, "/v1/channels/set-roles",
                wire::SetRoles{zone_named("lab"), channel_named(name), wanted});
  }
  Answer join(const KeyPair* key, const std::optional<std::string>& code, const std::string& name = "rats") {
    return call(key, "/v1/channels/join",
                wire::JoinChannel{zone_named("lab"), channel_named(name), code, {}});
  }
  wire::InviteToChannel invitation(Roles roles) {
    return {zone_named("lab"), channel_named("rats"), roles, std::nullopt, std::nullopt, std::nullopt};
  }
  std::vector<wire::Channel> list(const KeyPair& key, bool all = false) {
    return call(&key, "/v1/channels/list", wire::ListChannels{zone_named("lab"), std::nullopt, all})
        .message<wire::ChannelList>()
        .channels;
  }
  // Granted and wanted.
  void let(const KeyPair& key, Roles roles, const std::string& name = "rats") {
    EXPECT_EQ(change(&alices, "grant", key, roles, name).status, 200);
    EXPECT_EQ(want(key, roles, name).status, 200);
  }

  // --- Files of channels

  wire::PutSmall small(const std::string& bytes, const std::optional<ChannelName>& to) {
    return {zone_named("lab"), {{sha1(bytes), bytes.size()}}, to};
  }
  Answer put_small(const KeyPair& key, const std::string& bytes, const std::optional<ChannelName>& to) {
    return post(&key, "/v1/files/put", wire::print(small(bytes, to)) + "\n" + bytes);
  }
  Answer find_in(const KeyPair* key, const std::string& bytes, const std::optional<ChannelName>& in) {
    return call(key, "/v1/files/find", wire::Find{zone_named("lab"), {sha1(bytes)}, in});
  }
  // Whether a file is found, by whoever may ask; nobody who may not.
  bool finds(const KeyPair& key, const std::string& bytes, const std::optional<ChannelName>& in = {}) {
    const Answer answer = find_in(&key, bytes, in);
    return answer.status == 200 && answer.message<wire::FoundFiles>().files.at(0).has_value();
  }
  bool gets(const KeyPair& key, const std::string& bytes, const std::optional<ChannelName>& in = {}) {
    const wire::GetSmall message{zone_named("lab"), {sha1(bytes)}, in};
    const Answer answer = call(&key, "/v1/files/get", message);
    return answer.status == 200 && answer.body.contains(bytes);
  }

  const KeyPair alices = KeyPair::generate();
  const KeyPair alices_second = KeyPair::generate();
  const KeyPair bobs = KeyPair::generate();
  const KeyPair carols = KeyPair::generate();
  const KeyPair owners = KeyPair::generate();
  const ChannelName rats = channel_named("rats");
};

}  // namespace kachery::hub

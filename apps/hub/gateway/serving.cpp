#include "hub/gateway/serving.h"

namespace kachery::hub {

namespace {

Result<> may_serve_name(const Facts& facts, const ResourceId& id, const NodeId& node, Proof proof) {
  const std::string name = id.str();
  const auto registered = facts.resources.find(id);
  if (registered == facts.resources.end())
    return fail(Code::not_found, name + " is not registered: run kachery resource register " + id.name.str() +
                                     " on this machine");
  if (registered->second.node != node)
    return fail(Code::denied, name + " belongs to another node, " + registered->second.node.hex() +
                                  ": take another name, or have that one removed (kachery resource remove)");
  if (proof == Proof::key) return {};
  if (!registered->second.older)
    return fail(Code::denied, name + " is not for daemons of the older generation: register it with --older");
  if (!facts.zones.at(id.zone).settings.public_download)
    return fail(Code::denied,
                name +
                    " is not for daemons of the older generation: they serve only zones from which "
                    "everybody may download");
  return {};
}

}  // namespace

Action action_of(const Post& post) {
  return std::holds_alternative<ResourceId>(post) ? Action::provide : Action::provide_as_node;
}

Result<> may_serve(const Facts& facts, const Post& post, const NodeId& node, Proof proof) {
  const ZoneName& zone = std::visit([](const auto& what) -> const ZoneName& { return what.zone; }, post);
  KACHERY_TRY(authorize(facts, SigningKey{node}, action_of(post), &zone));
  const auto* id = std::get_if<ResourceId>(&post);
  if (id != nullptr) return may_serve_name(facts, *id, node, proof);
  KACHERY_ASSERT(std::get<NodeInZone>(post).node == node && proof == Proof::key);
  return {};
}

}  // namespace kachery::hub

#include "hub/gateway/shared.h"

namespace kachery::hub {

Task<Result<std::optional<ByteCount>>> find_size(Services& services, ZoneName zone, Reader reader,
                                                 Digest digest) {
  auto work = [&services, &zone, &reader, &digest] {
    return services.catalog.files().find(zone, reader, {&digest, 1});
  };
  KACHERY_CO_TRY(found, co_await services.loop.offload(std::move(work)));
  if (!found.front()) co_return std::optional<ByteCount>();
  co_return std::optional<ByteCount>(found.front()->size);
}

namespace {

std::optional<NodeId> owner_of(const Facts& facts, const ResourceId& id) {
  const auto found = facts.resources.find(id);
  return found == facts.resources.end() ? std::nullopt : std::optional(found->second.node);
}

}  // namespace

Shared::Shared(const Services& all)
    : services(all),
      rendezvous(
          services.loop, [this](const ResourceId& id) { return owner_of(*services.facts.now(), id); },
          [this](ZoneName zone, Reader reader, Digest digest) {
            return find_size(services, std::move(zone), std::move(reader), digest);
          }) {}

}  // namespace kachery::hub

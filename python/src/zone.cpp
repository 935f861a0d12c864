// A zone of the hub, for Python: sending and fetching many files, what is there, and what this node is to the
// hub.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "core/uri.h"
#include "session.h"

namespace kachery::python {
namespace {

using Uris = std::vector<nb::bytes>;
using Zone = std::optional<std::string>;

std::vector<Digest> digests_of(const Uris& uris) {
  std::vector<Digest> digests;
  digests.reserve(uris.size());
  for (const nb::bytes& uri : uris) digests.push_back(value_or_raise(Uri::parse(text_of(uri))).digest);
  return digests;
}

// What is stored or linked here: to the zone, or to a channel of it.
void upload(PySession& session, const Uris& uris, const Zone& zone,
            const std::optional<std::string>& channel_name, const nb::object& on_progress) {
  const auto digests = digests_of(uris);
  const auto into = zone_of(zone);
  std::optional<ChannelName> channel;
  if (channel_name) channel = value_or_raise(ChannelName::parse(*channel_name));
  run_blocking(on_progress,
               [&](Progress& progress) { return session->upload(digests, into, progress, channel); });
}

// Files that are not kept here: [(hexadecimal digest, size in bytes), ...]
nb::list upload_files(PySession& session, const std::vector<nb::bytes>& names, const std::string& algorithm,
                      const Zone& zone, const nb::object& on_progress) {
  std::vector<std::filesystem::path> paths;
  for (const nb::bytes& name : names) paths.emplace_back(text_of(name));
  const Algorithm chosen = algorithm_of(algorithm);
  const auto into = zone_of(zone);
  std::vector<Stored> sent;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    KACHERY_TRY(done, session->upload_files(paths, chosen, into, progress));
    sent = std::move(done);
    return {};
  });
  nb::list list;
  for (const Stored& one : sent) list.append(nb::make_tuple(one.digest.hex(), one.size));
  return list;
}

// The paths, in the order of `uris`.
nb::list fetch_many(PySession& session, const Uris& uris, const Zone& zone, const nb::object& on_progress) {
  const auto digests = digests_of(uris);
  const auto from = zone_of(zone);
  std::vector<std::filesystem::path> paths;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    KACHERY_TRY(fetched, session->fetch_many(digests, from, progress));
    paths = std::move(fetched);
    return {};
  });
  nb::list list;
  for (const auto& path : paths) list.append(bytes_of(path.native()));
  return list;
}

// For each (size in bytes, who says that these are the bytes), or None.
nb::list find_in_zone(PySession& session, const Uris& uris, const Zone& zone) {
  const auto digests = digests_of(uris);
  const auto in = zone_of(zone);
  std::vector<std::optional<ZoneFile>> files;
  run_blocking(nb::none(), [&](Progress& progress) -> Result<> {
    KACHERY_TRY(found, session->find_in_zone(digests, in, progress));
    files = std::move(found);
    return {};
  });
  nb::list list;
  for (const auto& file : files) {
    if (file) {
      list.append(nb::make_tuple(file->size, file->attested_by));
    } else {
      list.append(nb::none());
    }
  }
  return list;
}

// For each, whether there was something to remove.
std::vector<bool> remove(PySession& session, const Uris& uris, bool everybody, const Zone& zone) {
  const auto digests = digests_of(uris);
  const auto chosen = zone_of(zone);
  std::vector<bool> removed;
  run_blocking(nb::none(), [&](Progress& progress) -> Result<> {
    KACHERY_TRY(hub, session->hub(MissingKey::none));
    KACHERY_TRY(from, session->zone_or_default(chosen));
    const wire::RemoveFiles message{from, digests, everybody};
    KACHERY_TRY(answer, hub->call(remote::kRemoveFiles, message, progress.cancel));
    removed = std::move(answer.removed);
    return {};
  });
  return removed;
}

// (hub, node, registered, revoked, label, user, zone, upload, download, admin, bytes, objects, limit of
// bytes, limit of objects)
nb::tuple whoami(PySession& session, const Zone& zone) {
  const auto chosen = zone_of(zone);
  std::optional<wire::WhoAmI> found;
  std::string hub_url;
  run_blocking(nb::none(), [&](Progress& progress) -> Result<> {
    KACHERY_TRY(hub, session->hub(MissingKey::none));
    KACHERY_TRY(in, session->zone_or_default(chosen));
    KACHERY_TRY(answer, hub->call(remote::kWhoAmI, wire::AskWhoAmI{in}, progress.cancel));
    hub_url = hub->url().str();
    found = std::move(answer);
    return {};
  });
  const auto& who = *found;
  const auto node = who.node ? std::optional(who.node->hex()) : std::nullopt;
  const auto user = who.user ? std::optional(who.user->str()) : std::nullopt;
  return nb::make_tuple(hub_url, node, who.registered, who.revoked, who.label, user, who.zone.str(),
                        who.rights.upload, who.rights.download, who.rights.admin, who.bytes.used,
                        who.objects.used, who.bytes.max, who.objects.max);
}

// (registered, code, link): registers this node's key, which is made if there is none.
nb::tuple register_node(PySession& session, const std::string& label) {
  std::optional<wire::Registration> answer;
  run_blocking(nb::none(), [&](Progress& progress) -> Result<> {
    KACHERY_TRY(hub, session->hub(MissingKey::generate));
    const wire::Register message{label, std::nullopt, std::nullopt};
    KACHERY_TRY(registration, hub->call(remote::kRegister, message, progress.cancel));
    answer = std::move(registration);
    return {};
  });
  return nb::make_tuple(answer->registered, answer->code.value_or(""), answer->link.value_or(""));
}

// Waits until somebody has approved the node: True; or the code has expired: False.
bool await_registration(PySession& session, const std::string& code) {
  bool registered = false;
  run_blocking(nb::none(), [&](Progress& progress) -> Result<> {
    KACHERY_TRY(hub, session->hub(MissingKey::none));
    KACHERY_TRY(answer, hub->await_registration(code, [](const auto&) {}, progress.cancel));
    registered = answer.registered;
    return {};
  });
  return registered;
}

}  // namespace

std::optional<ZoneName> zone_of(const Zone& name) {
  if (!name) return std::nullopt;
  return value_or_raise(ZoneName::parse(*name));
}

Sources sources_of(const PySources& from) {
  const auto& [use_location, local_only, zone, resource, asks, channel, wait_ms] = from;
  const std::chrono::milliseconds wait(wait_ms);
  Sources sources{use_location ? Location::use : Location::ignore, local_only,
                  zone_of(zone.empty() ? Zone() : Zone(zone))};
  if (asks && (!resource.empty() || is_resource_named()))
    sources.asking = Asking{.resource = resource, .wait = wait};
  sources.ask_wait = wait;
  if (!channel.empty()) sources.channel = value_or_raise(ChannelName::parse(channel));
  return sources;
}

void bind_zone(SessionClass& session) {
  session.def("upload", &upload, nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg().none())
      .def("upload_files", &upload_files, nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none())
      .def("fetch_many", &fetch_many, nb::arg(), nb::arg().none(), nb::arg().none())
      .def("find_in_zone", &find_in_zone, nb::arg(), nb::arg().none())
      .def("remove_from_zone", &remove, nb::arg(), nb::arg(), nb::arg().none())
      .def("whoami", &whoami, nb::arg().none())
      .def("register", &register_node)
      .def("await_registration", &await_registration);
}

}  // namespace kachery::python

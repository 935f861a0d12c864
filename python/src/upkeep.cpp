// Looking after the store, for Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <vector>

#include "core/uri.h"
#include "session.h"

namespace kachery::python {
namespace {

// [(URI, what), ...]
nb::list findings_as_list(const std::vector<Finding>& findings) {
  nb::list list;
  for (const Finding& finding : findings)
    list.append(nb::make_tuple(Uri{finding.digest, ""}.str(), bytes_of(finding.what)));
  return list;
}

// (objects, links, bytes, damaged, repaired, stale links, missing); everything is checked if `uris` is empty.
nb::tuple verify(PySession& session, const std::vector<nb::bytes>& uris, const nb::object& on_progress) {
  std::vector<Digest> digests;
  digests.reserve(uris.size());
  for (const nb::bytes& uri : uris) digests.push_back(value_or_raise(Uri::parse(text_of(uri))).digest);
  ScrubReport report;
  run_blocking(on_progress, [&](Progress& progress) -> Result<> {
    KACHERY_TRY(store, session->reading_store());
    if (store == nullptr) {
      for (const Digest& digest : digests) report.missing.push_back({digest, "there is no store"});
      return {};
    }
    KACHERY_TRY(scrubbed, store->scrub(digests, progress));
    report = std::move(scrubbed);
    return {};
  });
  return nb::make_tuple(report.objects, report.links, report.bytes, findings_as_list(report.damaged),
                        findings_as_list(report.repaired), findings_as_list(report.stale_links),
                        findings_as_list(report.missing));
}

}  // namespace

void bind_upkeep(SessionClass& session) {
  session.def("verify", &verify, nb::arg(), nb::arg().none());
}

}  // namespace kachery::python

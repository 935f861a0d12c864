// Feeds, for Python: messages are JSON texts as bytes, feeds are IDs, subfeeds URIs.
#include "feed/feeds.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <functional>
#include <vector>

#include "session.h"

namespace kachery::python {
namespace {

template <class T>
using FeedsCall = std::function<Result<T>(feed::Feeds&)>;

// What a call of the session's feeds gives.
template <class T>
T with_feeds(PySession& session, const FeedsCall<T>& call) {
  return value_or_raise(unlocked([&]() -> Result<T> {
    KACHERY_TRY(feeds, session->feeds());
    return call(*feeds);
  }));
}

FeedId feed_of(const std::string& id) {
  return value_or_raise(FeedId::parse(id));
}
FeedUri uri_of(const std::string& uri) {
  return value_or_raise(FeedUri::parse(uri));
}
feed::SubfeedId subfeed_of(const std::string& uri) {
  return value_or_raise(feed::subfeed_id(uri_of(uri)));
}

std::string feed_create(PySession& session, const std::optional<std::string>& name, bool replace) {
  const feed::TakenName taken = replace ? feed::TakenName::replace : feed::TakenName::refuse;
  return with_feeds<FeedId>(session, [&](feed::Feeds& feeds) { return feeds.create(name, taken); }).hex();
}

std::string feed_find(PySession& session, const std::string& name, bool create) {
  const auto find = [&]() -> Result<FeedId> {
    Result<FeedId> found = session->find_feed(name);
    const bool is_name = found || found.error().code == Code::not_found;
    if (found || !create || !is_name) return found;
    KACHERY_TRY(feeds, session->feeds());
    return feeds->find_or_create(name);
  };
  return value_or_raise(unlocked(find)).hex();
}

bool feed_knows(PySession& session, const std::string& id) {
  const FeedId feed = feed_of(id);
  return with_feeds<bool>(session, [&](feed::Feeds& feeds) { return feeds.knows(feed); });
}

bool feed_is_writable(PySession& session, const std::string& id) {
  const FeedId feed = feed_of(id);
  return with_feeds<bool>(session,
                          [&](feed::Feeds& feeds) -> Result<bool> { return feeds.is_writable(feed); });
}

// [(ID, writable, of the first generation, [name, ...], [(hash, name or None, size), ...]), ...]
nb::list feed_list(PySession& session) {
  const auto listings =
      with_feeds<std::vector<feed::FeedListing>>(session, [](feed::Feeds& feeds) { return feeds.list(); });
  nb::list list;
  for (const feed::FeedListing& listing : listings) {
    nb::list subfeeds;
    for (const feed::NamedSubfeed& subfeed : listing.subfeeds)
      subfeeds.append(nb::make_tuple(subfeed.hash.hex(), subfeed.name, subfeed.size));
    list.append(nb::make_tuple(listing.feed.hex(), listing.writable, listing.first_generation, listing.names,
                               subfeeds));
  }
  return list;
}

bool feed_delete(PySession& session, const std::string& id) {
  const FeedId feed = feed_of(id);
  return with_feeds<bool>(session, [&](feed::Feeds& feeds) { return feeds.remove(feed); });
}

// (the number of the first one, the size then)
nb::tuple feed_append(PySession& session, const std::string& subfeed,
                      const std::vector<nb::bytes>& messages) {
  const FeedUri uri = uri_of(subfeed);
  std::vector<std::string> texts;
  texts.reserve(messages.size());
  for (const nb::bytes& message : messages) texts.push_back(text_of(message));
  const auto appended =
      with_feeds<feed::Appended>(session, [&](feed::Feeds& feeds) { return feeds.append(uri, texts); });
  return nb::make_tuple(appended.first, appended.size);
}

// [(number, timestamp in ms, text, what was signed), ...]
nb::list feed_read(PySession& session, const std::string& uri, std::uint64_t next, std::uint64_t count_max,
                   std::uint64_t bytes_max) {
  const feed::SubfeedId subfeed = subfeed_of(uri);
  const feed::ReadRange range{next, count_max, bytes_max};
  const auto messages = with_feeds<std::vector<feed::Message>>(
      session, [&](feed::Feeds& feeds) { return feeds.read(subfeed, range); });
  nb::list list;
  for (const feed::Message& message : messages)
    list.append(nb::make_tuple(message.number, message.timestamp_ms, bytes_of(message.text),
                               bytes_of(message.entry)));
  return list;
}

std::uint64_t feed_size(PySession& session, const std::string& uri) {
  const feed::SubfeedId subfeed = subfeed_of(uri);
  return with_feeds<feed::TreeSize>(session, [&](feed::Feeds& feeds) { return feeds.size(subfeed); });
}

// Whether one of the subfeeds, [(URI, next), ...], has a message of that number.
bool feed_wait(PySession& session, const std::vector<std::pair<std::string, std::uint64_t>>& positions,
               std::int64_t timeout_ms) {
  std::vector<feed::Position> waited;
  waited.reserve(positions.size());
  for (const auto& [uri, next] : positions) waited.push_back({subfeed_of(uri), next});
  bool beyond = false;
  run_blocking(nb::none(), [&](Progress& progress) -> Result<> {
    KACHERY_TRY(feeds, session->feeds());
    KACHERY_TRY(outcome, feeds->wait(waited, std::chrono::milliseconds(timeout_ms), progress.cancel));
    beyond = outcome;
    return {};
  });
  return beyond;
}

std::string feed_checkpoint(PySession& session, const std::string& uri) {
  const feed::SubfeedId subfeed = subfeed_of(uri);
  return with_feeds<std::string>(session, [&](feed::Feeds& feeds) { return feeds.checkpoint(subfeed); });
}

std::string feed_prove(PySession& session, const std::string& uri, std::uint64_t number) {
  const feed::SubfeedId subfeed = subfeed_of(uri);
  return with_feeds<feed::InclusionProof>(session,
                                          [&](feed::Feeds& feeds) { return feeds.prove(subfeed, number); })
      .str();
}

std::string feed_prove_since(PySession& session, const std::string& uri, std::uint64_t size) {
  const feed::SubfeedId subfeed = subfeed_of(uri);
  return with_feeds<feed::ConsistencyProof>(
             session, [&](feed::Feeds& feeds) { return feeds.prove_since(subfeed, size); })
      .str();
}

// (ID, the name of the subfeed or None)
nb::tuple parse_feed_uri(const std::string& text) {
  const FeedUri uri = uri_of(text);
  return nb::make_tuple(uri.feed.hex(), uri.subfeed);
}

std::string format_feed_uri(const std::string& id, const std::optional<std::string>& subfeed) {
  return FeedUri{feed_of(id), subfeed}.str();
}

std::string subfeed_hash(const std::string& name) {
  return value_or_raise(feed::subfeed_hash(name)).hex();
}

std::string feed_vkey(const std::string& uri) {
  return feed::note_key_of(subfeed_of(uri)).str();
}

// (URI of the subfeed by its hash, how many messages were signed, number, timestamp in ms, the entry)
nb::tuple check_feed_proof(const nb::bytes& text) {
  const auto proof = value_or_raise(feed::InclusionProof::parse(text_of(text)));
  const auto proved = value_or_raise(feed::check(proof));
  return nb::make_tuple(proved.of.subfeed.str(), proved.of.checkpoint.size, proved.entry.number,
                        proved.entry.timestamp_ms, bytes_of(proof.entry));
}

// (URI of the subfeed by its hash, how many messages were signed)
nb::tuple check_feed_history(const nb::bytes& text, const nb::bytes& old_checkpoint) {
  const auto proof = value_or_raise(feed::ConsistencyProof::parse(text_of(text)));
  const auto proved = value_or_raise(feed::check(proof, text_of(old_checkpoint)));
  return nb::make_tuple(proved.subfeed.str(), proved.checkpoint.size);
}

}  // namespace

void bind_feeds(nb::module_& m, SessionClass& session) {
  m.def("parse_feed_uri", &parse_feed_uri);
  m.def("format_feed_uri", &format_feed_uri, nb::arg(), nb::arg().none());
  m.def("subfeed_hash", &subfeed_hash);
  m.def("feed_vkey", &feed_vkey);
  m.def("check_feed_proof", &check_feed_proof);
  m.def("check_feed_history", &check_feed_history);
  session.def("feed_create", &feed_create, nb::arg().none(), nb::arg())
      .def("feed_find", &feed_find)
      .def("feed_knows", &feed_knows)
      .def("feed_is_writable", &feed_is_writable)
      .def("feed_list", &feed_list)
      .def("feed_delete", &feed_delete)
      .def("feed_append", &feed_append)
      .def("feed_read", &feed_read)
      .def("feed_size", &feed_size)
      .def("feed_wait", &feed_wait)
      .def("feed_checkpoint", &feed_checkpoint)
      .def("feed_prove", &feed_prove)
      .def("feed_prove_since", &feed_prove_since);
}

}  // namespace kachery::python

#include "zone_files.h"

#include <algorithm>

namespace kachery::cli {
namespace {

// One question; its answer comes at once, and can be shown.
constexpr std::size_t kRemovalsMax = 1'000;

}  // namespace

Result<> list_zone(Context& context, const std::optional<ZoneName>& zone, bool mine,
                   const std::function<Result<>(const wire::ListedFile&)>& on_file) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(hub, session->hub(MissingKey::none));
  KACHERY_TRY(in, session->zone_or_default(zone));
  wire::ListFiles question{in, mine, std::nullopt};
  do {
    KACHERY_TRY(page, hub->call(remote::kListFiles, question, context.progress.cancel));
    for (const wire::ListedFile& file : page.files) KACHERY_TRY(on_file(file));
    question.after = std::move(page.next);
  } while (question.after);
  return {};
}

Result<std::vector<bool>> remove_from_zone(Context& context, std::span<const Digest> digests,
                                           const Removing& removing) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(hub, session->hub(MissingKey::none));
  KACHERY_TRY(in, session->zone_or_default(removing.zone));
  std::vector<bool> removed;
  while (removed.size() < digests.size()) {
    const auto part =
        digests.subspan(removed.size(), std::min(kRemovalsMax, digests.size() - removed.size()));
    const wire::RemoveFiles message{in, {part.begin(), part.end()}, removing.everybody};
    KACHERY_TRY(answer, hub->call(remote::kRemoveFiles, message, context.progress.cancel));
    if (answer.removed.size() != part.size())
      return fail(Code::unavailable, "the hub's answer is of another length than the question");
    removed.insert(removed.end(), answer.removed.begin(), answer.removed.end());
  }
  return removed;
}

}  // namespace kachery::cli

#include "client/zone.h"

#include <algorithm>

#include "wire/sizes.h"

namespace kachery {

Result<std::vector<std::optional<wire::FoundFile>>> Zone::find(std::span<const Digest> digests,
                                                               const std::atomic<bool>& cancel) const {
  std::vector<std::optional<wire::FoundFile>> found;
  found.reserve(digests.size());
  while (found.size() < digests.size()) {
    const auto rest = digests.subspan(found.size());
    const auto part = rest.first(std::min(rest.size(), wire::kFindMax));
    KACHERY_TRY(answer, hub.call(remote::kFind, {name, {part.begin(), part.end()}, channel}, cancel));
    if (answer.files.size() != part.size())
      return fail(Code::unavailable, str() + " answered about other files than it was asked for");
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (answer.files[i] && answer.files[i]->digest != part[i])
        return fail(Code::unavailable, str() + " answered about other files than it was asked for");
      found.push_back(std::move(answer.files[i]));
    }
  }
  return found;
}

std::string name_of(const Digest& digest) {
  return std::string(algorithm_name(digest.algorithm())) + "://" + digest.hex();
}

bool Failures::add(const std::string& name, const Error& error) {
  const std::scoped_lock lock(mutex_);
  ++count_;
  if (!first_) first_ = Error{error.code, name + ": " + error.message};
  switch (error.code) {
    case Code::unavailable:
    case Code::timed_out:
    case Code::cancelled:
    case Code::exhausted:
    case Code::internal:
      return false;
    default:
      return true;
  }
}

Result<> Failures::take(const std::string& name, const Result<>& outcome) {
  if (outcome || add(name, outcome.error())) return {};
  return outcome;
}

Result<> Failures::result(std::size_t total) const {
  const std::scoped_lock lock(mutex_);
  if (!first_) return {};
  if (total == 1) return std::unexpected(*first_);
  return fail(first_->code, std::to_string(count_) + " of " + std::to_string(total) +
                                " files failed; the first: " + first_->message);
}

}  // namespace kachery

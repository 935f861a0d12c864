#include "provide/file_provider.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/zone.h"
#include "core/text.h"
#include "wire/live.h"

namespace kachery {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{200};

// A hub takes a provider that says nothing for dead (OutgoingCall::wait_max).
constexpr std::chrono::milliseconds kSayAgainEvery{10'000};

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::hours kTurnWait{1};  // Turns are waited for again and again.

// What an asker is told of a failure: the provider's paths and names are not theirs to know.
std::string told_to_asker(Code code) {
  switch (code) {
    case Code::denied:
      return "the provider may not upload to this zone";
    case Code::exhausted:
      return "the quota of the zone, or the provider's disk or memory, is used up";
    case Code::unavailable:
    case Code::timed_out:
      return "the provider could not reach the hub to send it; ask again";
    default:
      return "the provider could not send it; its log says why";
  }
}

wire::AskState changed_state() {
  return wire::ask_failed(
      {Code::corrupt,
       "the file that was linked by this name has changed, or is gone: whoever provides it must "
       "store or link the original again"});
}

}  // namespace

// The upload of one file.
struct FileProvider::Job {
  Job(Loop& loop, const Digest& of, const std::optional<NodeId>& who) : digest(of), asker(who), turn(loop) {}

  void notify() const {
    for (Signal* changed : interested) changed->notify();
  }

  const Digest digest;
  const std::optional<NodeId> asker;  // Who asked first.
  wire::AskState state{wire::kQueued, std::nullopt, std::nullopt, std::nullopt, std::nullopt};
  std::vector<Signal*> interested;
  Signal turn;
  bool has_turn = false;
  bool is_abandoned = false;
  Progress progress;
};

FileProvider::Interest::Interest(FileProvider& provider, std::shared_ptr<Job> job, Signal& changed)
    : provider_(provider), job_(std::move(job)), changed_(changed) {
  job_->interested.push_back(&changed_);
}

FileProvider::Interest::~Interest() {
  job_->interested.erase(std::ranges::find(job_->interested, &changed_));
  if (job_->interested.empty()) provider_.abandon(job_);
}

wire::AskState FileProvider::Interest::state() const {
  return job_->state;
}

std::unique_ptr<FileProvider::Interest> FileProvider::ask(const Digest& digest,
                                                          const std::optional<NodeId>& asker,
                                                          Signal& changed) {
  std::shared_ptr<Job>& job = jobs_[digest];
  if (!job) {
    job = std::make_shared<Job>(parts_.loop, digest, asker);
    parts_.say("Upload request: " + name_of(digest));
    parts_.loop.spawn(run(job));
  }
  return std::make_unique<Interest>(*this, job, changed);
}

Task<Result<std::string>> FileProvider::upload(std::shared_ptr<IncomingCall> call) {
  KACHERY_CO_TRY(asked, wire::parse<wire::Upload>(call->message()));
  if (asked.zone != parts_.zone)
    co_return fail(Code::denied,
                   "this provider serves the zone " + parts_.zone.str() + ", not " + asked.zone.str());
  const std::unique_ptr<Interest> interest = ask(asked.digest, asked.asker, call->cancelled());
  for (;;) {
    const wire::AskState state = interest->state();
    if (wire::is_final(state)) co_return wire::print(state);
    if (call->is_cancelled()) co_return fail(Code::cancelled, "nobody wants it any more");
    call->progress(wire::print(state));
    co_await call->cancelled().wait(kSayAgainEvery);
  }
}

Task<> FileProvider::run(std::shared_ptr<Job> job) {
  Session& session = parts_.session;
  const auto look = [&session, digest = job->digest] { return session.look_for(digest); };
  const Result<ByteCount> size = co_await parts_.loop.offload(look);
  if (job->is_abandoned) co_return;
  if (!size) {
    const bool is_absent = size.error().code == Code::not_found;
    parts_.say(fmt::format("Not provided: {}", printable(size.error().message)));
    finish(job, is_absent ? wire::AskState{wire::kNotFound, {}, {}, {}, "the provider does not have it"}
                : size.error().code == Code::corrupt
                    ? changed_state()
                    : wire::ask_failed({size.error().code, told_to_asker(size.error().code)}));
    co_return;
  }
  job->state.size = *size;
  if (const Result<> admitted = admit(*job); !admitted) {
    parts_.say(fmt::format("Refused: {}: {}", name_of(job->digest), admitted.error().message));
    finish(job, wire::ask_failed(admitted.error()));
    co_return;
  }
  waiting_.push_back(job);
  start_next();
  while (!job->has_turn && !job->is_abandoned) co_await job->turn.wait(kTurnWait);
  if (!job->has_turn) co_return;
  if (!job->is_abandoned) co_await send(job);
  --running_;
  start_next();
  if (running_ == 0) idle_.notify();
}

Result<> FileProvider::admit(Job& job) {
  if (is_stopping_) return fail(Code::unavailable, "the provider is being stopped; ask again");
  if (waiting_.size() >= kUploadsWaitingMax)
    return fail(Code::exhausted,
                fmt::format("{} uploads wait at this provider already; ask again later", waiting_.size()));
  return charge(job.asker, *job.state.size);
}

Result<> FileProvider::charge(const std::optional<NodeId>& asker, ByteCount size) {
  const auto now = std::chrono::steady_clock::now();
  if (now - day_began_ >= kDay) {
    sent_today_.clear();
    day_began_ = now;
  }
  ByteCount& sent = sent_today_[asker];
  if (size <= parts_.asker_bytes_max && sent <= parts_.asker_bytes_max - size) {
    sent += size;
    return {};
  }
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(day_began_ + kDay - now);
  return fail(
      Code::exhausted,
      fmt::format("this provider sends up to {} bytes a day for one asker, and {} were sent for {}; ask "
                  "again in {} minutes, or ask whoever provides it",
                  parts_.asker_bytes_max, sent, asker ? asker->hex() : "those without a key",
                  minutes.count()));
}

void FileProvider::start_next() {
  while (running_ < parts_.uploads_max && !waiting_.empty()) {
    const std::shared_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    job->has_turn = true;
    job->turn.notify();
  }
}

Task<> FileProvider::send(std::shared_ptr<Job> job) {
  parts_.say("Starting upload: " + name_of(job->digest));
  job->state.state = wire::kRunning;
  job->state.bytes_uploaded = 0;
  job->notify();
  parts_.loop.spawn(watch(job));
  const auto work = [&session = parts_.session, zone = parts_.zone, job]() -> Result<> {
    Result<> sent = session.upload({&job->digest, 1}, zone, job->progress);
    if (sent || job->progress.cancel) return sent;
    // Whether it was ours to send is what the asker may know; a link is hashed again only if its file
    // changed.
    Progress unwatched;
    const Result<Located> here = session.open(name_of(job->digest), {.local_only = true}, unwatched);
    if (!here) return fail(Code::corrupt, sent.error().message);
    return sent;
  };
  const Result<> sent = co_await parts_.loop.offload(work);
  if (sent) {
    ++counts_.completed;
    counts_.bytes += *job->state.size;
    parts_.say(fmt::format("Uploaded: {} ({} bytes)", name_of(job->digest), *job->state.size));
    finish(job, {wire::kCompleted, job->state.size, job->state.size, std::nullopt, std::nullopt});
    co_return;
  }
  ++counts_.failed;
  const Error& error = sent.error();
  parts_.say(job->progress.cancel
                 ? fmt::format("Upload stopped, because nobody wants it any more: {}", name_of(job->digest))
                 : fmt::format("Upload failed: {}: {}", name_of(job->digest), printable(error.message)));
  finish(job, error.code == Code::corrupt ? changed_state()
                                          : wire::ask_failed({error.code, told_to_asker(error.code)}));
}

// Looks at what the upload has done, which counts on another thread.
Task<> FileProvider::watch(std::shared_ptr<Job> job) {
  while (job->state.state == wire::kRunning) {
    co_await parts_.loop.sleep(kProgressEvery);
    const ByteCount done = std::min<ByteCount>(job->progress.bytes_done, *job->state.size);
    if (job->state.state != wire::kRunning || done == job->state.bytes_uploaded) continue;
    job->state.bytes_uploaded = done;
    job->notify();
  }
}

void FileProvider::finish(const std::shared_ptr<Job>& job, wire::AskState state) {
  job->state = std::move(state);
  const auto found = jobs_.find(job->digest);
  if (found != jobs_.end() && found->second == job) jobs_.erase(found);
  job->notify();
}

// Nobody is interested any more.
void FileProvider::abandon(const std::shared_ptr<Job>& job) {
  if (wire::is_final(job->state)) return;
  job->is_abandoned = true;
  job->progress.cancel = true;
  std::erase(waiting_, job);
  const auto found = jobs_.find(job->digest);
  if (found != jobs_.end() && found->second == job) jobs_.erase(found);
  job->turn.notify();
}

UploadCounts FileProvider::counts() const {
  UploadCounts counts = counts_;
  counts.running = running_;
  counts.waiting = waiting_.size();
  return counts;
}

Task<> FileProvider::stop(std::chrono::milliseconds wait) {
  is_stopping_ = true;
  waiting_.clear();
  for (const auto& [digest, job] : jobs_) job->progress.cancel = true;
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (running_ > 0 && std::chrono::steady_clock::now() < deadline) co_await idle_.wait(wait);
}

}  // namespace kachery

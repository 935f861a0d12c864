#include "hub/rendezvous/arrivals.h"

#include "hub/rendezvous/order.h"

namespace kachery::hub {
namespace {

template <class Map>
void erase_order(Map& orders, const typename Map::key_type& key, const Order& order) {
  const auto [first, last] = orders.equal_range(key);
  for (auto it = first; it != last; ++it) {
    if (it->second != &order) continue;
    orders.erase(it);
    return;
  }
}

}  // namespace

void Arrivals::expect(Order& order) {
  expected_.emplace(std::pair(order.upload().zone, order.upload().digest), &order);
}

void Arrivals::forget(Order& order) {
  remove_upload(order);
  erase_order(expected_, {order.upload().zone, order.upload().digest}, order);
}

void Arrivals::remove_upload(Order& order) {
  if (!order.arriving_) return;
  chunks_ -= order.arriving_->announced_.size();
  erase_order(begun_, order.arriving_->id(), order);
  order.arriving_.reset();
}

void Arrivals::begun(const BegunFile& file, std::span<const ChunkEntry> chunks,
                     const std::vector<bool>& here) {
  const auto [first, last] = expected_.equal_range({file.zone, file.digest});
  for (auto it = first; it != last; ++it) {
    Order& order = *it->second;
    if (order.provider_ != file.node || order.upload().channel != file.channel) continue;
    const bool goes_on = order.arriving_ && order.arriving_->id() == file.upload;
    if (!goes_on) {
      remove_upload(order);
      order.arriving_.emplace(file.upload, file.manifest);
      begun_.emplace(file.upload, &order);
    }
    order.arriving_->next_number_ = 0;  // Its chunks are announced from the first one on.
    announce(order, chunks, here);
  }
}

void Arrivals::announced(const std::string& upload, std::span<const ChunkEntry> chunks,
                         const std::vector<bool>& here) {
  const auto [first, last] = begun_.equal_range(upload);
  for (auto it = first; it != last; ++it) announce(*it->second, chunks, here);
}

void Arrivals::announce(Order& order, std::span<const ChunkEntry> chunks, const std::vector<bool>& here) {
  ArrivingUpload& upload = *order.arriving_;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ChunkEntry& chunk = chunks[i];
    const std::uint64_t number = upload.next_number_++;
    auto found = upload.announced_.find(chunk.sha256);
    if (found == upload.announced_.end()) {
      if (chunks_ == chunks_max_) continue;
      ++chunks_;
      found =
          upload.announced_.emplace(chunk.sha256, ArrivingUpload::Announced{number, chunk.size, false}).first;
    }
    if (!here[i] || std::exchange(found->second.has_come, true)) continue;
    upload.come_.push_back({found->second.number, chunk});
  }
  order.changed().notify();
}

void Arrivals::sent(const std::string& upload, const Digest& chunk) {
  const auto [first, last] = begun_.equal_range(upload);
  for (auto it = first; it != last; ++it) {
    Order& order = *it->second;
    const auto found = order.arriving_->announced_.find(chunk);
    if (found == order.arriving_->announced_.end() || std::exchange(found->second.has_come, true)) continue;
    order.arriving_->come_.push_back({found->second.number, {chunk, found->second.size}});
    order.changed().notify();
  }
}

}  // namespace kachery::hub

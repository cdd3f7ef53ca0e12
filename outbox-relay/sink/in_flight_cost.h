// What an event in flight costs in memory, and how that travels with it through librdkafka.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_IN_FLIGHT_COST_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_IN_FLIGHT_COST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace relay {

// What an event costs in librdkafka besides its key and value: the message and about eleven
// headers, an allocation each, with as many bytes as the relay's own headers mostly have.
inline constexpr size_t kOverheadPerEvent = 1024, kHeadersCounted = 512;

// Headers beyond that are counted in KiB, and travel with the event, between the ticket and its
// highest bit: so nobody has to add them up again when it is acknowledged.
inline constexpr int kExtraShift = 47;
inline constexpr uint64_t kMostExtra = 0xffff;

inline uint64_t ExtraKibibytes(size_t bytes) {
  if (bytes <= kHeadersCounted) return 0;
  return std::min<uint64_t>((bytes - kHeadersCounted + 1023) >> 10, kMostExtra);
}

inline void* AsOpaque(uint64_t ticket, uint64_t extra) {
  return reinterpret_cast<void*>(ticket | extra << kExtraShift);
}
inline uint64_t AsTicket(const void* opaque) {
  return reinterpret_cast<uint64_t>(opaque) & ~(kMostExtra << kExtraShift);
}
inline size_t ExtraBytes(const void* opaque) {
  return (reinterpret_cast<uint64_t>(opaque) >> kExtraShift & kMostExtra) << 10;
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_IN_FLIGHT_COST_H_

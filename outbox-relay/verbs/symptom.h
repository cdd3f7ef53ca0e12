// What `doctor` has found.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_SYMPTOM_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_SYMPTOM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace relay {

struct Symptom {
  enum class Level { kOk, kWarn, kFail };  // kFail: run cannot publish
  Level level = Level::kOk;
  std::string check;  // "slot", "topic orders"
  std::string text;
  std::string fix;  // empty if none is needed
};

// Collects; keeps the order.
class Symptoms {
 public:
  void Ok(std::string check, std::string text) {
    all_.push_back({Symptom::Level::kOk, std::move(check), std::move(text), ""});
  }
  void Warn(std::string check, std::string text, std::string fix) {
    all_.push_back({Symptom::Level::kWarn, std::move(check), std::move(text), std::move(fix)});
  }
  void Fail(std::string check, std::string text, std::string fix) {
    all_.push_back({Symptom::Level::kFail, std::move(check), std::move(text), std::move(fix)});
  }
  // `why` ends with its fix, as errors do: "…. Fix: …".
  void FailBy(std::string check, const absl::Status& why);
  const std::vector<Symptom>& all() const { return all_; }

 private:
  std::vector<Symptom> all_;
};

// One line: "FAIL order-service  slot: there is none. Fix: …". `subject`: a source's name, or
// "kafka".
std::string ToText(const std::string& subject, const Symptom& symptom);
// One JSON object, in one line.
std::string ToJson(const std::string& subject, const Symptom& symptom);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_SYMPTOM_H_

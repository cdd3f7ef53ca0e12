// The floor of bench/sagas.py: the transactions of approved orders' sagas, without what lies
// between them. The services' own handlers run in this process on databases of the same schema, so
// the SQL is the same to the letter; the messages are made in memory. No gRPC, no Kafka, no relay.
//
// The four databases are worked on at the same time; order-service's, which has the most to do, by
// two connections. Transactions take as many orders or messages as they took in the run that is
// compared. Prints `seconds`.
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "customer-service/handlers/credit_commands.h"
#include "kitchen-service/handlers/ticket_commands.h"
#include "libs/inbox/unit.h"
#include "libs/orchestrator/orchestrator.h"
#include "libs/participant/participant.h"
#include "libs/saga/command_id.h"
#include "libs/service/flags.h"
#include "libs/telemetry/check.h"
#include "order-service/handlers/create_order.h"
#include "order-service/saga/create_order.h"
#include "product-service/handlers/stock_commands.h"

namespace {

using saga::v1::Envelope;

constexpr int kOrderConnections = 2;
constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kCurrency[] = "KRW";
constexpr int kPrice = 1000;

struct Config {
  std::string order_database, product_database, customer_database, kitchen_database;
  int sagas = 1000;
  int products = 100;
  int users = 1000;
  // Orders, or messages, in a transaction.
  int create_batch = 10, reply_batch = 10, product_batch = 10, customer_batch = 10;
  int kitchen_batch = 10;
};

struct Message {
  std::string id, key, payload;
};

postgres::Connection Open(const std::string& conninfo) {
  auto connection = postgres::Connection::Open(conninfo, "sagas_floor");
  if (!connection.ok()) telemetry::Die(connection.status().ToString());
  return *std::move(connection);
}

void Must(const absl::Status& status) {
  if (!status.ok()) telemetry::Die(status.ToString());
}

int64_t ProductOf(const Config& config, int saga, int line) {
  return 1 + (2 * saga + line) % config.products;
}

// An envelope of saga `tx_id` at `step` about `command`, with the body that `fill` gives it.
Message MakeMessage(const uuid::Uuid& tx_id, const char* step, const char* command,
                    const std::function<void(Envelope&)>& fill) {
  Envelope envelope;
  envelope.set_target("ORDER_CREATION");
  envelope.set_tx_id(uuid::ToString(tx_id));
  envelope.set_status(Envelope::APPROVED);
  envelope.set_step(step);
  envelope.set_attempt(1);
  envelope.set_command_id(
      saga::CommandId(envelope.tx_id(), step, command, saga::Direction::kAction));
  fill(envelope);
  return {uuid::ToString(uuid::NewV7()), envelope.tx_id(), envelope.SerializeAsString()};
}

// One transaction for each `batch` messages, as the Kafka door has it.
void Apply(postgres::Connection& connection, inbox::Handler& handler,
           const std::vector<Message>& messages, int batch) {
  for (size_t at = 0; at < messages.size(); at += batch) {
    std::vector<inbox::Delivery> deliveries;
    for (size_t i = at; i < std::min(messages.size(), at + batch); ++i) {
      deliveries.emplace_back(inbox::Record{.topic = "floor",
                                            .key = messages[i].key,
                                            .payload = messages[i].payload,
                                            .id = messages[i].id,
                                            .traceparent = kTrace});
    }
    inbox::Outcomes outcomes;
    Must(
        inbox::ApplyBatch(connection, handler, uuid::Uuid{}, absl::MakeSpan(deliveries), outcomes));
    ORDER_SAGA_CHECK(outcomes.applied == static_cast<int64_t>(deliveries.size()),
                     "the floor's messages are applied");
  }
}

void FillBill(const Config& config, int saga, product::v1::ProductOrderBill& bill) {
  for (int line = 0; line < 2; ++line) {
    auto* bill_line = bill.add_lines();
    bill_line->set_product_id(ProductOf(config, saga, line));
    bill_line->set_amount(1);
    bill_line->mutable_unit_price()->set_currency_code(kCurrency);
    bill_line->mutable_unit_price()->set_minor_units(kPrice);
  }
  bill.mutable_total()->set_currency_code(kCurrency);
  bill.mutable_total()->set_minor_units(2 * kPrice);
}

// order-service: the orders first .. last-1, each window of them from its creation to its end.
void RunOrders(const Config& config, int first, int last) {
  constexpr int kWindow = 500;
  prometheus::Registry registry;
  order::CreateOrderSaga saga("", [](const auto&) {});
  orchestrator::Orchestrator sagas(saga, envelope::Format::kProtobuf, registry);
  order::CreateOrder create(sagas);
  postgres::Connection connection = Open(config.order_database);
  for (int begin = first; begin < last; begin += kWindow) {
    const int end = std::min(last, begin + kWindow);
    std::vector<uuid::Uuid> tx_ids;
    for (int at = begin; at < end; at += config.create_batch) {
      std::vector<order::CreateOrderCommand> commands;
      for (int i = at; i < std::min(end, at + config.create_batch); ++i) {
        commands.push_back({.request_id = uuid::NewV7(),
                            .user_id = 1 + i % config.users,
                            .lines = {{ProductOf(config, i, 0), 1}, {ProductOf(config, i, 1), 1}},
                            .traceparent = kTrace});
      }
      std::vector<order::CreateOrderCommand*> pointers;
      for (auto& command : commands) pointers.push_back(&command);
      auto work = outbox::UnitOfWork::Begin(connection);
      Must(work.status());
      Must(create.Handle(*work, pointers));
      Must(work->Commit());
      for (auto& command : commands) tx_ids.push_back(command.order->tx_id);
    }
    const auto replies = [&](std::vector<std::pair<const char*, const char*>> commands,
                             const std::function<void(int, const char*, Envelope&)>& fill) {
      std::vector<Message> messages;
      for (int i = 0; i < end - begin; ++i) {
        for (const auto& [step, command] : commands) {
          messages.push_back(MakeMessage(tx_ids[i], step, command, [&](Envelope& envelope) {
            fill(begin + i, command, envelope);
          }));
        }
      }
      Apply(connection, sagas, messages, config.reply_batch);
    };
    replies({{"product-stock", "ReserveStock"}}, [&](int i, const char*, Envelope& envelope) {
      FillBill(config, i, *envelope.mutable_reserve_stock_reply()->mutable_bill());
    });
    replies(
        {{"customer-validation", "ValidateCustomer"}},
        [](int, const char*, Envelope& envelope) { envelope.mutable_validate_customer_reply(); });
    replies({{"kitchen-status", "CreateTicket"}}, [](int, const char*, Envelope& envelope) {
      envelope.mutable_create_ticket_reply()->set_ticket_id(uuid::ToString(uuid::NewV7()));
    });
    replies({{"settle", "ConfirmStock"}, {"settle", "CaptureCredit"}},
            [](int, const char* command, Envelope& envelope) {
              if (std::string_view(command) == "ConfirmStock") {
                envelope.mutable_confirm_stock_reply();
              } else {
                envelope.mutable_capture_credit_reply();
              }
            });
  }
}

// The commands that each participant gets, step by step.
struct Commands {
  std::vector<Message> reserve, confirm, validate, capture, ticket;

  explicit Commands(const Config& config) {
    for (int i = 0; i < config.sagas; ++i) {
      const uuid::Uuid tx_id = uuid::NewV7();
      const std::string order_id = uuid::ToString(uuid::NewV7());
      reserve.push_back(
          MakeMessage(tx_id, "product-stock", "ReserveStock", [&](Envelope& envelope) {
            envelope.mutable_reserve_stock()->set_order_id(order_id);
            for (int line = 0; line < 2; ++line) {
              auto* wanted = envelope.mutable_reserve_stock()->add_lines();
              wanted->set_product_id(ProductOf(config, i, line));
              wanted->set_amount(1);
            }
          }));
      validate.push_back(
          MakeMessage(tx_id, "customer-validation", "ValidateCustomer", [&](Envelope& envelope) {
            envelope.mutable_validate_customer()->set_order_id(order_id);
            envelope.mutable_validate_customer()->set_user_id(1 + i % config.users);
            auto* total = envelope.mutable_validate_customer()->mutable_total();
            total->set_currency_code(kCurrency);
            total->set_minor_units(2 * kPrice);
          }));
      ticket.push_back(
          MakeMessage(tx_id, "kitchen-status", "CreateTicket", [&](Envelope& envelope) {
            envelope.mutable_create_ticket()->set_order_id(order_id);
            for (int line = 0; line < 2; ++line) {
              auto* wanted = envelope.mutable_create_ticket()->add_lines();
              wanted->set_product_id(ProductOf(config, i, line));
              wanted->set_amount(1);
            }
          }));
      confirm.push_back(MakeMessage(tx_id, "settle", "ConfirmStock",
                                    [](Envelope& envelope) { envelope.mutable_confirm_stock(); }));
      capture.push_back(MakeMessage(tx_id, "settle", "CaptureCredit",
                                    [](Envelope& envelope) { envelope.mutable_capture_credit(); }));
    }
  }
};

// A participant's database: each kind of command for all sagas.
void RunParticipant(const std::string& database, participant::CommandHandler& handler,
                    const std::vector<const std::vector<Message>*>& kinds, int batch) {
  participant::Participant participant(handler, {.topic = "floor-replies"});
  postgres::Connection connection = Open(database);
  for (const std::vector<Message>* messages : kinds) {
    Apply(connection, participant, *messages, batch);
  }
}

double Run(const Config& config) {
  const Commands commands(config);
  product::StockCommands stock;
  customer::CreditCommands credit;
  kitchen::TicketCommands tickets{kitchen::Policy{}};
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (int i = 0; i < kOrderConnections; ++i) {
    threads.emplace_back(RunOrders, config, config.sagas * i / kOrderConnections,
                         config.sagas * (i + 1) / kOrderConnections);
  }
  threads.emplace_back([&] {
    RunParticipant(config.product_database, stock, {&commands.reserve, &commands.confirm},
                   config.product_batch);
  });
  threads.emplace_back([&] {
    RunParticipant(config.customer_database, credit, {&commands.validate, &commands.capture},
                   config.customer_batch);
  });
  threads.emplace_back([&] {
    RunParticipant(config.kitchen_database, tickets, {&commands.ticket}, config.kitchen_batch);
  });
  threads.clear();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  Config config;
  service::Flags flags("sagas_floor", ORDER_SAGA_VERSION, "The SQL of sagas, and nothing else.");
  service::Verb& run = flags.AddVerb("run", "Runs sagas' transactions.");
  const std::pair<const char*, std::string*> databases[] = {
      {"order_database", &config.order_database},
      {"product_database", &config.product_database},
      {"customer_database", &config.customer_database},
      {"kitchen_database", &config.kitchen_database}};
  for (auto [name, value] : databases) {
    run.Add(value, {.name = name, .help = "Migrated, with goods.", .required = true});
  }
  const std::pair<const char*, int*> numbers[] = {{"sagas", &config.sagas},
                                                  {"products", &config.products},
                                                  {"users", &config.users},
                                                  {"create_batch", &config.create_batch},
                                                  {"reply_batch", &config.reply_batch},
                                                  {"product_batch", &config.product_batch},
                                                  {"customer_batch", &config.customer_batch},
                                                  {"kitchen_batch", &config.kitchen_batch}};
  for (auto [name, value] : numbers) {
    run.Add(value, {.name = name, .help = "See the source.", .check = service::InRange(1, 1e8)});
  }
  flags.ParseOrExit(argc, argv);
  std::printf("seconds %.6f\n", Run(config));
  return 0;
}

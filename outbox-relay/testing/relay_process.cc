#include "outbox-relay/testing/relay_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "libs/testing/servers.h"

namespace relay {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string TemporaryFolder() {
  const char* folder = std::getenv("TMPDIR");
  return std::string(folder == nullptr ? "/tmp" : folder) + "/";
}

// The number behind `name` (and spaces), or `otherwise`.
double NumberAfter(const std::string& text, const std::string& name, double otherwise) {
  const size_t at = text.find(name);
  return at == std::string::npos ? otherwise
                                 : std::strtod(text.c_str() + at + name.size(), nullptr);
}

}  // namespace

RelayProcess::RelayProcess(const std::vector<std::string>& arguments)
    : log_path_(TemporaryFolder() + testsupport::UniqueName("outbox-relay-") + ".log") {
  std::vector<std::string> words = {OUTBOX_RELAY_PROGRAM, "--http_address=127.0.0.1:0"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  // The verb, if there is one, comes first.
  if (!arguments.empty() && arguments[0].rfind("--", 0) != 0) std::swap(words[1], words[2]);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log_path_.c_str(), O_CREAT | O_WRONLY | O_TRUNC,
                                   0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  if (posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, argv.data(), environ) != 0) {
    std::fprintf(stderr, "cannot start %s\n", words[0].c_str());
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
}

RelayProcess::~RelayProcess() {
  Kill();
  std::remove(log_path_.c_str());
}

int RelayProcess::Stop() {
  if (pid_ < 0) return -1;
  kill(pid_, SIGTERM);
  for (int i = 0; i < 2'000; ++i) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return -1;
}

void RelayProcess::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RelayProcess::Freeze() { kill(pid_, SIGSTOP); }

void RelayProcess::Thaw() { kill(pid_, SIGCONT); }

std::string RelayProcess::log() const { return ReadFile(log_path_); }

std::string RelayProcess::Get(const std::string& path) const {
  const auto port = static_cast<uint16_t>(NumberAfter(log(), "listens_http=127.0.0.1:", 0));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (port != 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n";
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) > 0;) {
        answer.append(buffer, static_cast<size_t>(size));
      }
    }
  }
  close(fd);
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

double RelayProcess::Metric(const std::string& name) const {
  return NumberAfter("\n" + Get("/metrics"), "\n" + name + " ", -1);
}

int64_t RelayProcess::PeakResidentKilobytes() const {
  const std::string status = ReadFile("/proc/" + std::to_string(pid_) + "/status");
  return static_cast<int64_t>(NumberAfter(status, "VmHWM:", -1));
}

}  // namespace relay

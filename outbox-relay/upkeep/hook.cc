#include "outbox-relay/upkeep/hook.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "libs/telemetry/log.h"

namespace relay {
namespace {

constexpr size_t kMostOutput = 4096;

std::vector<std::string> EnvironmentWith(const Hook::Environment& more) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("ORDER_SAGA_")) all.emplace_back(text);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

// 0 or an errno.
int Spawn(const std::string& command, const Hook::Environment& more, int output, pid_t* pid) {
  std::vector<std::string> environment = EnvironmentWith(more);
  std::vector<char*> pointers;
  for (std::string& entry : environment) pointers.push_back(entry.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, 1);
  posix_spawn_file_actions_adddup2(&files, output, 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);

  // The relay blocks some signals and ignores others; the command begins as from a shell, in a
  // process group of its own.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);

  std::string shell = "/bin/sh", option = "-c", text = command;
  char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  const int error =
      posix_spawn(pid, shell.c_str(), &files, &attributes, arguments, pointers.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

}  // namespace

Hook::Hook(std::string source, std::string command, std::chrono::milliseconds timeout)
    : source_(std::move(source)), command_(std::move(command)), timeout_(timeout) {}

Hook::~Hook() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_fd_ >= 0) close(output_fd_);
}

void Hook::Run(Environment more) {
  if (command_.empty()) return;
  if (running()) {
    next_ = std::move(more);
  } else {
    Start(more);
  }
}

void Hook::Start(const Environment& more) {
  int ends[2];
  int error = pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
  if (error == 0) {
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    error = Spawn(command_, more, ends[1], &pid_);
    close(ends[1]);
    if (error != 0) close(ends[0]);
  }
  if (error != 0) {
    pid_ = -1;
    telemetry::Error("the hook cannot be started",
                     {{"source", source_}, {"error", std::strerror(error)}});
    return;
  }
  output_fd_ = ends[0];
  output_.clear();
  killed_ = false;
  kill_at_ = Clock::now() + timeout_;
}

void Hook::Poll(Clock::time_point now) {
  if (!running()) return;
  ReadOutput();
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) {
    ReadOutput();
    Finish(status);
  } else if (!killed_ && now >= kill_at_) {
    kill(-pid_, SIGKILL);
    killed_ = true;
  }
}

void Hook::ReadOutput() {
  char buffer[4096];
  // So much a turn at most, however fast it writes.
  for (int i = 0; i < 16; ++i) {
    const ssize_t got = read(output_fd_, buffer, sizeof(buffer));
    if (got <= 0) return;
    const size_t room = kMostOutput - output_.size();
    output_.append(buffer, std::min(room, static_cast<size_t>(got)));
  }
}

void Hook::Finish(int wait_status) {
  close(output_fd_);
  output_fd_ = -1;
  pid_ = -1;
  const int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
  const telemetry::Level level = code == 0 ? telemetry::Level::kInfo : telemetry::Level::kError;
  telemetry::Log(level, killed_ ? "the hook took too long and was killed" : "the hook has ended",
                 {{"source", source_}, {"exit_code", code}, {"output", output_}});
  if (next_) Start(*std::exchange(next_, std::nullopt));
}

}  // namespace relay

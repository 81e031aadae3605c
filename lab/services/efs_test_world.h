// For tests: Regions with an EFS each, in one thread, with real directories, worker threads and a
// clock. Calls between them go as over the lab's network: what is dark or cut off is silent, also
// for answers that are on their way.
#pragma once

#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "lab/services/cloudwatch.h"
#include "lab/services/ec2.h"
#include "lab/services/efs.h"
#include "lab/services/efs_copy.h"
#include "lab/services/rds_test_world.h"

namespace leeward::lab::efs {

using rds::TestWorld;

// What both ends of every call look at.
struct TestLinks {
  std::set<std::string> dark;
  std::set<std::string> refusing;  // operations whose answers are lost
  base::Duration delay{0};         // one way
  std::map<std::string, int> calls;
  std::map<std::string, std::size_t> largest;  // answer of an operation, in bytes
};

class EfsRegion : public rds::TestRegion {
 public:
  EfsRegion(TestWorld& world, TestLinks& links, std::map<std::string, EfsRegion*>& everyone,
            const std::string& region, int block)
      : rds::TestRegion(world, region, block), links_(links), everyone_(everyone) {
    everyone_[region] = this;
  }
  Pace pace() const override { return pace_; }
  void SetPace(Pace pace) { pace_ = pace; }
  bool IsDark(std::string_view region) const override {
    return links_.dark.contains(std::string(region));
  }

  const ports::Clock& clock() const override { return clock_; }
  void SetSkew(base::Duration skew) { clock_.skew = skew; }
  void Report(std::string_view part, std::string_view state) override {
    reports[std::string(part)] = state;
  }
  std::map<std::string, std::string> reports;

  void CallRegion(std::string_view to, std::string_view service, std::string_view operation,
                  shapes::Value input, base::Duration deadline, Reply reply) override {
    auto answered = std::make_shared<bool>(false);
    const Reply once = [answered, reply = std::move(reply)](Answer answer) {
      if (!std::exchange(*answered, true)) reply(std::move(answer));
    };
    ++links_.calls[std::string(operation)];
    const auto other = everyone_.find(std::string(to));
    if (other == everyone_.end()) {
      const std::string text = std::string(to) + " is not a Region of this lab";
      return Post([once, text] { once(ApiError{"InvalidParameterValue", text, 400, {}}); });
    }
    After(deadline, [once] { once(ApiError{"RequestTimeout", "no answer", 0, {}}); });
    const shapes::Value sent = *shapes::FromJson(shapes::ToJson(input));
    After(Delay(*other->second), [this, there = other->second, name = std::string(service),
                                  what = std::string(operation), sent, once] {
      if (Silent(*there)) return;
      there->Arrive(*this, name, what, sent, once);
    });
  }

 private:
  bool Silent(const EfsRegion& other) const {
    return &other != this &&
           (links_.dark.contains(region()) || links_.dark.contains(other.region()));
  }
  base::Duration Delay(const EfsRegion& other) const {
    return &other == this ? base::Duration(0) : links_.delay;
  }
  void Arrive(EfsRegion& from, const std::string& service, const std::string& operation,
              const shapes::Value& input, const Reply& once) {
    Post([this, &from, service, operation, input, once] {
      Service* target = Find(service);
      if (target == nullptr) return;
      target->HandleInternal(operation, input, [this, &from, operation, once](Answer answer) {
        if (links_.refusing.contains(operation)) return;
        if (auto* value = std::get_if<shapes::Value>(&answer)) {
          const std::string sent = shapes::ToJson(*value);
          links_.largest[operation] = std::max(links_.largest[operation], sent.size());
          answer = *shapes::FromJson(sent);
        }
        from.After(Delay(from), [this, &from, once, answer] {
          if (!Silent(from)) once(answer);
        });
      });
    });
  }

  struct SkewedClock : rds::TestClock {
    base::WallTime Now() const override { return TestClock::Now() + skew; }
    base::Duration skew{0};
  };

  TestLinks& links_;
  std::map<std::string, EfsRegion*>& everyone_;
  SkewedClock clock_;
  Pace pace_ = Pace::kFast;
};

class EfsTestBase : public testing::Test {
 protected:
  using Value = shapes::Value;
  struct Side {
    Side(EfsTestBase& test, const std::string& region, int block)
        : host(test.world, test.links, test.everyone, region, block) {}
    EfsRegion host;
    std::unique_ptr<ec2::Ec2> ec2;
    std::unique_ptr<cloudwatch::CloudWatch> cloudwatch;
    std::unique_ptr<Efs> efs;
  };

  EfsTestBase() {
    for (Side* side : {&a, &b}) Begin(*side);
  }
  ~EfsTestBase() override {
    for (Side* side : {&a, &b}) End(*side);
  }

  void Begin(Side& side) {
    side.ec2 = std::make_unique<ec2::Ec2>(side.host);
    side.cloudwatch = std::make_unique<cloudwatch::CloudWatch>(side.host);
    CopyLimits copy;
    copy.call = std::chrono::seconds(3);
    copy.retry = std::chrono::milliseconds(50);
    copy.between_fast = std::chrono::milliseconds(20);
    copy.window = window;
    copy.most_watches = most_watches;
    side.efs =
        std::make_unique<Efs>(side.host, std::make_unique<CopyingReplicators>(side.host, copy));
    side.efs->limits.call = std::chrono::seconds(3);
    side.efs->limits.both_sides = std::chrono::seconds(6);
    side.efs->limits.tell = std::chrono::milliseconds(50);
    side.efs->limits.monitor = std::chrono::milliseconds(50);
    side.efs->limits.size = std::chrono::milliseconds(1);
    for (Service* service :
         {static_cast<Service*>(side.ec2.get()), static_cast<Service*>(side.cloudwatch.get()),
          static_cast<Service*>(side.efs.get())}) {
      side.host.services[std::string(service->name())] = service;
      const base::Status started = service->Start();
      EXPECT_TRUE(started.ok()) << started.error().message();
    }
  }
  void End(Side& side) {
    side.host.services.clear();
    side.host.Kill();
    side.efs.reset();
    side.cloudwatch.reset();
    side.ec2.reset();
  }
  void Restart(Side& side) {
    End(side);
    Begin(side);
  }

  // The answer as it would be on the wire: what does not fit the model fails the test.
  Answer Do(Side& side, std::string_view operation, Value input) {
    std::optional<Answer> answer;
    Ask(side, operation, std::move(input), answer);
    EXPECT_TRUE(world.RunUntil([&] { return answer.has_value(); })) << operation;
    CHECK(answer.has_value());
    return *answer;
  }
  void Ask(Side& side, std::string_view operation, Value input, std::optional<Answer>& answer) {
    Call call;
    call.model = shapes::FindModel("efs");
    CHECK(call.model != nullptr);
    call.operation = call.model->FindOperation(operation);
    CHECK_MSG(call.operation != nullptr, std::string(operation).c_str());
    call.input = std::move(input);
    side.efs->Handle(call, [&answer](Answer given) { answer = std::move(given); });
  }
  Value Done(Side& side, std::string_view operation, Value input = Value::Struct()) {
    const Answer answer = Do(side, operation, std::move(input));
    if (const auto* error = std::get_if<ApiError>(&answer)) {
      ADD_FAILURE() << operation << ": " << error->code << ": " << error->message;
      return Value::Struct();
    }
    return std::get<Value>(answer);
  }
  // "Code: message".
  std::string Refusal(Side& side, std::string_view operation, Value input) {
    const Answer answer = Do(side, operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "done" : error->code + ": " + error->message;
  }

  static Value Of(std::string_view file_system) {
    return Value::Struct({{"FileSystemId", file_system}});
  }
  Value Look(Side& side, const std::string& id) {
    const Answer answer = Do(side, "DescribeFileSystems", Of(id));
    if (IsError(answer)) return Value::Struct({{"LifeCycleState", "gone"}});
    return std::get<Value>(answer).Items("FileSystems").front();
  }
  void AwaitState(Side& side, const std::string& id, const std::string& state) {
    EXPECT_TRUE(world.RunUntil([&] { return Look(side, id).String("LifeCycleState") == state; }))
        << id << " is not " << state;
  }
  std::string Make(Side& side, Value input = Value::Struct()) {
    std::string id(Done(side, "CreateFileSystem", std::move(input)).String("FileSystemId"));
    AwaitState(side, id, "available");
    return id;
  }
  std::filesystem::path Tree(Side& side, const std::string& id) {
    return side.host.StateDirectory("efs") / id / "tree";
  }

  static void Write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    ASSERT_TRUE(out.flush()) << path;
  }
  static std::string Read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return "(none)";
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  // Whether a program that the lab starts could: as the user that its tasks run as.
  static bool TaskCan(const std::function<bool()>& act) {
    const pid_t child = fork();
    if (child == 0) {
      const passwd* user = getuid() == 0 ? getpwnam("postgres") : nullptr;
      if (getuid() == 0 && user == nullptr) user = getpwnam("nobody");
      if (user != nullptr &&
          (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(3);
      }
      _exit(act() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  static bool TaskWrites(const std::filesystem::path& path) {
    return TaskCan([&path] {
      const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
      return file >= 0;
    });
  }

  std::size_t window = 4096;  // bytes
  std::uint32_t most_watches = UINT32_MAX;
  TestWorld world;
  TestLinks links;
  std::map<std::string, EfsRegion*> everyone;
  Side a{*this, "us-east-1", 91};
  Side b{*this, "us-west-2", 92};
};

}  // namespace leeward::lab::efs

// S3 in several Regions for tests: each side a Region's process, which can be killed and started
// again with what it had on the disk.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "lab/core/testing.h"
#include "lab/services/cloudwatch.h"
#include "lab/services/s3.h"
#include "lab/services/s3control.h"

namespace leeward::lab::s3 {

class Side {
 public:
  Side(std::string region, int block) : region_(std::move(region)), block_(block) {
    Begin(nullptr);
  }
  FakeHost& host() { return *host_; }
  S3& service() { return *service_; }
  s3control::S3Control& control() { return *control_; }

  Answer Ask(std::string_view operation, shapes::Value input) {
    return host_->CallOperation(*service_, operation, std::move(input));
  }
  // Of S3 Control, for the host's account.
  Answer AskControl(std::string_view operation, shapes::Value input) {
    if (!input.Has("AccountId")) input.Set("AccountId", host_->account());
    return host_->CallOperation(*control_, operation, std::move(input));
  }
  // What is expected to be answered, not refused.
  shapes::Value Get(std::string_view operation, shapes::Value input) {
    const Answer answer = Ask(operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    EXPECT_EQ(error, nullptr) << operation << ": " << error->code << ": " << error->message;
    return error == nullptr ? std::get<shapes::Value>(answer) : shapes::Value::Struct();
  }
  std::string Refusal(std::string_view operation, shapes::Value input) {
    const Answer answer = Ask(operation, std::move(input));
    const auto* error = std::get_if<ApiError>(&answer);
    return error == nullptr ? "answered" : error->code;
  }
  std::filesystem::path Folder() { return host_->StateDirectory("s3"); }

  // Killed. What was under way is lost, what was on the disk is not.
  void Restart() {
    const auto saved = std::exchange(host_, nullptr);
    const auto gone = std::exchange(service_, nullptr);
    const auto control_gone = std::exchange(control_, nullptr);
    Begin(saved.get());
  }

 private:
  void Begin(FakeHost* saved) {
    FakeHostOptions options;
    options.region = region_;
    options.block = block_;
    options.seed = static_cast<std::uint64_t>(block_) + starts_++;
    host_ = std::make_unique<FakeHost>(options);
    for (const char* name : {"s3", "s3control"}) {
      if (saved == nullptr) break;
      std::filesystem::copy(saved->StateDirectory(name), host_->StateDirectory(name),
                            std::filesystem::copy_options::recursive);
    }
    service_ = std::make_unique<S3>(*host_);
    host_->Add(*service_);
    control_ = std::make_unique<s3control::S3Control>(*host_);
    host_->Add(*control_);
    FakeHost::Connect({host_.get()});
    EXPECT_TRUE(service_->Start().ok());
    EXPECT_TRUE(control_->Start().ok());
  }

  std::string region_;
  int block_;
  std::uint64_t starts_ = 0;
  std::unique_ptr<FakeHost> host_;
  std::unique_ptr<S3> service_;
  std::unique_ptr<s3control::S3Control> control_;
};

inline shapes::Value Of(std::string_view bucket, std::string_view key = "") {
  shapes::Value value = shapes::Value::Struct({{"Bucket", bucket}});
  if (!key.empty()) value.Set("Key", key);
  return value;
}
inline shapes::Value Bytes(std::string_view text) { return shapes::Blob{std::string(text)}; }

}  // namespace leeward::lab::s3

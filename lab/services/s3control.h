// The lab's S3 Control in one Region: jobs of S3 Batch Replication over a bucket that is here. What
// a job is to copy is listed once, when it begins, and then put in line for the rules of the bucket
// (s3_again.h), some at a time.
//
// A job outlives a kill of the process: what of it was not known to be done is done again, which
// copies nothing twice.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/core/service.h"
#include "lab/services/dispatch.h"
#include "lab/services/flow.h"
#include "lab/services/s3_again.h"
#include "lab/services/s3control_job.h"

namespace leeward::lab::s3control {

struct Limits {
  std::size_t jobs = 1000;                 // that are kept; the oldest that has ended goes first
  std::size_t tasks = 100'000;             // of a job
  std::size_t at_once = 1000;              // tasks of a job that are in line
  std::size_t page = 1000;                 // jobs that are listed at once
  base::Duration look{100'000'000};        // between looks at tasks in line
  base::Duration save{1'000'000'000};      // between records of how far a job is
  base::Duration prepare{60'000'000'000};  // of a job, at AWS's pace
};

class S3Control : public Service {
 public:
  explicit S3Control(Host& host) : host_(host) {}

  std::string_view name() const override { return "s3control"; }
  std::vector<std::string_view> operations() const override { return OperationNames(Table()); }
  void Handle(const Call& call, Reply reply) override;
  base::Status Start() override;

  Limits limits;

 private:
  using Value = shapes::Value;
  static std::span<const OperationRow<S3Control>> Table();

  Answer CreateJob(const Value& input);
  Answer DescribeJob(const Value& input);
  Answer ListJobs(const Value& input);
  Answer UpdateJobStatus(const Value& input);
  Answer UpdateJobPriority(const Value& input);
  Job* FindJob(const Value& input);
  Answer MakeRoom();
  std::string NewJobId();

  // s3control_run.cc
  Flow<> Run(std::string id);
  // Whether it is ready to go on.
  bool Prepare(Job& job);
  Flow<> Work(std::string id);
  Await<s3::AgainState> LineUp(std::string bucket, s3::AgainTask task);
  void Settle(Job& job, std::size_t task, s3::AgainState state);
  void Enter(Job& job, JobStatus status);
  void Fail(Job& job, std::string code, std::string reason);
  s3::CopiesAgain* Buckets();
  void Save();

  Host& host_;
  std::map<std::string, Job, std::less<>> jobs_;  // by id; one that runs is never removed
};

}  // namespace leeward::lab::s3control

namespace leeward::lab {
std::unique_ptr<Service> MakeS3Control(Host& host);
}

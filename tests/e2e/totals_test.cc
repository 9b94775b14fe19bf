#include "e2e/coprocess.h"
#include "e2e/programs.h"

// `wq-worker --reduce` and `wqctl totals`.
namespace wq::test {
namespace {

using ::testing::HasSubstr;

class TotalsOfCommands : public ProgramTest {
 protected:
  // Each item is what its command writes.
  [[nodiscard]] Process reduce(const std::string& how, const Words& more = {}) const {
    return worker(Words{"--reduce", how, "--max-attempts", "1"} + more, {"printf", "{}"});
  }
};

TEST_F(TotalsOfCommands, AreSums) {
  push({R"(the\t3\ncat\t1\n)", R"(the\t0.5\n)", R"(a "quoted", key\t-2\n)"});
  EXPECT_EQ(reduce("sum").wait(), 0);
  EXPECT_EQ(ctl({"totals", "q"}),
            "KEY              SUM\na \"quoted\", key  -2\ncat              1\n"
            "the              3.5\n");
  EXPECT_EQ(ctl({"totals", "q", "--top", "2"}), "KEY  SUM\nthe  3.5\ncat  1\n");
  EXPECT_EQ(ctl({"totals", "q", "--csv"}),
            "key,sum\n\"a \"\"quoted\"\", key\",-2\ncat,1\nthe,3.5\n");
  EXPECT_EQ(ctl({"totals", "q", "--json", "--top", "1"}), "{\"key\":\"the\",\"sum\":3.5}\n");
  EXPECT_TRUE(results().empty()) << "without --results";
}

TEST_F(TotalsOfCommands, AreTheLeastTheGreatestOrHowManyThereWere) {
  push({R"(x\t3\nx\t-1e3\n)", R"(x\t12\ny\n)"});
  EXPECT_EQ(reduce("min").wait(), 0);
  push({R"(x\t3\nx\t-1e3\n)", R"(x\t12\ny\n)"});
  EXPECT_EQ(reduce("max").wait(), 0);
  push({R"(x\t3\nx\t-1e3\n)", R"(x\t12\ny\n)"});
  EXPECT_EQ(reduce("count").wait(), 0);
  EXPECT_EQ(ctl({"totals", "q"}),
            "KEY  COUNT  MAX  MIN\nx    3      12   -1000\ny    1      1    1\n");
  push({R"(x\ny\n)", R"(y\nz\n)"});
  EXPECT_EQ(reduce("distinct").wait(), 0);
  EXPECT_THAT(ctl({"totals", "q"}), HasSubstr("distinct: 3\n"));
}

TEST_F(TotalsOfCommands, AreKeptBesideResults) {
  push({R"(x\t3)"});
  EXPECT_EQ(reduce("sum", {"--results"}).wait(), 0);
  EXPECT_EQ(ctl({"totals", "q"}), "KEY  SUM\nx    3\n");
  EXPECT_EQ(results().at(R"(x\t3)"), Words{"x\t3"});
}

TEST_F(TotalsOfCommands, WithABrokenLineFailTheItemAndAddNothing) {
  push({R"(x\t3\nx\tmany\n)"});
  Process worker = reduce("sum", {"--ignore-dead"});
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(failure_of(R"(x\t3\nx\tmany\n)").at("message"),
            "stdout, line 2: 'many' is not a decimal number; a line is KEY TAB NUMBER");
  EXPECT_EQ(ctl({"totals", "q"}), "q: no totals; workers add them with --reduce\n");
}

TEST_F(TotalsOfCommands, OfTooManyKeysMakeADeadLetter) {
  push({"many"});
  EXPECT_EQ(work({"--reduce", "count", "--ignore-dead"}, {"seq", "10001"}), 0);
  EXPECT_EQ(failure_of("many").at("message"),
            "it has totals of 10001 keys; the limit per item is 10000");
  EXPECT_EQ(all(Key::dead), Words{"many"});
}

TEST_F(TotalsOfCommands, ComeInTheAnswersOfACoprocess) {
  push({"a", "b"});
  const std::string program = R"(
import json, sys
print('{"wq":1}', flush=True)
for line in sys.stdin:
    for each in json.loads(line).get("items", []):
        totals = {each["item"]: 2, "all": 0.25}
        print(json.dumps({"id": each["id"], "answer": "done", "totals": totals}), flush=True)
)";
  EXPECT_EQ(work({"--coprocess", "--reduce", "sum"}, {"python3", "-c", program}), 0);
  EXPECT_EQ(ctl({"totals", "q"}), "KEY  SUM\na    2\nall  0.5\nb    2\n");

  push({"c"});
  Process without = worker({"--coprocess"}, {"python3", "-c", program});
  EXPECT_EQ(without.wait(), 2);
  EXPECT_THAT(without.err(), HasSubstr("--reduce"));
}

TEST_F(TotalsOfCommands, AreRefusedWithoutAReductionThatThereIs) {
  Process worker = reduce("mean");
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.err(), HasSubstr("count|sum|min|max|distinct"));
}

}  // namespace
}  // namespace wq::test

#include <catch2/catch.hpp>
#include <fstream>
#include <zlib.h>

#include "core/simulate/trace.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

struct Folder {
  TempDir dir;
  std::string file(const std::string& name, const std::string& text) const {
    const std::string path = dir.path() / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string gzip(const std::string& name, const std::string& text, std::size_t cut = 0) const {
    const std::string path = dir.path() / name;
    gzFile out = gzopen(path.c_str(), "wb");
    gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
    gzclose(out);
    if (cut != 0) std::filesystem::resize_file(path, std::filesystem::file_size(path) - cut);
    return path;
  }
};

TraceOptions as(const std::string& format) {
  TraceOptions options;
  options.format = format;
  return options;
}

Trace read(const std::string& path, const TraceOptions& options) {
  auto trace = read_trace({path}, options);
  if (!trace) FAIL(trace.error().message);
  return *trace;
}

std::string refusal(const std::string& path, const TraceOptions& options) {
  const auto trace = read_trace({path}, options);
  REQUIRE(!trace.ok());
  CHECK(trace.error().code == Code::invalid_argument);
  return trace.error().message.substr(path.size());
}

const std::string bitbrains_header =
    "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity "
    "provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\tNetwork received "
    "throughput [KB/s];\tNetwork transmitted throughput [KB/s]\n";

}  // namespace

TEST_CASE("csv: columns by name, several VMs, time from the first reading") {
  const Folder folder;
  const auto trace = read(folder.file("a.csv", "vm,time,cpu,memory\na,100,1.5,1e9\nb,110,0.25,5e8\r\na,120,2,1e9\n"), as("csv"));
  REQUIRE(trace.tracks.size() == 2);
  CHECK(trace.tracks[0].points[1].at == 20);
  CHECK(trace.tracks[0].points[1].cpu == 2);
  CHECK(trace.tracks[1].points[0].at == 10);
  CHECK(trace.length == 40);
  const auto source = replay(trace.tracks[0], trace.length);
  CHECK(source->piece(0).demand.cpu == 1.5);
  CHECK(source->piece(0).until == 20);
  CHECK(source->piece(25).demand.cpu == 2);
  CHECK(source->piece(40).gone);
}

TEST_CASE("jsonl: one object a line") {
  const Folder folder;
  const auto trace = read(folder.file("a.jsonl", "{\"time\":0,\"cpu\":1,\"memory\":1e9,\"file\":2e8}\n{\"time\":5,\"cpu\":0.5}\n"), as("jsonl"));
  CHECK(trace.tracks[0].points[0].file == 2e8f);
  CHECK(trace.readings == 2);
}

TEST_CASE("azure: percent of a VM's cores, gzip") {
  const Folder folder;
  TraceOptions options = as("azure");
  options.cores = 8;
  const auto path = folder.gzip("vm_cpu_readings-file-1-of-195.csv.gz",
                                "0,yNf/R3X8fyXkOJm3ihXQcT0F52a8cDWPPRzTT6QFW8N+1QPfeKR5//6xyX0VYn7X,19.984,24.94,22.5\n"
                                "300,yNf/R3X8fyXkOJm3ihXQcT0F52a8cDWPPRzTT6QFW8N+1QPfeKR5//6xyX0VYn7X,10,20,12.5\n");
  CHECK(guessed_format(path) == "azure");
  const auto trace = read(path, options);
  CHECK(trace.tracks[0].points[0].cpu == Approx(1.8));
  CHECK(trace.tracks[0].points[1].at == 300);
  CHECK(trace.length == 600);
}

TEST_CASE("borg: shares of a machine, times in microseconds, numbers as strings") {
  const Folder folder;
  TraceOptions options = as("borg");
  options.machine_cpus = 100;
  options.machine_memory = 1e11;
  const auto trace = read(folder.file("instance_usage-000000000000.json",
      "{\"start_time\":\"300000000\",\"end_time\":\"600000000\",\"collection_id\":\"376577541960\",\"instance_index\":\"3\","
      "\"machine_id\":\"20602974\",\"average_usage\":{\"cpus\":0.0125,\"memory\":0.02},\"maximum_usage\":{\"cpus\":0.05},"
      "\"assigned_memory\":0.03,\"page_cache_memory\":0.005}\n"
      "{\"start_time\":\"600000000\",\"end_time\":\"900000000\",\"collection_id\":\"376577541960\",\"instance_index\":\"3\","
      "\"average_usage\":{\"cpus\":0.02,\"memory\":0.02}}\n"), options);
  CHECK(trace.tracks[0].vm == "376577541960-3");
  CHECK(trace.tracks[0].points[0].cpu == Approx(1.25));
  CHECK(trace.tracks[0].points[0].memory == Approx(1.5e9));
  CHECK(trace.tracks[0].points[0].file == Approx(5e8));
  CHECK(trace.tracks[0].points[1].at == 300);
}

TEST_CASE("alibaba: percent of what was asked for, empty cells where nothing is known") {
  const Folder folder;
  const auto trace = read(folder.file("container_usage.csv",
      "c_1,m_2556,86400,25,50,1.2,0.1,0.2,0.03,0.02,5\nc_1,m_2556,86410,,,,,,,,\nc_1,m_2556,86420,50,50,,,,0.03,0.02,5\n"
      "c_2,m_7,86400,10,20,,,,,,\n"), as("alibaba"));
  REQUIRE(trace.tracks.size() == 2);
  CHECK(trace.tracks[0].points.size() == 2);
  CHECK(trace.tracks[0].points[0].cpu == Approx(1));
  CHECK(trace.tracks[0].points[0].memory == Approx(4e9));
}

TEST_CASE("bitbrains: one file a VM, named by it") {
  const Folder folder;
  const auto trace = read(folder.file("17.csv", bitbrains_header +
      "1376314846;\t4;\t11703.99824;\t10912.0;\t93.2;\t67108864.0;\t6129274.4;\t0.13;\t20.5;\t0.1;\t0.06\n"
      "1376315146;\t4;\t11703.99824;\t10890.5;\t50;\t67108864.0;\t755642.9;\t0;\t3.1;\t0;\t0\n"), as("bitbrains"));
  CHECK(trace.tracks[0].vm == "17");
  CHECK(trace.tracks[0].points[0].cpu == Approx(3.728));
  CHECK(trace.tracks[0].points[1].memory == Approx(755642.9 * 1024));
}

TEST_CASE("bad input names file, line and column") {
  const Folder folder;
  const auto csv = [&](const std::string& text) { return refusal(folder.file("x.csv", text), as("csv")); };
  CHECK(csv("time,cpu\n0,1\n5,nan\n") == ":3:3: cpu: \"nan\" is not finite");
  CHECK(csv("time,cpu\n0,-1\n") == ":2:3: cpu: \"-1\" is negative");
  CHECK(csv("time,cpu\n0,1e9\n").find(":2:3: cpu: 1000000000") == 0);
  CHECK(csv("time,cpu,memory\n0,1,1e15\n").find(":2:5: memory: ") == 0);
  CHECK(csv("time,cpu\n0,1\n4e8,1\n").find(":3:1: time: 400000000.000000 s is more than ten years from other readings") == 0);
  CHECK(csv("time,cpu\n0,1,2\n") == ":2:5: there are 3 columns, but this format has 2");
  CHECK(csv("time,cpu\n0\n") == ":2:1: there are 1 columns, but this format has 2");
  CHECK(csv("time,cpu\n10,1\n5,1\n").find(":3:1: time goes back for VM vm") == 0);
  CHECK(csv("time,cpus\n").find(":1:6: unknown column \"cpus\"") == 0);
  CHECK(csv("time,cpu\n0,one\n") == ":2:3: cpu: \"one\" is no number");
  CHECK(csv("").find(": there is no reading") == 0);
  CHECK(csv("time,cpu\n" + std::string(70000, '1') + "\n").find(":2: the line is longer than 64 KiB") == 0);
  CHECK(csv(std::string("time,cpu\n0,1\0,2\n", 16)).find(":2:4: there is a NUL byte") == 0);
  CHECK(refusal(folder.file("x.jsonl", "{\"time\":0,\"cpu\":1}\n{\"time\":\n"), as("jsonl")).find(":2:9: this is no JSON") == 0);
  CHECK(refusal(folder.file("y.jsonl", "{\"time\":0,\"cores\":1}\n"), as("jsonl")).find(":1:11: unknown member \"cores\"") == 0);
  CHECK(refusal(folder.file("z.jsonl", "{\"cpu\":-1,\"time\":0}\n"), as("jsonl")).find(":1:2: cpu: -1.000000 is negative") == 0);
  CHECK(refusal(folder.file("v.jsonl", "{\"cpu\":1,\"time\":0,\"vm\":[]}\n"), as("jsonl")).find(":1:19: vm: must be a text") == 0);
  CHECK(refusal(folder.file("1.csv", "1;2\n"), as("bitbrains")).find(":1:3: there are 2 columns, but this format has 11") == 0);
}

TEST_CASE("what is nested deeply or cancels out is refused") {
  const Folder folder;
  const auto borg = [&](const std::string& id, const std::string& memory, const std::string& cache) {
    return refusal(folder.file("instance_usage.json", "{\"start_time\":1,\"collection_id\":" + id + ",\"instance_index\":1,\"average_usage\":{\"cpus\":1,\"memory\":" +
                                                          memory + "},\"page_cache_memory\":" + cache + "}\n"), as("borg"));
  };
  CHECK(borg(std::string(20000, '[') + std::string(20000, ']'), "0", "0").find(":1:17: collection_id: must be a whole number") == 0);
  CHECK(borg("1", "1e308", "1e308").find("memory: ") != std::string::npos);
}

TEST_CASE("a line may lie across two blocks of the file") {
  const Folder folder;
  std::string text = "time,vm,cpu\n";
  for (int i = 0; i < 40; ++i) text += std::to_string(i * 5) + "," + std::string(16'000 + static_cast<std::size_t>(i) * 7, 'a') + ",1\n";
  CHECK(read(folder.file("long.csv", text), as("csv")).tracks.size() == 40);
  text.pop_back();
  CHECK(read(folder.gzip("long.csv.gz", text), as("csv")).readings == 40);
}

TEST_CASE("a long trace leaves memory and comes back as it was") {
  const Folder folder;
  std::string text = "time,vm,cpu\n";
  for (int i = 0; i < 3000; ++i)
    for (const char* vm : {"a", "b"}) text += std::to_string(i * 5 + (*vm == 'b' ? 100 : 0)) + "," + vm + "," + std::to_string(i % 7) + "\n";
  const Trace trace = read(folder.file("long.csv", text), as("csv"));
  CHECK(trace.spool->bytes() > 0);
  REQUIRE(trace.tracks[1].points.size() == 3000);
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto j = static_cast<float>(i);
    const TracePoint a = trace.tracks[0].points[i], b = trace.tracks[1].points[i];
    if (a.at != j * 5 || b.at != j * 5 + 100 || a.cpu != static_cast<float>(i % 7) || b.cpu != a.cpu) FAIL("reading " << i);
  }
  CHECK(replay(trace.tracks[0], trace.length)->piece(14'000).demand.cpu == 2800 % 7);
  setenv("TMPDIR", "/nowhere", 1);
  const auto nowhere = read_trace({folder.file("long.csv", text)}, as("csv"));
  unsetenv("TMPDIR");
  REQUIRE(!nowhere.ok());
  CHECK(nowhere.error().message.find("set TMPDIR to a folder that has room") != std::string::npos);
}

TEST_CASE("gaps are held and counted") {
  const Folder folder;
  const auto trace = read(folder.file("g.csv", "time,cpu\n0,1\n300,1\n5000,2\n"), as("csv"));
  CHECK(trace.gaps == 1);
  CHECK(replay(trace.tracks[0], trace.length)->piece(4000).demand.cpu == 1);
}

TEST_CASE("gzip that ends too early is an error, not a shorter trace") {
  const Folder folder;
  std::string text = "time,cpu\n";
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 5) + "," + std::to_string(i % 7) + "\n";
  CHECK(read(folder.gzip("whole.csv.gz", text), as("csv")).readings == 5000);
  CHECK(refusal(folder.gzip("cut.csv.gz", text, 200), as("csv")).find("gzip data ends too early") != std::string::npos);
}

TEST_CASE("a file that is not there") {
  const auto trace = read_trace({"/nowhere/trace.csv"}, as("csv"));
  REQUIRE(!trace.ok());
  CHECK(trace.error().code == Code::not_found);
  const auto folder = read_trace({"/"}, as("csv"));
  REQUIRE(!folder.ok());
  CHECK(folder.error().message == "/: cannot be read: Is a directory");
}

TEST_CASE("who reads a long trace is told how far it is, by the bytes of the files") {
  const Folder folder;
  std::string text = "time,vm,cpu\n";
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + ",vm," + std::to_string(i % 97) + "\n";
  const std::string path = folder.gzip("long.csv.gz", text);
  const auto size = static_cast<double>(std::filesystem::file_size(path));
  double last = 0;
  std::size_t times = 0;
  const auto one = read_trace({path}, as("csv"), [&](double done, double of) {
    CHECK(of == size);
    CHECK(done >= last);
    CHECK(done <= of);
    last = done, ++times;
  });
  REQUIRE(one.ok());
  CHECK(times > 20);
  CHECK(last > 0.5 * size);
}

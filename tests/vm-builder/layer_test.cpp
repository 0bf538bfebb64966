// What a stack of layers comes to: whiteouts, links, owners, names; and what is refused.
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/vm-builder/layer_maker.hpp"
#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/tar_layer.hpp"

namespace neonvm::builder {
namespace {

struct Stack {
  TempDir folder;
  Tree tree;
  Spool spool = std::move(*Spool::in_folder(folder.path()));
  int count = 0;

  explicit Stack(Limits limits = {}) : tree(limits) {}
  Status take(LayerMaker& maker) {
    return read_tar_bytes("layer " + std::to_string(++count), maker.bytes(), tree, spool);
  }
  std::string text(const std::string& path) {
    const Inode* inode = tree.find(path);
    if (inode == nullptr) return "(none)";
    return std::move(*spool.text(inode->data, inode->size));
  }
  bool has(const std::string& path) const { return tree.find(path) != nullptr; }
};

std::string refusal(LayerMaker& maker, Limits limits = {}) {
  Stack stack(limits);
  const Status done = stack.take(maker);
  return done ? "(taken)" : done.error().message;
}

#define REQUIRE_SAYS(text, words) REQUIRE_THAT(text, Catch::Matchers::Contains(words))

}  // namespace

TEST_CASE("a layer's files keep owner, mode, time, xattrs, devices and long names") {
  Stack stack;
  const std::string longest(255, 'n'), deep = std::string(200, 'a') + "/" + std::string(200, 'b');
  LayerMaker layer;
  layer.add({"bin/su", 'f', "setuid", 04755, 0, 42, 1234567890, {{"security.capability", std::string("\1\0\0\2", 4)}}});
  layer.add({"data", 'f', "x", 0600, 4'000'000'000, 70000});
  layer.add({"dev/null", 'c', "", 0666, 0, 0, 0, {}, 1, 3}).add({"dev/vda", 'b', "", 0660, 0, 6, 0, {}, 254, 300});
  layer.add({"pipe", 'p', "", 0622}).file(longest, "long").file(deep, "deep").link("sh", "bin/su");
  REQUIRE(stack.take(layer));
  const Inode* su = stack.tree.find("bin/su");
  REQUIRE(su->mode == 04755);
  REQUIRE(su->gid == 42);
  REQUIRE(su->mtime == 1234567890);
  REQUIRE(su->xattrs.at("security.capability").size() == 4);
  REQUIRE(stack.tree.find("data")->uid == 4'000'000'000);
  REQUIRE(stack.tree.find("dev/vda")->minor == 300);
  REQUIRE(stack.tree.find("pipe")->type == FileType::fifo);
  REQUIRE(stack.text(longest) == "long");
  REQUIRE(stack.text(deep) == "deep");
  REQUIRE(stack.text("sh") == "setuid");
}

TEST_CASE("whiteouts hide what is below and never what is beside") {
  Stack stack;
  LayerMaker low, high;
  low.file("etc/a", "1").file("etc/b", "2").file("var/x/one").file("var/x/two").file("opt/k", "old");
  high.file("etc/.wh.a").file("var/x/three").file("var/x/.wh..wh..opq").file("opt/.wh.k").file("new/.wh.nothing");
  high.file("etc/.wh..wh.plnk");
  REQUIRE(stack.take(low));
  REQUIRE(stack.take(high));
  REQUIRE_FALSE(stack.has("etc/a"));
  REQUIRE(stack.text("etc/b") == "2");
  REQUIRE_FALSE(stack.has("var/x/one"));
  REQUIRE(stack.has("var/x/three"));
  REQUIRE_FALSE(stack.has("opt/k"));
  REQUIRE_FALSE(stack.has("new"));
  REQUIRE_FALSE(stack.has("etc/.wh..wh.plnk"));
}

TEST_CASE("a whiteout after a file of the same layer leaves that file") {
  Stack stack;
  LayerMaker low, high;
  low.file("a/old").file("a/both", "low");
  high.file("a/both", "high").file(".wh.a");
  REQUIRE(stack.take(low));
  REQUIRE(stack.take(high));
  REQUIRE(stack.text("a/both") == "high");
  REQUIRE_FALSE(stack.has("a/old"));
}

TEST_CASE("kinds replace one another between layers, and a directory keeps its files") {
  Stack stack;
  LayerMaker low, high;
  low.file("a/x").file("b").folder("c").file("c/keep", "kept");
  high.file("a", "file").folder("b").file("b/y").add({"c", 'd', "", 0700, 7, 8});
  REQUIRE(stack.take(low));
  REQUIRE(stack.take(high));
  REQUIRE(stack.text("a") == "file");
  REQUIRE(stack.has("b/y"));
  REQUIRE(stack.text("c/keep") == "kept");
  REQUIRE(stack.tree.find("c")->mode == 0700);
  REQUIRE(stack.tree.find("c")->uid == 7);
}

TEST_CASE("hard links share their file, across layers too") {
  Stack stack;
  LayerMaker low, high;
  low.file("one", "same").hard_link("two", "one");
  high.hard_link("three", "one").file("one", "new");
  REQUIRE(stack.take(low));
  REQUIRE(stack.take(high));
  REQUIRE(stack.tree.find("two") == stack.tree.find("three"));
  REQUIRE(stack.text("three") == "same");
  REQUIRE(stack.text("one") == "new");
}

TEST_CASE("a layer may go through a link of a lower one, inside the root") {
  Stack stack;
  LayerMaker low, high;
  low.folder("usr/lib").link("lib", "usr/lib").link("abs", "/usr").link("around", "usr/../usr/lib");
  high.file("lib/a.so", "a").file("abs/b", "b").file("around/c", "c");
  REQUIRE(stack.take(low));
  REQUIRE(stack.take(high));
  REQUIRE(stack.text("usr/lib/a.so") == "a");
  REQUIRE(stack.text("usr/b") == "b");
  REQUIRE(stack.text("usr/lib/c") == "c");
}

TEST_CASE("names with quotes, newlines, unicode and bytes that are no unicode stay as they are") {
  Stack stack;
  LayerMaker layer;
  const std::string names[] = {"it's \"quoted\"", "two\nlines", "größe-日本", "tab\there", " leading", "-rf", "back\\slash"};
  for (const std::string& name : names) layer.file(name, name);
  REQUIRE(stack.take(layer));
  for (const std::string& name : names) REQUIRE(stack.text(name) == name);
}

TEST_CASE("hostile layers are refused with layer and path") {
  LayerMaker up, through, escape_low, twice, hop, root_file, no_target, folder_link, empty_whiteout;
  REQUIRE_SAYS(refusal(up.file("a/../../etc/passwd")), "layer 1: \"a/../../etc/passwd\": has \"..\" in its path");
  REQUIRE_SAYS(refusal(through.link("l", "/etc").file("l/passwd")), "symbolic link of the same layer");
  REQUIRE_SAYS(refusal(twice.file("a", "1").file("a", "2")), "\"a\": stands twice in this layer");
  REQUIRE_SAYS(refusal(root_file.file(".")), "root cannot be a file");
  REQUIRE_SAYS(refusal(no_target.hard_link("a", "etc/shadow")), "hard link to \"etc/shadow\", which is not there");
  REQUIRE_SAYS(refusal(folder_link.folder("d").hard_link("a", "d")), "hard link to a directory");
  REQUIRE_SAYS(refusal(empty_whiteout.file("x/.wh.")), "whiteout of nothing");

  Stack stack;
  LayerMaker high;
  escape_low.link("out", "../../etc");
  REQUIRE(stack.take(escape_low));
  const Status done = stack.take(high.file("out/passwd", "x"));
  REQUIRE_FALSE(done);
  REQUIRE_SAYS(done.error().message, "layer 2: \"out/passwd\": leads out of the root");
}

TEST_CASE("links that go round in circles are refused") {
  Stack stack;
  LayerMaker low, high;
  REQUIRE(stack.take(low.link("a", "b").link("b", "a")));
  REQUIRE(stack.tree.find("a") == nullptr);
  const Status done = stack.take(high.file("a/x"));
  REQUIRE_FALSE(done);
  REQUIRE_SAYS(done.error().message, "more than 40 symbolic links");
}

TEST_CASE("sizes and counts beyond the limits are refused") {
  LayerMaker many, large, deep;
  for (int i = 0; i < 11; ++i) many.file("f" + std::to_string(i));
  REQUIRE_SAYS(refusal(many, {.entries = 10}), "layer 1: \"f10\": the image has more than 10 entries");
  REQUIRE_SAYS(refusal(large.file("a", std::string(60, 'x')).file("b", std::string(50, 'x')), {.bytes = 100}),
               "\"b\": its 50 bytes lead beyond the 100");
  std::string path;
  for (int i = 0; i < 600; ++i) path += "d/";
  REQUIRE_SAYS(refusal(deep.folder(path)), "directories are deeper than 512");
}

TEST_CASE("a file that is no tar, or ends early, is refused") {
  Stack stack;
  REQUIRE_FALSE(read_tar_bytes("layer 1", "this is no tar at all, just words", stack.tree, stack.spool));
  LayerMaker layer("gzip");
  const std::string whole = layer.file("a", std::string(100'000, 'x')).file("b", "y").bytes();
  const Status cut = read_tar_bytes("layer 2", std::string_view(whole).substr(0, whole.size() / 2), stack.tree, stack.spool);
  REQUIRE_FALSE(cut);
  REQUIRE_SAYS(cut.error().message, "layer 2");
}

TEST_CASE("gzip, zstd and xz are read, and a digest that does not fit is told") {
  for (const char* filter : {"", "gzip", "zstd", "xz"}) {
    Stack stack;
    SilentSteps steps;
    LayerMaker layer(filter);
    const std::string bytes = layer.file("a", "hello").bytes();
    const std::string path = stack.folder.path() / "layer";
    REQUIRE(write_file(path, bytes));
    REQUIRE(read_tar({"layer 1", path, sha256_of(bytes), true}, stack.tree, stack.spool, steps));
    REQUIRE(stack.text("a") == "hello");

    const Status wrong = read_tar({"layer 2", path, sha256_of("other"), true}, stack.tree, stack.spool, steps);
    REQUIRE_FALSE(wrong);
    REQUIRE_SAYS(wrong.error().message, "layer 2: its digest is sha256:");
  }
}

}  // namespace neonvm::builder

#include "guest/files_stream.hpp"

namespace neonvm::guest {
namespace {

// The files, and a line for each.
constexpr std::size_t most_bundle_text = wire::most_bundle_bytes + wire::most_bundle_files * 2048;

Status place_bundle(const std::string& text, const std::string& folder, const std::string& checksum, FileOwner owner) {
  if (wire::checksum_of(text) != checksum) return Error{Code::data_loss, "the files are not those that were announced"};
  const auto bundle = wire::decode_file_bundle(text);
  if (!bundle) return bundle.error();
  return place_generation(folder, *bundle, checksum, owner);
}

}  // namespace

FilesStream::FilesStream(runtime::Loop& loop, wire::PutFiles order, std::string folder, FileOwner owner, StreamExits exits)
    : loop_(loop),
      order_(std::move(order)),
      folder_(std::move(folder)),
      owner_(owner),
      exits_(std::move(exits)),
      self_(std::make_shared<FilesStream*>(this)) {}

void FilesStream::data(const wire::StreamData& data) {
  if (data.stream != wire::Stream::file || over_) return;
  text_ += data.bytes;
  if (text_.size() > most_bundle_text) return end(refusal(order_.id, "more than 4Mi of files"));
  if (!data.bytes.empty()) exits_.send(wire::Ack{order_.id, wire::Stream::file, data.bytes.size()});
  if (!data.end) return;
  over_ = true;
  std::weak_ptr<FilesStream*> self = self_;
  loop_.off_loop([text = std::make_shared<const std::string>(std::move(text_)), folder = folder_, checksum = order_.checksum,
                  owner = owner_] { return place_bundle(*text, folder, checksum, owner); },
                 [self](const Status& placed) {
                   const auto alive = self.lock();
                   if (!alive) return;
                   FilesStream& stream = **alive;
                   stream.over_ = false;
                   stream.end(placed ? consent_to(stream.order_.id) : refusal(stream.order_.id, placed.error().message));
                 });
}

void FilesStream::end(wire::Reply reply) {
  if (over_) return;
  over_ = true;
  exits_.finished(std::move(reply));
}

}  // namespace neonvm::guest

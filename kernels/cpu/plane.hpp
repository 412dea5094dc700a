// The data plane of one voice: its streams, and one call that advances many of them from their input to 16-bit samples,
// without the interpreter's lock; or, where samples are drawn elsewhere, a step of them in parts.
#pragma once
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "device_step.hpp"
#include "synthesis_step.hpp"

namespace wavesynth {

template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> given(const std::vector<T>& values) {
  std::unique_ptr<T[]> memory(new T[values.size()]);
  std::copy(values.begin(), values.end(), memory.get());
  T* data = memory.release();
  return {data, {values.size()}, nb::capsule(data, [](void* p) noexcept { delete[] static_cast<T*>(p); })};
}

template <class T>
std::vector<T> copied(const Array<T>& array) {
  return {array.data(), array.data() + array.size()};
}

// The streams of a call, kept alive by it.
struct Streams {
  explicit Streams(const nb::sequence& given) {
    for (nb::handle stream : given) kept.push_back(nb::borrow(stream)), all.push_back(&nb::cast<PlaneStream&>(stream));
  }
  std::vector<nb::object> kept;
  std::vector<PlaneStream*> all;
};

// Streams are in one call at a time.
struct Busy {
  explicit Busy(const std::vector<PlaneStream*>& streams) {
    for (PlaneStream* stream : streams) {
      if (stream->busy.test_and_set()) {
        release();
        throw std::invalid_argument("a stream is in two calls at once");
      }
      held.push_back(stream);
    }
  }
  ~Busy() { release(); }
  void release() {
    for (PlaneStream* stream : held) stream->busy.clear();
    held.clear();
  }
  std::vector<PlaneStream*> held;
};

class Plane {
 public:
  Plane(Int8Sampler* sampler, Array<uint8_t> queues, int token, Array<float> levels, double preemphasis, int hop, const LogMel* log_mel,
        const Conditioner* conditioner, const Converter* converter, const SpectralProjector* projector, int bands, int past, int look_ahead, float silence)
      : voice_{sampler, log_mel, conditioner, converter, projector, copied(levels), copied(queues), token, preemphasis,
               hop, bands, past, look_ahead, silence} {
    if (sampler) {
      const Int8Network& net = sampler->network();
      expect("levels", levels, {static_cast<size_t>(net.classes)});
      expect("queues", queues, {sampler->queue_rows(), static_cast<size_t>(net.entry_width())});
      if (token < 0 || token >= net.classes) throw std::invalid_argument("token is " + std::to_string(token) + "; it must be from 0 to " + std::to_string(net.classes - 1));
      same("the sampler's hop", net.hop, hop);
    }
    same("the conditioning network's bands", conditioner ? conditioner->tables().bands : bands, bands);
    same("the conditioning network's outputs", conditioner ? conditioner->tables().width : voice_.width(), voice_.width());
    same("the log-mel's bands", log_mel ? log_mel->tables().bands : bands, bands);
    same("the converter's bands", converter ? converter->tables().bands : bands, bands);
    same("the converter's window", converter ? converter->tables().window : past + 1 + look_ahead, past + 1 + look_ahead);
    same("the correction's bands", projector ? projector->tables().bands : bands, bands);
    same("the correction's hop", projector ? projector->tables().hop : voice_.hop, voice_.hop);
    if (past < 0 || look_ahead < 0) throw std::invalid_argument("past and look_ahead must be at least 0");
  }

  PlaneStream* open(const std::string& kind, int64_t samples, int speaker, uint64_t seed, float inverse_temperature, int correction,
                    int64_t first_sample, std::optional<Array<float>> frame,
                    const Resampler* resampler,
                    std::tuple<int64_t, int64_t, int64_t> shape, int64_t resume_frame, std::optional<Array<float>> memory) const {
    const InputKind input = kind == "duration" ? InputKind::duration : kind == "mel" ? InputKind::mel : InputKind::audio;
    const int64_t speakers = voice_.conditioner ? voice_.conditioner->speaker_count : 0;
    if (input != InputKind::duration && ((voice_.sampler && !voice_.conditioner) || !voice_.log_mel)) throw std::invalid_argument("the voice takes no input, only how long it is to speak");
    if (voice_.sampler && input != InputKind::duration && (speaker < -1 || speaker >= speakers))
      throw std::invalid_argument("speaker is " + std::to_string(speaker) + "; it must be from -1 to " + std::to_string(speakers - 1));
    if (correction < 0 || (correction && !voice_.projector)) throw std::invalid_argument("correction is " + std::to_string(correction) + "; it must be 0 of this voice");
    std::optional<ResamplingStream> resampling;
    if (resampler) resampling.emplace(*resampler, checked(*resampler, shape));
    auto stream = std::make_unique<PlaneStream>(voice_, input, samples, speaker, std::move(resampling));
    stream->seed = seed, stream->inverse_temperature = inverse_temperature, stream->first_sample = first_sample;
    if (correction) stream->correction.emplace(voice_.projector->tables(), correction);
    if (input == InputKind::duration && voice_.sampler) {
      if (!frame) throw std::invalid_argument("a stream of a given duration needs its frame");
      expect("frame", *frame, {static_cast<size_t>(voice_.width())});
      stream->analysis.constant = copied(*frame);
    }
    if (memory) {
      if (!voice_.converter) throw std::invalid_argument("memory was given to a stream without a converter");
      const ConverterTables& tables = voice_.converter->tables();
      expect("memory", *memory, {static_cast<size_t>(tables.layers), static_cast<size_t>(tables.channels)});
      stream->analysis.resumed = copied(*memory), stream->analysis.resume_frame = resume_frame;
    }
    return stream.release();  // whom Python owns
  }

  nb::ndarray<nb::numpy, int32_t, nb::ndim<1>> ready(const nb::sequence& streams, const std::vector<int>& n) const {
    const Streams given_streams(streams);
    if (n.size() != given_streams.all.size()) throw std::invalid_argument("n must have one entry for each stream");
    std::vector<int32_t> found;
    for (size_t s = 0; s < n.size(); s++) found.push_back(ready(*given_streams.all[s], n[s]));
    return given(found);
  }

  // The samples that come out of all streams, one behind the other, and how many of each; -1 of one of whose input something
  // turned out not to be finite.
  auto advance(const nb::sequence& streams, int n, bool two_cores) const {
    const Streams given_streams(streams);
    const std::vector<PlaneStream*>& all = given_streams.all;
    if (!voice_.sampler) throw std::invalid_argument("the voice's samples are drawn elsewhere: in a step");
    const Busy busy(all);
    std::vector<int16_t> samples;
    std::vector<int32_t> counts;
    {
      nb::gil_scoped_release unlocked;
      check_ready(all, n);
      const std::vector<PlaneStream*> whole = analysed(all, n);
      std::vector<int32_t> made;
      if (!whole.empty()) SynthesisStep(voice_, whole).run(n, two_cores, samples, made);
      size_t next = 0;
      for (PlaneStream* stream : all) counts.push_back(stream->analysis.failed ? -1 : made[next++]);
    }
    return std::pair(given(samples), given(counts));
  }

  // The next `n` samples of streams, drawn elsewhere.
  std::unique_ptr<DeviceStep> step(const std::vector<PlaneStream*>& all, int n) {
    check_ready(all, n);
    return std::make_unique<DeviceStep>(voice_, filters_, all, n);
  }

 private:
  static void check_ready(const std::vector<PlaneStream*>& all, int n) {
    if (n < 1) throw std::invalid_argument("n is " + std::to_string(n) + "; it must be at least 1");
    // The input may have ended before the stream's first sample since `ready` was asked: the next one that asks is told.
    for (PlaneStream* stream : all)
      if (stream->analysis.ready(stream->index, n, 0) < n) throw std::invalid_argument("a stream cannot make its next " + std::to_string(n) + " samples yet");
  }

  static void same(const char* name, int value, int expected) {
    if (value != expected) throw std::invalid_argument(std::string(name) + " are " + std::to_string(value) + "; they must be " + std::to_string(expected));
  }

  static ResamplingShape checked(const Resampler& resampler, std::tuple<int64_t, int64_t, int64_t> shape) {
    const auto [reach, block, before] = shape;
    const ResamplerTables& tables = resampler.tables();
    if (block < tables.down || block % tables.down || before < 0 || reach < before || tables.taps - tables.down - before > reach)
      throw std::invalid_argument("the resampler's blocks must be whole periods, and their neighbourhood must cover its filter");
    return {reach, block, before};
  }

  static int ready(const PlaneStream& stream, int n) { return stream.analysis.ready(stream.index, n, stream.first_sample); }

  // Has the next `n` samples' frames be there; the streams without those that failed.
  std::vector<PlaneStream*> analysed(const std::vector<PlaneStream*>& all, int n) const {
    std::vector<AnalysisStream*> analyses;
    std::vector<int64_t> ends;
    for (PlaneStream* stream : all) analyses.push_back(&stream->analysis), ends.push_back(stream->index + n);
    AnalysisStep(voice_, analyses).run(ends);
    std::vector<PlaneStream*> whole;
    for (PlaneStream* stream : all) {
      AnalysisStream& analysis = stream->analysis;
      if (stream->correction) stream->correction->aim(analysis.mel.row(analysis.converted), std::max<int64_t>(0, analysis.mel_due - analysis.converted));
      analysis.drop(analysis.frames_due);
      if (!analysis.failed) whole.push_back(stream);
    }
    return whole;
  }

  const PlaneVoice voice_;
  std::mutex filters_;
};

}  // namespace wavesynth

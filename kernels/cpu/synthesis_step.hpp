// The next samples of many streams, drawn and filtered, of the frames that they are conditioned on.
#pragma once
#include <cmath>
#include <vector>

#include "output_stage.hpp"

namespace wavesynth {

class SynthesisStep {
 public:
  SynthesisStep(const PlaneVoice& voice, const std::vector<PlaneStream*>& streams) : voice_(voice), streams_(streams) {}

  // Draws `n` samples of each; appends those that come out to `samples`, and of each how many to `counts`.
  void run(int n, bool two_cores, std::vector<int16_t>& samples, std::vector<int32_t>& counts) {
    std::vector<int32_t> tokens(streams_.size() * n);
    draw(n, two_cores, tokens.data());
    std::vector<std::vector<float>> filtered(streams_.size());
    deemphasize(tokens, n, filtered);
    correct(filtered);
    for (size_t s = 0; s < streams_.size(); s++) counts.push_back(hand_out(*streams_[s], filtered[s], samples));
  }

 private:
  void draw(int n, bool two_cores, int32_t* tokens) {
    std::vector<StreamCall> calls;
    for (PlaneStream* stream : streams_) {
      NumberedRows& frames = stream->analysis.frames;
      frames.drop_before(stream->index / voice_.hop);
      calls.push_back({stream->queues.data(), static_cast<uint64_t>(stream->index), stream->token, stream->seed, stream->inverse_temperature,
                       frames.row(frames.first()), tokens + calls.size() * n});
    }
    voice_.sampler->run(calls.data(), static_cast<int>(calls.size()), n, two_cores);
    for (size_t s = 0; s < calls.size(); s++) streams_[s]->token = calls[s].token, streams_[s]->index = static_cast<int64_t>(calls[s].index);
  }

  void deemphasize(const std::vector<int32_t>& tokens, int n, std::vector<std::vector<float>>& filtered) {
    std::vector<float> drawn(tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) drawn[i] = voice_.levels[tokens[i]];
    std::vector<const float*> from;
    std::vector<float*> to;
    for (size_t s = 0; s < streams_.size(); s++) filtered[s].resize(n), from.push_back(drawn.data() + s * n), to.push_back(filtered[s].data());
    wavesynth::deemphasize(voice_.preemphasis, streams_.data(), from.data(), to.data(), streams_.size(), n);
  }

  // Has each stream's samples be those that are final now.
  void correct(std::vector<std::vector<float>>& samples) {
    for (size_t s = 0; s < streams_.size(); s++)
      if (streams_[s]->correction) streams_[s]->correction->accept(samples[s], streams_[s]->index == total(*streams_[s]));
    for (bool again = true; again;) {
      again = false;
      // All that are due and have as many frames, at once.
      std::vector<CorrectionStream*> due;
      for (PlaneStream* stream : streams_)
        if (stream->correction && stream->correction->due()) due.push_back(&*stream->correction);
      std::stable_sort(due.begin(), due.end(), [](auto* a, auto* b) { return a->frames < b->frames; });
      for (size_t first = 0, end; first < due.size(); first = end) {
        for (end = first; end < due.size() && due[end]->frames == due[first]->frames;) end++;
        project(due.data() + first, end - first);
        again = true;
      }
    }
    for (size_t s = 0; s < streams_.size(); s++)
      if (streams_[s]->correction) samples[s] = streams_[s]->correction->take();
  }

  void project(CorrectionStream* const* due, size_t count) {
    std::vector<float*> samples;
    std::vector<const float*> targets, active;
    for (size_t i = 0; i < count; i++) samples.push_back(due[i]->samples()), targets.push_back(due[i]->targets()), active.push_back(due[i]->active());
    voice_.projector->set.project_all(voice_.projector->tables(), samples.data(), targets.data(), active.data(), due[0]->frames, static_cast<int>(count));
    for (size_t i = 0; i < count; i++) due[i]->commit();
  }

  const PlaneVoice& voice_;
  const std::vector<PlaneStream*>& streams_;
};

}  // namespace wavesynth

// The class Int8Sampler: packs a network's arrays into the order in which the kernel reads them, checks what it is
// given, and runs the kernel of one instruction set without the interpreter's lock.
#pragma once
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

#include "arena.hpp"
#include "arrays.hpp"
#include "instruction_sets.hpp"
#include "network.hpp"

namespace nb = nanobind;

namespace wavesynth {

// The second core of a stream that has two: a thread that sleeps between calls.
class Helper {
 public:
  Helper(const InstructionSet& set, const Int8Network& net) : set_(set), net_(net), thread_([this] { work(); }) {}
  ~Helper() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  // Makes the samples with the helper; false, with nothing done, if its core has other work: if it is not back from
  // an earlier call, or was late in one not long ago.
  bool advance(StreamCall& stream, int n) {
    {
      std::lock_guard lock(mutex_);
      if (samples_ || --pause_ >= 0) return false;
      meeting_->present = meeting_->begin = meeting_->layers = meeting_->skips = meeting_->first = meeting_->second = meeting_->logits = meeting_->abandoned = 0;
      if (!elsewhere()) return false;
      samples_ = n;
    }
    wake_.notify_one();
    set_.lead(net_, stream, *meeting_, n);
    late_ = meeting_->abandoned ? std::min(2 * late_ + 1, kPause) : 0;
    pause_ = late_;
    return true;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return samples_ || ending_; });
      if (ending_) return;
      lock.unlock();
      set_.help(net_, *meeting_, samples_);
      lock.lock();
      samples_ = 0;
    }
  }

  // Keeps the helper off the core of the caller, where the two would wait for each other; false if there is no other.
  bool elsewhere() {
#if defined(__linux__)
    const int core = sched_getcpu();
    if (core < 0 || core == avoided_) return true;
    cpu_set_t others;
    if (sched_getaffinity(0, sizeof others, &others)) return true;
    CPU_CLR(core, &others);
    if (!CPU_COUNT(&others) || pthread_setaffinity_np(thread_.native_handle(), sizeof others, &others)) return false;
    avoided_ = core;
#endif
    return true;
  }

  const InstructionSet& set_;
  const Int8Network& net_;
  std::unique_ptr<Meeting> meeting_ = std::make_unique<Meeting>();
  std::mutex mutex_;
  std::condition_variable wake_;
  static constexpr int kPause = 127;  // calls; about a second of a live stream
  int samples_ = 0, avoided_ = -1;
  int pause_ = 0, late_ = 0;  // calls without the helper: twice as many each time that it is late again
  bool ending_ = false;
  std::thread thread_;
};

class Int8Sampler {
 public:
  using Queues = std::vector<nb::ndarray<uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>>;
  using Counts = nb::ndarray<uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  using Classes = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  using ManyClasses = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

  Int8Sampler(std::vector<int> dilations, int hop, Array<float> embedding,
          Array<float> input_inverse_scale, Array<int8_t> dilated, Array<float> dilated_scale,
          Array<float> gate_inverse_scale, Array<int8_t> residual, Array<float> residual_scale, Array<float> residual_bias,
          Array<int8_t> skip, Array<float> skip_scale, Array<float> skip_bias, Array<float> skip_inverse_scale,
          Array<int8_t> hidden, Array<float> hidden_scale, Array<float> hidden_bias, Array<float> hidden_inverse_scale,
          Array<int16_t> output, Array<float> output_scale, Array<float> output_bias, int activation_bits,
          bool reversible, const std::string& instruction_set)
      : set_(choose(instruction_set)), arena_(room(dilations.size(), embedding, skip)), dilations_(dilations) {
    if (embedding.ndim() != 2 || skip.ndim() != 2) throw std::invalid_argument("embedding and skip must be matrices");
    const size_t L = dilations.size(), A = embedding.shape(0), R = embedding.shape(1), S = skip.shape(0);
    for (auto [name, value] : {std::pair{"classes", A}, {"residual", R}, {"skip", S}})
      if (value % 16 || value < 16 || value > kMaxChannels)
        throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) + "; it must be a multiple of 16 up to " + std::to_string(kMaxChannels));
    if (R > kMaxResidual)
      throw std::invalid_argument("residual is " + std::to_string(R) + "; it must be at most " + std::to_string(kMaxResidual));
    if (L < 1 || L > kMaxLayers)
      throw std::invalid_argument("there are " + std::to_string(L) + " layers; there must be 1 to " + std::to_string(kMaxLayers));
    for (int d : dilations)
      if (d < 1) throw std::invalid_argument("a dilation is " + std::to_string(d) + "; it must be at least 1");
    if (activation_bits != 8 && activation_bits != 16) throw std::invalid_argument("activation_bits is " + std::to_string(activation_bits) + "; it must be 8 or 16");
    if (hop < 1) throw std::invalid_argument("hop is " + std::to_string(hop) + "; it must be at least 1");
    rows_ = 0;
    for (int d : dilations) rows_ += d;
    net_.layers = L, net_.residual = R, net_.skip = S, net_.classes = A, net_.hop = hop, net_.wide = activation_bits == 16, net_.reversible = reversible;

    expect("dilated", dilated, {L, 2 * R, 2 * R}), expect("dilated_scale", dilated_scale, {L, 2 * R});
    expect("residual", residual, {L, R, R}), expect("residual_scale", residual_scale, {L, R});
    expect("residual_bias", residual_bias, {L, R});
    // What the products' activations are too high by, where a byte is 128 + value, and where it is the value.
    const int around_128 = 128 - set_.activation_offset(), around_0 = -set_.activation_offset();
    for (size_t l = 0; l < L; l++) {
      const int8_t* taps = dilated.data() + l * 4 * R * R;  // columns (past, now)
      const float* scale = dilated_scale.data() + l * 2 * R;
      past_.push_back(pack(taps, scale, nullptr, 2 * R, R, 2 * R, around_128));
      now_.push_back(pack(taps + R, scale, nullptr, 2 * R, R, 2 * R, 0));  // goes on from the past's sums
      residuals_.push_back(pack(residual.data() + l * R * R, residual_scale.data() + l * R, residual_bias.data() + l * R, R, R, R, around_128));
    }
    net_.dilations = dilations_.data(), net_.past = past_.data(), net_.now = now_.data(), net_.residuals = residuals_.data();
    net_.skips = pack(expect("skip", skip, {S, L * R}), expect("skip_scale", skip_scale, {S}), expect("skip_bias", skip_bias, {S}), S, L * R, L * R, around_128);
    net_.hidden = pack(expect("hidden", hidden, {A, S}), expect("hidden_scale", hidden_scale, {A}), expect("hidden_bias", hidden_bias, {A}), A, S, S, around_0);
    const int16_t* wide = expect("output", output, {A, A});
    for (size_t i = 0; i < A * A; i++)
      if (std::abs(wide[i]) > 8191) throw std::invalid_argument("a weight of output is " + std::to_string(wide[i]) + "; it must be from -8191 to 8191");
    std::vector<int8_t> high(A * A), low(A * A);
    for (size_t i = 0; i < A * A; i++) {
      low[i] = static_cast<int8_t>(((wide[i] + 64) & 127) - 64);
      high[i] = static_cast<int8_t>((wide[i] - low[i]) / 128);
    }
    const float *scale = expect("output_scale", output_scale, {A}), *bias = expect("output_bias", output_bias, {A});
    net_.output_high = pack(high.data(), scale, bias, A, A, A, 0);  // small weights: the bytes as they stand
    net_.output_low = pack(low.data(), scale, bias, A, A, A, 0);
    net_.embedding = arena_.copy(embedding.data(), A * R);
    net_.input_inverse_scale = arena_.copy(expect("input_inverse_scale", input_inverse_scale, {L, R}), L * R);
    net_.gate_inverse_scale = arena_.copy(expect("gate_inverse_scale", gate_inverse_scale, {L, R}), L * R);
    net_.skip_inverse_scale = arena_.copy(expect("skip_inverse_scale", skip_inverse_scale, {S}), S);
    net_.hidden_inverse_scale = arena_.copy(expect("hidden_inverse_scale", hidden_inverse_scale, {A}), A);
  }

  // queues, indices, last and tokens are changed in place; see wavesynth/sampling/backends/cpu.py. With `two_cores` a lone stream
  // takes a second core if that is idle.
  void advance(Queues queues, Counts indices, Classes last, Array<uint64_t> seeds, Array<float> inverse_temperatures,
               std::vector<Array<float>> conditioning, ManyClasses tokens, bool two_cores) {
    std::vector<StreamCall> streams = checked(queues, indices, last, seeds, inverse_temperatures, conditioning, tokens);
    {
      nb::gil_scoped_release unlocked;
      run(streams.data(), static_cast<int>(streams.size()), static_cast<int>(tokens.shape(1)), two_cores);
    }
    moved(streams, indices, last);
  }

  // The same with the classes given, and the bits that each of them costs, but for none if `bits` are [B, 0].
  void follow(Queues queues, Counts indices, Classes last, Array<float> inverse_temperatures, std::vector<Array<float>> conditioning,
              ManyClasses tokens, nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> bits) {
    const size_t B = queues.size(), n = tokens.shape(1);
    const std::vector<uint64_t> no_seeds(B);
    const size_t shape[1] = {B};
    std::vector<StreamCall> streams = checked(queues, indices, last, Array<uint64_t>(no_seeds.data(), 1, shape), inverse_temperatures, conditioning, tokens);
    if (bits.shape(0) != B || (bits.shape(1) != n && bits.shape(1) != 0)) throw std::invalid_argument("bits must be as many as the tokens, or none");
    for (size_t i = 0; i < B * n; i++)
      if (tokens.data()[i] < 0 || tokens.data()[i] >= net_.classes)
        throw std::invalid_argument("a token is " + std::to_string(tokens.data()[i]) + "; it must be from 0 to " + std::to_string(net_.classes - 1));
    for (size_t s = 0; s < B && bits.shape(1); s++) streams[s].bits = bits.data() + s * n;
    {
      nb::gil_scoped_release unlocked;
      set_.follow(net_, streams.data(), static_cast<int>(B), static_cast<int>(n));
    }
    moved(streams, indices, last);
  }

  // The same of streams that were checked, for any thread, without the interpreter's lock.
  void run(StreamCall* streams, int count, int n, bool two_cores) {
    std::unique_lock one_at_a_time(helper_mutex_, std::defer_lock);
    if (two_cores && count == 1 && one_at_a_time.try_lock()) {
      if (!helper_) helper_ = std::make_unique<Helper>(set_, net_);
      if (helper_->advance(streams[0], n)) return;
    }
    set_.advance(net_, streams, count, n);
  }

  std::string instruction_set() const { return set_.name; }
  // Streams for which one reading of the weights serves.
  int batch() const { return set_.batch(); }
  const Int8Network& network() const { return net_; }
  size_t queue_rows() const { return rows_; }

 private:
  // The streams of a call, whose arrays fit together.
  std::vector<StreamCall> checked(const Queues& queues, const Counts& indices, const Classes& last, const Array<uint64_t>& seeds,
                                  const Array<float>& inverse_temperatures, const std::vector<Array<float>>& conditioning, const ManyClasses& tokens) const {
    const size_t B = queues.size(), n = tokens.shape(1), width = net_.entry_width();
    const uint64_t hop = net_.hop;
    if (indices.shape(0) != B || last.shape(0) != B || conditioning.size() != B || tokens.shape(0) != B)
      throw std::invalid_argument("indices, tokens and conditioning must have one entry for each of the " + std::to_string(B) + " queues");
    expect("seeds", seeds, {B}), expect("inverse_temperatures", inverse_temperatures, {B});
    std::vector<StreamCall> streams(B);
    for (size_t s = 0; s < B; s++) {
      const uint64_t index = indices.data()[s];
      const size_t frames = n ? (index + n - 1) / hop - index / hop + 1 : 0;
      if (queues[s].shape(0) != rows_ || queues[s].shape(1) != width)
        throw std::invalid_argument("a state's queues are [" + std::to_string(queues[s].shape(0)) + ", " + std::to_string(queues[s].shape(1)) +
                                    "]; they must be [" + std::to_string(rows_) + ", " + std::to_string(width) + "]");
      if (conditioning[s].ndim() != 3 || conditioning[s].shape(0) < frames) throw std::invalid_argument("conditioning has too few frames: " + std::to_string(frames) + " are needed");
      expect("conditioning", conditioning[s], {conditioning[s].shape(0), static_cast<size_t>(net_.layers), 2 * static_cast<size_t>(net_.residual)});
      if (last.data()[s] < 0 || last.data()[s] >= net_.classes)
        throw std::invalid_argument("a state's token is " + std::to_string(last.data()[s]) + "; it must be from 0 to " + std::to_string(net_.classes - 1));
      streams[s] = {queues[s].data(), index, last.data()[s], seeds.data()[s], inverse_temperatures.data()[s],
                    conditioning[s].data(), tokens.data() + s * n};
    }
    return streams;
  }
  static void moved(const std::vector<StreamCall>& streams, Counts& indices, Classes& last) {
    for (size_t s = 0; s < streams.size(); s++) indices.data()[s] = streams[s].index, last.data()[s] = streams[s].token;
  }

  static size_t room(size_t layers, const Array<float>& embedding, const Array<int8_t>& skip) {
    if (embedding.ndim() != 2 || skip.ndim() != 2) return 1;
    const size_t A = embedding.shape(0), R = embedding.shape(1), S = skip.shape(0);
    const size_t bytes = layers * (5 * R * R + 7 * R * 12 + 8 * R + S * R) + S * 16 + A * (S + 2 * A + 48 + 4 * R);
    return bytes + 1024 * (layers + 8);  // each array is padded to a cache line
  }

  // Packs the first `columns` of each row of `stride`; `start` makes good `offset` for the whole row, so that a
  // second product may go on where this one ended. `offset` is what the product's activations are too high by.
  Matrix pack(const int8_t* weights, const float* scale, const float* bias, int rows, int columns, int stride, int offset) {
    const int group = rows % 64 == 0 ? 4 : 1;
    int8_t* packed = arena_.take<int8_t>(static_cast<size_t>(rows) * columns);
    int32_t* start = arena_.take<int32_t>(rows);
    for (int row = 0; row < rows; row++) {
      const int8_t* from = weights + static_cast<size_t>(row) * stride;
      start[row] = offset ? -offset * std::accumulate(from, from + stride, 0) : 0;
      const int top = row / (16 * group), block = row / 16 % group;
      int8_t* to = packed + static_cast<size_t>(top) * 16 * group * columns + (block * 16 + row % 16) * 4;
      for (int column = 0; column < columns; column++) to[column / 4 * group * 64 + column % 4] = from[column];
    }
    return {packed, start, arena_.copy(scale, rows), bias ? arena_.copy(bias, rows) : nullptr, rows, columns, group};
  }

  const InstructionSet& set_;
  Arena arena_;
  std::vector<int> dilations_;
  std::vector<Matrix> past_, now_, residuals_;
  Int8Network net_;
  size_t rows_;
  std::mutex helper_mutex_;
  std::unique_ptr<Helper> helper_;  // last, so that it ends first
};

}  // namespace wavesynth

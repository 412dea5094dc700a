"""Makes wavesynth/text/letter_to_sound_en_us.tsv: how letters sound in their context, learnt from the lexicon.

    python tools/make_letter_to_sound.py    # the file, and the accuracy on words held out: two minutes

Each word's letters are aligned with its phonemes, none, one or two a letter, by Viterbi training of P(phonemes |
letter). Then a letter with its context is a key: the letter, the next one, the one before, the second next, and so on,
as in Daelemans and van den Bosch's IGTree (1997). A line is written only where its phonemes differ from those of the
shorter key, so that whoever reads takes the longest key that is there. Everything is counted in whole numbers: the same
word gives the same phonemes on every processor.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from hashlib import sha1
from pathlib import Path

from wavesynth.text.inventory import parse_phonemes
from wavesynth.text.letters import MAX_CONTEXT, context, guess_from
from wavesynth.text.lexicon import Lexicon

TEXT = Path(__file__).parents[1] / "wavesynth" / "text"
OUT = TEXT / "letter_to_sound_en_us.tsv"
STRESS = ("", "ˌ", "ˈ")
ROUNDS, SAMPLE = 5, 10_000
Pairs = list[tuple[str, list[str]]]


def pairs() -> Pairs:
    """The words of small letters in the lexicon, with their phonemes; stress is a part of the vowel."""
    found = []
    for line in (TEXT / "lexicon_en_us.tsv").read_text(encoding="utf-8").splitlines():
        word, said = line.split("\t")[:2]
        letters = word.lower()
        if said and letters.isascii() and letters.isalpha() and 2 < len(letters) < 20 and word[1:].islower():
            found.append((letters, [STRESS[s] + p for p, s in parse_phonemes(said)]))
    return found


def align(letters: str, phonemes: list[str], costs: dict[tuple[str, str], float]) -> list[str] | None:
    """The phonemes of each letter, joined, on the cheapest path; None if there are too many."""
    infinity = math.inf
    best = [0.0] + [infinity] * len(phonemes)
    back = []
    for letter in letters:
        after, taken = [infinity] * len(best), [0] * len(best)
        for end in range(len(best)):
            for count in range(min(end, 2) + 1):
                before = best[end - count]
                if before < infinity:
                    cost = before + costs.get((letter, "".join(phonemes[end - count : end])), 14.0)
                    if cost < after[end]:
                        after[end], taken[end] = cost, count
        best = after
        back.append(taken)
    if best[-1] == infinity:
        return None
    end, chunks = len(phonemes), []
    for taken in reversed(back):
        chunks.append("".join(phonemes[end - taken[end] : end]))
        end -= taken[end]
    return chunks[::-1]


def first_costs(words: Pairs) -> dict[tuple[str, str], float]:
    """Costs by how often a phoneme stands about where a letter does."""
    counts: Counter[tuple[str, str]] = Counter()
    letters_seen: Counter[str] = Counter()
    for letters, phonemes in words:
        for i, letter in enumerate(letters):
            place = i * len(phonemes) // len(letters)
            letters_seen[letter] += 1
            for p in phonemes[max(0, place - 1) : place + 2]:
                counts[letter, p] += 1
    costs = {pair: -math.log(n / (3 * letters_seen[pair[0]])) for pair, n in counts.items()}
    return costs | {(letter, ""): 3.0 for letter in letters_seen}


def learn_costs(words: Pairs) -> dict[tuple[str, str], float]:
    """Costs, -log P(phonemes | letter), by Viterbi training."""
    costs = first_costs(words)
    for _ in range(ROUNDS):
        counts: Counter[tuple[str, str]] = Counter()
        for letters, phonemes in words:
            counts.update(zip(letters, align(letters, phonemes, costs) or (), strict=False))
        totals: Counter[str] = Counter()
        for (letter, _), n in counts.items():
            totals[letter] += n
        costs = {pair: -math.log(n / totals[pair[0]]) for pair, n in counts.items() if n > 1}
    return costs


def table(aligned: Pairs) -> dict[str, str]:
    """The phonemes of each key that differs from its shorter one; a key grows while its letters sound in two ways."""
    instances = [
        (context(letters, i), chunk) for letters, chunks in aligned for i, chunk in enumerate(chunks)
    ]
    kept: dict[str, str] = {}
    groups = _grouped(instances, 1)
    for length in range(1, MAX_CONTEXT + 1):
        longer: list[tuple[str, str]] = []
        for key, members in groups.items():
            counts = Counter(chunk for _, chunk in members)
            (chunk, count), total = counts.most_common(1)[0], len(members)
            shorter = next((kept[key[:n]] for n in range(length - 1, 0, -1) if key[:n] in kept), None)
            if shorter is None or (chunk != shorter and count >= 2 and count * 2 > total):
                kept[key] = chunk
            if len(counts) > 1 and total > 2:
                longer += members
        groups = _grouped(longer, length + 1)
    return kept


def _grouped(instances: list[tuple[str, str]], length: int) -> dict[str, list[tuple[str, str]]]:
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, chunk in instances:
        groups[key[:length]].append((key, chunk))
    return groups


def main() -> None:
    """Writes the file."""
    words = pairs()
    held = [w for w in words if sha1(w[0].encode()).digest()[0] < 6]
    rest = [w for w in words if sha1(w[0].encode()).digest()[0] >= 6]
    costs = learn_costs(rest[:: max(1, len(rest) // SAMPLE)])
    aligned = {word: chunks for word, phonemes in words if (chunks := align(word, phonemes, costs))}
    kept = table([(word, aligned[word]) for word, _ in rest if word in aligned])
    right = same = 0
    print(f"{len(aligned)} words aligned", flush=True)
    for letters, phonemes in held:
        said = [STRESS[s] + p for p, s in guess_from(kept.get, letters)]
        right += said == phonemes
        same += [p[-1] for p in said] == [p[-1] for p in phonemes]
    print(f"{len(held)} words held out: {right / len(held):.3f} right, {same / len(held):.3f} but for stress")
    if sys.argv[1:] != ["--try"]:
        kept = table(list(aligned.items()))
        lines = sorted(f"{key}\t{chunk}\n".encode() for key, chunk in kept.items())
        lines.sort(key=lambda line: line.partition(b"\t")[0])
        OUT.write_bytes(b"".join(lines))
    print(f"{len(kept)} keys of up to {MAX_CONTEXT} letters")
    Lexicon(OUT)


if __name__ == "__main__":
    main()

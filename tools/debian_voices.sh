#!/bin/sh
# Prepares one of the free voices that Debian packages as a training set.
#
#   tools/debian_voices.sh LANGUAGE OUT        for example: tools/debian_voices.sh en datasets/allison
#
# LANGUAGE is en, es, fr, it or ru (telephone prompts, about 25 minutes each) or ru-nsh (92 minutes of read
# sentences). Needs apt-get and dpkg-deb, no root; the package's index must be fresh (apt-get update).
# Licences and what the sets are: docs/data.md.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
language=$1
out=$2

case $language in
    en | es | fr | it | ru)
        package=asterisk-core-sounds-$language-g722 folder='usr/share/asterisk/sounds/*_*' ;;
    ru-nsh)
        package=festvox-ru folder='usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav' ;;
    *)
        echo "LANGUAGE is $language; it must be en, es, fr, it, ru or ru-nsh" >&2; exit 2 ;;
esac

# Looked for before the download: on PATH, or in the .venv that make makes.
wavesynth=$(command -v wavesynth || command -v "$here/.venv/bin/wavesynth") || {
    echo "wavesynth is neither on PATH nor in $here/.venv: install it first (README.md, Install)" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$scratch" && apt-get download "$package" && dpkg-deb -x "$package"_*.deb .)

# What is no speech: chimes, a buzzer, monkeys. (Silence and beeps are found by their sound.)
set -- --exclude tt-monkeys --exclude beeperr --exclude confbridge-join --exclude confbridge-leave
# What the shipped English voices have never heard stays unheard.
[ "$language" != en ] || set -- "$@" --test-list "$here/wavesynth/data/allison_test.txt"
# shellcheck disable=SC2086  # the pattern is to be expanded
"$wavesynth" prepare "$scratch"/$folder "$out" "$@"

"""Words that are written short, and whether the full stop after one ends the sentence."""

from __future__ import annotations

from wavesynth.text.word_lists import word_list, word_set

__all__ = [
    "ALWAYS",
    "EXPANSIONS",
    "MONTHS",
    "NUMBERED",
    "UNIT_ABBREVIATIONS",
    "WEEKDAYS",
    "ends_sentence",
    "is_abbreviation",
    "is_street",
]

#: Before a name or a word that belongs to it: the full stop never ends a sentence.
_TITLES = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "messrs": "messieurs",
    "prof": "professor",
    "gen": "general",
    "sen": "senator",
    "rep": "representative",
    "gov": "governor",
    "capt": "captain",
    "lt": "lieutenant",
    "col": "colonel",
    "sgt": "sergeant",
    "cpl": "corporal",
    "rev": "reverend",
    "hon": "honorable",
    "mt": "mount",
    "ft": "fort",
    "vs": "versus",
    "approx": "approximately",
    "fig": "figure",
    "figs": "figures",
    "vol": "volume",
    "ch": "chapter",
    "sec": "section",
    "pp": "pages",
    "cf": "compare",
    "ca": "circa",
    "e.g": "for example",
    "i.e": "that is",
    "viz": "namely",
}
#: The full stop ends the sentence if a capital follows.
_OTHERS = {
    "etc": "et cetera",
    "jr": "junior",
    "sr": "senior",
    "inc": "incorporated",
    "ltd": "limited",
    "co": "company",
    "corp": "corporation",
    "bros": "brothers",
    "dept": "department",
    "est": "established",
    "ext": "extension",
    "apt": "apartment",
    "assn": "association",
    "univ": "university",
    "govt": "government",
    "tel": "telephone",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "ln": "lane",
    "hwy": "highway",
    "pkwy": "parkway",
    "sq": "square",
    "misc": "miscellaneous",
    "a.k.a": "also known as",
    "ed": "edition",
    "p": "page",
    "op": "opus",
    "fla": "Florida",
    "calif": "California",
    "tenn": "Tennessee",
    "conn": "Connecticut",
    "ariz": "Arizona",
    "okla": "Oklahoma",
    "minn": "Minnesota",
    "mich": "Michigan",
}
MONTHS = {
    "jan": "January",
    "feb": "February",
    "mar": "March",
    "apr": "April",
    "may": "May",
    "jun": "June",
    "jul": "July",
    "aug": "August",
    "sep": "September",
    "sept": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
}
WEEKDAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "tues": "Tuesday",
    "wed": "Wednesday",
    "weds": "Wednesday",
    "thu": "Thursday",
    "thur": "Thursday",
    "thurs": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
#: Written short with or without a full stop: no other word is spelled so.
ALWAYS = {
    **{
        k: v
        for k, v in _TITLES.items()
        if k in ("mr", "mrs", "ms", "messrs", "prof", "vs", "approx", "sgt", "capt")
    },
    "etc": "et cetera",
    "blvd": "boulevard",
    "dept": "department",
    "govt": "government",
    "w/": "with",
    "w/o": "without",
    "b/c": "because",
    "tues": "Tuesday",
    "thurs": "Thursday",
}
#: What a word with a full stop stands for; `St.` and `Dr.` depend on their neighbours.
EXPANSIONS = {
    **_TITLES,
    **_OTHERS,
    **{k: v for k, v in MONTHS.items() if k != "may"},
    **WEEKDAYS,
    "no": "number",
}
#: Only before a number.
NUMBERED = frozenset(("no", "p", "op"))
#: What a single letter is the name of: after "plan B." a sentence may end, after "J." it does not.
_LETTERED = word_set(
    "plan vitamin type grade group class appendix section part option team size point exhibit"
)
_ZONES = word_set("EST EDT CST CDT MST MDT PST PDT GMT UTC ET CT PT Eastern Central Pacific Mountain")
_DATES = frozenset(word.lower() for table in (MONTHS, WEEKDAYS) for pair in table.items() for word in pair)
#: Without a capital these are other words.
_CAPITALISED = frozenset(
    {
        *MONTHS,
        *WEEKDAYS,
        *word_list("gen sen rep gov lt col rev hon mt ft fla calif tenn conn ariz okla minn mich"),
    }
)
#: Short units that have a full stop after a number.
UNIT_ABBREVIATIONS = word_set("ft in lb lbs oz hr hrs min mins sec secs yd yds mi qt pt gal tsp tbsp")
#: `Mount St. Helens` is no street.
_BEFORE_SAINT = word_set("mount lake fort port east west north south isle dear mother")


def is_street(before: str, previous: str, following: str, first: bool, title: bool = False) -> bool:
    """Whether `St.` (or `Dr.`) is a street (a drive), by the words around it, "" where there is none.

    `first` says whether the previous word begins the sentence, so that its capital says nothing. `title` is for `Dr.`:
    before a capital it is a doctor, unless a house's number stands before the street's name.
    """
    if not previous or previous.lower() in _BEFORE_SAINT:
        return False
    named = previous[:1].isupper() or (previous[:1].isdigit() and previous[-1:].isalpha())
    if not named:
        return False
    return not following[:1].isupper() or before[:1].isdigit() or (not first and not title)


def is_abbreviation(word: str, previous: str) -> bool:
    """Whether a word with a full stop is written short: a title only with a capital, a unit only after a number."""
    low = word.lower()
    if low in ("ed", "p"):
        return word == low
    if low in UNIT_ABBREVIATIONS and previous[-1:].isdigit():
        return True
    if low in _CAPITALISED:
        return word[:1].isupper()
    return low in EXPANSIONS or low in ("st", "dr") or "." in word or _is_initial(word)


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and word.isupper() and word != "I"


def ends_sentence(word: str, previous: tuple[str, ...], following: str) -> bool:
    """Whether the full stop after `word` ends the sentence. `previous` are the words of the sentence before it, and
    `following` is the next word, "" if there is none."""
    before, last = ("", "", *previous)[-2:]
    if not following or not is_abbreviation(word, last):
        return True
    low, capital, next_low = word.lower(), following[:1].isupper(), following.lower().rstrip(".")
    if low in ("st", "dr"):
        return capital and is_street(before, last, following, len(previous) == 1, low == "dr")
    if low in NUMBERED:
        return not following[:1].isdigit()
    if _is_initial(word):
        return last.lower() in _LETTERED
    if low in _TITLES:
        return False
    return capital and next_low not in _DATES and following not in _ZONES

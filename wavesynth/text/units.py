"""Units of measure and of money, in the singular and the plural."""

from __future__ import annotations

from wavesynth.text.word_lists import word_set

__all__ = ["CODES", "CURRENCIES", "SCALES", "SINGULAR_AFTER", "SUFFIX_SCALES", "unit"]

#: Sign: one, many, one hundredth, many hundredths.
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
CODES = {
    "USD": "dollars",
    "EUR": "euros",
    "GBP": "pounds",
    "JPY": "yen",
    "CHF": "Swiss francs",
    "CAD": "Canadian dollars",
    "AUD": "Australian dollars",
}
SCALES = word_set("hundred thousand million billion trillion")
SUFFIX_SCALES = {
    "k": "thousand",
    "K": "thousand",
    "M": "million",
    "m": "million",
    "mn": "million",
    "B": "billion",
    "bn": "billion",
    "T": "trillion",
    "tn": "trillion",
}
#: Before these an amount is in the singular: a five dollar bill.
SINGULAR_AFTER = word_set("bill bills note notes coin coins fee fine ticket tickets deal stamp gift budget")

_PREFIXED = {
    "m": ("meter", "meters"),
    "g": ("gram", "grams"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
}
_PREFIXES = {"k": "kilo", "c": "centi", "m": "milli", "µ": "micro", "μ": "micro", "n": "nano", "d": "deci"}
_BYTES = {"K": "kilo", "k": "kilo", "M": "mega", "G": "giga", "T": "tera", "P": "peta"}
_UNITS: dict[str, tuple[str, str]] = {
    **_PREFIXED,
    **{p + u: (n + one, n + many) for p, n in _PREFIXES.items() for u, (one, many) in _PREFIXED.items()},
    **{p + "B": (n + "byte", n + "bytes") for p, n in _BYTES.items()},
    **{p + "b": (n + "bit", n + "bits") for p, n in _BYTES.items() if p != "k"},
    **{p + "bps": (n + "bit per second", n + "bits per second") for p, n in _BYTES.items()},
    **{p + "Hz": (n + "hertz", n + "hertz") for p, n in {**_BYTES, "": ""}.items()},
    **{p + "W": (n + "watt", n + "watts") for p, n in {**_BYTES, "m": "milli", "": ""}.items()},
    **{p + "V": (n + "volt", n + "volts") for p, n in {"k": "kilo", "m": "milli", "": ""}.items()},
    "mAh": ("milliamp hour", "milliamp hours"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "kcal": ("kilocalorie", "kilocalories"),
    "cal": ("calorie", "calories"),
    "s": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "µs": ("microsecond", "microseconds"),
    "μs": ("microsecond", "microseconds"),
    "ns": ("nanosecond", "nanoseconds"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "d": ("day", "days"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "yr": ("year", "years"),
    "yrs": ("year", "years"),
    "in": ("inch", "inches"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "yds": ("yard", "yards"),
    "mi": ("mile", "miles"),
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "rpm": ("revolution per minute", "revolutions per minute"),
    "fps": ("frame per second", "frames per second"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "gal": ("gallon", "gallons"),
    "qt": ("quart", "quarts"),
    "pt": ("pint", "pints"),
    "tsp": ("teaspoon", "teaspoons"),
    "tbsp": ("tablespoon", "tablespoons"),
    "dB": ("decibel", "decibels"),
    "psi": ("P S I", "P S I"),
    "ha": ("hectare", "hectares"),
    "%": ("percent", "percent"),
    "°": ("degree", "degrees"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "¢": ("cent", "cents"),
    "px": ("pixel", "pixels"),
}
_POWERS = {"²": "square ", "2": "square ", "³": "cubic ", "3": "cubic "}
_TIMES = {
    "s": "second",
    "h": "hour",
    "hr": "hour",
    "min": "minute",
    "sec": "second",
    "d": "day",
    "yr": "year",
}


def unit(text: str, many: bool) -> str | None:
    """The words of a unit, "km/h" and "m²" too; None for what is none.

    >>> unit("km/h", True), unit("m²", False)
    ('kilometers per hour', 'square meter')
    """
    if text in _UNITS:
        return _UNITS[text][many]
    over, slash, under = text.partition("/")
    if slash and over in _UNITS:
        power = {"²": " squared", "³": " cubed"}.get(under[-1:], "")
        under = under[:-1] if power else under
        below = _TIMES.get(under) or unit(under, False)
        return f"{_UNITS[over][many]} per {below}{power}" if below else None
    if text[-1:] in _POWERS and text[:-1] in _UNITS and text[:-1].endswith(("m", "in", "ft", "mi", "yd")):
        return _POWERS[text[-1]] + _UNITS[text[:-1]][many]
    return None

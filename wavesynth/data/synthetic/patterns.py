"""The patterns of the sentences that synthetic voices read, and the words that fill their slots."""

from __future__ import annotations

__all__ = ["PATTERNS", "WORDS"]


def _words(text: str) -> tuple[str, ...]:
    """What stands between the bars."""
    return tuple(part.strip() for part in text.split("|"))


#: Lists of words and phrases by the name of their slot. `number`, `several` and `digits` are made, not listed.
WORDS = {
    "name": _words(
        "Anna|Peter|Laura|George|Julia|Thomas|Emma|Victor|Sarah|Henry|Charlotte|Jack|Susan|Oscar|Alice|Ruth|"
        "Joyce|Timothy|Nancy|Edward|Helen|Louis|Rachel|William|Diana|Philip|Grace|Doctor Young|Mister Shaw|"
        "Professor King|my brother|my aunt|our neighbor|the old captain|the new teacher|the judge|your cousin"
    ),
    "place": _words(
        "the harbor|the village|the museum|the garage|the kitchen|the railway station|the office|the church|the beach|"
        "the southern shore|the theater|the bridge|the airport|the bakery|the zoo|the castle|the orchard|the garden|"
        "the library|the factory|the lighthouse|the school yard|the market|the river|the valley|the town hall|"
        "the hospital|the corner shop|the upper floor|Boston|London|Chicago|Georgia|Asia|Oregon|Vancouver"
    ),
    "thing": _words(
        "letter|treasure|bicycle|umbrella|yellow coat|measure|watch|chair|painting|guitar|blue jug|leather shoe|kettle|"
        "television|newspaper|hammer|mirror|ladder|basket|camera|brush|thick rope|jacket|orange|violin|toy|pillow|"
        "garage key|wooden box|candle|ring|engine|bottle|hat|drawer|map|phone|cushion|feather|whistle|oil lamp|badge|"
        "picture|telescope|cabbage|spoon|shovel|parcel|flower pot|old cloth|small bell|book"
    ),
    "things": _words(
        "apples|beige gloves|cherries|green onions|thin wires|sharp knives|oysters|boxes|horses|buses|white sheets|"
        "photographs|sausages|towels|mushrooms|clothes|bells|stones|cakes|yachts|pages|boys|fish|ashes|churches|"
        "badges|judges|voices|thumbs|feathers|potatoes|keys|clouds|shoes|wheels|hours|small coins|loud noises"
    ),
    "food": _words(
        "chicken soup|fresh bread|a cup of tea|vanilla ice cream|toast and jam|a boiled egg|fish and chips|apple juice|"
        "hot chocolate|a cheese sandwich|garlic sauce|roast beef|a glass of water|strawberry cake|black coffee|"
        "noodles|yogurt with honey|a bowl of rice|sugar|mashed potatoes|onion pie|orange jelly"
    ),
    "adjective": _words(
        "quiet|beautiful|strange|heavy|cheap|narrow|unusual|thirsty|enormous|gentle|ugly|empty|ancient|brilliant|sharp|"
        "warm|ordinary|precious|generous|hollow|awful|young|curious|wealthy|huge|awkward|smooth|royal|foolish|vague|"
        "exciting|ready|broken|dangerous|very thin|far too loud|rather small|perfectly clear|a little dusty"
    ),
    "did": _words(
        "found|bought|carried|sold|measured|painted|borrowed|threw away|wanted|showed me|forgot|brought|washed|"
        "watched|mended|hid|asked about|changed|enjoyed|pushed|drew|took|lost|dropped|chose|worried about|caught"
    ),
    "do": _words(
        "find|buy|carry|sell|measure|paint|borrow|keep|watch|show me|remember|bring|wash|mend|push|draw|take|hold|"
        "choose|finish|touch|understand|destroy|allow|share|catch|throw away|explain|believe in"
    ),
    "doing": _words(
        "walking|singing|cooking dinner|fishing|laughing|looking for work|swimming|playing chess|reading|"
        "driving too fast|writing a letter|shouting|waiting for the bus|thinking about it|choosing a present|"
        "building a house|watching the birds|washing the dishes|enjoying the view|repairing the roof|sleeping|"
        "counting the money|yawning|going home|brushing the horse"
    ),
    "when": _words(
        "yesterday|this morning|tomorrow|on Monday|on Tuesday evening|last Thursday|in July|before lunch|"
        "after the game|every other week|at midnight|next year|in the early spring|once a month|the day after tomorrow|"
        "at noon|on the fifth of May|in autumn|when the rain stopped|as usual|during the vacation|at half past four"
    ),
    "weather": _words(
        "cold|foggy|very hot|windy|cloudy|wet and gray|snowing|raining hard|bright and sunny|unusually mild|"
        "getting dark"
    ),
    "why": _words(
        "because it was raining|since nobody had asked|although it was late|because the road was closed|"
        "so that everyone could hear|unless you have a better idea|while the others were asleep|"
        "as long as the weather is good|if there is enough time|but I could not see why|and nobody knew the reason|"
        "which was a great pleasure|though I usually say no|until the music stopped"
    ),
    "job": _words(
        "a nurse|a painter|a judge|an engineer|a farmer|a lawyer|a fisherman|a pilot|a soldier|a cook|a musician|"
        "a chemist|a gardener|a teacher|a driver|an author|a carpenter|a doctor of philosophy"
    ),
    "rare": _words(
        "azure|rhythm|mythology|squirrel|xylophone|zoology|vehicle|pneumonia|thoroughly|jewelry|algorithm|boycott|"
        "enjoyment|explosion|collision|casual|genre|prestige|mirage|regime|luxurious|exposure|leisure|thirteenth|"
        "healthy|although|breathing|southern|feather|anchor|finger|language|youngest|vanquish|quarrel|equip|awkward|"
        "voyage|employer|moisture|poison|thousand|mountain|powder|eyebrow|flourish|sugar|ocean|patient|machine|chauffeur|"
        "whirlpool|purple|nursery|worthy|journal|absurd|furniture|quarter|portrait|warrior|choir|acquire|umpire"
    ),
    "feeling": _words(
        "tired|happy|sorry|nervous|pleased|ashamed|hungry|jealous|afraid|proud|worried|amused|sure|surprised|grateful"
    ),
    "street": _words(
        "Oak Street|Church Road|Fifth Avenue|King's Square|Mill Lane|Washington Street|the High Street|Orchard Drive"
    ),
}  # fmt: skip

#: Patterns by kind.
PATTERNS = {
    "short": (
        "{name}?", "Not {when}.", "Thank you, {name}.", "Good morning, {name}!", "{food}, please.", "Oh, yes.",
        "How {adjective}!", "No, never.", "What a {thing}!", "To {place}.", "Why not {when}?", "Of course, {name}.",
        "{several} {things}.", "Maybe {when}.", "I see.", "{rare}.", "My {thing}!", "Hush, {name}!",
        "The {rare}, please.",
    ),
    "statement": (
        "{name} {did} the {thing} {when}.",
        "The {thing} in {place} is {adjective}.",
        "I {did} the {adjective} {thing} near {place} {when}.",
        "We are {doing}, and it is {weather}.",
        "It was {weather} {when}, so we stayed in {place}.",
        "{name} was {doing} in {place} {why}.",
        "There are {several} {things} beside the {thing}.",
        "My father is {job}, but he would rather be {job}.",
        "Everybody in {place} likes {food} {when}.",
        "She left the {adjective} {thing} behind the {thing}, {why}.",
        "They say that {name} {did} the {thing} {why}.",
        "I think the {thing} is too {adjective} for {name}.",
        "You can see {place} from here if you stand on the {thing}.",
        "Nothing in {place} was as {adjective} as the {things}.",
        "{name} would like {food}, and I would like {food}.",
        "He has been {doing} since {name} came back from {place}.",
        "The {things} on {street} belong to {name}.",
        "I was {feeling} when I heard about the {thing}.",
    ),
    "long": (
        "When {name} arrived in {place}, the {things} were already there, and everyone was {doing}.",
        "If you want to {do} the {thing}, you should speak to {name}, whose house is on {street}.",
        "After {doing} for an hour, {name} {did} the {thing}, {did} the {thing}, and went back to {place}.",
        "It is not that I am {feeling}; I only want to {do} the {thing} before {name} gets here.",
        "The {adjective} {thing}, which {name} {did} {when}, is still in {place}, {why}.",
        "Some people enjoy {doing}, others prefer {food}, and {name} is happy with a {thing}.",
        "Between {place} and {place} there is a path where {several} {things} were found {when}.",
        "I had hoped to {do} the {things}, but the {thing} was {adjective}, so we ordered {food} instead.",
        "{name}, {name} and {name} are {doing} {when}, {why}.",
    ),
    "question": (
        "Where is the {thing}?", "Who {did} the {thing} {when}?", "Did {name} {do} the {thing}?",
        "Why are you {doing}?", "Would you like {food} or {food}?", "Can you {do} the {things} {when}?",
        "Is {name} really {job}?", "How many {things} are there in {place}?", "Have you ever been to {place}?",
        "What did {name} say about the {adjective} {thing}?", "Is it {weather} in {place}?",
        "Do you know why {name} was {doing} in {place}?", "Which {thing} is more {adjective}, {name}?",
        "Shall we go to {place} {when}?", "You {did} the {thing}, didn't you?", "Are you {feeling}, {name}?",
        "When will {name} {do} the {things}?", "How do you say {rare} in your language?",
    ),
    "exclamation": (
        "What a {adjective} {thing}!", "Look, {name} is {doing}!", "I can't believe you {did} the {thing}!",
        "Be careful with the {thing}, it is {adjective}!", "Hurry up, {name}, the {things} are here!",
        "How wonderful to see you in {place}!", "Don't {do} the {thing}!",
        "That is the most {adjective} {thing} in {place}!",
        "Stop {doing}, please!", "Hooray, {name} {did} the {thing}!", "Help! The {thing} is on fire!",
    ),
    "order": (
        "Please {do} the {thing} {when}.", "Put the {things} on the {thing}.", "Don't forget to {do} the {things}.",
        "Turn left at {place}, then right on {street}.", "Let us {do} the {thing} together.",
        "Tell {name} that the {thing} is {adjective}.", "Bring me {food}, the {thing} and {several} {things}.",
        "Wait here until {name} comes back from {place}.", "Ask {name} to {do} the {adjective} {thing}.",
        "Go to {place}, {name}, and {do} the {thing}.",
    ),
    "dialogue": (
        "\"I am {feeling},\" said {name}.", "\"Where is {place}?\" asked {name}. \"Over there,\" I said.",
        "\"No,\" {name} answered, \"the {thing} was {adjective}.\"", "Well, I suppose {name} could {do} it.",
        "Yes, {name} told me about the {things}.", "Well, that sounds {adjective}. Let me think about it.",
        "\"Who {did} my {thing}?\" shouted {name}. Nobody said a word.", "Sorry, I thought you were {job}.",
        "Hello, {name}. How was {place}? I hope it wasn't {weather}.", "So, you and {name} were {doing}… I see.",
        "You're right; I shouldn't have been {doing}.", "I'll be in {place}, {name}, and we'll {do} the {thing} there.",
    ),
    "number": (
        "The {thing} costs {several} dollars.", "My number is {digits}.",
        "It is {several} miles from {place} to {place}.",
        "There were {several} people in {place} {when}.", "Room {number} is on floor {number}.",
        "Please dial {digits}.",
        "She was born in nineteen {number}.", "That makes {several} dollars and {several} cents.",
        "{number} and {number} is not {number}.", "We sold {several} {things} {when}, and {number} the week before.",
        "The code is {digits}, {name}.", "You have {several} new messages.",
        "Chapter {number}. The {adjective} {thing}.",
        "The house is at {number} {street}.", "The temperature in {place} is {several} degrees.",
    ),
    "list": (
        "We need {food}, {food} and {food}.", "A {thing}, a {thing}, and a {adjective} {thing}.",
        "{things}, {things}, {things}: all of them were {adjective}.", "{rare}, {rare}, {rare} and {rare}.",
        "First {place}, then {place}, and finally {place}.", "Monday, Tuesday, Wednesday, Thursday, Friday.",
        "The words are {rare}, {rare} and {rare}.", "Neither {name} nor {name}, but {name}.",
    ),
    "word": (
        "How is the word {rare} pronounced?", "The {rare} of the {rare} is {adjective}.",
        "Write {rare} on the left and {rare} on the right.", "{name} cannot spell {rare}.",
        "I heard {rare}, not {rare}.", "Is it {rare}, or is it {rare}?", "Say {rare} again, please.",
    ),
}  # fmt: skip

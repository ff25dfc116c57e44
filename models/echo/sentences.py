"""What a voice agent says: sentences drawn from a small grammar, so that no text has to be fetched."""


def draw(rng, count):
    return [sentence(rng) for _ in range(count)]


def sentence(rng):
    """One to three clauses, as an agent would read them out."""
    clauses = rng.choice(len(TEMPLATES), size=rng.integers(1, 4), replace=False)
    return " ".join(fill(rng, TEMPLATES[clause]) for clause in clauses)


def fill(rng, template):
    while "{" in template:
        start, end = template.index("{"), template.index("}")
        template = template[:start] + str(word(rng, template[start + 1:end])) + template[end + 1:]
    return template


def word(rng, kind):
    if kind == "number":
        return rng.integers(2, 90)
    if kind == "digits":
        return " ".join(str(digit) for digit in rng.integers(0, 10, 6))
    return rng.choice(WORDS[kind])


TEMPLATES = (
    "Thanks for calling {company}, how can I help you today?",
    "I have found your {thing} for the {day} at {number} minutes past {hour}.",
    "Could you please give me the last {hour} digits of your {thing}?",
    "Let me repeat that: {digits}. Is that right?",
    "I am sorry to hear that your {thing} has not arrived yet.",
    "One moment please, while I look that up for you.",
    "Your {thing} costs {number} dollars and {number} cents, and it leaves from {place}.",
    "We are open from {hour} in the morning until {hour} in the evening, every day except {day}.",
    "If you would rather speak to a person, say so at any time.",
    "The weather in {place} will be mostly cloudy, with a high of {number} degrees.",
    "Great, I have changed your {thing} from {day} to {day}.",
    "Before we go on, may I ask for your full name and the name of the street you live in?",
    "You can also ask me about your {thing}, your {thing}, or anything else that is on your mind.",
    "It takes about {number} minutes to walk from {place} to {place}, and a little longer when it rains.",
    "No problem at all.",
    "Okay, done!",
    "The meeting with {name} has been moved to {day}, {hour} o'clock, and {name} will bring the {thing}.",
    "I did not quite catch that, could you say it again?",
    "There are {number} messages in your inbox; the first one is from {name}, about the {thing}.",
    "Please hold the line, your call is important to us, and {name} will be with you shortly.",
)
WORDS = {
    "company": ("Northwind Travel", "the city library", "Greenfield Energy", "Harbour Bank", "Doctor Olsen's practice"),
    "thing": ("booking", "parcel", "order", "invoice", "appointment", "ticket", "contract", "insurance", "refund"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "third of May"),
    "hour": ("three", "four", "seven", "eight", "nine", "eleven"),
    "place": ("Lisbon", "the main station", "Edinburgh", "the airport", "platform twelve", "Queen Street", "Boston"),
    "name": ("Margaret", "Mister Johnson", "Oliver", "Priya", "Charlotte", "Ahmed"),
}

"""Word lists of the nano world: the words whose letters are counted, and the names that items carry.

Knows only lists. Every word here becomes one token of the nano tokenizer, so a change of a list is a change of the
tokenizer and makes committed weights useless.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COUNTED = _words("""
    raspberry strawberry blueberry cherry banana apple orange lemon melon papaya pepper carrot potato tomato
    cabbage lettuce onion ginger radish pumpkin bottle kettle spoon butter cheese coffee sugar noodle dinner
    letter pencil eraser paper mirror ladder hammer needle button pillow carpet garden flower meadow forest river
    summer winter spring season harbor desert canyon planet rabbit kitten puppy beetle spider parrot pigeon
    monkey badger otter raccoon giraffe elephant committee balloon bassoon trumpet guitar violin teacher sailor
    farmer tennis soccer puzzle riddle
""")

PEOPLE = _words("Ann Bob Cy Dan Eve Fay Gus Hal Ida Jim Kim Lee Max Ned Oz Pam Ray Sue Tom Uma Vic Wes Zoe Abe")

STOPS = _words("Oak Elm Ash Fir Bay Inn Park Mill Hill Lake Dock Pier Fort Mall Zoo Gate")

WEEKDAYS: tuple[str, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

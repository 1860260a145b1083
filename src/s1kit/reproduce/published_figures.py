"""What the paper printed or said of its figures, beside which our pictures are put.

Knows sentences and numbers. Refuses to know ours. Source: arXiv 2501.19393, Figures 1 to 9 and the text around them.
Most of its figures are drawn without numbers; where a table holds the ends of a curve, that table's are given.
"""

from __future__ import annotations

from s1kit.reproduce.published import PUBLISHED

SHOWS: dict[str, str] = {
    "figure1": "Accuracy against thinking tokens, one thought made longer: three sets of questions",
    "figure2": "The selection by domain, and accuracy against training examples",
    "figure3": "The end of thinking suppressed once, and what the model does then",
    "figure4a": "Sequential scaling: thinking cut at budgets, left alone, and kept from ending 2, 4 and 6 times",
    "figure4b": "Parallel scaling: majority votes of the base model, beside one thought made longer",
    "figure5": "One question of each set, with its thinking and its answer",
    "figure6": "Rejection sampling: only thoughts within a limit are kept",
    "figure7": "One thought made longer, majority votes and tree search, against tokens",
    "figure9": "Training dynamics",
}
"""Figure -> what it is a picture of."""
PAPER: dict[str, str] = {
    "figure1": "The paper draws s1-32B on MATH500, AIME24 and GPQA Diamond, without numbers. Its Table 1 has the "
    "ends: 93.0, 56.7 and 59.6% with budget forcing, 92.6, 50.0 and 56.6% without.",
    "figure2": "The paper's points are those of its Table 1 (right panel, hollow): AIME24, models of 32B and more. r1 "
    "was trained on more than the 800,000 examples that it is drawn at. Heights do not compare with ours: models and "
    "questions are others.",
    "figure3": 'The paper\'s model counts 2 r\'s in "raspberry", is kept from ending by "Wait", and says 3 then.',
    "figure4a": "The paper draws AIME24 with s1-32B: rising up to 6 x Wait, flatter at the end. Its Table 3 gives 100% "
    "control, 15 points per doubling and 56.7% at best.",
    "figure4b": "The paper draws majorities of 2 to 64 samples of its base model at temperature 1, without numbers: "
    "they do not reach one longer thought of s1-32B.",
    "figure5": "The paper shows one question each of AIME24, MATH500 and GPQA Diamond, with an excerpt of the trace.",
    "figure6": "The paper's limits of 3,500, 4,000, 5,000, 8,000 and 16,000 tokens took 655, 97, 8, 3, 2 and 1 tries "
    "on average (six numbers for five limits named), and accuracy fell as the limit rose: -35 points per doubling.",
    "figure7": "The paper draws one thought (32 to 512 steps), majority votes and REBASE on AIME24, without numbers; "
    "at 512 steps 12 of 30 questions overflow the context of the model. It leaves the tokens out that REBASE's reward "
    "model reads; ours are counted.",
    "figure9": "The paper trains 32B parameters on 1,000 rows for 5 epochs (315 steps of 16 rows, learning rate 1e-5, "
    "warm-up and cosine) and draws the three curves without numbers.",
}
"""Figure -> what the paper printed of it."""
_UNITS = {"K": 1000}


def trained_on(set_name: str = "AIME24") -> list[tuple[str, int, float]]:
    """Table 1: model, examples of its fine-tuning, accuracy in 0..1; those of which the paper tells both."""
    table = PUBLISHED["table1"]
    column = table.columns.index(set_name)
    found = []
    for row in table.rows:
        value = row.values[column]
        if row.setting is not None and value is not None:
            text = row.setting.lstrip(">")
            found.append((row.method, int(text[:-1]) * _UNITS[text[-1]], value / 100))
    return found

"""Every table, figure and algorithm of the paper, in its order: what it shows, what came out there, what stands for it.

Knows the paper. Refuses to know our results, and to say of any that it holds.
"""

from __future__ import annotations

from s1kit.types import Record

EXAMPLES = "It shows examples, and claims nothing that numbers could confirm."


class Entry(Record):
    """One table or figure. At most one of ``example`` and ``needs`` is set; where neither is, ``parts`` are judged."""

    key: str
    number: str
    """As the paper calls it."""
    section: str
    shows: str
    paper: str
    """Its result in the paper, a sentence with its numbers."""
    parts: tuple[str, ...] = ()
    """Parts of `s1 reproduce`; the first that was run is what is judged."""
    command: str = ""
    """Where it is not of ``parts``; one that begins with a flag is the rest of `s1 reproduce`'s."""
    example: str = ""
    """Why it is no experiment."""
    needs: str = ""
    """What of it cannot be tried in the nano world, and why."""
    remark: str = ""
    """What differs in the nano world."""
    appendix: bool = False


_MAIN = (
    Entry(
        key="figure1", number="Figure 1", section="1", parts=("figure1", "main"),
        shows="Accuracy against thinking tokens on MATH500, AIME24 and GPQA Diamond, budget forcing.",
        paper="Accuracy grows with thinking on all three sets (drawn, no numbers).",
        remark="nano_hard, nano_mixed and nano_choice stand for the three sets.",
    ),
    Entry(
        key="figure2", number="Figure 2", section="1", parts=("figure2",),
        shows="Left: domains of s1K. Right: accuracy against examples of fine-tuning, among other models.",
        paper="s1-32B lies on the frontier with 1K examples, where others took 17K to 800K.",
        needs="The frontier is among models of other laboratories. What fewer rows cost with everything else equal is "
        "Table 2's question.",
    ),
    Entry(
        key="figure3", number="Figure 3", section="3.1", parts=("figure3",),
        shows='One transcript: asked for the r in raspberry, the model says 2; "Wait" makes it 3.',
        paper="2 before, 3 after.",
        example='It is one transcript. How often a "Wait" repairs an answer is in the ledger of every report.',
    ),
    Entry(
        key="table1", number="Table 1", section="4.2", parts=("table1", "variants"),
        shows="s1-32B beside closed, open-weight and open-data models on the three sets.",
        paper="s1-32B 56.7/93.0/59.6, without budget forcing 50.0/92.6/56.6, its base 26.7/84.0/49.0.",
        remark="Only s1's own rows have a like here; the other models' rows need those models. The nano base works its "
        "answers out when it writes on its own, unlike the paper's.",
    ),
    Entry(
        key="figure4a", number="Figure 4a", section="4.2", parts=("figure4a",),
        shows='Sequential scaling on AIME24: shorter limits, then 2, 4 and 6 times "Wait".',
        paper="From 50% to 57%, flat at six times.",
    ),
    Entry(
        key="figure4b", number="Figure 4b", section="4.2", parts=("figure4b",),
        shows="Parallel scaling: majority of 2 to 64 samples of the base model.",
        paper="Majorities of the base do not catch up with s1-32B (drawn, no numbers).",
        remark="The nano base works its answers out when it writes on its own, unlike the paper's.",
    ),
    Entry(
        key="figure5", number="Figure 5", section="4.2", parts=("figure5",),
        shows="One generation of s1-32B from each of the three sets.", paper="Three transcripts.", example=EXAMPLES,
    ),
    Entry(
        key="table2", number="Table 2", section="5.1", parts=("table2",),
        shows="Selections of 1,000 by other rules, and all 59K rows.",
        paper="AIME24: s1K 50.0, random 36.7, diverse 26.7, longest 33.3, all 53.3 (no difference shown).",
        remark="A claim also wants every seed to agree: seeds spread further than the interval over questions says.",
    ),
    Entry(
        key="table3", number="Table 3", section="5.2", parts=("table3",),
        shows="Control, scaling and performance of seven ways to control thinking.",
        paper="Budget forcing 100%, +15, 56.7; the others at most 40.0, and only those with a forced end keep 100%, "
        "but for rejection sampling (100%, -35).",
    ),
    Entry(
        key="table4", number="Table 4", section="5.2", parts=("table4",),
        shows="What is appended when the end of thinking is suppressed twice.",
        paper='AIME24: "Wait" 53.3, everything else 50.0.',
    ),
    Entry(
        key="figure6", number="Figure 6", section="5.2", parts=("figure6",),
        shows="Rejection sampling: accuracy against the limit that thinking has to keep by itself.",
        paper="Accuracy falls as the limit rises from 3500 to 16000 tokens; tries fall from 655 to 1.",
    ),
    Entry(
        key="figure7", number="Figure 7", section="6.2", parts=("figure7",),
        shows="Sequential scaling, majority voting and REBASE together.",
        paper="REBASE scales better than majority voting, and than sequential scaling, where 12 of 30 questions "
        "overflow the context at 512 steps.",
        remark="The nano world's reward model is a small one, trained for it.",
    ),
)  # fmt: skip
_APPENDIX = (
    Entry(
        key="table5", number="Table 5", section="B.1", appendix=True, command="s1 curate recipes/s1k.yaml --data DATA",
        shows="Domains of s1K with questions, tokens and keywords.",
        paper="1,000 questions, 4.7M tokens; geometry 109, number theory 98, combinatorics 75.",
        example="It describes a data set. Every curation's report has the same table.",
    ),
    Entry(
        key="table6", number="Table 6", section="B.2", appendix=True, command="s1 curate sources",
        shows="The sixteen sources of the 59K questions.",
        paper="59,029 questions, of which NuminaMATH 30,660.",
        example="It describes a data set. The sources are declared with revision and licence.",
    ),
    Entry(
        key="figure8", number="Figure 8", section="B.3", appendix=True,
        command="s1 curate recipes/s1k.yaml --data DATA",
        shows="The prompt of the judge who compares an attempt with the reference solution.",
        paper='The reply ends with a line "Yes" or "No".',
        example="It is a prompt, not a measurement. The curation's judge asks for the same last line.",
    ),
    Entry(
        key="algorithm1", number="Algorithm 1", section="B.4", appendix=True,
        command="s1 curate recipes/s1k.yaml --data DATA",
        shows="Two-stage sampling: a domain uniformly, then a question by the rank of its trace's length.",
        paper="1,000 questions out of 24,496.",
        example='It is a procedure: the selection rule "paper". What it buys is Table 2.',
    ),
    Entry(
        key="figure9", number="Figure 9", section="C", appendix=True, parts=("figure9",),
        shows="Training dynamics: loss, gradient norm and learning rate over 315 steps.",
        paper="16 steps of warm-up, 299 of cosine to 0 (loss and norm are drawn).",
        example="It is a log, of which the paper claims nothing.",
    ),
    Entry(
        key="table7", number="Table 7", section="C.1", appendix=True, parts=("table7",),
        shows="Sequence length in training: 4,096 (74% of the rows cut) and 32,768.",
        paper="Cut rows: AIME24 30.0% and 20721 thinking tokens; whole rows: 50.0% and 6984.",
        remark="All rows of the cut model are cut here, so all lose their answers.",
    ),
    *(
        Entry(
            key=f"table{number}", number=f"Table {number}", section="C.2", appendix=True,
            command="s1 curate show runs/s1k", shows=f"One training row of s1K, from {source}.",
            paper="Question, solution, trace and response.", example=EXAMPLES,
        )
        for number, source in ((8, "s1-prob"), (9, "s1-teasers"), (10, "OlympicArena"))
    ),
    Entry(
        key="figure10", number="Figure 10", section="D.1", appendix=True, command="s1 train recipes/nano-step.yaml",
        shows="How rows ask for tokens or steps, and how steps are counted down.",
        paper="Two templates.",
        example="It is a format. Tables 11 and 12 are what it leads to.",
    ),
    Entry(
        key="table11", number="Table 11", section="D.1", appendix=True, parts=("table11",),
        shows="Token-conditional control, free and with a forced end.",
        paper="Asked for 1024 to 16384 tokens it thinks for 7939 to 7500; with a forced end for 1024 to 6330.",
    ),
    Entry(
        key="table12", number="Table 12", section="D.1", appendix=True, parts=("table12",),
        shows="Step-conditional control, free and with a forced end at 0.",
        paper="Asked for 16 to 256 steps it takes 123 to 136; with a forced end 16 to 136, in 96 to 56 tokens each.",
        remark="A step of the nano traces is a whole pass, and training had eight at most.",
    ),
    Entry(
        key="table13", number="Table 13", section="D.1", appendix=True, parts=("table13",),
        shows="Class-conditional control: prompts for a short and a long thought.",
        paper="AIME24: short 30.0% and 8033 tokens, long 36.7% and 9651, unasked 50.0% and 6109.",
        remark="Neither prompt was in the nano model's training.",
    ),
    Entry(
        key="table14", number="Table 14", section="D.2", appendix=True, command="--only figure6",
        shows="One question, right when rejection sampling at 4,000 tokens and wrong at 8,000.",
        paper="Two transcripts; 199 tries and 1.",
        example="It shows one question. Figure 6 counts them all; its run keeps every thought that was kept.",
    ),
    Entry(
        key="s1.1", number="s1.1", section="", appendix=True,
        command="s1 train recipes/s1-32b.yaml --set data=FOLDER",
        shows="The same questions with traces of DeepSeek r1.",
        paper="AIME24 56.7, AIME25 50.0, MATH500 95.4, GPQA Diamond 63.6.",
        needs="It wants a better teacher's traces of the same questions; nano traces come from a program.",
    ),
)  # fmt: skip

CATALOGUE: tuple[Entry, ...] = (*_MAIN, *_APPENDIX)
"""Main text, then appendix."""

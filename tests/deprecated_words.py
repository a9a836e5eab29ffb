"""Words that product code, tests and documents do not use."""

# Deprecated wording and its replacements.
# Commas separate the forms of a word.
DEPRECATED = {
    "tell, tells, told, telling": "label, report, classify, distinguish, show",
    "is so, are so, was so": "holds; result",
    "taken for, takes for": "predicted as, misclassified as",
    "at hand": "available",
    "anew": "again",
    "aside": "in the background",
    "proxies a class, shots a class, samples a class, images a class, embeddings a class, means a class, seeds a task, "
    "proxy a class, mean a class, points a class": "per class, per task",
    "by hand": "manually",
    "witness, witnesses": "independent",
    "shout, shouts": "highlight",
    "luck": "chance, random variation",
    "take it away, take it with you": "remove, download",
    "take along, taken along, takes along": "download, export; remember",
    "lay over, laid over, lies over, lays over": "overlay",
    "in force": "current",
    "put right": "correct, replace",
    "stands on": "depends on, is based on",
    "may as well": "can also; not significant",
    "as it comes, how they come, as they come": "unchanged; upload as",
    "ask, asks, asked, asking": "query, request, evaluate, prompt, require",
    "one's own, of its own, of their own": "separate, own",
    "made ours": "imported",
    "goes on with, go on with": "resumes, continues",
    "begun": "started",
    "in its place, in their place": "instead",
    "cloud, clouds": "cluster, group",
    "whatever": "any, regardless of",
    "no independent": "not independent",
    "facts §": "the paper's section, or the official code",
}

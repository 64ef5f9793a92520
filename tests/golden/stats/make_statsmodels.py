"""Write tests/golden/stats/statsmodels.json: what statsmodels says, for the tests of flowkit.stats.

    python tests/golden/stats/make_statsmodels.py > tests/golden/stats/statsmodels.json

It was made with statsmodels 0.15.0, which is no dependency of the tests. Its score interval of a difference is not
here: it takes a count for a size.
"""

import json
import warnings

import statsmodels.stats.proportion as sm

TABLES = [
    (500, 10000, 570, 10000),
    (48, 80, 56, 70),
    (2, 9, 10, 18),
    (1, 10, 8, 12),
    (15, 40, 30, 41),
    (3, 5000, 14, 4000),
    (99, 100, 80, 90),
    (50000, 1000000, 50600, 1000000),
]
DIFFERENCES = {"newcombe": "newcomb", "wald": "wald", "agresti_caffo": "agresti-caffo"}
RATIOS = {"log": "log", "koopman": "score"}
ONE = {"wilson": "wilson", "clopper_pearson": "beta", "jeffreys": "jeffreys", "agresti_coull": "agresti_coull"}


def main() -> None:
    lines = []
    for x1, n1, x2, n2 in TABLES:
        table = [x1, n1, x2, n2]
        for ours, theirs in DIFFERENCES.items():
            for alpha in (0.05, 0.01):
                low, high = sm.confint_proportions_2indep(x2, n2, x1, n1, method=theirs, compare="diff", alpha=alpha)
                lines.append(["difference", ours, table, 1 - alpha, float(low), float(high)])
        for ours, theirs in RATIOS.items():
            low, high = sm.confint_proportions_2indep(
                x2, n2, x1, n1, method=theirs, compare="ratio", alpha=0.05, correction=False
            )
            lines.append(["ratio", ours, table, 0.95, float(low), float(high)])
        low, high = sm.confint_proportions_2indep(
            x2, n2, x1, n1, method="score", compare="ratio", alpha=0.05, correction=True
        )
        lines.append(["ratio", "miettinen_nurminen", table, 0.95, float(low), float(high)])
        low, high = sm.confint_proportions_2indep(x2, n2, x1, n1, method="logit", compare="odds-ratio", alpha=0.05)
        lines.append(["odds", "log", table, 0.95, float(low), float(high)])
        for ours, theirs in ONE.items():
            low, high = sm.proportion_confint(x1, n1, method=theirs, alpha=0.1)
            lines.append(["one", ours, [x1, n1], 0.9, float(low), float(high)])
    print("[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()

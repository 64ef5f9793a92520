"""Statistics of experiments: numbers in, numbers out, over sufficient statistics.

Arm 1 is control and arm 2 is treatment; an estimate is treatment less control, a lift is treatment over control less
1. Floats give floats, and arrays of one shape give arrays. What is special is said in reasons, by code; what is
wrong is a ValueError that names the parameter. Importing this room imports numpy; scipy is imported by the functions
that need it.
"""

from flowkit.stats.always_valid import Mixture, always_valid, always_valid_proportions, mixture_variance, running
from flowkit.stats.bayes import Standing, standing, thompson_allocation
from flowkit.stats.covariates import Adjusted, adjusted_means
from flowkit.stats.dunnett import Dunnett, dunnett, dunnett_critical
from flowkit.stats.exact import conditional_odds_ratio
from flowkit.stats.factors import Effect, factorial_means, factorial_rates
from flowkit.stats.lift import odds_ratio, relative_lift
from flowkit.stats.margins import MarginTest, equivalence_test, noninferiority_test
from flowkit.stats.means import compare_means, lift_of_means
from flowkit.stats.multiplicity import adjust
from flowkit.stats.plans import Plan, duration
from flowkit.stats.posteriors import Betas, Normals, beta_posterior, normal_posterior
from flowkit.stats.power import (
    Detectable,
    detectable_rate,
    noninferiority_size,
    power_of_proportions,
    size_for_proportions,
)
from flowkit.stats.power_means import power_of_means, size_for_means
from flowkit.stats.proportion import binomial_test, proportion_interval
from flowkit.stats.proportions import compare_proportions
from flowkit.stats.ranks import RankTest, mann_whitney
from flowkit.stats.ratio_metrics import compare_ratios, lift_of_ratios
from flowkit.stats.results import Interval, Reason, Result
from flowkit.stats.sample_ratio import SampleRatio, SampleRatioVerdict, sample_ratio_test
from flowkit.stats.sequential import Decision, Design, boundaries, crossing, decide, drift_for_power, inflation
from flowkit.stats.spending import spent
from flowkit.stats.strata import cochran_mantel_haenszel, post_stratified
from flowkit.stats.summaries import PairSummary, Summary, winsorized
from flowkit.stats.tables import (
    Pairs,
    TableTest,
    TooManyTablesError,
    chi_square_test,
    compare_all,
    exact_table_test,
    trend_test,
)
from flowkit.stats.tails import Tail, chi_square_tail, normal_isf, normal_tail, normal_two_sided, t_two_sided

__all__ = [
    "Adjusted",
    "Betas",
    "Decision",
    "Design",
    "Detectable",
    "Dunnett",
    "Effect",
    "Interval",
    "MarginTest",
    "Mixture",
    "Normals",
    "PairSummary",
    "Pairs",
    "Plan",
    "RankTest",
    "Reason",
    "Result",
    "SampleRatio",
    "SampleRatioVerdict",
    "Standing",
    "Summary",
    "TableTest",
    "Tail",
    "TooManyTablesError",
    "adjust",
    "adjusted_means",
    "always_valid",
    "always_valid_proportions",
    "beta_posterior",
    "binomial_test",
    "boundaries",
    "chi_square_tail",
    "chi_square_test",
    "cochran_mantel_haenszel",
    "compare_all",
    "compare_means",
    "compare_proportions",
    "compare_ratios",
    "conditional_odds_ratio",
    "crossing",
    "decide",
    "detectable_rate",
    "drift_for_power",
    "dunnett",
    "dunnett_critical",
    "duration",
    "equivalence_test",
    "exact_table_test",
    "factorial_means",
    "factorial_rates",
    "inflation",
    "lift_of_means",
    "lift_of_ratios",
    "mann_whitney",
    "mixture_variance",
    "noninferiority_size",
    "noninferiority_test",
    "normal_isf",
    "normal_posterior",
    "normal_tail",
    "normal_two_sided",
    "odds_ratio",
    "post_stratified",
    "power_of_means",
    "power_of_proportions",
    "proportion_interval",
    "relative_lift",
    "running",
    "sample_ratio_test",
    "size_for_means",
    "size_for_proportions",
    "spent",
    "standing",
    "t_two_sided",
    "thompson_allocation",
    "trend_test",
    "winsorized",
]

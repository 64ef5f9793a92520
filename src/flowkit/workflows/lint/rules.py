"""All rules of the lint, in the order in which they are applied; the page about the lint is made from them."""

from __future__ import annotations

from typing import Final

from flowkit.workflows.lint import (
    actions,
    asked,
    entry,
    feedback,
    goals,
    hosts,
    names,
    nodes,
    sources,
    spelling,
    splits,
    templates,
    together,
    ways,
)
from flowkit.workflows.lint.model import HostRule, JointRule, Knowledge, Rule, Severity

__all__ = ["HOST_RULES", "JOINT_RULES", "RULES"]

RULES: Final = (
    # The graph.
    Rule(
        "unknown_target",
        Severity.ERROR,
        summary="an entry or a way out that leads to no node",
        why="A run that took it could not go on.",
        remedy='Name a node that exists, or `"end"`.',
        find=ways.unknown_targets,
    ),
    Rule(
        "endless_loop",
        Severity.ERROR,
        summary="a loop that no wait and no delay of more than 0 interrupts on that very path",
        why="A run in it goes round without a pause, for ever.",
        remedy="Put a wait or a delay on it.",
        find=ways.endless_loops,
    ),
    Rule(
        "unreachable_node",
        Severity.WARNING,
        summary="a node that no way leads to from the entry",
        why="Nobody ever comes there; often a way was forgotten, or a label is misspelled.",
        remedy="Lead a way there, or take the node out.",
        find=ways.unreachable_nodes,
    ),
    Rule(
        "loop_without_exit",
        Severity.WARNING,
        summary="a loop with a wait, out of which nothing leads",
        why="A run in it never ends, and whoever may not enter while a run is alive never enters again.",
        remedy="Give it a way out, such as a condition on what has been reached.",
        find=ways.loops_without_exit,
    ),
    Rule(
        "send_in_loop",
        Severity.INFO,
        summary="a message in a loop, and no count of deliveries leads out of it",
        why=(
            "It is sent again in every round for as long as the condition that leads out does not hold. "
            "`max_executions` does not help: it counts entries, and not rounds."
        ),
        remedy=(
            'Give a node of the loop `max_visits`, or ask for `"engagement_threshold": {"deliveries": 3}` in one, and '
            "lead out of it."
        ),
        find=ways.sends_in_loops,
    ),
    # Within a node.
    Rule(
        "unreachable_action",
        Severity.ERROR,
        summary="an action behind a branch, a split, an exit or a wait for an event",
        why="These leave the node, so it is never done.",
        remedy="Put it in front, or into another node.",
        find=nodes.unreachable_actions,
    ),
    Rule(
        "path_of_detached",
        Severity.ERROR,
        summary="a `success_path` or `failure_path` of a detached action",
        why="The run has gone on when the action is done, so it could not be led anywhere.",
        remedy="Take the path out, or let the run wait for the action.",
        find=nodes.paths_of_detached,
    ),
    Rule(
        "unreached_action",
        Severity.WARNING,
        summary="an action behind one that leaves the node by its `success_path` and by its `failure_path`",
        why="It is never done.",
        remedy="Move it before that action, or into the nodes that the paths lead to.",
        find=nodes.unreached_actions,
    ),
    Rule(
        "label_without_way",
        Severity.WARNING,
        summary="a label of a branch, a split or a wait for an event that no way out has",
        why="A run that leaves by it is complete; often a way was forgotten, or a label is misspelled.",
        remedy='Lead it to a node, give the node a `default`, or write `"end"` where that is meant.',
        find=nodes.labels_without_way,
    ),
    Rule(
        "edge_never_taken",
        Severity.WARNING,
        summary="an edge in `next_nodes` whose label nothing in the node gives",
        why=(
            "A node's last action alone gives one: a `condition` action `engaged` or `not_engaged`, a branch, a split "
            "or a wait for an event its own labels, an exit and what is detached none, all but waits else `success` or "
            "`failure`; besides, a node with `max_visits` has `exhausted`. Where an action has a path of its own, it "
            "does not give that label."
        ),
        remedy="Name a label that the last action gives, or `default`.",
        find=nodes.edges_never_taken,
    ),
    Rule(
        "path_never_taken",
        Severity.WARNING,
        summary="a `success_path` or `failure_path` of a wait",
        why="A wait has no outcome; the run goes on in the node when it is over.",
        remedy="Lead on by `next_nodes`.",
        find=nodes.paths_never_taken,
    ),
    Rule(
        "same_paths",
        Severity.INFO,
        summary="a `success_path` that leads to the same node as the `failure_path`",
        why="The outcome makes no difference; often one of them was copied.",
        remedy="Lead there by an edge of the node, or lead one of them elsewhere.",
        find=nodes.same_paths,
    ),
    Rule(
        "decision_not_last",
        Severity.WARNING,
        summary="a `condition` action that others follow, in a node with edges `engaged` or `not_engaged`",
        why="Only the last action of a node chooses its way out, so what was decided is forgotten.",
        remedy="Make it the last action, or give it a `success_path` and a `failure_path`.",
        find=nodes.decisions_not_last,
    ),
    Rule(
        "unused_decision",
        Severity.WARNING,
        summary="a `condition` action, and neither a way `engaged` nor one `not_engaged`",
        why="The run goes on in the same way whatever is decided.",
        remedy="Name the ways in `next_nodes`, or one of them.",
        find=nodes.unused_decisions,
    ),
    Rule(
        "decision_about_nothing",
        Severity.WARNING,
        summary="a `condition` action in a node that asks for nothing which could fail",
        why="Every run is engaged. The `metrics` of the action are for readers; the numbers stand in the node.",
        remedy='Say what is asked in the node\'s `conditions`, such as `"engagement_threshold": {"opens": 1}`.',
        find=nodes.decisions_about_nothing,
    ),
    Rule(
        "empty_node",
        Severity.INFO,
        summary="a node without actions and with one way out",
        why="It does nothing, and is one more line in every journal.",
        remedy="Lead to the next node at once.",
        find=nodes.empty_nodes,
    ),
    # Splits.
    Rule(
        "undivided_split",
        Severity.INFO,
        summary="a split of which one way has all the weight",
        why="Whoever comes there for the first time goes that way; the others keep only whom they have.",
        remedy="Where the test is over that is meant. Else give another way a weight.",
        find=splits.undivided_splits,
    ),
    Rule(
        "way_without_weight",
        Severity.INFO,
        summary="a way of weight 0 in a split that divides",
        why="It takes nobody on. In a first version nobody ever goes it.",
        remedy="Leave the way out of a first version; in a later one it keeps those whom it has.",
        find=splits.ways_without_weight,
    ),
    Rule(
        "weights_near_a_hundred",
        Severity.INFO,
        summary="weights of a split that add up to nearly 100",
        why="They look like percentages and are none: what counts is each one's part of the sum.",
        remedy="Make them add up to 100, or choose numbers that look like no percentages.",
        find=splits.sums_not_100,
    ),
    # Actions.
    Rule(
        "wait_of_nothing",
        Severity.WARNING,
        summary="a wait of 0",
        why="The run goes on at once, which is seldom meant where a wait is written.",
        remedy="Say how long, or leave the action out.",
        find=actions.waits_of_nothing,
    ),
    Rule(
        "misspelled_parameter",
        Severity.WARNING,
        summary="a free parameter that is spelled nearly like one which the action would read",
        why="Free parameters are kept and handed on; what is misspelled has no effect, and nobody is told.",
        remedy="Spell it right, or give it a name that is less alike.",
        find=spelling.misspelled_parameters,
    ),
    Rule(
        "blank_subject",
        Severity.WARNING,
        summary="a subject without a visible character",
        why="It takes the place of the template's subject, and the message arrives without one.",
        remedy="Write one, or leave it out and the template's is taken.",
        find=actions.blank_subjects,
    ),
    Rule(
        "send_without_topic",
        Severity.WARNING,
        summary="a message of the class `marketing` without a `topic`, where another one of the workflow names one",
        why="It asks for no consent: it goes to everybody who is not suppressed.",
        remedy='Name the topic of your consents that it belongs to, or write `"message_class": "transactional"`.',
        find=actions.marketing_without_topic,
    ),
    Rule(
        "topic_without_effect",
        Severity.WARNING,
        summary="a message of the class `transactional` with a `topic`",
        why="Consent is asked for marketing only, so the topic has no effect.",
        remedy="Leave out the topic, or the class.",
        find=actions.topics_without_effect,
    ),
    Rule(
        "delay_beyond_expiry",
        Severity.INFO,
        summary="a message whose delay is longer than its `expires_after`",
        why="The time is counted from the end of the delay: the message goes out after it, however long it is.",
        remedy="Shorten the delay, or give the message more time.",
        find=actions.delays_beyond_expiry,
    ),
    Rule(
        "late_beyond_expiry",
        Severity.INFO,
        summary="a message whose `late` is about more lateness than its `expires_after` lets through",
        why="It has expired by then, and is skipped, so what `late` says has no effect.",
        remedy="Choose a shorter time in `late`, or leave one of them out.",
        find=actions.late_beyond_expiry,
    ),
    Rule(
        "quiet_hours_of_nothing",
        Severity.INFO,
        summary="`quiet_hours` of a workflow that sends no marketing",
        why="Only marketing waits for their end.",
        remedy="Leave them out, or look whether a message has the right `message_class`.",
        find=actions.quiet_hours_of_nothing,
    ),
    Rule(
        "empty_update",
        Severity.INFO,
        summary="an update of segments or of the profile that changes nothing",
        why="It is carried out, and has no effect.",
        remedy="Name what is to be changed, or leave the action out.",
        find=actions.empty_updates,
    ),
    Rule(
        "segment_added_and_removed",
        Severity.WARNING,
        summary="a segment that one action both adds and removes",
        why="Removal wins, so adding it has no effect.",
        remedy="Choose one of them.",
        find=actions.segments_added_and_removed,
    ),
    Rule(
        "attribute_changed_twice",
        Severity.WARNING,
        summary="an attribute that one action sets and unsets, or increments besides",
        why="They are done in the order set, unset, increment, so the first has little or no effect.",
        remedy="Choose one of them.",
        find=actions.attributes_changed_twice,
    ),
    Rule(
        "insecure_webhook",
        Severity.WARNING,
        summary="a webhook by http to a host that is not this machine",
        why="What it says of subscribers can be read and changed on the way.",
        remedy="Use https.",
        find=actions.insecure_webhooks,
    ),
    Rule(
        "credentials_in_url",
        Severity.WARNING,
        summary="a webhook whose URL holds a login, or a parameter that is named like a secret and written out",
        why="URLs end up in the logs of everything on the way.",
        remedy="Send it in a header.",
        find=actions.credentials_in_urls,
    ),
    # Names.
    Rule(
        "blank_name",
        Severity.WARNING,
        summary="a workflow or a node whose name shows nothing",
        why="Lists and pictures show a gap.",
        remedy="Give it a name.",
        find=names.blank_names,
    ),
    Rule(
        "duplicate_name",
        Severity.WARNING,
        summary="two nodes of one name, but for case and blanks",
        why="People cannot tell them apart in pictures and reports.",
        remedy="Give each a name of its own.",
        find=names.duplicate_names,
    ),
    # Conditions.
    Rule(
        "matches_everything",
        Severity.WARNING,
        summary="a trigger that any event of anybody fires, or any subscriber who is known",
        why="Everybody enters, whatever they did. A trigger by the clock is for everybody unless it says otherwise.",
        remedy="Name an `event_type`, or what is to hold.",
        find=asked.matches_everything,
    ),
    Rule(
        "never_holds",
        Severity.WARNING,
        summary="a condition that no event and no subscriber can meet",
        why=(
            "Nobody enters, or every run goes the way `not_engaged`. It is said only where it is proven: a value would "
            "have to be two, above 5 and below 3, or a part holds and does not; or it asks of an event where none is "
            "at hand, which is so in nodes and when the clock fires."
        ),
        remedy="Take one of the tests out, or put them into an `any`.",
        find=asked.never_hold,
    ),
    Rule(
        "variable_never_set",
        Severity.WARNING,
        summary="a condition on a variable of the run which nothing on any way to it sets",
        why=(
            "It is always missing. Variables are set by the `response` of a webhook; a `custom` action may set any, so "
            "behind one nothing is said. A criterion or a goal is asked throughout: there any action counts."
        ),
        remedy="Put what sets it before, or spell the name as that does.",
        find=sources.variables_never_set,
    ),
    Rule(
        "filter_against_trigger",
        Severity.WARNING,
        summary="an entry `filter` without `grace` that contradicts the trigger's conditions",
        why="Whoever fires the trigger is refused.",
        remedy="Change one of them, or give a `grace` in which the filter may come to hold.",
        find=asked.filters_against_triggers,
    ),
    Rule(
        "superfluous_part",
        Severity.INFO,
        summary="a part of an `all` or `any` without which the condition would be the same",
        why="Parts that overlap are often not what was meant: an `any` holds always, or a part can never add to it.",
        remedy="Leave it out, or change it.",
        find=asked.superfluous_parts,
    ),
    # Entry.
    Rule(
        "reentry_unlimited",
        Severity.WARNING,
        summary="a condition trigger that may let the same subscriber in without end",
        why="A condition comes and goes with each change, and each time the subscriber enters.",
        remedy="Give `cooldown_hours`, `max_executions`, or an `entry` with `max_concurrent` or another `reentry`.",
        find=entry.reentry_unlimited,
    ),
    Rule(
        "limit_without_effect",
        Severity.WARNING,
        summary="a cooldown, a limit or a rule of re-entry that another one makes idle",
        why="Whoever reads it believes that it does something.",
        remedy="Leave one of the two out.",
        find=entry.limits_without_effect,
    ),
    Rule(
        "key_without_event",
        Severity.WARNING,
        summary="an entry `key` at a trigger by the clock",
        why="It names a property of the event at hand, and there is none: all runs have the same key.",
        remedy="Leave it out.",
        find=entry.keys_without_events,
    ),
    Rule(
        "nobody_enters",
        Severity.INFO,
        summary="a trigger that is not active in a workflow that is",
        why="Nobody enters, though the workflow looks live.",
        remedy="Switch the trigger on, or the workflow off.",
        find=entry.nobody_enters,
    ),
    Rule(
        "too_often_for_everybody",
        Severity.WARNING,
        summary="a trigger by the clock that lets everybody in several times a day",
        why="Everybody gets what the workflow sends as often.",
        remedy="Say for whom with `where`, fire less often, or give `cooldown_hours` of a day.",
        find=entry.too_often_for_everybody,
    ),
    Rule(
        "planned_before_created",
        Severity.WARNING,
        summary="an `at` that had passed, and its `late` with it, when the workflow was created",
        why="It never fires.",
        remedy="Name a moment to come.",
        find=entry.planned_before_created,
    ),
    Rule(
        "self_trigger",
        Severity.WARNING,
        summary="an action that may let the same subscriber into the workflow again",
        why=(
            "A trigger on `change` fires on every change after which it holds, those of its own actions too. One on "
            "`enter` fires again where one action ends its condition and a later one brings it back. An event that the "
            "workflow emits may fire its trigger, and it may start itself; such a chain is cut after 16 hops."
        ),
        remedy='Limit it by `max_executions` of 1, a cooldown that is longer than a run, or a `reentry` of `"never"`.',
        find=feedback.self_triggers,
    ),
    # Exit criteria, goals and holdouts.
    Rule(
        "exit_at_once",
        Severity.WARNING,
        summary="an exit criterion that is met by everybody who enters",
        why=(
            "Every run ends before anything is done. It is said only where it is proven: the condition holds always, "
            "or wherever the trigger's conditions and its filter do."
        ),
        remedy="Ask for what only comes to hold later, or take what holds on entry out of the criterion.",
        find=goals.exits_at_once,
    ),
    Rule(
        "goal_out_of_reach",
        Severity.WARNING,
        summary="a goal `within` a time of 0",
        why="Its window is over when it begins, so it is never counted.",
        remedy="Say how long, or leave `within` out.",
        find=goals.goals_out_of_reach,
    ),
    Rule(
        "goal_for_some",
        Severity.INFO,
        summary="a goal without `within`, or by a condition, in a workflow with a holdout",
        why=(
            "It is counted while a run lives, and those who are held out have none: what is counted for the others "
            "cannot be compared with them."
        ),
        remedy="Name an event, and give `within`.",
        find=goals.goals_for_some,
    ),
    Rule(
        "holdout_of_all_or_none",
        Severity.WARNING,
        summary="a holdout with a share of 0 or 1",
        why="It holds out nobody, or nobody gets anything.",
        remedy="Name a share between them, or leave the holdout out.",
        find=goals.holdouts_of_all_or_none,
    ),
)
"""The rules about one workflow."""

HOST_RULES: Final = (
    HostRule(
        "unknown_channel",
        Severity.ERROR,
        summary="a message by a channel that your engine has no sender for",
        why="Nobody could hand it over.",
        remedy="Name a channel that there is, or give the engine a sender for it.",
        needs=(Knowledge.CHANNELS,),
        find=hosts.unknown_channels,
    ),
    HostRule(
        "unknown_handler",
        Severity.ERROR,
        summary="a `custom` action whose name none of your engine's handlers has",
        why="Nobody could carry it out.",
        remedy="Give the engine a handler of that name, or spell the name as it does.",
        needs=(Knowledge.HANDLERS,),
        find=hosts.unknown_handlers,
    ),
    HostRule(
        "unknown_predicate",
        Severity.ERROR,
        summary="a condition that asks a `custom` predicate which your engine does not have",
        why="It could only ever be answered with no.",
        remedy="Give the engine a predicate of that name, or spell the name as it does.",
        needs=(Knowledge.PREDICATES,),
        find=hosts.unknown_predicates,
    ),
    HostRule(
        "unknown_template",
        Severity.WARNING,
        summary="a message that names a template which you do not have",
        why="The send fails, unless there is one of that id when the workflow is published.",
        remedy="Name a template that there is, or add it before you publish.",
        needs=(Knowledge.TEMPLATES,),
        find=templates.unknown_templates,
    ),
    HostRule(
        "faulty_template",
        Severity.WARNING,
        summary="a message whose template, or whose own subject, cannot be compiled",
        why="The send fails. The message says what is wrong, and in which line.",
        remedy="Correct the template, or the subject.",
        needs=(Knowledge.TEMPLATES,),
        find=templates.faulty_templates,
    ),
    HostRule(
        "variable_without_source",
        Severity.WARNING,
        summary=(
            "a message that prints a variable of the run which nothing on any way to it sets, or an attribute which no "
            "profile has and no `personalization_update` on any way to it sets"
        ),
        why=(
            "The message is skipped where it comes to be printed. A variable is set by the `response` of a webhook; a "
            "handler may set anything, so behind one nothing is said. Nothing is said either of what is only asked "
            "for, or has a `default`, or is printed within an `if` that asks for it. Of attributes it speaks where "
            "`attributes` is given as well, and of an action's own subject where `subjects` is."
        ),
        remedy="Give it a `default`, set it before, or spell it as what sets it does.",
        needs=(Knowledge.TEMPLATES,),
        find=templates.variables_without_source,
    ),
    HostRule(
        "marketing_without_unsubscribe",
        Severity.WARNING,
        summary=(
            "a message of the class `marketing` by e-mail whose template reads, in its HTML part and its plain part, "
            "none of the attributes that stand for a link to unsubscribe"
        ),
        why="Who gets it finds no way out, and many laws ask for one.",
        remedy='Show the link, or write `"message_class": "transactional"` where it is none of marketing.',
        needs=(Knowledge.TEMPLATES, Knowledge.UNSUBSCRIBE),
        find=templates.marketing_without_unsubscribe,
    ),
)
"""The rules about one workflow and its host."""

JOINT_RULES: Final = (
    JointRule(
        "duplicate_workflow_id",
        Severity.ERROR,
        summary="two workflows of one id",
        why="They are two versions of one: what is published later replaces what was there.",
        remedy="Give each an id of its own.",
        find=together.duplicate_workflow_ids,
    ),
    JointRule(
        "duplicate_workflow_name",
        Severity.WARNING,
        summary="two workflows of one name, but for case and blanks",
        why="People cannot tell them apart in lists and reports.",
        remedy="Give each a name of its own.",
        find=together.duplicate_workflow_names,
    ),
    JointRule(
        "group_of_one",
        Severity.WARNING,
        summary="an exclusion group with one workflow in it",
        why="It keeps nobody out; often the group of another is spelled otherwise.",
        remedy="Put the others in, or leave it out.",
        find=together.groups_of_one,
    ),
    JointRule(
        "unknown_workflow_started",
        Severity.INFO,
        summary="an action that starts a workflow which none of these is",
        why="Where it is not published by then, the action fails.",
        remedy="Name one of them, or look at all of them together.",
        find=together.unknown_starts,
    ),
    JointRule(
        "trigger_circle",
        Severity.WARNING,
        summary="workflows each of which may let a subscriber into the next, round in a circle",
        why=(
            "By what they change, emit or start, one subscriber keeps them going: without end by changes, for 16 hops "
            "by events and starts."
        ),
        remedy=(
            'Limit one of them by `max_executions` of 1 or a `reentry` of `"never"`, or change other attributes, or '
            "emit other events."
        ),
        find=feedback.triggers_of_each_other,
    ),
)
"""The rules about several workflows."""
